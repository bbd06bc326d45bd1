package script

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"

	"gorecord/perfevent"
	"gorecord/perfevent/hit"
	"gorecord/perfevent/machine"
	"gorecord/perfevent/perfdata"
	"gorecord/report"
	"gorecord/symbolize/stack"
)

// collector goes through a recording in the order of time, keeps the machine up
// to date, and gathers what is to be shown.
type collector struct {
	opts     Options
	reader   *perfdata.Reader
	resolver *stack.Resolver
	// mu guards the kernel's part of machine, which formatters ask.
	mu        sync.RWMutex
	machine   *machine.Machine
	interner  *stack.Interner
	namer     *stack.Namer
	groups    *report.GroupReads
	fields    map[*perfdata.Event]*shownFields
	sorter    *perfdata.Sorter
	width     int              // of the longest event name
	single    perfevent.Sample // room for a record that makes several samples
	tracing   *perfdata.TracingData
	probes    *hit.Description // nil where the recording has none
	probesErr error

	first, last uint64 // times of samples shown
	samples     uint64
	records     uint64
	broken      uint64
	traces      []string // problems with formats
}

// shownFields is what lines of one event show.
type shownFields struct {
	fields   field
	name     string // of the event, safe to show, in its column
	selected bool
	// What is gathered: the callchain or the place in its stead, the place
	// beside a callchain, and what else has a name.
	chain, ip, named, addr, branches bool
}

func newCollector(r *perfdata.Reader, resolver *stack.Resolver, opts Options) (*collector, error) {
	c := &collector{
		opts: opts, reader: r, resolver: resolver, machine: machine.New(),
		groups: report.NewGroupReads(r.Events()), fields: map[*perfdata.Event]*shownFields{}, width: nameWidth(r.Events()),
	}
	for _, b := range r.Info().BuildIDs {
		c.machine.SetBuildID(b.Filename, b.BuildID)
	}
	// An error is one of the Reader's problems already.
	c.tracing, _ = r.TracingData()
	c.probes, c.probesErr = report.Probes(r)
	c.interner = stack.NewInterner(c.machine, opts.MaxStack)
	c.namer = resolver.Namer(c.machine)
	selected, err := opts.Filter.SelectEvents(r.Events())
	if err != nil {
		return nil, err
	}
	if err := opts.Filter.Answerable(r.Events(), selected); err != nil {
		return nil, err
	}
	for i, e := range r.Events() {
		if c.fields[e], err = c.shown(e, selected[i]); err != nil {
			return nil, err
		}
	}
	_, c.traces = c.newTraces()
	if c.probesErr != nil {
		c.traces = append(c.traces, c.probesErr.Error())
	}
	return c, nil
}

// shown finds out what is shown of an event.
func (c *collector) shown(e *perfdata.Event, selected bool) (*shownFields, error) {
	has := func(t perfevent.SampleType) bool { return e.Attr.SampleType&t != 0 }
	name := report.Printable(e.Name)
	f := &shownFields{selected: selected, name: strings.Repeat(" ", max(0, c.width-len(name))) + name}
	f.chain = has(perfevent.SampleCallchain) && !c.opts.HideChains
	f.ip = has(perfevent.SampleIP)
	f.addr = has(perfevent.SampleAddr)
	var err error
	switch c.opts.Layout {
	case LayoutLines:
		if f.fields, err = c.opts.Fields.of(e, c.reader, f.chain, c.readsRegisters(e)); err != nil {
			return nil, err
		}
		f.ip = f.ip && f.fields&fieldIP != 0
		f.chain = f.chain && f.fields&fieldIP != 0
		f.addr = f.addr && f.fields&fieldAddr != 0
		f.branches = f.fields&(fieldBrstackSym|fieldBrstackOff) != 0 || f.fields&fieldBrstack != 0 && f.fields&fieldDSO != 0
	case LayoutJSON:
		f.named = f.ip
	case LayoutFtrace:
		f.fields, f.addr, f.chain = fieldTrace, false, false
		f.ip = f.ip && e.Attr.Type != perfevent.TypeTracepoint
	}
	// perf names the addresses of page faults only.
	f.addr = f.addr && e.Attr.Type == perfevent.TypeSoftware &&
		(e.Attr.Config == perfevent.SWPageFaults || e.Attr.Config == perfevent.SWPageFaultsMin || e.Attr.Config == perfevent.SWPageFaultsMaj)
	if len(c.opts.DSOs)+len(c.opts.Symbols) > 0 {
		f.named = has(perfevent.SampleIP)
	}
	return f, nil
}

// readsRegisters reports whether an event is a probe whose values come from the
// registers of its samples.
func (c *collector) readsRegisters(e *perfdata.Event) bool {
	described := c.probes.Event(e.Name)
	return described != nil && described.Registers
}

// run gathers all records. lines takes what is shown.
func (c *collector) run(ctx context.Context, lines *pipeline) error {
	c.sorter = c.reader.Sorted()
	defer c.sorter.Close()
	for {
		if !c.sorter.Ready() {
			lines.flush()
		}
		if !c.sorter.Next() {
			break
		}
		if c.records++; c.records%4096 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rec := c.sorter.Record()
		var err error
		switch {
		case rec.Type == perfevent.RecordSample && rec.Event != nil:
			err = c.addSample(rec, lines)
		case rec.Type < perfdata.RecordHeaderAttr:
			c.apply(rec, lines)
		}
		if err == errDone {
			return nil
		}
		if err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return c.sorter.Err()
}

func (c *collector) apply(rec *perfdata.Record, lines *pipeline) {
	e := rec.Event
	if e == nil {
		e = c.reader.Events()[0]
	}
	decoded, id, err := e.Layout.DecodeRecord(rec.RawRecord)
	if err != nil {
		c.broken++
		return
	}
	_, exit := decoded.(*perfevent.Exit)
	if !exit {
		c.change(decoded, rec.Misc, id)
	}
	switch {
	case c.opts.Layout == LayoutJSON:
		if isLoss(decoded) {
			lines.add().text = appendLostJSON(nil, decoded, id, e)
		}
	case c.opts.Layout == LayoutLines && c.opts.Show.has(decoded):
		lines.add().text = c.sidebandLine(rec, decoded, id, e)
	}
	if exit {
		c.change(decoded, rec.Misc, id)
	}
}

func (c *collector) change(decoded perfevent.Record, misc perfevent.Misc, id perfevent.SampleIdentity) {
	c.mu.Lock()
	c.machine.Apply(decoded, misc, id)
	c.mu.Unlock()
}

// addSample gathers a SAMPLE record, which is one sample or, where the values of
// a group were read with it, one for each member that counted.
func (c *collector) addSample(rec *perfdata.Record, lines *pipeline) error {
	f := c.fieldsOf(rec.Event)
	if rec.Event.Attr.SampleType&perfevent.SampleRead != 0 {
		return c.addGroup(rec, lines)
	}
	c.samples++
	if !f.selected {
		return nil
	}
	it := lines.add()
	raw := rec.RawRecord
	raw.Bytes = lines.cur.keep(raw.Bytes)
	if err := rec.Event.Layout.DecodeSample(raw, &it.sample); err != nil {
		c.broken++
		lines.cur.drop()
		return nil
	}
	it.event = rec.Event
	it.period = period(rec.Event, &it.sample)
	return c.place(it, f, lines)
}

func (c *collector) addGroup(rec *perfdata.Record, lines *pipeline) error {
	if err := rec.Event.Layout.DecodeSample(rec.RawRecord, &c.single); err != nil {
		c.broken++
		return nil
	}
	for _, m := range c.groups.Split(rec.Event, &c.single) {
		c.samples++
		f := c.fieldsOf(m.Event)
		if !f.selected {
			continue
		}
		it := lines.add()
		raw := rec.RawRecord
		raw.Bytes = lines.cur.keep(raw.Bytes)
		if err := rec.Event.Layout.DecodeSample(raw, &it.sample); err != nil {
			lines.cur.drop()
			continue
		}
		it.event, it.period = m.Event, m.Period
		it.sample.Period = m.Period
		if err := c.place(it, f, lines); err != nil {
			return err
		}
	}
	return nil
}

// fieldsOf are the fields of an event. Events that a stream tells late are
// shown by default.
func (c *collector) fieldsOf(e *perfdata.Event) *shownFields {
	f, ok := c.fields[e]
	if !ok {
		f, _ = c.shown(e, true)
		if f == nil {
			f = &shownFields{selected: true}
		}
		c.fields[e] = f
	}
	return f
}

// place completes an item with thread, time and named places, or takes it back
// where a filter keeps it out.
func (c *collector) place(it *item, f *shownFields, lines *pipeline) error {
	s := &it.sample
	t := c.machine.Thread(s.PID, s.TID)
	it.comm = t.Comm()
	if !c.opts.Filter.Lets(it.comm, s) {
		lines.cur.drop()
		return nil
	}
	switch {
	case f.chain:
		it.chain = true
		c.callchain(it, t)
	case f.ip:
		it.places = append(it.places, c.at(t, s.Misc, s.IP))
	}
	if f.named {
		it.ip = c.at(t, s.Misc, s.IP)
	}
	if !c.inPlace(it) {
		lines.cur.drop()
		return nil
	}
	if f.addr {
		it.addr = c.anywhere(t, s.Addr)
	}
	if f.branches {
		for _, b := range s.Branches {
			it.branches = append(it.branches, c.anywhere(t, b.From), c.anywhere(t, b.To))
		}
	}
	it.time, it.shown = s.Time, f
	switch {
	case c.opts.Relative:
		if c.first == 0 {
			c.first = s.Time
		}
		it.time = s.Time - c.first
	case c.opts.Delta:
		if it.time = 0; c.last != 0 {
			it.time = s.Time - c.last
		}
	}
	c.last = s.Time
	return nil
}

// inPlace applies the filters by what a sample hit; as in perf, its callers do
// not matter.
func (c *collector) inPlace(it *item) bool {
	if len(c.opts.DSOs) > 0 && !inModules(it.ip.module, c.opts.DSOs) {
		return false
	}
	return len(c.opts.Symbols) == 0 || slices.ContainsFunc(it.ip.frames, func(f stack.Frame) bool {
		return f.Symbol != nil && slices.Contains(c.opts.Symbols, f.Symbol.Name)
	})
}

// inModules reports whether a module is called by a name of a list.
func inModules(m *machine.Module, names []string) bool {
	return m != nil && (slices.Contains(names, m.Name) || slices.Contains(names, m.ShortName()))
}

// at names the place of a sample.
func (c *collector) at(t *machine.Thread, misc perfevent.Misc, a perfevent.Addr) place {
	return c.name(c.interner.Address(t, misc, a), a)
}

func (c *collector) name(id stack.AddressID, runtime perfevent.Addr) place {
	addresses := c.interner.Addresses()
	a := &addresses[id]
	p := place{runtime: runtime, shown: uint64(runtime), module: a.Module(), frames: c.namer.Frames(addresses, id)}
	if p.module != nil && (p.module.Kind == machine.File || p.module.Kind == machine.VDSO) {
		p.shown = a.Position
	}
	return p
}

// callchain lists the places of a callchain.
func (c *collector) callchain(it *item, t *machine.Thread) {
	s := &it.sample
	id := c.interner.Stack(t, s.Misc, s.Callchain)
	nodes := c.interner.Nodes()
	for _, a := range s.Callchain {
		if a >= perfevent.ContextMax {
			continue
		}
		if id == stack.NoStack {
			return
		}
		it.places = append(it.places, c.name(nodes[id].Address, a))
		id = nodes[id].Callers
	}
}

// anywhere names an address that can be in the kernel or in the process.
func (c *collector) anywhere(t *machine.Thread, a perfevent.Addr) place {
	misc := perfevent.MiscUser
	if t.Lookup(a) == nil {
		misc = perfevent.MiscKernel
	}
	return c.at(t, misc, a)
}

func (c *collector) result() Result {
	r := Result{Samples: c.samples, Records: c.records}
	if c.sorter != nil {
		r.Problems, r.Damaged = c.sorter.Problems(), c.sorter.Damaged()
	}
	if c.broken > 0 {
		r.Problems = append(r.Problems, fmt.Sprintf("records that are too short, left out: %d", c.broken))
		r.Damaged = true
	}
	r.Problems = append(r.Problems, c.traces...)
	r.Problems = append(r.Problems, c.namer.Problems()...)
	return r
}

// formatter makes what turns items into text, for one goroutine.
func (c *collector) formatter() formatter {
	traces, _ := c.newTraces()
	switch c.opts.Layout {
	case LayoutJSON:
		return &objects{traces: traces, bigEndian: c.reader.Order() == binary.BigEndian}
	case LayoutFtrace:
		return &ftrace{traces: traces, nanoseconds: c.opts.Nanoseconds}
	}
	l := c.lines()
	l.traces = traces
	return l
}

func (c *collector) lines() *lines {
	info := c.reader.Info()
	return &lines{
		arch: info.Arch, bigEndian: c.reader.Order() == binary.BigEndian,
		nanoseconds: c.opts.Nanoseconds, clock: info.Clock,
	}
}
