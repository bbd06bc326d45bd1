package machine

import "gorecord/perfevent"

const noPID = ^uint32(0)

// Machine is a recorded machine at one moment: the time of the record that was
// applied last. It is for one goroutine; Modules and Mappings that it handed
// out may be read by any.
type Machine struct {
	threads    map[uint32]*Thread
	processes  map[uint32]*Process
	lastThread *Thread
	comms      map[string]*comm
	commList   []string
	modules    map[moduleKey]*Module
	moduleList []*Module
	buildIDs   map[string]string
	kernel     *Mapping // the kernel's own text
	kernelMaps space    // modules and announced symbols, which lie over it
	// kernelSymbol is the name by which the recorder told its place.
	kernelSymbol string
	gen          generator
	ignored      map[perfevent.RecordType]uint64
}

// New makes an empty machine.
func New() *Machine {
	return &Machine{
		threads:   map[uint32]*Thread{},
		processes: map[uint32]*Process{},
		comms:     map[string]*comm{},
		modules:   map[moduleKey]*Module{},
		buildIDs:  map[string]string{},
		ignored:   map[perfevent.RecordType]uint64{},
	}
}

// SetBuildID tells the build id of what is mapped under a name (the BUILD_ID
// section of a recording). It holds for later mappings that do not bring their
// own.
func (m *Machine) SetBuildID(name string, id []byte) {
	if isKernelName(name) {
		name = kernelName
	}
	m.buildIDs[name] = string(id)
}

// Apply changes the machine as a record says. It keeps no view of the record.
// Records that do not concern processes or mappings change nothing; what is
// ignored is counted (see Ignored).
func (m *Machine) Apply(rec perfevent.Record, misc perfevent.Misc, id perfevent.SampleIdentity) {
	switch r := rec.(type) {
	case *perfevent.Comm:
		m.applyComm(r, misc)
	case *perfevent.Fork:
		m.applyFork(r, misc)
	case *perfevent.Exit:
		// The thread stays: it is sampled until it is gone for good.
	case *perfevent.Mmap:
		m.applyMmap(&perfevent.Mmap2{PID: r.PID, TID: r.TID, Start: r.Start, Len: r.Len, Offset: r.Offset, Filename: r.Filename}, r, misc)
	case *perfevent.Mmap2:
		m.applyMmap(r, r, misc)
	case *perfevent.Ksymbol:
		m.applyKsymbol(r)
	default:
		m.ignored[rec.RecordType()]++
	}
}

// Ignored counts, by type, the records that changed nothing because they say
// nothing about processes and mappings, or nothing sensible.
func (m *Machine) Ignored() map[perfevent.RecordType]uint64 { return m.ignored }

func (m *Machine) applyComm(r *perfevent.Comm, misc perfevent.Misc) {
	t := m.Thread(r.PID, r.TID)
	m.name(t, r.Comm)
	if misc&perfevent.MiscCommExec != 0 {
		// The new program begins with nothing mapped; its mappings follow.
		t.Process.maps, t.Process.former = nil, t.Process.maps
	}
}

// applyFork makes a thread of the parent's process, or a process that has the
// parent's mappings. A FORK that perf synthesises for an existing process
// (MiscForkExec) comes with its own mappings.
func (m *Machine) applyFork(r *perfevent.Fork, misc perfevent.Misc) {
	parent := m.Thread(r.PPID, r.PTID)
	t := &Thread{PID: r.PID, TID: r.TID, comm: parent.comm, named: parent.named}
	if !parent.named {
		t.comm = m.newComm(placeholder(r.TID))
	}
	switch {
	case r.PID == r.PPID:
		t.Process = m.process(r.PID)
	case misc&perfevent.MiscForkExec != 0 && m.processes[r.PID] != nil:
		t.Process = m.processes[r.PID]
	default:
		t.Process = &Process{PID: r.PID}
		if misc&perfevent.MiscForkExec == 0 {
			t.Process.maps = parent.Process.maps
		}
		m.processes[r.PID] = t.Process
	}
	m.adopt(t)
}

// applyMmap puts a mapping into its address space. orig is the record as it
// came, for counting.
func (m *Machine) applyMmap(r *perfevent.Mmap2, orig perfevent.Record, misc perfevent.Misc) {
	end := r.Start + perfevent.Addr(r.Len)
	if end < r.Start {
		end = ^perfevent.Addr(0)
	}
	mode := misc.CPUMode()
	if end == r.Start || mode == perfevent.MiscGuestKernel || mode == perfevent.MiscGuestUser {
		m.ignored[orig.RecordType()]++
		return
	}
	mapping := &Mapping{Start: r.Start, End: end, Offset: r.Offset, Prot: r.Prot, Data: misc&perfevent.MiscMmapData != 0}
	if mode == perfevent.MiscKernel || r.PID == noPID {
		m.mapKernel(mapping, r.Filename, r.BuildID)
		return
	}
	mapping.Module = m.userModule(r.Filename, r.BuildID, r.PID, mapping.Data)
	p := m.Thread(r.PID, r.TID).Process
	p.maps = m.gen.insert(p.maps, mapping)
}
