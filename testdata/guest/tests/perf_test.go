package tests

import (
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestGuestPerfAgrees: perf script says of our recordings what goscript says.
func TestGuestPerfAgrees(t *testing.T) {
	perf, ok := perfCommand(t)
	if !ok {
		t.Skipf("no perf for %s in this guest", runtime.GOARCH)
	}
	for name, args := range map[string][]string{
		"kprobes":     {"-e", "k:kernel_clone", "-e", "k:kernel_clone%return $retval", "-g", "--", "forks", "2"},
		"scheduler":   {"-a", "-e", "sched:sched_process_fork,sched:sched_process_exec,sched:sched_switch,sched:sched_wakeup,sched:sched_migrate_task", "--", "forks", "2"},
		"tracepoints": {"-e", "signal:*,task:*,kmem:mm_page_alloc,exceptions:*,tlb:*,writeback:*,raw_syscalls:*,syscalls:*", "--", "true"},
		"clock":       {"-e", "cpu-clock", "-F", "499", "-g", "--", "reads", "300"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := workplace(t)
			record(t, dir, args...)
			ours, theirs := must(t, dir, "goscript"), must(t, dir, perf, "script")
			if strings.Count(ours, "\n") < 4 {
				t.Fatalf("too little to compare:\n%s", ours)
			}
			compareLines(t, ours, theirs)
		})
	}
}

// compareLines shows the first lines that differ. Empty ones do not count: perf
// prints the line end that some events have in their texts.
func compareLines(t *testing.T, ours, theirs string) {
	t.Helper()
	a, b := filledLines(ours), filledLines(theirs)
	differ := 0
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			if differ++; differ <= 5 {
				t.Errorf("line %d:\nours  %q\nperf's %q", i+1, a[i], b[i])
			}
		}
	}
	if differ > 0 || len(a) != len(b) {
		t.Errorf("%d of %d lines differ; perf prints %d", differ, len(a), len(b))
	}
}

func filledLines(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool {
		// perf 6.1 prints the left side of the comparison in this one's text.
		return line == "" || strings.Contains(line, " kmem:mm_page_alloc_extfrag: ")
	})
}
