package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"gorecord/testdata/oracle"
)

// sampleOf is what the reference tells of each sample, and goscript --json.
type sampleOf struct {
	Time            uint64
	CPU             *uint32
	PID, TID        int
	Comm, Event     string
	Period          uint64
	IP, Symbol, DSO string
}

// symbolField is the field of the function. perf does not use the symbols that
// recordings of simpleperf and hiperf hold; TestEmbeddedSymbols looks at those.
const symbolField = 8

// line writes a sample as the reference does.
func (s *sampleOf) line(ref string) string {
	fields := strings.Split(ref, "\t")
	cpu := ""
	if s.CPU != nil {
		cpu = fmt.Sprintf("%03d", *s.CPU)
	}
	ours := []string{
		fmt.Sprintf("%d.%09d", s.Time/1e9, s.Time%1e9), cpu, strconv.Itoa(s.PID), strconv.Itoa(s.TID), s.Comm, s.Event,
		strconv.FormatUint(s.Period, 10), strings.TrimPrefix(s.IP, "0x"), s.Symbol, s.DSO,
	}
	for i := range ours {
		if i < len(fields) && (fields[i] == "" || fields[i] == "-01" && ours[i] == "" || i == symbolField && fields[i] == "[unknown]") {
			ours[i] = fields[i] // perf was not asked, or the sample does not tell
		}
	}
	return strings.Join(ours, "\t")
}

// renamed tells what goscript calls otherwise than perf, and why.
var renamed = map[string][]string{
	// perf does not read hiperf's EVENT_DESC, and makes a name of the attribute.
	"hiperf__fp.uncompress.data": {"hw-cpu-cycles", "cycles:HG", "hw-instructions", "instructions:HG"},
	"hiperf__report_test.data":   {"hw-cpu-cycles", "cycles:HG"},
	// The reference is by perf 6.12, which leaves out the letters that 6.1 adds.
	"simpleperf__perf_with_callchain_record.data": {"cycles:HG", "cycles"},
	// perf names the kernel by the file of its build id.
	"derived__cros.powerpc.be-filemode": {"[kernel.kallsyms]", "/boot/vmlinux"},
	// perf 6.1 names the first entry of a PLT by what stands before it.
	"perfparser__vector_static_gcc.perf.data.zstd": {"__cos@plt", "_init"},
}

// deviations are references that cannot be met, and why.
var deviations = map[string]string{
	"perfparser__vector_static_gcc.perf.data.zstd.script": "perf unwinds stack dumps; goscript shows callchains as recorded",
	"pdc__perf.data.callgraph-3.4.script":                 "perf shows 127 frames where more were recorded; goscript shows all",
	"pdc__perf.data.intel_pt-4.14.script":                 "perf prints CPU -1 for samples without one; goscript says that they have none",
	"simpleperf__perf_with_callchain_record.data.script":  "the reference is by perf 6.12, which shows addresses where 6.1 and goscript show offsets into files",
	"hotspot__perf.data.true.v2.side":                     "names that are no UTF-8 are not printed as they are",
}

func rename(name, text string) string {
	return strings.NewReplacer(renamed[name]...).Replace(text)
}

// TestCorpusSamples: every sample that perf gives is given, and no other.
func TestCorpusSamples(t *testing.T) {
	corpus := oracle.OpenCorpus(t, "../..")
	for _, name := range corpus.Files(t) {
		ref, ok := corpus.Reference(t, name, "flat.tsv")
		if !ok {
			continue
		}
		t.Run(name, func(t *testing.T) {
			want := strings.Split(strings.TrimSuffix(ref, "\n"), "\n")[2:]
			status, stdout, stderr := goscript("--json", "-i", corpus.Path(name), "--symfs", corpus.SymFS(t, name))
			if status != 0 {
				t.Fatalf("status %d: %s", status, stderr)
			}
			var got []string
			for line := range strings.Lines(stdout) {
				s := sampleOf{Symbol: "[unknown]", DSO: "[unknown]"}
				if err := json.Unmarshal([]byte(line), &s); err != nil {
					t.Fatalf("%v: %s", err, line)
				}
				if s.Event == "" || strings.Contains(line, `"lost`) {
					continue
				}
				at := min(len(got), len(want)-1)
				got = append(got, rename(name, s.line(want[at])))
			}
			if len(got) != len(want) {
				t.Errorf("%d samples, want %d", len(got), len(want))
			}
			bad := 0
			for i := range min(len(got), len(want)) {
				if got[i] != want[i] {
					if bad++; bad < 4 {
						t.Errorf("sample %d:\n%s, perf\n%s", i, got[i], want[i])
					}
				}
			}
			if bad > 0 {
				t.Errorf("%d of %d samples differ", bad, len(want))
			}
		})
	}
}

// references are kinds of reference results that are lines of perf script, and
// the flags that make them.
var references = map[string][]string{
	"side":    {"-F", "comm,tid,time", "--show-task-events", "--show-mmap-events", "--show-switch-events", "--show-namespace-events", "--show-lost-events"},
	"brstack": {"-F", "pid,tid,time,event,brstack"},
	"addr":    {"-F", "pid,tid,time,event,addr"},
	"trace":   {"-F", "comm,pid,tid,cpu,time,event,trace"},
	"script":  nil, // in its first line
}

func TestCorpusLines(t *testing.T) {
	corpus := oracle.OpenCorpus(t, "../..")
	for _, name := range corpus.Files(t) {
		for kind, flags := range references {
			ref, ok := corpus.Reference(t, name, kind)
			if !ok {
				continue
			}
			t.Run(name+"."+kind, func(t *testing.T) {
				if why, ok := deviations[name+"."+kind]; ok {
					t.Skip(why)
				}
				if first, rest, _ := strings.Cut(ref, "\n"); strings.HasPrefix(first, "#") {
					flags = []string{"-F", first[strings.LastIndexByte(first, ' ')+1:]}
					ref = rest
				}
				status, stdout, stderr := goscript(append([]string{"-q", "--ns", "-i", corpus.Path(name), "--symfs", corpus.SymFS(t, name)}, flags...)...)
				if status != 0 {
					t.Fatalf("status %d: %s", status, stderr)
				}
				if kind != "side" {
					stdout = rename(name, stdout)
				}
				got, want := lines(stdout, kind), lines(ref, kind)
				if len(got) != len(want) {
					t.Errorf("%d lines, want %d", len(got), len(want))
				}
				bad := 0
				for i := range min(len(got), len(want)) {
					if withoutSymbol(got[i], want[i]) != want[i] {
						if bad++; bad < 4 {
							t.Errorf("line %d:\n%.200q, perf\n%.200q", i, got[i], want[i])
						}
					}
				}
			})
		}
	}
}

// lines splits text, and of side-band records takes only these. Newer perfs pad
// numbers wider, and have one more letter in branches.
func lines(text, kind string) []string {
	var out []string
	for line := range strings.Lines(text) {
		switch {
		case kind == "side" && (!strings.Contains(line, "PERF_RECORD") || strings.Contains(line, "LOST_SAMPLES")): // which perf does not print
			continue
		case kind == "brstack":
			line = strings.ReplaceAll(line, "//-", "/")
		}
		out = append(out, strings.Join(strings.Fields(line), " "))
	}
	return out
}

// withoutSymbol takes a function out of a line where perf had no name for it.
func withoutSymbol(line, ref string) string {
	before, _, ok := strings.Cut(ref, "[unknown] (")
	open := strings.LastIndex(line, " (")
	if !ok || open < len(before) || !strings.HasPrefix(line, before) {
		return line
	}
	return before + "[unknown]" + line[open:]
}

// TestEmbeddedSymbols: functions are named by what the recording holds.
func TestEmbeddedSymbols(t *testing.T) {
	corpus := oracle.OpenCorpus(t, "../..")
	for _, test := range []struct{ file, want string }{
		{"simpleperf__perf_with_symbols.data", `"symbol":"func2","offset"`},
		{"simpleperf__perf_test_vmlinux.data", `"symbol":"_raw_spin_unlock_irq"`},
		{"simpleperf__perf_with_callchain_record.data", `"symbol":"perf_event_comm"`},
		{"simpleperf__runtest_two_functions_arm64_perf.data", `"symbol":"Function1"`},
		{"hiperf__report_test.data", `"symbol":"__clock_gettime64"`},
		{"hiperf__fp.uncompress.data", `"symbol":"std::__h::condition_variable::notify_all()"`},
	} {
		status, stdout, stderr := goscript("-q", "--json", "-i", corpus.Path(test.file), "--symfs", t.TempDir())
		if status != 0 || !strings.Contains(stdout, test.want) {
			t.Errorf("%s: status %d, no %s in\n%.600s%s", test.file, status, test.want, stdout, stderr)
		}
	}
}
