package tracefs

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Owner is a process that owns probes. Their group tells it, so that whoever
// comes later can see whether it still lives.
type Owner struct {
	PID int // in its own pid namespace
	// Start is when it started, in clock ticks since boot: a process that has
	// the same PID later has another Start.
	Start uint64
	// Namespace is the inode of its pid namespace; 0 where the kernel has
	// none.
	Namespace uint64
}

const ownerPrefix = "gorecord_"

// Group is the name of the groups that the owner's probes live in. It is an
// identifier of at most MaxNameLength bytes.
func (o Owner) Group() string {
	return fmt.Sprintf("%s%d_%d_%d", ownerPrefix, o.PID, o.Start, o.Namespace)
}

// ParseOwner reads the owner from a group's name. ok is false for groups that
// Group did not make.
func ParseOwner(group string) (o Owner, ok bool) {
	rest, ok := strings.CutPrefix(group, ownerPrefix)
	parts := strings.Split(rest, "_")
	if !ok || len(parts) != 3 {
		return Owner{}, false
	}
	pid, err1 := strconv.ParseUint(parts[0], 10, 31)
	start, err2 := strconv.ParseUint(parts[1], 10, 64)
	namespace, err3 := strconv.ParseUint(parts[2], 10, 64)
	o = Owner{int(pid), start, namespace}
	return o, errors.Join(err1, err2, err3) == nil && o.Group() == group
}

// Self is the calling process as an owner. proc is /proc.
func Self(proc fs.FS) (Owner, error) {
	start, err := startTime(proc, "self")
	if err != nil {
		return Owner{}, fmt.Errorf("read own start time: %w", err)
	}
	namespace, err := pidNamespace(proc)
	if err != nil {
		return Owner{}, fmt.Errorf("read own pid namespace: %w", err)
	}
	pids, err := namespacePIDs(proc)
	if err != nil {
		return Owner{}, fmt.Errorf("read own pid: %w", err)
	}
	return Owner{PID: pids[len(pids)-1], Start: start, Namespace: namespace}, nil
}

// Dead reports whether the owner has certainly ended. It is false in all cases
// of doubt: when the owner is of another pid namespace, or proc shows another
// namespace than one's own, or hides processes.
func (o Owner) Dead(proc fs.FS) bool {
	pids, err := namespacePIDs(proc)
	if err != nil || len(pids) != 1 {
		return false // proc is that of a namespace above, where pids differ
	}
	if namespace, err := pidNamespace(proc); err != nil || namespace != o.Namespace {
		return false
	}
	// Where proc hides the processes of others (hidepid), the first is
	// hidden too.
	if _, err := fs.Stat(proc, "1/stat"); err != nil {
		return false
	}
	start, err := startTime(proc, strconv.Itoa(o.PID))
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	return start != o.Start
}

// startTime is field 22 of /proc/PID/stat without the shift of one's own time
// namespace, in clock ticks since boot (Documentation/filesystems/proc.rst).
func startTime(proc fs.FS, pid string) (uint64, error) {
	b, err := fs.ReadFile(proc, pid+"/stat")
	if err != nil {
		return 0, err
	}
	// The name in field 2 may hold spaces and parentheses.
	i := strings.LastIndexByte(string(b), ')')
	fields := strings.Fields(string(b[i+1:]))
	const first = 3 // the number of fields[0]
	if i < 0 || len(fields) <= 22-first {
		return 0, fmt.Errorf("%s/stat has too few fields", pid)
	}
	start, err := strconv.ParseUint(fields[22-first], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s/stat: field 22 is %q", pid, fields[22-first])
	}
	shift, err := bootShift(proc)
	return start - uint64(shift), err
}

// bootShift is how many clock ticks the own time namespace adds to times since
// boot; 0 without such namespaces (before Linux 5.6).
func bootShift(proc fs.FS) (int64, error) {
	b, err := fs.ReadFile(proc, "self/timens_offsets")
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] != "boottime" {
			continue
		}
		seconds, err1 := strconv.ParseInt(f[1], 10, 64)
		nanos, err2 := strconv.ParseInt(f[2], 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return 0, fmt.Errorf("self/timens_offsets: %w", err)
		}
		const perSecond = 100 // USER_HZ of all systems that Go runs on
		return seconds*perSecond + nanos/(1e9/perSecond), nil
	}
	return 0, nil
}

// pidNamespace is the inode of one's own pid namespace, 0 where the kernel has
// no namespaces.
func pidNamespace(proc fs.FS) (uint64, error) {
	link, err := fs.ReadLink(proc, "self/ns/pid")
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	inode, ok := strings.CutPrefix(link, "pid:[")
	n, err := strconv.ParseUint(strings.TrimSuffix(inode, "]"), 10, 64)
	if !ok || err != nil {
		return 0, fmt.Errorf("self/ns/pid is %q", link)
	}
	return n, nil
}

// namespacePIDs are one's own pids, from proc's namespace down to one's own: a
// single one where both are the same.
func namespacePIDs(proc fs.FS) ([]int, error) {
	b, err := fs.ReadFile(proc, "self/status")
	if err != nil {
		return nil, err
	}
	var plain string
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "Pid:"); ok {
			plain = v
		}
		if v, ok := strings.CutPrefix(line, "NSpid:"); ok {
			return atois(v)
		}
	}
	return atois(plain) // before Linux 4.1, or without namespaces
}

func atois(s string) ([]int, error) {
	var out []int
	for _, f := range strings.Fields(s) {
		n, err := strconv.Atoi(f)
		if err != nil {
			return nil, fmt.Errorf("self/status: pid %q", f)
		}
		out = append(out, n)
	}
	if len(out) == 0 {
		return nil, errors.New("self/status has no pid")
	}
	return out, nil
}
