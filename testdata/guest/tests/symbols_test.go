package tests

import (
	"bufio"
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

type symbol struct {
	addr uint64
	name string
}

// kallsyms are the kernel's functions, modules left out, in the order of their
// addresses.
func kallsyms(t *testing.T) []symbol {
	t.Helper()
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []symbol
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) != 3 || !strings.Contains("tTwW", words[1]) {
			continue
		}
		addr, err := strconv.ParseUint(words[0], 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, symbol{addr, words[2]})
	}
	slices.SortStableFunc(out, func(a, b symbol) int { return cmp.Compare(a.addr, b.addr) })
	return out
}

// at are the names that an address can have.
func at(list []symbol, addr uint64) []string {
	end, _ := slices.BinarySearchFunc(list, addr+1, func(s symbol, a uint64) int { return cmp.Compare(s.addr, a) })
	var names []string
	for i := end - 1; i >= 0 && list[i].addr == list[end-1].addr; i-- {
		names = append(names, list[i].name)
	}
	return names
}

// TestGuestKernelSymbols: a clock's samples in the kernel have the names that
// /proc/kallsyms gives their addresses, at the random place of this boot.
func TestGuestKernelSymbols(t *testing.T) {
	dir := workplace(t)
	record(t, dir, "-e", "cpu-clock", "-F", "999", "-g", "--", "reads", "1500")
	list := kallsyms(t)
	inKernel, places := 0, 0
	for _, s := range samples(t, dir) {
		for i, f := range s.Callchain {
			if f.DSO != "[kernel.kallsyms]" {
				continue
			}
			addr, err := strconv.ParseUint(f.IP, 0, 64)
			if err != nil {
				t.Fatal(err)
			}
			want := at(list, addr)
			if i == 0 {
				inKernel++
			} else { // a return address belongs to the call before it
				want = append(want, at(list, addr-1)...)
			}
			places++
			if !slices.Contains(want, f.Symbol) {
				t.Errorf("%s is %q, in /proc/kallsyms %q", f.IP, f.Symbol, want)
			}
		}
	}
	t.Logf("%d samples in the kernel, %d places", inKernel, places)
	if inKernel < 50 {
		t.Errorf("only %d samples in the kernel", inKernel)
	}
	report := must(t, dir, "goreport", "--stdio", "--no-children", "-g", "none")
	if !strings.Contains(report, "[k] ") || !strings.Contains(report, "vsnprintf") && !strings.Contains(report, "kallsyms_expand_symbol") {
		t.Errorf("the report names no functions that list symbols:\n%s", report)
	}
}

// TestGuestHiddenAddresses: where the kernel hides its addresses, recorder and
// reader say so, and nothing gets a wrong name.
func TestGuestHiddenAddresses(t *testing.T) {
	const knob = "/proc/sys/kernel/kptr_restrict"
	before, err := os.ReadFile(knob)
	if err != nil {
		t.Fatal(err)
	}
	restrict := func(value string) {
		if err := os.WriteFile(knob, []byte(value), 0); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { restrict(string(before)) })
	dir := workplace(t)
	for _, test := range []struct {
		recording, reading string
		named              bool
		said, read         string
	}{
		{"1", "1", true, "", ""}, // root may see them
		{"2", "2", false, "kernel addresses are hidden (kernel.kptr_restrict)", ""},
		{"2", "0", false, "kernel addresses are hidden (kernel.kptr_restrict)", ""},
		{"0", "2", false, "", "kptr_restrict"},
	} {
		restrict(test.recording)
		recorder := try(t, dir, "gorecord", "-o", "perf.data", "-e", "cpu-clock:k", "--", "reads", "100")
		restrict(test.reading)
		reader := try(t, dir, "goscript", "-F", "ip,sym")
		if recorder.status != 0 || reader.status != 0 || !strings.Contains(recorder.stderr, test.said) || !strings.Contains(reader.stderr, test.read) {
			t.Errorf("%+v: gorecord %d %q, goscript %d %q", test, recorder.status, recorder.stderr, reader.status, reader.stderr)
		}
		for line := range strings.Lines(reader.stdout) {
			if strings.Contains(line, "[unknown]") == test.named {
				t.Errorf("%+v: a sample is shown as %q", test, line)
				break
			}
		}
		if reader.stdout == "" {
			t.Errorf("%+v: no samples", test)
		}
	}
}
