package pprof_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"github.com/google/pprof/profile"

	"gorecord/perfevent/perfdata"
	"gorecord/report"
	"gorecord/report/pprof"
	"gorecord/symbolize"
	"gorecord/symbolize/stack"
)

var update = flag.Bool("update", false, "write the goldens in testdata anew")

const callsData = "../testdata/calls.data"

func load(t testing.TB, path string, by report.Dimensions) *report.Profile {
	t.Helper()
	r, err := perfdata.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f, err := os.Open("../testdata/calls.kallsyms")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := symbolize.ReadKallsyms(f)
	if err != nil {
		t.Fatal(err)
	}
	store, err := symbolize.NewStore(symbolize.StoreOptions{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	p, err := report.Load(context.Background(), r, report.Options{
		Dimensions: by, Namer: &stack.Resolver{Store: store, Kallsyms: symbols, Local: fstest.MapFS{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// encoded writes a profile and reads it back, as pprof does.
func encoded(t testing.TB, p *report.Profile, o pprof.Options) *profile.Profile {
	t.Helper()
	var b bytes.Buffer
	if err := pprof.Write(&b, p, o); err != nil {
		t.Fatal(err)
	}
	prof, err := profile.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	return prof
}

// TestGolden holds the profile of testdata/calls.data in pprof's text form.
func TestGolden(t *testing.T) {
	prof := encoded(t, load(t, callsData, pprof.Needs), pprof.Options{Captured: time.Unix(1_000_000_000, 0)})
	got := strings.ReplaceAll(prof.String(), prof.Comments[len(prof.Comments)-1], "problem: …")
	got = dropTime(got)
	path := "testdata/calls.txt"
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

// dropTime takes out the line that the time zone changes.
func dropTime(s string) string {
	lines := strings.SplitAfter(s, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Time:") }), "")
}

func TestValues(t *testing.T) {
	p := load(t, callsData, pprof.Needs)
	prof := encoded(t, p, pprof.Options{Captured: time.Unix(1_000_000_000, 0)})
	types := []string{}
	for _, v := range prof.SampleType {
		types = append(types, v.Type+"/"+v.Unit)
	}
	want := []string{"cpu-clock_sample/count", "cpu-clock_event/nanoseconds", "probe_x:f_sample/count", "probe_x:f_event/count"}
	if !slices.Equal(types, want) || prof.DefaultSampleType != "cpu-clock_event" {
		t.Errorf("sample types %q, default %s; want %q", types, prof.DefaultSampleType, want)
	}
	sums := make([]int64, len(want))
	for _, s := range prof.Sample {
		for i, v := range s.Value {
			sums[i] += v
		}
	}
	if fmt.Sprint(sums) != "[15 18000000 4 5]" {
		t.Errorf("sums %v", sums)
	}
	if prof.Period != 1_000_000 || prof.PeriodType.Type != "cpu-clock" || prof.PeriodType.Unit != "nanoseconds" {
		t.Errorf("period %d %v", prof.Period, prof.PeriodType)
	}
	if d := int64(p.Stats.LastTime - p.Stats.FirstTime); prof.DurationNanos != d || prof.TimeNanos != 1_000_000_000_000_000_000-d {
		t.Errorf("time %d, duration %d", prof.TimeNanos, prof.DurationNanos)
	}
}

// Every location has a function, so that pprof looks for nothing; names are
// UTF-8 without control characters; labels are those of perf_data_converter.
func TestComplete(t *testing.T) {
	for _, file := range []string{callsData, "../../testdata/recordings/cpu-clock-g.data", "../../testdata/recordings/syscalls.data"} {
		prof := encoded(t, load(t, file, pprof.Needs), pprof.Options{})
		for _, l := range prof.Location {
			if len(l.Line) == 0 || l.Line[0].Function == nil || l.Line[0].Function.Name == "" {
				t.Errorf("%s: location %#x has no function", file, l.Address)
			}
			if l.Mapping != nil && (l.Address < l.Mapping.Start || l.Address >= l.Mapping.Limit) {
				t.Errorf("%s: location %#x is not in its mapping %+v", file, l.Address, l.Mapping)
			}
		}
		for _, m := range prof.Mapping {
			if !m.HasFunctions {
				t.Errorf("%s: pprof would look for functions of %s", file, m.File)
			}
		}
		for _, f := range prof.Function {
			if !utf8.ValidString(f.Name) || report.Printable(f.Name) != f.Name {
				t.Errorf("%s: function %q", file, f.Name)
			}
		}
		for _, s := range prof.Sample {
			if len(s.Location) == 0 || len(s.Label["comm"]) != 1 || len(s.Label["event"]) != 1 {
				t.Errorf("%s: sample %+v", file, s)
			}
			if strings.ContainsFunc(s.Label["comm"][0], func(r rune) bool { return r < ' ' }) {
				t.Errorf("%s: comm %q", file, s.Label["comm"])
			}
		}
	}
}

// One location for each place, callers one byte before the return address, and
// a place hit directly and returned to are two.
func TestLocations(t *testing.T) {
	prof := encoded(t, load(t, callsData, pprof.Needs), pprof.Options{})
	places := map[string][]uint64{}
	for _, l := range prof.Location {
		name := l.Line[0].Function.Name
		places[name] = append(places[name], l.Address)
	}
	for name, want := range map[string][]uint64{
		"work":      {0xffffffff81000200, 0xffffffff81000207, 0xffffffff81000210}, // the probe, a return address, a sample
		"main_loop": {0xffffffff81000107, 0xffffffff8100010b},
		"last_call": {0xffffffff810005ff}, // returns behind its end
		"[app]":     {0x400123, 0x400455}, // entered the kernel there: no return address
		"mod_fn":    {0xffffffffc0000018},
		"[unknown]": {0x10, 0x1f},
	} {
		got := places[name]
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s at %#x, want %#x", name, got, want)
		}
	}
}

func TestSeveralEventsOfOneName(t *testing.T) {
	p := load(t, callsData, pprof.Needs)
	p.Tables[1].Event.Name = "cpu-clock"
	prof := encoded(t, p, pprof.Options{})
	if got := prof.SampleType[2].Type; got != "cpu-clock#2_sample" {
		t.Errorf("the second event of a name has the sample type %s", got)
	}
}

func TestNoSamples(t *testing.T) {
	p := load(t, callsData, pprof.Needs)
	for _, table := range p.Tables {
		table.Samples = 0
	}
	if _, err := pprof.Build(p, pprof.Options{}); err == nil || !strings.Contains(err.Error(), "no samples") {
		t.Errorf("error %v", err)
	}
}

// Without dimensions there are no stacks and labels, and still a profile.
func TestFewDimensions(t *testing.T) {
	prof := encoded(t, load(t, callsData, report.ByComm), pprof.Options{})
	if len(prof.Location) != 0 || len(prof.Sample) == 0 || prof.Sample[0].Label["comm"] == nil {
		t.Errorf("%d locations, samples %+v", len(prof.Location), prof.Sample)
	}
}

// go tool pprof reads the file and says what the recording holds.
func TestGoToolPprof(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skipf("no go tool: %v", err)
	}
	file := filepath.Join(t.TempDir(), "p.pb.gz")
	var b bytes.Buffer
	if err := pprof.Write(&b, load(t, callsData, pprof.Needs), pprof.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		want []string
	}{
		{[]string{"-top"}, []string{"Type: cpu-clock_event", "11000us 61.11%", "inner", "perf-command: gorecord app"}},
		{[]string{"-top", "-sample_index=probe_x:f_sample"}, []string{"work"}},
		{[]string{"-tags"}, []string{"comm:", "tid:", "cpu:", "event:", "tool"}},
		{[]string{"-top", "-tagfocus=tid=101"}, []string{"3ms 16.67%"}},
		{[]string{"-top", "-tagfocus=cpu=0cpu"}, []string{"11000us"}},
		{[]string{"-traces"}, []string{"last_call", "main_loop"}},
		{[]string{"-peek=inner"}, []string{"recurse"}},
	} {
		args := append(append([]string{"tool", "pprof"}, tt.args...), file)
		cmd := exec.Command(goTool, args...)
		cmd.Env = append(os.Environ(), "PPROF_TMPDIR="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
		for _, want := range tt.want {
			if !strings.Contains(string(out), want) {
				t.Errorf("%v: no %q in\n%s", args, want, out)
			}
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	b.ReportAllocs()
	p := load(b, "../../testdata/recordings/cpu-clock-g.data", pprof.Needs)
	for b.Loop() {
		if err := pprof.Write(new(bytes.Buffer), p, pprof.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
