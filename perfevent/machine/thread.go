package machine

import (
	"strconv"

	"gorecord/perfevent"
)

// Process is what the threads of one process share.
type Process struct {
	PID    uint32
	maps   space
	former space   // what was mapped before the last exec
	main   *Thread // nil until the main thread is seen
}

// Comm is the name of the process: that of its main thread.
func (p *Process) Comm() string {
	if p.main == nil {
		return placeholder(p.PID)
	}
	return p.main.Comm()
}

// Mappings are the mappings of the process now, in address order.
func (p *Process) Mappings() []*Mapping { return appendTo(nil, p.maps) }

// Space identifies the state of the process's mappings: two equal values mean
// that every address means the same. It is comparable and may be used as a map
// key.
func (p *Process) Space() Space { return Space{p.maps, p.former} }

// Space is an opaque state of an address space; see Process.Space.
type Space struct{ now, former space }

// Thread is one thread of the recorded machine. A thread whose number was used
// again is another Thread.
type Thread struct {
	PID, TID uint32
	Process  *Process
	comm     *comm
	named    bool // by a record; else comm is a placeholder
	// The mapping that was found last, and in which state of the process.
	lastSpace space
	last      *Mapping
}

// comm is a thread name. There is one for each text, except for placeholders,
// of which each thread has its own.
type comm struct {
	text  string
	index int
}

// Comm is the thread's name now: ":TID" where no record told it.
func (t *Thread) Comm() string { return t.comm.text }

// CommIndex is the place of the thread's name in Machine.Comms.
func (t *Thread) CommIndex() int { return t.comm.index }

// Lookup finds the mapping of the thread's process that holds an address, nil
// where nothing is mapped.
func (t *Thread) Lookup(a perfevent.Addr) *Mapping {
	maps := t.Process.maps
	if t.last != nil && t.lastSpace == maps && a >= t.last.Start && a < t.last.End {
		return t.last
	}
	m := lookup(maps, a)
	if m != nil {
		t.last, t.lastSpace = m, maps
	}
	return m
}

// LookupFormer finds what the process had at an address before it executed its
// present program. Until execve(2) returns, the kernel's samples have callers
// in the former program.
func (t *Thread) LookupFormer(a perfevent.Addr) *Mapping { return lookup(t.Process.former, a) }

// placeholder names a thread that no record named; numbers are printed as the
// signed ones that they are in the kernel.
func placeholder(tid uint32) string { return ":" + strconv.Itoa(int(int32(tid))) }

func (m *Machine) internComm(text string) *comm {
	if c, ok := m.comms[text]; ok {
		return c
	}
	c := m.newComm(text)
	m.comms[text] = c
	return c
}

func (m *Machine) newComm(text string) *comm {
	c := &comm{text: text, index: len(m.commList)}
	m.commList = append(m.commList, text)
	return c
}

// name gives a thread a name. A thread's first name is also what it was called
// before, when the recorder had not heard of it yet.
func (m *Machine) name(t *Thread, text string) {
	if !t.named && t.comm.text != text {
		t.comm.text = text
		m.commList[t.comm.index] = text
	}
	t.comm, t.named = m.internComm(text), true
}

// Comms are all thread names seen so far; see Thread.CommIndex. A placeholder
// gives way to the thread's name as soon as that is known, so a text may be
// there more than once. The slice belongs to the Machine and must not be
// changed.
func (m *Machine) Comms() []string { return m.commList }

// Thread finds a thread, or makes it known: samples may name threads that no
// record announced. An unknown process (pid ^0, as the kernel writes for tasks
// that are almost gone) matches any.
//
// The idle tasks of all CPUs are thread 0, whatever process they are said to
// belong to.
func (m *Machine) Thread(pid, tid uint32) *Thread {
	if tid == 0 {
		pid = 0
	}
	if t := m.lastThread; t != nil && t.TID == tid && t.PID == pid {
		return t
	}
	t, ok := m.threads[tid]
	if !ok || (t.PID != pid && pid != noPID) {
		t = m.newThread(pid, tid)
	}
	m.lastThread = t
	return t
}

// newThread puts a thread in the place of any that had its number before.
func (m *Machine) newThread(pid, tid uint32) *Thread {
	t := &Thread{PID: pid, TID: tid, Process: m.process(pid)}
	if tid == 0 {
		t.comm, t.named = m.internComm("swapper"), true
	} else {
		t.comm = m.newComm(placeholder(tid))
	}
	m.adopt(t)
	return t
}

// adopt makes a thread the one that its number means.
func (m *Machine) adopt(t *Thread) {
	m.threads[t.TID] = t
	m.lastThread = nil
	if t.PID == t.TID {
		t.Process.main = t
	}
}

func (m *Machine) process(pid uint32) *Process {
	p, ok := m.processes[pid]
	if !ok {
		p = &Process{PID: pid}
		m.processes[pid] = p
	}
	return p
}
