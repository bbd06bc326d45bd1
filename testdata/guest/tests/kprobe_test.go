package tests

import (
	"path/filepath"
	"testing"
)

// record records into a folder's perf.data, brings that back to the host, and
// gives what the workload printed.
func record(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out := must(t, dir, append([]string{"gorecord", "-q", "-o", "perf.data"}, args...)...)
	keep(t, filepath.Join(dir, "perf.data"))
	return out
}

// TestGuestKprobe: entry and return of kernel_clone on a workload that forks.
// Each return has the number of a thread that began.
func TestGuestKprobe(t *testing.T) {
	dir := workplace(t)
	children := numbers(t, record(t, dir, "-e", "k:kernel_clone", "-e", "k:kernel_clone%return $retval", "-g", "--", "forks", "3"))
	if len(children) != 3 {
		t.Fatalf("the workload's children: %v", children)
	}
	list := samples(t, dir)
	entries, returns := count(list, "probe:kernel_clone"), count(list, "probe:kernel_clone__return")
	if entries < len(children) || entries != returns || entries+returns != len(list) {
		t.Fatalf("%d entries, %d returns, %d samples", entries, returns, len(list))
	}
	began, returned := forked(t, dir), map[int]bool{}
	for i := range list {
		s := &list[i]
		if s.Event != "probe:kernel_clone__return" {
			checkEntry(t, s)
			continue
		}
		tid := s.number(t, "arg1")
		returned[tid] = true
		if !began[tid] {
			t.Errorf("kernel_clone returned %d, which is no thread that began", tid)
		}
	}
	for _, pid := range children {
		if !returned[pid] {
			t.Errorf("no return has the child %d; there are %v", pid, returned)
		}
	}
}

// checkEntry: the chain of an entry begins with the probed function.
func checkEntry(t *testing.T, s *sample) {
	t.Helper()
	if len(s.Callchain) < 3 {
		t.Errorf("chain of %d places", len(s.Callchain))
		return
	}
	if s.Callchain[0].Symbol != "kernel_clone" || s.Callchain[0].DSO != "[kernel.kallsyms]" {
		t.Errorf("the chain begins with %+v", s.Callchain[0])
	}
}
