package script

import (
	"fmt"

	"gorecord/perfevent"
	"gorecord/perfevent/machine"
	"gorecord/perfevent/perfdata"
	"gorecord/report"
)

// SidebandSet says which records beside the samples are shown.
type SidebandSet int

// What --show-…-events of perf script show.
const (
	ShowTasks SidebandSet = 1 << iota // COMM, FORK, EXIT
	ShowMmaps
	ShowSwitches
	ShowNamespaces
	ShowCgroups
	ShowLost
	ShowBPF // KSYMBOL, BPF_EVENT
	ShowTextPokes
)

func (s SidebandSet) has(rec perfevent.Record) bool {
	var want SidebandSet
	switch rec.(type) {
	case *perfevent.Comm, *perfevent.Fork, *perfevent.Exit:
		want = ShowTasks
	case *perfevent.Mmap, *perfevent.Mmap2:
		want = ShowMmaps
	case *perfevent.Switch, *perfevent.SwitchCPUWide:
		want = ShowSwitches
	case *perfevent.Namespaces:
		want = ShowNamespaces
	case *perfevent.Cgroup:
		want = ShowCgroups
	case *perfevent.Lost, *perfevent.LostSamples:
		want = ShowLost
	case *perfevent.Ksymbol, *perfevent.BPFEvent:
		want = ShowBPF
	case *perfevent.TextPoke:
		want = ShowTextPokes
	}
	return s&want != 0
}

// sidebandLine is the line of a record that is no sample, as perf script prints
// it (perf_event__fprintf).
func (c *collector) sidebandLine(rec *perfdata.Record, decoded perfevent.Record, id perfevent.SampleIdentity, e *perfdata.Event) []byte {
	thread := c.threadOf(decoded, &id)
	if !e.Attr.Has(perfevent.FlagSampleIDAll) {
		// Without these fields, perf takes what the record itself tells.
		id = perfevent.SampleIdentity{PID: thread.PID, TID: thread.TID, Time: taskTime(decoded)}
	}
	it := item{comm: thread.Comm(), time: id.Time, event: e, chain: c.fields[e].chain}
	it.sample.SampleIdentity = id
	it.sample.Misc = rec.Misc
	l := c.lines()
	f := c.fields[e].fields
	dst := l.start(nil, &it, f&^fieldMisc)
	if f&fieldMisc != 0 {
		dst = l.start(nil, &it, f&(fieldComm|fieldPID|fieldTID|fieldCPU|fieldIP))
		dst = appendMisc(dst, rec.Type, rec.Misc)
		dst = l.start(dst, &it, f&(fieldTOD|fieldTime))
	}
	return append(appendSideband(dst, decoded, rec.Misc), '\n')
}

// threadOf is the thread that a record is about.
func (c *collector) threadOf(rec perfevent.Record, id *perfevent.SampleIdentity) *machine.Thread {
	pid, tid := id.PID, id.TID
	switch r := rec.(type) {
	case *perfevent.Comm:
		pid, tid = r.PID, r.TID
	case *perfevent.Fork:
		pid, tid = r.PID, r.TID
	case *perfevent.Exit:
		pid, tid = r.PID, r.TID
	case *perfevent.Mmap:
		pid, tid = r.PID, r.TID
	case *perfevent.Mmap2:
		pid, tid = r.PID, r.TID
	case *perfevent.Namespaces:
		pid, tid = r.PID, r.TID
	}
	if int32(pid) == -1 {
		pid, tid = 0, 0 // the kernel's, which perf gives to the idle task
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.machine.Thread(pid, tid)
}

func taskTime(rec perfevent.Record) uint64 {
	switch r := rec.(type) {
	case *perfevent.Fork:
		return r.Time
	case *perfevent.Exit:
		return r.Time
	}
	return 0
}

func appendSideband(dst []byte, rec perfevent.Record, misc perfevent.Misc) []byte {
	dst = fmt.Appendf(dst, "PERF_RECORD_%v", rec.RecordType())
	switch r := rec.(type) {
	case *perfevent.Mmap:
		prot := 'x'
		if misc&perfevent.MiscMmapData != 0 {
			prot = 'r'
		}
		return fmt.Appendf(dst, " %d/%d: [%s(%s) @ %s]: %c %s", int32(r.PID), int32(r.TID), sharp(r.Start), sharp(r.Len), sharp(r.Offset), prot, report.Printable(r.Filename))
	case *perfevent.Mmap2:
		dst = fmt.Appendf(dst, " %d/%d: [%s(%s) @ %s ", int32(r.PID), int32(r.TID), sharp(r.Start), sharp(r.Len), sharp(r.Offset))
		if r.BuildID != nil {
			dst = fmt.Appendf(dst, "<%x>", r.BuildID)
		} else {
			dst = fmt.Appendf(dst, "%02x:%02x %d %d", r.Major, r.Minor, r.Inode, r.InodeGeneration)
		}
		return fmt.Appendf(dst, "]: %s %s", protection(r.Prot, r.Flags), report.Printable(r.Filename))
	case *perfevent.Comm:
		if misc&perfevent.MiscCommExec != 0 {
			dst = append(dst, " exec"...)
		}
		return fmt.Appendf(dst, ": %s:%d/%d", report.Printable(r.Comm), int32(r.PID), int32(r.TID))
	case *perfevent.Fork:
		return appendTask(dst, &r.Task)
	case *perfevent.Exit:
		return appendTask(dst, &r.Task)
	case *perfevent.Namespaces:
		return appendNamespaces(dst, r)
	case *perfevent.Cgroup:
		return fmt.Appendf(dst, " cgroup: %d %s", r.ID, report.Printable(r.Path))
	case *perfevent.Switch:
		return fmt.Appendf(dst, " %s", switchDirection(misc))
	case *perfevent.SwitchCPUWide:
		other := "prev"
		if misc&perfevent.MiscSwitchOut != 0 {
			other = "next"
		}
		return fmt.Appendf(dst, " %s  %s pid/tid: %5d/%-5d", switchDirection(misc), other, int32(r.NextPrevPID), int32(r.NextPrevTID))
	case *perfevent.Lost:
		return fmt.Appendf(dst, " lost %d", r.Lost)
	case *perfevent.LostSamples:
		return fmt.Appendf(dst, " lost %d", r.Lost)
	case *perfevent.Ksymbol:
		return fmt.Appendf(dst, " addr %x len %d type %d flags 0x%x name %s", uint64(r.Addr), r.Len, r.Type, r.Flags, report.Printable(r.Name))
	case *perfevent.BPFEvent:
		return fmt.Appendf(dst, " type %d, flags %d, id %d", r.Type, r.Flags, r.ID)
	case *perfevent.TextPoke:
		return fmt.Appendf(dst, " addr %x old len %d new len %d", uint64(r.Addr), len(r.Old), len(r.New))
	}
	return dst
}

// sharp prints a number as %#lx does: 0 without a prefix.
func sharp[T ~uint64](v T) string {
	if v == 0 {
		return "0"
	}
	return fmt.Sprintf("%#x", uint64(v))
}

func appendTask(dst []byte, t *perfevent.Task) []byte {
	return fmt.Appendf(dst, "(%d:%d):(%d:%d)", int32(t.PID), int32(t.TID), int32(t.PPID), int32(t.PTID))
}

// protection gives letters for PROT_* and MAP_SHARED.
func protection(prot, flags uint32) string {
	const mapShared = 1
	b := []byte("---p")
	for i, c := range "rwx" {
		if prot&(1<<i) != 0 {
			b[i] = byte(c)
		}
	}
	if flags&mapShared != 0 {
		b[3] = 's'
	}
	return string(b)
}

func switchDirection(misc perfevent.Misc) string {
	switch {
	case misc&perfevent.MiscSwitchOut == 0:
		return "IN         "
	case misc&perfevent.MiscSwitchOutPreempt != 0:
		return "OUT preempt"
	}
	return "OUT        "
}

var namespaceNames = [...]string{"net", "uts", "ipc", "pid", "user", "mnt", "cgroup"}

func appendNamespaces(dst []byte, r *perfevent.Namespaces) []byte {
	dst = fmt.Appendf(dst, " %d/%d - nr_namespaces: %d\n\t\t[", int32(r.PID), int32(r.TID), len(r.Namespaces))
	for i, ns := range r.Namespaces {
		name := "unknown"
		if i < len(namespaceNames) {
			name = namespaceNames[i]
		}
		if i > 0 {
			dst = append(dst, ", "...)
			if i%4 == 0 {
				dst = append(dst, "\n\t\t "...)
			}
		}
		dst = fmt.Appendf(dst, "%d/%s: %d/%s", i, name, ns.Dev, sharp(ns.Inode))
	}
	return append(dst, ']')
}
