package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// rows prints the entries of the clock in testdata/calls.data: total, self,
// and what they are grouped by.
func rows(h *Histogram) []string {
	var lines []string
	for _, e := range h.Entries {
		parts := []string{fmt.Sprintf("%d/%d", e.Total/100_000, e.Self.Period/100_000)}
		for _, k := range h.Spec.Sort {
			switch k {
			case KeyComm:
				parts = append(parts, Printable(e.Comm))
			case KeyDSO:
				parts = append(parts, e.Place.DSO)
			case KeySymbol:
				name := e.Place.Symbol
				if name == "" {
					name = fmt.Sprintf("%x", e.Place.Address)
				}
				parts = append(parts, name)
			case KeyCPU:
				parts = append(parts, fmt.Sprint(e.CPU))
			case KeyThread:
				parts = append(parts, fmt.Sprint(e.TID))
			case KeyTGID:
				parts = append(parts, fmt.Sprint(e.PID))
			}
		}
		lines = append(lines, strings.Join(parts, " "))
	}
	return lines
}

func calls(t testing.TB, spec *Spec) *Histogram {
	t.Helper()
	p := load(t, "testdata/calls.data", Options{Dimensions: spec.Needs()})
	return p.Histogram(p.Tables[0], spec)
}

func TestHistogram(t *testing.T) {
	tests := []struct {
		name string
		spec Spec
		sort []Key
		want []string
	}{
		{"self", Spec{}, []Key{KeySymbol}, []string{
			"110/110 inner", "30/30 work", "20/20 other", "10/10 mod_fn", "5/5 1123", "5/5 10"}},
		{"with callers", Spec{Children: true, Calls: CallOptions{Callers: true}}, []Key{KeySymbol}, []string{
			"140/0 main_loop", "120/30 work", "110/110 inner", "20/20 other", "20/0 recurse", "15/5 1123", "15/0 1456",
			"10/10 mod_fn", "10/0 last_call", "5/5 10", "5/0 20"}},
		{"threads", Spec{}, []Key{KeyThread}, []string{"130/130 100", "30/30 101", "10/10 0", "10/10 200"}},
		{"processes", Spec{}, []Key{KeyTGID}, []string{"160/160 100", "10/10 0", "10/10 200"}},
		{"CPUs by name first", Spec{}, []Key{KeyCPU, KeyOverhead}, []string{"110/110 0", "70/70 1"}},
		{"files", Spec{}, []Key{KeyDSO}, []string{"160/160 [kernel.kallsyms]", "10/10 [mod]", "5/5 app", "5/5 [unknown]"}},
		{"only known functions", Spec{HideUnresolved: true}, []Key{KeySymbol}, []string{"110/110 inner", "30/30 work", "20/20 other", "10/10 mod_fn"}},
		{"one function", Spec{Symbols: []string{"work"}}, []Key{KeyComm, KeySymbol}, []string{"30/30 app?[31m/wörker work"}},
		{"two files", Spec{DSOs: []string{"app", "[mod]"}}, []Key{KeyDSO, KeySymbol}, []string{"10/10 [mod] mod_fn", "5/5 app 1123"}},
		{"nothing", Spec{DSOs: []string{"nothing"}}, []Key{KeyDSO}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			spec := tt.spec
			spec.Layout(tt.sort, nil, nil, ValueColumns{})
			h := calls(t, &spec)
			if got := rows(h); !slices.Equal(got, tt.want) {
				t.Errorf("rows\n%q\nwant\n%q", got, tt.want)
			}
			if want := uint64(18_000_000); !spec.HideUnresolved && h.Period != want {
				t.Errorf("whole %d, want %d", h.Period, want)
			}
		})
	}
}

// The sums of the CPU modes, and percentages.
func TestSums(t *testing.T) {
	spec := &Spec{}
	spec.Layout([]Key{KeyComm}, nil, nil, ValueColumns{})
	h := calls(t, spec)
	i := slices.IndexFunc(h.Entries, func(e *Entry) bool { return e.Comm == "tool" })
	if i < 0 {
		t.Fatal("no row for tool")
	}
	e := h.Entries[i]
	if want := (Sums{Samples: 2, Period: 1_000_000, Us: 1_000_000}); e.Self != want {
		t.Errorf("tool: %+v, want %+v", e.Self, want)
	}
	if got := fmt.Sprintf("%.2f", h.Percent(e.Value(KeyOverhead))); got != "5.56" {
		t.Errorf("tool: %s%%", got)
	}
	if e.Value(KeySample) != 2 || e.Value(KeyOverheadUs) != 1_000_000 || e.Value(KeyOverheadSys) != 0 || e.Value(KeyOverheadChildren) != 1_000_000 {
		t.Errorf("values of %+v", e)
	}
}

// tree prints a call tree on one line.
func tree(n *CallNode) string {
	var parts []string
	for _, c := range n.Children {
		var places []string
		for _, p := range slices.Concat(c.Parents, c.Places) {
			places = append(places, p.Text())
		}
		s := fmt.Sprintf("%d %s", c.Total()/100_000, strings.Join(places, ">"))
		if len(c.Children) > 0 {
			s += " {" + tree(c) + "}"
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", ")
}

func TestCalls(t *testing.T) {
	graph := CallOptions{Mode: CallsGraph, Callers: true}
	with := func(change func(*CallOptions)) CallOptions {
		o := graph
		change(&o)
		return o
	}
	tests := []struct {
		name     string
		symbol   string
		children bool
		calls    CallOptions
		want     string
	}{
		{"whole chains of what was hit", "inner", true, graph,
			"110 main_loop {80 work>inner, 20 recurse>recurse>recurse>inner, 10 last_call>inner}"},
		{"callees of a caller", "work", true, with(func(o *CallOptions) {}),
			"90 work {80 inner, 10 mod_fn}, 30 main_loop>work"},
		{"callers", "inner", false, with(func(o *CallOptions) { o.Callers = false }),
			"110 inner {80 work>main_loop, 20 recurse>recurse>recurse>main_loop, 10 last_call>main_loop}"},
		{"callers of a caller", "work", true, with(func(o *CallOptions) { o.Callers = false }),
			"120 work {110 main_loop, 10 0x400123>0x400456}"},
		{"small branches", "inner", false, with(func(o *CallOptions) { o.MinPercent = 7 }),
			"110 main_loop {80 work>inner, 20 recurse>recurse>recurse>inner}"},
		{"small in parts of the parent", "inner", false, with(func(o *CallOptions) { o.Mode, o.MinPercent = CallsFractal, 10 }),
			"110 main_loop {80 work>inner, 20 recurse>recurse>recurse>inner}"},
		{"flat", "inner", false, with(func(o *CallOptions) { o.Mode = CallsFlat }),
			"80 main_loop>work>inner, 20 main_loop>recurse>recurse>recurse>inner, 10 main_loop>last_call>inner"},
		{"by address", "inner", false, with(func(o *CallOptions) { o.ByAddress = true; o.MinPercent = 20 }),
			"80 main_loop +8>work +8>inner +4"},
		{"none", "inner", false, CallOptions{}, ""},
		{"recursion: from its outermost call", "recurse", true, graph, "20 recurse>recurse>recurse>inner"},
		{"entry that is too small", "mod_fn", false, with(func(o *CallOptions) { o.MinPercent = 50 }), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			spec := &Spec{Children: tt.children, Calls: tt.calls}
			spec.Layout([]Key{KeySymbol}, nil, nil, ValueColumns{})
			h := calls(t, spec)
			i := slices.IndexFunc(h.Entries, func(e *Entry) bool { return e.Place.Symbol == tt.symbol })
			if i < 0 {
				t.Fatalf("no row for %s", tt.symbol)
			}
			if got := tree(h.Calls(h.Entries[i])); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain name": "plain name", "wörker": "wörker", "": "",
		"a\x1b[31mb": "a?[31mb", "tab\there": "tab?here", "bad\xffutf8": "bad?utf8", "rtl\u202eevil": "rtl?evil", "\x00\x7f\u0085": "???",
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func BenchmarkHistogram(b *testing.B) {
	for _, children := range []bool{false, true} {
		b.Run(fmt.Sprintf("children=%v", children), func(b *testing.B) {
			b.ReportAllocs()
			spec := &Spec{Children: children, Calls: CallOptions{Mode: CallsGraph, Callers: children, MinPercent: 0.5}}
			spec.Layout(nil, nil, DefaultKeys(false), ValueColumns{})
			p := load(b, "../testdata/recordings/cpu-clock-g.data", Options{Dimensions: spec.Needs()})
			for b.Loop() {
				h := p.Histogram(p.Tables[0], spec)
				for _, e := range h.Entries {
					h.Calls(e)
				}
			}
		})
	}
}
