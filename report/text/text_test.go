package text_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"gorecord/perfevent/perfdata"
	"gorecord/report"
	"gorecord/report/text"
	"gorecord/symbolize"
	"gorecord/symbolize/stack"
)

var update = flag.Bool("update", false, "write the goldens in testdata anew")

const (
	callsData = "../testdata/calls.data"
	clockData = "../../testdata/recordings/cpu-clock-g.data"
	seedData  = "../../testdata/recordings/seed.data"
	schedData = "../../testdata/recordings/sched.data"
)

// question is a recording and what is asked about it.
type question struct {
	name    string
	file    string
	options text.Options
	spec    report.Spec
	sort    string
	fields  string
	values  report.ValueColumns
}

func graph(change func(*report.CallOptions)) report.CallOptions {
	o := report.DefaultCallOptions()
	change(&o)
	return o
}

func questions() []question {
	callers := graph(func(o *report.CallOptions) { o.Callers = true })
	mode := func(m report.CallMode) report.CallOptions {
		return graph(func(o *report.CallOptions) { o.Mode = m })
	}
	return []question{
		{name: "default", file: callsData, spec: report.Spec{Children: true, Calls: callers}},
		{name: "no-children", file: callsData, spec: report.Spec{Calls: graph(func(*report.CallOptions) {})}},
		{name: "fractal", file: callsData, spec: report.Spec{Calls: mode(report.CallsFractal)}, sort: "symbol", options: text.Options{SkipChainFirst: true}},
		{name: "fractal-cut", file: callsData, spec: report.Spec{Children: true, Calls: graph(func(o *report.CallOptions) { o.Mode, o.MinPercent, o.Callers = report.CallsFractal, 15, true })}, sort: "dso"},
		{name: "flat", file: callsData, spec: report.Spec{Calls: mode(report.CallsFlat)}, sort: "symbol"},
		{name: "folded", file: callsData, spec: report.Spec{Calls: mode(report.CallsFolded)}, sort: "symbol"},
		{name: "count", file: callsData, spec: report.Spec{Calls: graph(func(o *report.CallOptions) { o.Value, o.Callers = report.CallCount, true })}, sort: "comm"},
		{name: "period-limit", file: callsData, spec: report.Spec{Calls: graph(func(o *report.CallOptions) { o.Value, o.Limit = report.CallPeriod, 1 })}, sort: "symbol"},
		{name: "values", file: callsData, sort: "comm,cpu", values: report.ValueColumns{Samples: true, Period: true, CPUModes: true}},
		{name: "threads", file: callsData, sort: "pid,tgid"},
		{name: "trace", file: callsData, sort: "trace,comm"},
		{name: "fields", file: callsData, sort: "comm", fields: "sample,overhead,dso"},
		{name: "separator", file: callsData, options: text.Options{Separator: ","}, values: report.ValueColumns{Samples: true}},
		{name: "separator-in-names", file: callsData, options: text.Options{Separator: "o"}, sort: "comm,symbol"},
		{name: "quiet-limit", file: callsData, options: text.Options{Quiet: true, PercentLimit: 10}},
		{name: "unresolved-hidden", file: callsData, spec: report.Spec{HideUnresolved: true, Children: true, Calls: callers}, options: text.Options{TimeSlices: "10%-20%", Filtered: []string{"comm: x\x1b"}}},
		{name: "empty", file: callsData, spec: report.Spec{DSOs: []string{"none"}}},
		{name: "perf-clock", file: clockData, spec: report.Spec{Children: true, Calls: callers}, options: text.Options{PercentLimit: 1}},
		{name: "perf-sched", file: schedData, sort: "trace"},
		{name: "perf-seed", file: seedData},
	}
}

// answer writes the text for a question.
func answer(t testing.TB, q question) string {
	t.Helper()
	r, err := perfdata.Open(q.file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	spec := q.spec
	spec.Layout(keys(t, q.sort), keys(t, q.fields), report.DefaultKeys(false), q.values)
	p, err := report.Load(context.Background(), r, report.Options{Dimensions: spec.Needs(), Namer: namer(t, r)})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := text.Write(&out, p, &spec, q.options); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func keys(t testing.TB, list string) []report.Key {
	t.Helper()
	if list == "" {
		return nil
	}
	ks, err := report.ParseKeys("sort", list)
	if err != nil {
		t.Fatal(err)
	}
	return ks
}

// namer names the functions of calls.data, and those of the seed's program,
// wherever it was when it was recorded.
func namer(t testing.TB, r *perfdata.Reader) report.Namer {
	t.Helper()
	f, err := os.Open("../testdata/calls.kallsyms")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := symbolize.ReadKallsyms(f)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, b := range r.Info().BuildIDs {
		if filepath.Base(b.Filename) == "main-nopie" {
			place := filepath.Join(root, b.Filename)
			program, err := os.ReadFile("../../testdata/seed/main-nopie")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(place, program, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	store, err := symbolize.NewStore(symbolize.StoreOptions{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return &stack.Resolver{Store: store, Kallsyms: symbols, Local: fstest.MapFS{}}
}

func TestGolden(t *testing.T) {
	for _, q := range questions() {
		t.Run(q.name, func(t *testing.T) {
			compare(t, q.name, answer(t, q))
		})
	}
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s; got:\n%s", path, got)
	}
}

// Whatever names a recording brings, no line has a control character.
func TestNothingUnprintable(t *testing.T) {
	for _, q := range questions() {
		for i, line := range strings.Split(answer(t, q), "\n") {
			if report.Printable(line) != line {
				t.Errorf("%s, line %d: %q", q.name, i+1, line)
			}
		}
	}
}

func TestHeader(t *testing.T) {
	r, err := perfdata.Open(callsData)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	compare(t, "header", string(text.AppendHeader(nil, r, time.Date(2024, 2, 29, 23, 5, 9, 0, time.UTC))))
}

func TestStats(t *testing.T) {
	r, err := perfdata.Open(callsData)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := report.Load(context.Background(), r, report.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := text.WriteStats(&out, p); err != nil {
		t.Fatal(err)
	}
	compare(t, "stats", out.String())
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, os.ErrInvalid }

func TestWriteError(t *testing.T) {
	r, err := perfdata.Open(callsData)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := report.Load(context.Background(), r, report.Options{})
	if err != nil {
		t.Fatal(err)
	}
	spec := &report.Spec{}
	spec.Layout([]report.Key{report.KeySample}, nil, nil, report.ValueColumns{})
	if err := text.Write(fullDisk{}, p, spec, text.Options{}); err == nil {
		t.Error("an error of the writer is lost")
	}
}
