package tests

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// TestGuestSeed is the seed's walk: a probe on a function of a C program, its
// recording and its report.
func TestGuestSeed(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skipf("the seed's programs are for amd64, this is %s", runtime.GOARCH)
	}
	for _, program := range []string{"main", "main-nopie"} {
		t.Run(program, func(t *testing.T) {
			dir := workplace(t)
			if out := record(t, dir, "-e", "probe_main:callee", "-aR", "/bin/"+program); out != "hello world.\n" {
				t.Errorf("the program printed %q", out)
			}
			list := samples(t, dir)
			if len(list) != 1 || list[0].Symbol != "callee" || list[0].Comm != program || list[0].DSO != "/bin/"+program {
				t.Errorf("samples: %+v", list)
			}
			if report := must(t, dir, "goreport", "--stdio"); !strings.Contains(report, "100.00%") || !strings.Contains(report, "[.] callee") {
				t.Errorf("report:\n%s", report)
			}
			record(t, dir, "-e", "/bin/"+program+":callee", "-e", "/bin/"+program+":callee%return $retval:s32", "/bin/"+program)
			list = samples(t, dir)
			if len(list) != 2 || list[1].Event != "probe_main:callee__return" || list[1].number(t, "arg1") != 0 {
				t.Errorf("entry and return: %+v", list)
			}
		})
	}
}

// maxStack is how many places of a chain the kernel records.
const maxStack = 127

// TestGuestGoProgram: a function of a Go program, with an argument by its
// register; no call is missing.
func TestGuestGoProgram(t *testing.T) {
	const calls = 400
	dir := workplace(t)
	register := map[string]string{"amd64": "%ax", "arm64": "%x0"}[runtime.GOARCH]
	must(t, dir, "goprobe", "-q", "-x", "/bin/goprog", "main.callee id="+register+":s64")
	if got := must(t, dir, "goprobe", "-l"); !strings.Contains(got, "probe_goprog:main_callee (on main.callee") {
		t.Errorf("-l gives %q", got)
	}
	record(t, dir, "-e", "probe_goprog:main_callee", "-g", "--", "/bin/goprog", strconv.Itoa(calls))
	must(t, dir, "goprobe", "-q", "-d", "probe_goprog:*")
	seen := map[int]int{}
	for _, s := range samples(t, dir) {
		seen[s.number(t, "id")]++
		if len(s.Callchain) < 2 || s.Callchain[0].Symbol != "main.callee" {
			t.Fatalf("chain %+v", s.Callchain)
		}
		last := s.Callchain[len(s.Callchain)-1]
		if !strings.HasPrefix(last.Symbol, "runtime.goexit") && len(s.Callchain) < maxStack {
			t.Fatalf("the chain of %d places ends with %+v", len(s.Callchain), last)
		}
	}
	for id := range calls {
		if n := seen[id]; n != 1 && n != 2 { // the function begins again where its stack has to grow
			t.Errorf("the call with id %d was seen %d times", id, n)
		}
	}
}
