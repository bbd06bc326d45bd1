package debuginfo_test

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gorecord/symbolize"
	"gorecord/symbolize/debuginfo"
	"gorecord/testdata/oracle"
)

// perf runs perf probe, in a mount namespace of its own since perf may mount
// tracefs and leave it so. Failures are part of what it says.
func perf(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", `mount -t tracefs nodev /sys/kernel/tracing 2>/dev/null; exec perf probe "$@"`, "perf"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, _ := cmd.CombinedOutput()
	return string(out)
}

func needPerf(t *testing.T) {
	t.Helper()
	oracle.Perf(t)
	if os.Geteuid() != 0 {
		t.Skip("perf probe needs root")
	}
}

// definitions are the offsets that perf would place probes at; none where it
// refuses.
func definitions(out string) []symbolize.VirtAddr {
	var list []symbolize.VirtAddr
	for _, m := range regexp.MustCompile(`(?m)^p:\S+ \S+:0x([0-9a-f]+)`).FindAllStringSubmatch(out, -1) {
		n, _ := strconv.ParseUint(m[1], 16, 64)
		list = append(list, symbolize.VirtAddr(n))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// TestLinesAgainstPerf: perf probe FILE:LINE stands where LineAddrs says.
func TestLinesAgainstPerf(t *testing.T) {
	needPerf(t)
	for _, flags := range builds {
		path := build(t, "gcc", "lines.c", flags...)
		f := open(t, path)
		compared := 0
		for file, lines := range map[string]int{"lines.c": 22, "inline.h": 5} {
			for line := 1; line <= lines; line++ {
				place := fmt.Sprintf("%s:%d", file, line)
				out := perf(t, "-x", path, "-D", place)
				if strings.Contains(out, "sharing the address") {
					continue // perf wants the line's first place then
				}
				got, err := f.LineAddrs(file, line)
				if err != nil {
					t.Error(err)
				}
				// Programs that are loaded at 0 have equal offsets and addresses.
				if want := definitions(out); !slices.Equal(got, want) {
					t.Errorf("%v: %s: %#x, perf: %#x\n%s", flags, place, got, want, out)
				}
				compared += len(got)
			}
		}
		if compared < 10 {
			t.Errorf("%v: only %d addresses compared", flags, compared)
		}
	}
}

// TestPrologueAgainstPerf: perf moves probes with variables where PrologueEnd
// says, unless the code was optimized.
func TestPrologueAgainstPerf(t *testing.T) {
	needPerf(t)
	for _, flags := range builds {
		path := build(t, "gcc", "lines.c", flags...)
		f := open(t, path)
		for _, probe := range []string{"work a b", "main argc", "inl v"} {
			name, _, _ := strings.Cut(probe, " ")
			fn := find(t, f, name)
			var got []symbolize.VirtAddr
			entry, ok := fn.Entry()
			switch end, known := f.PrologueEnd(fn); {
			case ok && !fn.Optimized && known:
				got = append(got, end)
			case ok:
				got = append(got, entry)
			}
			for _, c := range fn.Inlined {
				got = append(got, c.Entry)
			}
			slices.Sort(got)
			out := perf(t, "-x", path, "-D", probe)
			if want := definitions(out); !slices.Equal(got, want) {
				t.Errorf("%v: %s: %#x, perf: %#x\n%s", flags, probe, got, want, out)
			}
		}
	}
}

// TestFunctionLinesAgainstPerf: the lines that perf probe -L numbers are those
// with code.
func TestFunctionLinesAgainstPerf(t *testing.T) {
	needPerf(t)
	for _, flags := range builds {
		path := build(t, "gcc", "lines.c", flags...)
		f := open(t, path)
		for _, name := range []string{"work", "main", "oneline", "inl"} {
			if name == "oneline" && flags[0] == "-O2" {
				continue // perf numbers a line of main, where it was inlined
			}
			fn := find(t, f, name)
			var got []int
			for _, l := range f.FunctionLines(fn) {
				if l.HasCode {
					got = append(got, l.Line-fn.Line)
				}
			}
			out := perf(t, "-x", path, "-L", name)
			var want []int
			for _, m := range regexp.MustCompile(`(?m)^ +(\d+)  `).FindAllStringSubmatch(out, -1) {
				n, _ := strconv.Atoi(m[1])
				want = append(want, n)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%v: lines of %s: %v, perf: %v\n%s", flags, name, got, want, out)
			}
		}
	}
}

// TestVariablesAgainstPerf: perf probe -V knows the same variables.
func TestVariablesAgainstPerf(t *testing.T) {
	needPerf(t)
	for _, flags := range builds {
		path := build(t, "gcc", "lines.c", flags...)
		f := open(t, path)
		for _, name := range []string{"work", "main"} {
			fn := find(t, f, name)
			pc, _ := fn.Entry()
			if end, ok := f.PrologueEnd(fn); ok && !fn.Optimized {
				pc = end
			}
			var got []string
			for _, v := range f.VarsAt(fn, pc) {
				// perf cannot read constants.
				if k := f.Locate(fn, &v, pc).Pieces[0].Kind; k == debuginfo.Register || k == debuginfo.Memory {
					got = append(got, v.Name)
				}
			}
			out := perf(t, "-x", path, "-V", name)
			var want []string
			for _, m := range regexp.MustCompile(`(?m)^\t\t\S.*?(\w+)$`).FindAllStringSubmatch(out, -1) {
				want = append(want, m[1])
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%v: variables of %s: %v, perf: %v\n%s", flags, name, got, want, out)
			}
		}
	}
}
