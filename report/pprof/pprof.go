package pprof

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"gorecord/perfevent"
	"gorecord/report"
	"gorecord/symbolize/stack"
)

// Needs are the dimensions that a Profile should be loaded with. Of those that
// it lacks, the labels or stacks are missing.
const Needs = report.ByComm | report.ByThread | report.ByCPU | report.ByAddress | report.ByStack

// Options add what the Profile does not know.
type Options struct {
	// Captured is when the recording was written; used as the profile's time
	// where the recording does not relate its clock to the wall clock. It
	// may be zero.
	Captured time.Time
}

// Write writes the profile, compressed with gzip.
func Write(w io.Writer, p *report.Profile, o Options) error {
	prof, err := Build(p, o)
	if err != nil {
		return err
	}
	return prof.Write(w)
}

// Build makes the profile. It fails where there are no samples.
func Build(p *report.Profile, o Options) (*profile.Profile, error) {
	b := newBuilder(p)
	first := b.sampleTypes()
	if first == nil {
		return nil, fmt.Errorf("make a pprof profile: the recording has no samples")
	}
	b.prof.DefaultSampleType = b.prof.SampleType[1].Type
	b.period(first)
	b.times(o)
	b.comments()
	for _, t := range p.Tables {
		for i := range t.Rows {
			b.add(t, &t.Rows[i])
		}
	}
	b.places.mainFirst()
	if err := b.prof.CheckValid(); err != nil {
		return nil, fmt.Errorf("make a pprof profile: %w", err)
	}
	return b.prof, nil
}

type builder struct {
	p      *report.Profile
	prof   *profile.Profile
	column map[*report.Table]int // of the first of an event's two values
	places *places
	chain  []*profile.Location // scratch
}

func newBuilder(p *report.Profile) *builder {
	prof := &profile.Profile{}
	return &builder{p: p, prof: prof, column: map[*report.Table]int{}, places: newPlaces(p, prof)}
}

// sampleTypes declares the values of each event that has samples, and gives
// the first such event.
func (b *builder) sampleTypes() *report.Table {
	var first *report.Table
	names := map[string]int{}
	for _, t := range b.p.Tables {
		if t.Samples == 0 {
			continue
		}
		if first == nil {
			first = t
		}
		name := report.Printable(t.Event.Name)
		// Sample types must differ, events may have the same name.
		if names[name]++; names[name] > 1 {
			name = fmt.Sprintf("%s#%d", name, names[name])
		}
		b.column[t] = len(b.prof.SampleType)
		b.prof.SampleType = append(b.prof.SampleType,
			&profile.ValueType{Type: name + "_sample", Unit: "count"},
			&profile.ValueType{Type: name + "_event", Unit: unit(&t.Event.Attr)})
	}
	return first
}

// unit is what an event's period counts.
func unit(a *perfevent.Attr) string {
	if isClock(a) {
		return "nanoseconds"
	}
	return "count"
}

func isClock(a *perfevent.Attr) bool {
	return a.Type == perfevent.TypeSoftware && (a.Config == perfevent.SWCPUClock || a.Config == perfevent.SWTaskClock)
}

// period tells how often samples were taken: the fixed period, or the mean of
// those that a wanted frequency led to.
func (b *builder) period(t *report.Table) {
	a := &t.Event.Attr
	b.prof.PeriodType = &profile.ValueType{Type: report.Printable(t.Event.Name), Unit: unit(a)}
	switch {
	case !a.Has(perfevent.FlagFreq):
		b.prof.Period = int64(a.SamplePeriod)
	case isClock(a) && a.SamplePeriod > 0:
		b.prof.Period = int64(uint64(time.Second) / a.SamplePeriod)
	default:
		b.prof.Period = int64(t.Period / t.Samples)
	}
}

func (b *builder) times(o Options) {
	st, clock := &b.p.Stats, b.p.Info.Clock
	b.prof.DurationNanos = int64(st.LastTime - st.FirstTime)
	switch {
	case clock.WallTime != 0 && st.FirstTime != 0:
		b.prof.TimeNanos = int64(clock.WallTime + st.FirstTime - clock.Time)
	case !o.Captured.IsZero():
		b.prof.TimeNanos = o.Captured.UnixNano() - b.prof.DurationNanos
	}
}

func (b *builder) comments() {
	add := func(key, value string) {
		if value = strings.TrimSpace(value); value != "" {
			b.prof.Comments = append(b.prof.Comments, key+": "+report.Printable(value))
		}
	}
	i, st := b.p.Info, &b.p.Stats
	add("perf-version", i.Version)
	add("perf-command", i.CommandLine())
	add("host", i.Hostname)
	add("kernel", strings.TrimSpace(i.OSRelease+" "+i.Arch))
	add("lost-samples", fmt.Sprint(st.LostSamples))
	if st.LostRecords > st.LostSamples {
		add("lost-records", fmt.Sprint(st.LostRecords))
	}
	for _, p := range st.Problems {
		add("problem", p)
	}
}

// add makes a sample of a row.
func (b *builder) add(t *report.Table, r *report.Row) {
	s := &profile.Sample{
		Location: b.locations(r),
		Value:    make([]int64, len(b.prof.SampleType)),
		Label:    map[string][]string{"event": {report.Printable(t.Event.Name)}},
		NumLabel: map[string][]int64{},
	}
	s.Value[b.column[t]] = int64(r.Samples)
	s.Value[b.column[t]+1] = int64(r.Period)
	by := b.p.Dimensions
	if by&report.ByComm != 0 {
		s.Label["comm"] = []string{report.Printable(b.p.Comms[r.Comm])}
	}
	if by&report.ByThread != 0 && int32(r.TID) >= 0 {
		s.NumLabel["pid"] = []int64{int64(r.PID)}
		s.NumLabel["tid"] = []int64{int64(r.TID)}
	}
	if by&report.ByCPU != 0 && r.CPU != report.NoCPU {
		s.NumLabel["cpu"] = []int64{int64(r.CPU)}
		// Without a unit the format cannot tell CPU 0 from no label.
		s.NumUnit = map[string][]string{"cpu": {"cpu"}}
	}
	for _, l := range s.Location {
		b.places.weight[l.Mapping] += r.Samples
	}
	b.prof.Sample = append(b.prof.Sample, s)
}

// locations are those of a row's stack, the place that was hit first. Where a
// callchain begins elsewhere, as one without its kernel part does, the place
// that was hit stands before it.
func (b *builder) locations(r *report.Row) []*profile.Location {
	b.chain = b.chain[:0]
	hit := b.p.Dimensions&report.ByAddress != 0
	if id := r.Stack; hit && (id == stack.NoStack || !b.sameFunction(r.Leaf, b.p.Stacks[id].Address)) {
		b.chain = append(b.chain, b.places.location(r.Leaf))
	}
	for id := r.Stack; id != stack.NoStack; {
		node := b.p.Stacks[id]
		b.chain = append(b.chain, b.places.location(node.Address))
		id = node.Callers
	}
	return append([]*profile.Location(nil), b.chain...)
}

// sameFunction reports whether the first address of a callchain is the place
// that was hit, or near it in the same function, where hardware is imprecise.
func (b *builder) sameFunction(leaf, first stack.AddressID) bool {
	if leaf == first {
		return true
	}
	x, y := &b.p.Addresses[leaf], &b.p.Addresses[first]
	if x.Mode != y.Mode || x.Module() != y.Module() {
		return false
	}
	fx, fy := b.p.Names.Frames(leaf), b.p.Names.Frames(first)
	return fx[0].Symbol != nil && fx[0].Symbol == fy[0].Symbol
}
