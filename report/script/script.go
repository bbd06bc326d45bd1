package script

import (
	"bufio"
	"context"
	"io"

	"gorecord/perfevent"
	"gorecord/perfevent/machine"
	"gorecord/perfevent/perfdata"
	"gorecord/symbolize/stack"
)

// Options say what is shown.
type Options struct {
	// JSON shows one object a line in place of text.
	JSON bool
	// Nanoseconds shows times with nine digits in place of six.
	Nanoseconds bool
	// MaxStack bounds the frames that are shown of a stack; 0 sets no limit.
	MaxStack int
	// Select says whether a sample is shown; nil shows all.
	Select func(*Sample) bool
}

// Sample is what there is to show of one sample. It is valid during one call.
type Sample struct {
	*perfevent.Sample
	Event  *perfdata.Event
	Thread *machine.Thread
	// Addresses are the places of the callchain, innermost first, or the place
	// of the sample where it has no callchain; Runtime are their addresses.
	Addresses []stack.AddressID
	Runtime   []perfevent.Addr
	HasChain  bool
}

// Write shows the samples of a recording. problems tells, in one line each, what
// could not be read or named.
func Write(ctx context.Context, w io.Writer, r *perfdata.Reader, resolver *stack.Resolver, opts Options) (problems []string, err error) {
	first := newReplay(r, opts.MaxStack)
	if err := first.run(ctx, func(*Sample) error { return nil }, nil); err != nil {
		return problems, err
	}
	names, problems, err := resolver.Names(ctx, first.machine, first.interner.Addresses())
	if err != nil {
		return problems, err
	}
	traces, unreadable := newTraces(r, kernelFunctions(resolver, first.machine))
	problems = append(problems, unreadable...)

	out := bufio.NewWriterSize(w, 1<<16)
	second := newReplay(r, opts.MaxStack)
	p := printer{opts: &opts, names: names, traces: traces, replay: second, width: nameWidth(r.Events())}
	show, lost := p.text, p.lostText
	if opts.JSON {
		show, lost = p.json, p.lostJSON
	}
	err = second.run(ctx, func(s *Sample) error {
		if opts.Select != nil && !opts.Select(s) {
			return nil
		}
		p.buf = show(p.buf[:0], s)
		_, err := out.Write(p.buf)
		return err
	}, func(rec perfevent.Record, id perfevent.SampleIdentity, e *perfdata.Event) error {
		p.buf = lost(p.buf[:0], rec, id, e)
		_, err := out.Write(p.buf)
		return err
	})
	if err == nil {
		err = out.Flush()
	}
	return append(problems, second.problems...), err
}

// kernelFunctions names addresses of the kernel. Its symbols are many, so they
// are read only when the first is asked for.
func kernelFunctions(r *stack.Resolver, m *machine.Machine) func(uint64) (string, uint64, bool) {
	var find func(uint64) (string, uint64, bool)
	read := false
	return func(a uint64) (string, uint64, bool) {
		if !read {
			find, read = r.KernelFunctions(m), true
		}
		if find == nil {
			return "", 0, false
		}
		return find(a)
	}
}

func nameWidth(events []*perfdata.Event) int {
	width := 0
	for _, e := range events {
		width = max(width, len(e.Name))
	}
	return width
}

// replay goes through a recording in the order of time and keeps the machine up
// to date. Two replays of one recording number places alike.
type replay struct {
	reader   *perfdata.Reader
	machine  *machine.Machine
	interner *stack.Interner
	record   perfevent.Sample
	sample   Sample
	broken   int
	problems []string
}

func newReplay(r *perfdata.Reader, maxStack int) *replay {
	p := &replay{reader: r, machine: machine.New()}
	for _, b := range r.Info().BuildIDs {
		p.machine.SetBuildID(b.Filename, b.BuildID)
	}
	p.interner = stack.NewInterner(p.machine, maxStack)
	return p
}

type lostFunc func(perfevent.Record, perfevent.SampleIdentity, *perfdata.Event) error

// run calls show for every sample, and lost, where it is not nil, for records
// that report loss.
func (p *replay) run(ctx context.Context, show func(*Sample) error, lost lostFunc) error {
	s := p.reader.Sorted()
	defer s.Close()
	for n := 0; s.Next(); n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rec := s.Record()
		var err error
		switch {
		case rec.Event == nil:
		case rec.Type == perfevent.RecordSample:
			err = p.show(rec, show)
		default:
			err = p.apply(rec, lost)
		}
		if err != nil {
			return err
		}
	}
	p.problems = s.Problems()
	if p.broken > 0 {
		p.problems = append(p.problems, "records that end too early are left out or shown in part")
	}
	return s.Err()
}

func (p *replay) apply(rec *perfdata.Record, lost lostFunc) error {
	decoded, id, err := rec.Event.Layout.DecodeRecord(rec.RawRecord)
	if err != nil {
		p.broken++
		return nil
	}
	p.machine.Apply(decoded, rec.Misc, id)
	switch decoded.(type) {
	case *perfevent.Lost, *perfevent.LostSamples:
		if lost != nil {
			return lost(decoded, id, rec.Event)
		}
	}
	return nil
}

func (p *replay) show(rec *perfdata.Record, show func(*Sample) error) error {
	if err := rec.Event.Layout.DecodeSample(rec.RawRecord, &p.record); err != nil {
		p.broken++
		return nil
	}
	s := &p.sample
	s.Sample, s.Event = &p.record, rec.Event
	s.Thread = p.machine.Thread(s.PID, s.TID)
	s.Addresses, s.Runtime = s.Addresses[:0], s.Runtime[:0]
	s.HasChain = rec.Event.Attr.SampleType&perfevent.SampleCallchain != 0
	if s.HasChain {
		p.chain(s)
	} else if rec.Event.Attr.SampleType&perfevent.SampleIP != 0 {
		s.Addresses = append(s.Addresses, p.interner.Address(s.Thread, s.Misc, s.IP))
		s.Runtime = append(s.Runtime, s.IP)
	}
	return show(s)
}

// chain lists the places of a callchain beside their addresses.
func (p *replay) chain(s *Sample) {
	id := p.interner.Stack(s.Thread, s.Misc, s.Callchain)
	nodes := p.interner.Nodes()
	for ; id != stack.NoStack; id = nodes[id].Callers {
		s.Addresses = append(s.Addresses, nodes[id].Address)
	}
	for _, a := range s.Callchain {
		if a < perfevent.ContextMax && len(s.Runtime) < len(s.Addresses) {
			s.Runtime = append(s.Runtime, a)
		}
	}
	s.Addresses = s.Addresses[:len(s.Runtime)]
}

// printer turns samples into text.
type printer struct {
	opts   *Options
	names  *stack.Names
	traces map[*perfdata.Event]*trace
	replay *replay
	width  int // of the longest event name
	buf    []byte
}

// frames are the names of one place of a sample, innermost first.
func (p *printer) frames(id stack.AddressID) []stack.Frame { return p.names.Frames(id) }

// module is what a place belongs to, "[unknown]" where that is not known.
func (p *printer) module(id stack.AddressID) string {
	m := p.replay.interner.Addresses()[id].Module()
	if m == nil {
		return "[unknown]"
	}
	return m.Name
}

// shown is the address that perf shows of a place: in files the offset, else the
// address itself.
func (p *printer) shown(id stack.AddressID, runtime perfevent.Addr) uint64 {
	m := p.replay.interner.Addresses()[id].Module()
	if m != nil && (m.Kind == machine.File || m.Kind == machine.VDSO) {
		return p.replay.interner.Addresses()[id].Position
	}
	return uint64(runtime)
}

// period is how many events a sample stands for.
func period(s *Sample) uint64 {
	if s.Event.Attr.SampleType&perfevent.SamplePeriod != 0 {
		return s.Period
	}
	return s.Event.Attr.SamplePeriod
}
