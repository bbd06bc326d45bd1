package report

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorecord/perfevent"
	"gorecord/perfevent/machine"
	"gorecord/perfevent/perfdata"
	"gorecord/symbolize/stack"
)

// Recordings that perf made: as many samples of each event as perf script
// prints, however rows are kept apart.
func TestLoadRecordings(t *testing.T) {
	files, err := filepath.Glob("../testdata/recordings/*.data")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(strings.TrimSuffix(file, ".data") + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]uint64{}
		for line := range strings.Lines(string(text)) {
			if f := strings.Fields(line); len(f) >= 3 {
				want[strings.TrimSuffix(f[2], ":")]++
			}
		}
		for _, d := range []Dimensions{0, ByComm, ByComm | ByAddress | ByStack, ByTrace, 1<<16 - 1} {
			p := load(t, file, Options{Dimensions: d})
			for _, table := range p.Tables {
				var samples, period uint64
				for _, r := range table.Rows {
					samples += r.Samples
					period += r.Period
				}
				if samples != want[table.Event.Name] || samples != table.Samples || period != table.Period {
					t.Errorf("%s by %b, %s: %d samples in rows, %d in all, perf script has %d; periods %d and %d",
						file, d, table.Event.Name, samples, table.Samples, want[table.Event.Name], period, table.Period)
				}
				if d == 0 && len(table.Rows) > 2 {
					t.Errorf("%s: %d rows without dimensions", file, len(table.Rows))
				}
			}
		}
	}
}

func TestLoadCalls(t *testing.T) {
	p := load(t, "testdata/calls.data", Options{Dimensions: 1<<16 - 1})
	if p.Stats.LostSamples != 7 || p.Stats.LostRecords != 9 || p.Stats.LostChunks != 1 || p.Tables[0].LostSamples != 7 {
		t.Errorf("losses: %+v", p.Stats)
	}
	if first, last := p.Stats.FirstTime, p.Stats.LastTime; first != 1_002_000 || last != p.Tables[1].LastTime || last <= p.Tables[0].LastTime {
		t.Errorf("times %d to %d", first, last)
	}
	// The first sample came before the thread's name.
	if got := p.Comms[p.Tables[0].Rows[0].Comm]; got != "app" {
		t.Errorf("the first sample is of %q", got)
	}
	if got := p.ThreadComm(200); got != "tool" {
		t.Errorf("thread 200 is %q", got)
	}
	// Contents that differ only in the common fields are one row each.
	traces := map[string]uint64{}
	for _, r := range p.Tables[1].Rows {
		text, ok := p.Tables[1].Trace(r.Trace)
		if !ok {
			t.Errorf("row %+v has no trace", r)
		}
		traces[text] += r.Samples
	}
	if len(traces) != 2 || traces["(ffffffff81000200) a=1"] != 3 || traces["(ffffffff81000200) a=2"] != 1 {
		t.Errorf("traces: %v", traces)
	}
	if len(load(t, "testdata/calls.data", Options{Dimensions: ByTrace}).Tables[1].Rows) != 2 {
		t.Error("equal contents have several rows")
	}
}

func TestTracesTell(t *testing.T) {
	for file, want := range map[string]bool{
		"../testdata/recordings/sched.data":       true,
		"../testdata/recordings/syscalls.data":    true,
		"../testdata/recordings/seed.data":        false, // only the probe's address
		"../testdata/recordings/cpu-clock-g.data": false,
		"testdata/calls.data":                     false, // not only tracepoints
	} {
		if got := TracesTell(open(t, file)); got != want {
			t.Errorf("%s: %v, want %v", file, got, want)
		}
	}
}

func TestLoadEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("enough")
	cancel(why)
	if _, err := Load(ctx, open(t, "testdata/calls.data"), Options{}); !errors.Is(err, why) {
		t.Errorf("error %v, want the cause", err)
	}
}

type failingNamer struct{ err error }

func (n failingNamer) Names(context.Context, *machine.Machine, []stack.Address) (*stack.Names, []string, error) {
	return nil, nil, n.err
}

func TestLoadPassesNamersError(t *testing.T) {
	want := errors.New("no names")
	_, err := Load(context.Background(), open(t, "testdata/calls.data"), Options{Namer: failingNamer{want}})
	if !errors.Is(err, want) {
		t.Errorf("error %v", err)
	}
}

// Counts of a group, read at each sample of its leader: a sample for each
// member that counted since the last time.
func TestGroupReads(t *testing.T) {
	events := []*perfdata.Event{
		{Name: "leader", IDs: []uint64{1}, Attr: perfevent.Attr{ReadFormat: perfevent.FormatID | perfevent.FormatGroup}},
		{Name: "member", IDs: []uint64{2}},
	}
	g := NewGroupReads(events)
	for i, step := range []struct {
		values []perfevent.ReadValue
		want   []uint64 // periods of leader and member
	}{
		{[]perfevent.ReadValue{{Value: 100, ID: 1}, {Value: 5, ID: 2}}, []uint64{100, 5}},
		{[]perfevent.ReadValue{{Value: 150, ID: 1}, {Value: 5, ID: 2}}, []uint64{50, 0}},
		{[]perfevent.ReadValue{{Value: 150, ID: 1}, {Value: 9, ID: 2}, {Value: 3, ID: 77}}, []uint64{0, 4}},
	} {
		got := []uint64{0, 0}
		for _, m := range g.Split(events[0], &perfevent.Sample{Read: perfevent.ReadValues{Values: step.values}}) {
			got[map[string]int{"leader": 0, "member": 1}[m.Event.Name]] += m.Period
		}
		if got[0] != step.want[0] || got[1] != step.want[1] {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}

// hotLoader is a loader that has seen the first samples of calls.data, and one
// of the samples.
func hotLoader(t testing.TB, d Dimensions) (*loader, *perfdata.Event, *perfevent.Sample) {
	l, err := newLoader(open(t, "testdata/calls.data"), Options{Dimensions: d})
	if err != nil {
		t.Fatal(err)
	}
	s := l.reader.Sorted()
	defer s.Close()
	if err := l.read(context.Background(), s); err != nil {
		t.Fatal(err)
	}
	return l, l.events[0], &perfevent.Sample{
		Misc: perfevent.MiscKernel, IP: fnInner, Period: 1, SampleIdentity: perfevent.SampleIdentity{PID: 100, TID: 100, Time: 5},
		Callchain: []perfevent.Addr{perfevent.ContextKernel, fnInner, fnWork, fnMain, perfevent.ContextUser, appText, appText + 8},
	}
}

func TestSampleAllocatesNothing(t *testing.T) {
	l, e, s := hotLoader(t, 1<<16-1)
	l.add(e, s)
	if n := testing.AllocsPerRun(100, func() { l.add(e, s) }); n != 0 {
		t.Errorf("a sample whose row exists costs %v allocations", n)
	}
}

func BenchmarkSample(b *testing.B) {
	for _, bb := range []struct {
		name string
		by   Dimensions
	}{{"comm-dso-symbol", ByComm | ByAddress}, {"with-callchain", ByComm | ByAddress | ByStack}, {"everything", 1<<16 - 1}} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			l, e, s := hotLoader(b, bb.by)
			for b.Loop() {
				l.add(e, s)
			}
		})
	}
}

func BenchmarkTrace(b *testing.B) {
	b.ReportAllocs()
	l, _, s := hotLoader(b, ByTrace)
	contents := [][]byte{probeData(1, 7), probeData(2, 8), probeData(3, 9)}
	i := 0
	for b.Loop() {
		i++
		s.Raw = contents[i%3]
		l.add(l.events[1], s)
	}
}

// FuzzLoad reads damaged recordings and asks every question of what comes out.
func FuzzLoad(f *testing.F) {
	for _, name := range []string{"testdata/calls.data", "../testdata/recordings/seed.data", "../testdata/recordings/cpu-clock-g-z.data"} {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := perfdata.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		p, err := Load(context.Background(), r, Options{Dimensions: 1<<16 - 1, MaxStack: 64})
		if err != nil {
			return
		}
		for _, table := range p.Tables {
			checkHistogram(t, p, table)
		}
	})
}

func checkHistogram(t *testing.T, p *Profile, table *Table) {
	spec := &Spec{Children: true, Calls: CallOptions{Mode: CallsGraph, Callers: true}}
	spec.Layout(nil, nil, []Key{KeyComm, KeyDSO, KeySymbol, KeyTrace, KeyCPU, KeyThread}, ValueColumns{})
	h := p.Histogram(table, spec)
	// Sums of damaged periods may run over.
	runsOver := slices.ContainsFunc(h.Entries, func(e *Entry) bool { return e.Self.Period >= 1<<60 })
	var self, samples uint64
	for _, e := range h.Entries {
		self += e.Self.Period
		samples += e.Self.Samples
		if e.Total < e.Self.Period && !runsOver {
			t.Fatalf("entry %+v: total below self", e)
		}
		h.Calls(e)
	}
	if self != table.Period || samples != table.Samples {
		t.Fatalf("entries add up to %d in %d samples, the table to %d in %d", self, samples, table.Period, table.Samples)
	}
}
