package pmu

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"gorecord/perfevent"
)

var update = flag.Bool("update", false, "write golden files anew")

// sysfs is a machine with a core PMU, and two uncore ones that share an event.
func sysfs() fstest.MapFS {
	files := map[string]string{
		"cpu/type":                            "4\n",
		"cpu/format/event":                    "config:0-7\n",
		"cpu/format/umask":                    "config:8-15\n",
		"cpu/format/edge":                     "config:18\n",
		"cpu/format/split":                    "config:0-3,32-35,60-63\n",
		"cpu/format/ldlat":                    "config1:0-15\n",
		"cpu/format/all":                      "config2:0-63\n",
		"cpu/format/high":                     "config3:4\n",
		"cpu/format/odd":                      "bogus:1\n",
		"cpu/format/bad":                      "config:9-70\n",
		"cpu/events/mem-loads":                "event=0xcd,umask=0x1,ldlat=3\n",
		"cpu/events/topdown":                  "event=0x00,umask=0x4\n",
		"cpu/events/topdown.scale":            "2\n",
		"cpu/events/param":                    "event=0x2,umask=?\n",
		"cpu/events/broken":                   "event=0x2,nosuch\n",
		"uncore_a/type":                       "11\n",
		"uncore_a/events/clockticks":          "config=0xff\n",
		"uncore_b/type":                       "12\n",
		"uncore_b/events/clockticks":          "config=0xff\n",
		"software/type":                       "1\n",
		"software/perf_event_mux_interval_ms": "1\n",
	}
	fsys := fstest.MapFS{}
	for name, content := range files {
		fsys[devices+"/"+name] = &fstest.MapFile{Data: []byte(content)}
	}
	return fsys
}

// describe shows what an event asks for, in the words of perf's own dumps.
func describe(e Event) string {
	a := e.Attr
	var b strings.Builder
	fmt.Fprintf(&b, "%s: type %d config %#x", e.Name, a.Type, a.Config)
	for _, f := range []struct {
		name  string
		value uint64
	}{
		{"config1", a.Config1}, {"config2", a.Config2}, {"config3", a.Config3}, {"bp_type", uint64(a.BPType)},
		{"period", a.SamplePeriod}, {"max_stack", uint64(a.SampleMaxStack)},
	} {
		if f.value != 0 {
			fmt.Fprintf(&b, " %s %#x", f.name, f.value)
		}
	}
	fmt.Fprintf(&b, " [%s]", a.Flags)
	if a.SampleType != 0 {
		fmt.Fprintf(&b, " sample %s", a.SampleType)
	}
	if e.PreciseMax {
		b.WriteString(" precise-max")
	}
	if e.NoCallchain {
		b.WriteString(" no-callchain")
	}
	return b.String()
}

// goldenEvents are all forms of names; what they mean stands in
// testdata/events.golden, and TestAgainstPerf compares those with perf that the
// machine can show.
func goldenEvents() []string {
	out := slices.Sorted(maps.Keys(symbols))
	out = append(out, slices.Collect(cacheNames())...)
	return append(out,
		// aliases of cache names, in perf's spelling
		"l1d", "L1-data-stores", "L2-prefetch-misses", "LLC-misses-read", "dTLB-store-misses", "branch", "branch-load-misses", "bpu-loads",
		"node-speculative-load-miss", "Data-TLB-write-access", "iTLB-Reference", "L1-instruction-prefetches",
		"r1a8", "rFFffFFffFFffFFff", "1:0", "4:0x1a8:u", "0x5:3",
		// modifiers
		"cpu-clock:u", "faults:k", "cs:uk", "cpu-clock:h", "page-faults:G", "page-faults:H", "dummy:HG", "cpu-clock:uH", "cpu-clock:Gu",
		"page-faults:p", "page-faults:pp", "page-faults:ppp", "page-faults:P", "page-faults:D", "page-faults:I", "page-faults:e", "cpu-clock:ukhGHp",
		// breakpoints
		"mem:0x401126", "mem:0x401126:x", "mem:0x401126/8:rw:u", "mem:0x401126:w", "mem:4198694/1:r", "mem:0x401126:u", "mem:0x10/2:wr:kD",
		// terms of generic events
		"cpu-clock/period=5/", "cpu-clock/freq=5,call-graph=fp/", "cs/call-graph=no/u", "cpu-clock/name=bla/k", "cpu-clock/name='a, b: c'/",
		"cpu-clock/max-stack=7/:u", "cpu-clock//", "cpu-clock//u", "L1-dcache-loads/period=0x10/",
		// PMUs
		"cpu//", "cpu/event=0xcd,umask=0x1/", "cpu/event=0xcd,umask=0x1,edge/pp", "cpu/mem-loads/P", "cpu/mem-loads,ldlat=30,period=1000/",
		"mem-loads", "mem-loads:u", "cpu/split=0xabc/", "cpu/all=0xffffffffffffffff/", "cpu/high/", "cpu/param,umask=0x7/", "cpu/config=3,config1=4,config2=5/",
		"cpu/r1a8/", "cpu/0x1a8,name=foo/", "cpu/topdown=1/", "uncore_a/clockticks/", "software/config=0/", "topdown",
	)
}

func TestParse(t *testing.T) {
	var b strings.Builder
	for _, spec := range goldenEvents() {
		e, err := Parse(sysfs(), spec)
		if err != nil {
			t.Error(err)
			continue
		}
		fmt.Fprintf(&b, "%s\t%s\n", spec, describe(e))
	}
	const golden = "testdata/events.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() == string(want) {
		return
	}
	wantLines := strings.Split(string(want), "\n")
	for i, line := range strings.Split(b.String(), "\n") {
		if i >= len(wantLines) || line != wantLines[i] {
			t.Errorf("line %d is\n%s\nnot as in %s (go test -update writes it anew)", i+1, line, golden)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, tt := range []struct{ spec, want string }{
		{"", "the name is empty"},
		{"{cycles,instructions}", "groups of events are not supported"},
		{"cycels", "event cycels: no such event; did you mean cycles?"},
		{"page-fault", "did you mean page-faults"},
		{"cpu-clok:u", "event cpu-clok:u: no such event; did you mean cpu-clock?"},
		{"L1-icache-stores", "no such event; did you mean"}, // an operation that the level has not
		{"iTLB-loads-", "no such event"},
		{"r", "no such event"},
		{"r12345678901234567", "no such event"},
		{"r+1", "no such event"},
		{"cpu", "cpu is a PMU: its events are written cpu/EVENT/, for instance cpu/broken/"},
		{"sched:sched_switch", "no such event"},
		{"duration_time", "only perf stat"},
		{"cpu-clock:", "no modifier stands behind the colon"},
		{"cpu-clock:uu", "modifier u is given twice"},
		{"cpu-clock:pppp", "modifier p is given 4 times"},
		{"cpu-clock:z", "'z' is no modifier; there are u k h"},
		{"cpu-clock:S", "groups of events are not supported"},
		{"cpu-clock:W", "groups of events"},
		{"cpu-clock:b", "BPF"},
		{"clockticks", "several PMUs have it: uncore_a/clockticks/, uncore_b/clockticks/; name one"},
		{"cpx/event=1/", "this machine has no PMU cpx; did you mean cpu?"},
		{"nosuchpmu/event=1/", "it has cpu, software, uncore_a, uncore_b"},
		{"cpu/evnt=1/", "PMU cpu has no event or term evnt; did you mean event?"},
		{"cpu/mem-load/", "did you mean mem-loads?"},
		{"cpu/zzzzzz/", "it has all, bad, broken, call-graph"},
		{"cpu/event=0x100/", "term event: 0x100 has more than the 8 bits of the field"},
		{"cpu/edge=2/", "has more than the 1 bits"},
		{"cpu/event=x/", `term event: "x" is no number`},
		{"cpu/event=/", `"" is no number`},
		{"cpu/event=1,,umask=2/", "an empty term"},
		{"cpu/odd=1/", `its format "bogus:1" is none that is known`},
		{"cpu/bad=1/", `"9-70" is no range of bits`},
		{"cpu/param/", "event param of PMU cpu needs the term umask=NUMBER"},
		{"cpu/config/", "term config needs a value"},
		{"cpu/mem-loads=2/", "no event or term mem-loads"},
		{"cpu/a$b/", `"a$b" is no term`},
		{"cpu/period=0/", "needs a number above 0"},
		{"cpu/period/", "needs a number above 0"},
		{"cpu/name=/", "term name needs a value"},
		{"cpu/call-graph=dwarf/", "give --call-graph dwarf for all"},
		{"cpu/max-stack=70000/", "no number of frames"},
		{"cpu/no-inherit/", "give -i, for all events"},
		{"cpu/name='x/", "no such event"},
		{"cpu-clock/event=1/", "cpu-clock has no term event; there are period"},
		{"mem:zz", `"zz" is no address`},
		{"mem:0x10/9:r", `length "9" is not 1 to 8 bytes`},
		{"mem:0x10/0", `length "0"`},
		{"mem:0x10:rr", `access "rr" is not made of`},
		{"mem:0x10:", "access is empty"},
		{"mem:0x10:rz:u", `access "rz"`},
		{"mem:0x10:r:z", "'z' is no modifier"},
		{"mem:0x10:r:u:k", "more parts"},
	} {
		e, err := Parse(sysfs(), tt.spec)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Parse(%q) = %v, %v\nwant %q", tt.spec, describe(e), err, tt.want)
			continue
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("Parse(%q): more than one line: %q", tt.spec, err)
		}
	}
}

// TestUnknown: only what could be somebody else's event is an UnknownError.
func TestUnknown(t *testing.T) {
	for spec, unknown := range map[string]bool{
		"sched:sched_switch": true, "probe_main:callee": true, "./main:callee": true, "cpu-clok": true,
		"cpu-clock:uu": false, "cpu/nosuch/": false, "duration_time": false, "mem:x": false,
	} {
		_, err := Parse(sysfs(), spec)
		var u *UnknownError
		if errors.As(err, &u) != unknown {
			t.Errorf("%q: %v (%T), unknown: want %v", spec, err, err, unknown)
		}
		if unknown && u.Name != spec {
			t.Errorf("%q: Name = %q", spec, u.Name)
		}
	}
}

func TestParseWithoutSysfs(t *testing.T) {
	none := fstest.MapFS{}
	if e, err := Parse(none, "cycles:u"); err != nil || e.Attr.Type != perfevent.TypeHardware {
		t.Errorf("cycles: %v, %v", describe(e), err)
	}
	if _, err := Parse(none, "cpu/event=1/"); err == nil || !strings.Contains(err.Error(), "no PMU cpu") {
		t.Errorf("cpu//: %v", err)
	}
}

// TestApplyModifiersKeeps: what other code set in the attribute stays.
func TestApplyModifiersKeeps(t *testing.T) {
	a := perfevent.Attr{Type: perfevent.TypeTracepoint, Config: 7, Flags: perfevent.FlagInherit | perfevent.FlagExcludeGuest}
	if _, err := ApplyModifiers(&a, "k"); err != nil {
		t.Fatal(err)
	}
	want := perfevent.FlagInherit | perfevent.FlagExcludeUser | perfevent.FlagExcludeHV
	if a.Flags != want || a.Config != 7 {
		t.Errorf("flags %s, want %s", a.Flags, want)
	}
	before := a
	if _, err := ApplyModifiers(&a, "kz"); err == nil || a != before {
		t.Errorf("a refused modifier changed the attribute: %+v, %v", a, err)
	}
}

func TestSplitEvents(t *testing.T) {
	for _, tt := range []struct {
		list string
		want []string
	}{
		{"cycles", []string{"cycles"}},
		{" cycles , cs:u ", []string{"cycles", "cs:u"}},
		{"cpu/event=1,umask=2/pp,cs", []string{"cpu/event=1,umask=2/pp", "cs"}},
		{"cpu/name='a,b/c: d',event=1/,cs", []string{"cpu/name='a,b/c: d',event=1/", "cs"}},
		{"x=cpu/event=1,umask=2/u,y=cs", []string{"x=cpu/event=1,umask=2/u", "y=cs"}},
		{"{cycles,cs}:S,faults", []string{"{cycles,cs}:S", "faults"}},
		{"./main:callee,./other:f", []string{"./main:callee", "./other:f"}},
		{"/usr/bin/a:f a=+0(%di,x):u8,cs", []string{"/usr/bin/a:f a=+0(%di,x):u8", "cs"}},
		{"dir/prog:f,dir/other:g", []string{"dir/prog:f", "dir/other:g"}}, // a path, not a PMU
		{"mem:0x10/8:rw,mem:0x20/4:w", []string{"mem:0x10/8:rw", "mem:0x20/4:w"}},
		{`libc.so.6:f(int, char),cs`, []string{"libc.so.6:f(int, char)", "cs"}},
		{`"a,b",cs`, []string{`"a,b"`, "cs"}},
		{"cpu//,msr//u", []string{"cpu//", "msr//u"}},
	} {
		got, err := SplitEvents(tt.list)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("SplitEvents(%q) = %q, %v, want %q", tt.list, got, err, tt.want)
		}
	}
	for list, want := range map[string]string{
		"": "an empty name", "a,": "an empty name", ",a": "an empty name", "a,,b": "an empty name",
		"f(a,b": "')' is missing", "{a,b": "'}' is missing", `"a,b`: `'"' is missing`,
	} {
		if got, err := SplitEvents(list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("SplitEvents(%q) = %q, %v, want %q", list, got, err, want)
		}
	}
}

func TestCutName(t *testing.T) {
	for _, tt := range []struct{ event, name, rest string }{
		{"x=./main:callee", "x", "./main:callee"},
		{"g:x=callee", "g:x", "callee"},
		{"g:x=callee a=%di", "g:x", "callee a=%di"},
		{"./main:callee a=%di", "", "./main:callee a=%di"},
		{"cpu/event=1/", "", "cpu/event=1/"},
		{"k:f a=%di", "", "k:f a=%di"},
		{"cycles", "", "cycles"},
		{"1x=cycles", "", "1x=cycles"},
		{"=cycles", "", "=cycles"},
		{"a:b:c=cycles", "", "a:b:c=cycles"},
	} {
		if name, rest := CutName(tt.event); name != tt.name || rest != tt.rest {
			t.Errorf("CutName(%q) = %q, %q, want %q, %q", tt.event, name, rest, tt.name, tt.rest)
		}
	}
}

// FuzzParse: no input panics, and what parses without a name= term is named as
// written.
func FuzzParse(f *testing.F) {
	for _, spec := range goldenEvents() {
		f.Add(spec)
	}
	f.Add("cpu/name='a,b/,event=?/pp,{x}")
	sys := sysfs()
	f.Fuzz(func(t *testing.T, spec string) {
		if e, err := Parse(sys, spec); err == nil && !strings.Contains(spec, "name") && e.Name != strings.TrimSpace(spec) {
			t.Fatalf("%q is named %q", spec, e.Name)
		} else if err != nil && err.Error() == "" {
			t.Fatal("an error without a word")
		}
	})
}

// FuzzSplitEvents: nothing but commas and white space is lost, and each part
// splits no further.
func FuzzSplitEvents(f *testing.F) {
	f.Add("cpu/event=1,umask=2/pp,cs")
	f.Add("x=./main:callee a=+0(%di,x),{a,b}:S")
	f.Fuzz(func(t *testing.T, list string) {
		events, err := SplitEvents(list)
		if err != nil {
			return
		}
		total := 0
		for _, e := range events {
			total += len(e)
			if again, err := SplitEvents(e); err != nil || len(again) != 1 || again[0] != e {
				t.Fatalf("%q of %q splits to %q, %v", e, list, again, err)
			}
		}
		if total+len(events)-1 > len(list) {
			t.Fatalf("%q grew to %q", list, events)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	sys := sysfs()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(sys, "cpu/event=0xcd,umask=0x1/pp"); err != nil {
			b.Fatal(err)
		}
	}
}
