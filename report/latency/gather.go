// Package latency tells how long calls took, from the entries and returns of
// functions that a recording has.
package latency

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorecord/perfevent"
	"gorecord/perfevent/calls"
	"gorecord/perfevent/format"
	"gorecord/perfevent/hit"
	"gorecord/perfevent/machine"
	"gorecord/perfevent/perfdata"
	"gorecord/report"
)

// Options say which hits count.
type Options struct {
	Filter   report.Filter
	Progress func(offset int64) // called now and then; may be nil
}

// Function is what is known of one function's calls.
type Function struct {
	Name string
	Path string // of its file, "" where the recording does not tell
	calls.Counts
	Total, Self uint64   // ns
	Durations   []uint64 // ns, ascending, one for each pair
}

// Quantile is the duration that a share q (0 to 1) of the calls did not exceed,
// in ns.
func (f *Function) Quantile(q float64) uint64 {
	if len(f.Durations) == 0 {
		return 0
	}
	i := int(q*float64(len(f.Durations))+0.999999) - 1
	return f.Durations[min(max(i, 0), len(f.Durations)-1)]
}

// Result is what Gather found.
type Result struct {
	Functions []*Function // by total time, most first
	// Lost is the number of samples that the recording lost: calls whose entry
	// or return is among them stay unpaired.
	Lost     uint64
	Problems []string
}

// ErrNothing says that a recording has no events that can be paired.
type ErrNothing struct{ Events []string }

func (e *ErrNothing) Error() string {
	return fmt.Sprintf("no event is the entry, and none the return, of a function: record both, as in -e ./prog:FUNC -e ./prog:FUNC%%return; the recording has %s", strings.Join(e.Events, ", "))
}

// Gather reads a recording and pairs its entries with returns.
func Gather(ctx context.Context, r *perfdata.Reader, o Options) (*Result, error) {
	g := &gatherer{reader: r, opts: o, machine: machine.New(), ids: map[functionKey]uint32{}, sources: map[*perfdata.Event]*source{}}
	selected, err := o.Filter.SelectEvents(r.Events())
	if err != nil {
		return nil, err
	}
	if err := o.Filter.Answerable(r.Events(), selected); err != nil {
		return nil, err
	}
	g.findSources(selected)
	if !g.pairable() {
		var names []string
		for _, e := range r.Events() {
			names = append(names, report.Printable(e.Name))
		}
		return nil, &ErrNothing{names}
	}
	g.pairer = calls.NewPairer(g.returned)
	if err := g.read(ctx); err != nil {
		return nil, err
	}
	return g.result(), nil
}

type functionKey struct {
	path  string
	entry uint64
	name  string
}

// source is an event whose hits are entries or returns.
type source struct {
	isReturn bool
	kernel   bool // returns by the kernel's return probes
	values   *hit.Values
	mask     uint64
	stackHi  *format.Field
	sp       *format.Field
	one      uint32            // the function, where there is only one
	known    map[uint64]uint32 // functions by the address of a hit; nil where there is only one
}

type gatherer struct {
	reader    *perfdata.Reader
	opts      Options
	machine   *machine.Machine
	sources   map[*perfdata.Event]*source
	ids       map[functionKey]uint32
	functions []*Function
	kernel    []bool // by function: its returns are the kernel's
	pairer    *calls.Pairer
	sample    perfevent.Sample
	hit       calls.Hit
	lost      uint64
	problems  []string
}

func (g *gatherer) function(k functionKey) uint32 {
	id, ok := g.ids[k]
	if !ok {
		id = uint32(len(g.functions))
		g.ids[k] = id
		g.functions = append(g.functions, &Function{Name: k.name, Path: k.path})
		g.kernel = append(g.kernel, false)
	}
	return id
}

// findSources finds the events that are entries and returns: by the description
// of probes, or where there is none, by perf's names.
func (g *gatherer) findSources(selected []bool) {
	probes, err := report.Probes(g.reader)
	if err != nil {
		g.problems = append(g.problems, err.Error())
	}
	td, err := g.reader.TracingData()
	if td == nil {
		td = &perfdata.TracingData{}
	}
	if err != nil {
		g.problems = append(g.problems, err.Error())
	}
	for i, e := range g.reader.Events() {
		if !selected[i] {
			continue
		}
		d := probes.Event(e.Name)
		if d == nil {
			g.byName(e)
			continue
		}
		g.describe(e, d, probes, td)
	}
}

func (g *gatherer) describe(e *perfdata.Event, d *hit.Event, probes *hit.Description, td *perfdata.TracingData) {
	var parsed *format.Event
	if t := td.ByID(e.Attr.Config); t != nil && e.Attr.Type == perfevent.TypeTracepoint {
		var err error
		if parsed, err = format.Parse(t.Format); err != nil {
			g.problems = append(g.problems, fmt.Sprintf("%s: %v", e.Name, err))
			return
		}
	}
	s := &source{
		isReturn: d.Return, kernel: d.Return && !d.AtReturns, mask: e.Attr.SampleRegsUser,
		values: hit.NewValues(probes, d, parsed, g.reader.Order(), g.reader.Info().Arch),
	}
	if parsed != nil && d.StackHi != "" && d.SP != "" {
		s.stackHi, s.sp = parsed.Field(d.StackHi), parsed.Field(d.SP)
	}
	keys := map[functionKey]bool{}
	for i := range d.Points {
		p := &d.Points[i]
		if !d.Return && p.Inlined == "" && p.Entry == 0 {
			return // not a function's entry
		}
		k := functionKey{d.Path, p.Entry, p.Function}
		keys[k] = true
		s.one = g.function(k)
		g.kernel[s.one] = g.kernel[s.one] || s.kernel
	}
	if len(keys) > 1 {
		s.known = map[uint64]uint32{}
	}
	if len(keys) > 0 {
		g.sources[e] = s
	}
}

// byName takes NAME__return for the return of NAME.
func (g *gatherer) byName(e *perfdata.Event) {
	if e.Attr.Type != perfevent.TypeTracepoint {
		return
	}
	name, isReturn := strings.CutSuffix(e.Name, "__return")
	partner := name + "__return"
	if isReturn {
		partner = name
	}
	if !slices.ContainsFunc(g.reader.Events(), func(o *perfdata.Event) bool { return o.Name == partner }) {
		return
	}
	id := g.function(functionKey{name: name})
	g.kernel[id] = true
	g.sources[e] = &source{isReturn: isReturn, kernel: isReturn, one: id}
}

// pairable reports whether there are entries and returns at all.
func (g *gatherer) pairable() bool {
	entries, returns := false, false
	for _, s := range g.sources {
		entries, returns = entries || !s.isReturn, returns || s.isReturn
	}
	return entries && returns
}

func (g *gatherer) read(ctx context.Context) error {
	s := g.reader.Sorted()
	defer s.Close()
	for n := 1; s.Next(); n++ {
		rec := s.Record()
		if n%4096 == 0 {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if g.opts.Progress != nil {
				g.opts.Progress(rec.Offset)
			}
		}
		switch {
		case rec.Type == perfevent.RecordSample && rec.Event != nil:
			g.add(rec)
		case rec.Type < perfdata.RecordHeaderAttr:
			g.apply(rec)
		}
	}
	g.problems = append(g.problems, s.Problems()...)
	return s.Err()
}

func (g *gatherer) apply(rec *perfdata.Record) {
	e := rec.Event
	if e == nil {
		e = g.reader.Events()[0]
	}
	decoded, id, err := e.Layout.DecodeRecord(rec.RawRecord)
	if err != nil {
		return
	}
	switch r := decoded.(type) {
	case *perfevent.Exit:
		g.pairer.Exit(int32(r.PID), int32(r.TID))
	case *perfevent.LostSamples:
		g.lost += r.Lost
	}
	g.machine.Apply(decoded, rec.Misc, id)
}

func (g *gatherer) add(rec *perfdata.Record) {
	src := g.sources[rec.Event]
	if src == nil {
		return
	}
	s := &g.sample
	if err := rec.Event.Layout.DecodeSample(rec.RawRecord, s); err != nil {
		return
	}
	if !g.opts.Filter.Lets(g.machine.Thread(s.PID, s.TID).Comm(), s) {
		return
	}
	h := &g.hit
	*h = calls.Hit{Time: s.Time, PID: int32(s.PID), TID: int32(s.TID), Return: src.isReturn, Function: src.one}
	if src.values != nil {
		data := hit.Sample{Raw: s.Raw, IP: uint64(s.IP), Regs: s.RegsUser.Values, Mask: src.mask}
		if !g.refine(h, src, &data) {
			return
		}
	}
	h.Kernel = g.kernel[h.Function]
	g.pairer.Add(h)
}

// refine adds what a described hit tells: which of several functions, and which
// goroutine. It reports false for hits at none of the event's points.
func (g *gatherer) refine(h *calls.Hit, src *source, data *hit.Sample) bool {
	if src.known != nil {
		addr, ok := src.values.Address(data)
		if !ok {
			return false
		}
		id, known := src.known[addr]
		if !known {
			e := src.values.Event()
			p, _, ok := e.PointAt(addr)
			if !ok {
				return false
			}
			id = g.function(functionKey{e.Path, p.Entry, p.Function})
			src.known[addr] = id
		}
		h.Function = id
	}
	h.Goroutine, h.HasGoroutine = src.values.Goroutine(data)
	if src.sp != nil && src.stackHi != nil {
		high, ok := src.stackHi.Uint(data.Raw, g.reader.Order())
		sp, ok2 := src.sp.Uint(data.Raw, g.reader.Order())
		h.Depth, h.HasDepth = high-sp, ok && ok2
	}
	return true
}

func (g *gatherer) returned(c *calls.Call) {
	f := g.functions[c.Function]
	f.Total += c.Duration()
	f.Self += c.Self()
	f.Durations = append(f.Durations, c.Duration())
}

func (g *gatherer) result() *Result {
	for i, c := range g.pairer.Finish() {
		g.functions[i].Counts = c
	}
	res := &Result{Lost: g.lost, Problems: g.problems}
	for _, f := range g.functions {
		if f.Counts == (calls.Counts{}) {
			continue
		}
		slices.Sort(f.Durations)
		res.Functions = append(res.Functions, f)
	}
	slices.SortStableFunc(res.Functions, func(a, b *Function) int {
		switch {
		case a.Total != b.Total:
			if a.Total > b.Total {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return res
}
