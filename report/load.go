package report

import (
	"context"
	"fmt"

	"gorecord/perfevent"
	"gorecord/perfevent/machine"
	"gorecord/perfevent/perfdata"
	"gorecord/symbolize/stack"
)

// Load reads a recording to its end and makes a Profile of it. It fails where
// the file cannot be read or the context ends; damage of the recording is told
// in Stats.Problems.
func Load(ctx context.Context, r *perfdata.Reader, opts Options) (*Profile, error) {
	l, err := newLoader(r, opts)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s := r.Sorted()
	defer s.Close()
	if err := l.read(ctx, s); err != nil {
		return nil, err
	}
	return l.finish(ctx, s)
}

// loader is the state of one Load.
type loader struct {
	opts     Options
	reader   *perfdata.Reader
	events   []*perfdata.Event
	machine  *machine.Machine
	interner *stack.Interner
	profile  *Profile
	tables   []*Table
	sample   perfevent.Sample
	groups   *GroupReads
	broken   uint64 // samples that end too early
	damaged  uint64 // other records that do
	deferred uint64

	kernel      func(address uint64) (name string, offset uint64, ok bool)
	kernelAsked bool
}

func newLoader(r *perfdata.Reader, opts Options) (*loader, error) {
	l := &loader{opts: opts, reader: r, events: r.Events(), machine: machine.New()}
	selected, err := opts.Filter.SelectEvents(l.events)
	if err != nil {
		return nil, err
	}
	if err := opts.Filter.Answerable(l.events, selected); err != nil {
		return nil, err
	}
	for _, b := range r.Info().BuildIDs {
		l.machine.SetBuildID(b.Filename, b.BuildID)
	}
	l.interner = stack.NewInterner(l.machine, opts.MaxStack)
	l.groups = NewGroupReads(l.events)
	for i, e := range l.events {
		l.tables = append(l.tables, newTable(e, selected[i]))
	}
	l.profile = &Profile{Dimensions: opts.Dimensions, Info: r.Info(), Tables: l.tables}
	if opts.Dimensions&ByTrace != 0 {
		l.describeTraces()
	}
	return l, nil
}

func (l *loader) read(ctx context.Context, s *perfdata.Sorter) error {
	const between = 1 << 12 // records between looks at the context
	for n := 1; s.Next(); n++ {
		rec := s.Record()
		if n%between == 0 {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if l.opts.Progress != nil {
				l.opts.Progress(rec.Offset)
			}
		}
		switch {
		case rec.Type == perfevent.RecordSample:
			l.addRecord(rec)
		case rec.Type < perfdata.RecordHeaderAttr:
			l.apply(rec)
		}
	}
	return s.Err()
}

// apply takes in a record of the kernel that is no sample.
func (l *loader) apply(rec *perfdata.Record) {
	e := rec.Event
	if e == nil {
		e = l.events[0]
	}
	decoded, id, err := e.Layout.DecodeRecord(rec.RawRecord)
	if err != nil {
		l.damaged++
		return
	}
	st := &l.profile.Stats
	switch r := decoded.(type) {
	case *perfevent.Lost:
		st.LostRecords += r.Lost
		st.LostChunks++
	case *perfevent.LostSamples:
		st.LostSamples += r.Lost
		if rec.Event != nil {
			l.tables[rec.Event.Index].LostSamples += r.Lost
		}
	case *perfevent.CallchainDeferred:
		l.deferred++
	default:
		l.machine.Apply(decoded, rec.Misc, id)
	}
}

// addRecord takes in a SAMPLE record, which is one sample or, where the values
// of a group were read with it, one for each member of the group that counted.
func (l *loader) addRecord(rec *perfdata.Record) {
	if rec.Event == nil {
		return // counted by the Sorter
	}
	s := &l.sample
	if err := rec.Event.Layout.DecodeSample(rec.RawRecord, s); err != nil {
		l.broken++
		return
	}
	if rec.Event.Attr.SampleType&perfevent.SampleRead == 0 {
		l.add(rec.Event, s)
		return
	}
	for _, m := range l.groups.Split(rec.Event, s) {
		s.Period = m.Period
		l.add(m.Event, s)
	}
}

// add takes in one sample. The sample's layout is that of its record, whose
// event is the group's leader where e is a member of a group.
func (l *loader) add(e *perfdata.Event, s *perfevent.Sample) {
	t := l.tables[e.Index]
	if !t.Selected {
		return
	}
	fillMissing(e, s)
	if !l.opts.Filter.cpu(int32(s.CPU)) || !l.opts.Filter.time(s.Time) {
		return
	}
	t.Samples++
	t.Period += s.Period
	if s.Time != 0 {
		t.LastTime = max(t.LastTime, s.Time)
		if t.FirstTime == 0 || s.Time < t.FirstTime {
			t.FirstTime = s.Time
		}
	}
	thread := l.machine.Thread(s.PID, s.TID)
	if !l.opts.Filter.thread(thread.Comm(), s.PID, s.TID) {
		return
	}
	t.add(l.key(t, thread, s), s.TID, s.Period)
}

func (l *loader) key(t *Table, thread *machine.Thread, s *perfevent.Sample) rowKey {
	by := l.opts.Dimensions
	mode := s.Misc.CPUMode()
	k := rowKey{mode: mode}
	if by&ByComm != 0 {
		k.comm = uint32(thread.CommIndex())
	}
	if by&ByThread != 0 {
		k.pid, k.tid = s.PID, s.TID
	}
	if by&ByCPU != 0 {
		k.cpu = int32(s.CPU)
	}
	if by&ByAddress != 0 {
		k.leaf = l.interner.Address(thread, mode, s.IP)
	}
	if by&ByStack != 0 {
		k.stack = l.interner.Stack(thread, mode, s.Callchain)
	}
	if by&ByTrace != 0 {
		k.trace = t.traces.intern(s.Raw)
	}
	return k
}

// fillMissing gives fields that the samples of an event do not have the values
// that they stand for.
func fillMissing(e *perfdata.Event, s *perfevent.Sample) {
	st := e.Attr.SampleType
	if st&(perfevent.SamplePeriod|perfevent.SampleRead) == 0 {
		s.Period = e.Attr.SamplePeriod
	}
	if st&perfevent.SampleTID == 0 {
		s.PID, s.TID = ^uint32(0), ^uint32(0)
	}
	if st&perfevent.SampleCPU == 0 {
		s.CPU = ^uint32(0)
	}
}

func (l *loader) finish(ctx context.Context, s *perfdata.Sorter) (*Profile, error) {
	p := l.profile
	p.Addresses = l.interner.Addresses()
	p.Stacks = l.interner.Nodes()
	p.Stats.Records = s.Counts()
	p.Stats.Problems = append(p.Stats.Problems, s.Problems()...)
	p.Stats.Damaged = s.Damaged()
	l.tellProblems()
	l.nameThreads()
	comms := sameComms(p.Comms)
	for _, t := range l.tables {
		t.freeze(comms)
		if t.FirstTime != 0 && (p.Stats.FirstTime == 0 || t.FirstTime < p.Stats.FirstTime) {
			p.Stats.FirstTime = t.FirstTime
		}
		p.Stats.LastTime = max(p.Stats.LastTime, t.LastTime)
	}
	if l.opts.Namer == nil {
		p.Names = stack.Unnamed(p.Addresses)
		return p, nil
	}
	names, problems, err := l.opts.Namer.Names(ctx, l.machine, p.Addresses)
	if err != nil {
		return nil, err
	}
	p.Names = names
	p.Stats.Problems = append(p.Stats.Problems, problems...)
	return p, nil
}

// sameComms gives for each name the first that is equal.
func sameComms(comms []string) []uint32 {
	same := make([]uint32, max(1, len(comms)))
	first := make(map[string]uint32, len(comms))
	for i, c := range comms {
		if _, ok := first[c]; !ok {
			first[c] = uint32(i)
		}
		same[i] = first[c]
	}
	return same
}

// tellProblems puts what could not be used into words.
func (l *loader) tellProblems() {
	tell := func(n uint64, what string) {
		if n > 0 {
			l.problem(fmt.Sprintf("%s: %d", what, n))
		}
	}
	tell(l.broken, "samples shorter than their event's layout, left out")
	tell(l.damaged, "records other than samples that are too short, left out")
	tell(l.deferred, "user callchains that were recorded later than their samples, left out")
	tell(l.interner.UnknownMarkers(), "unknown context markers in callchains, stepped over")
}

// nameThreads notes the last names of the threads that rows refer to.
func (l *loader) nameThreads() {
	comms := map[uint32]string{}
	if l.opts.Dimensions&ByThread != 0 {
		for _, t := range l.tables {
			for i := range t.Rows {
				r := &t.Rows[i]
				if _, ok := comms[r.TID]; !ok {
					comms[r.TID] = l.machine.Thread(r.PID, r.TID).Comm()
				}
			}
		}
	}
	l.profile.threadComms = comms
	// Asking may have made threads known, with names.
	l.profile.Comms = l.machine.Comms()
}
