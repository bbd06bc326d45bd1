package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gorecord/testdata/oracle"
)

// TestAgainstPerf compares every line with perf script's, for recordings that
// perf makes here, with all kinds of flags.
func TestAgainstPerf(t *testing.T) {
	perf := oracle.Perf(t)
	const work = "ls -laR /usr/share/doc > /dev/null; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"
	sideband := []string{"--show-mmap-events", "--show-task-events", "--show-switch-events", "--show-namespace-events",
		"--show-lost-events", "--show-cgroup-events", "--show-bpf-events"}
	for _, rec := range []struct {
		name   string
		record string
		flags  [][]string
	}{
		{"mixed", "-e cpu-clock -e sched:sched_switch -e page-faults -g -d", [][]string{
			{}, {"--ns"}, {"-G"}, {"-F", "+period,+misc,-dso"}, {"-F", "pid,tid,time,event"}, {"-F", "ip"}, {"-F", "ip,sym", "-G"},
			{"-F", "comm,tid,period"}, {"-F", "trace:comm,trace"}, {"-F", "trace:+period"}, {"-F", "sw:-ip"}, {"-F", "sw:time,addr", "-F", "trace:event"},
			{"-F", "ip,sym,symoff,dso", "--max-stack", "3"}, {"--reltime"}, {"--deltatime", "-G"}, {"--comms", "sh"}, {"-S", "do_syscall_64,elf_load"},
			{"--dsos", "ls,dash"}, {"--show-mmap-events", "--show-task-events"}, {"--show-task-events", "-F", "comm,tid,time,misc"},
		}},
		{"registers", "-e cpu-clock --intr-regs", [][]string{{"-F", "+iregs"}, {"-F", "ip,iregs"}}},
		{"user registers", "-e cpu-clock --user-regs=ax,bx,ip,r8", [][]string{{"-F", "+uregs"}}},
		{"sideband", "-e cpu-clock --switch-events --namespaces --all-cgroups", [][]string{
			sideband, append([]string{"-F", "+misc"}, sideband...), {"-F", "comm,pid,tid,time,misc,event", "--show-switch-events"},
		}},
		{"all CPUs", "-a -e cpu-clock -e raw_syscalls:sys_enter", [][]string{{}, {"-C", "1"}, {"-F", "cpu,trace,event"}}},
	} {
		t.Run(rec.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "perf.data")
			args := append([]string{"record", "-q", "--buildid-mmap", "-N", "-o", file}, strings.Fields(rec.record)...)
			script := `test -e /sys/kernel/tracing/events || mount -t tracefs nodev /sys/kernel/tracing; exec "$@"`
			line := append(append([]string{"unshare", "-m", "sh", "-c", script, "sh", perf}, args...), "sh", "-c", work)
			oracle.Record(t, file, func() *exec.Cmd { return exec.Command(line[0], line[1:]...) })
			for _, flags := range rec.flags {
				want := oracle.Output(t, append([]string{"script", "--force", "--no-inline", "-i", file}, flags...)...)
				status, got, stderr := goscript(append([]string{"-q", "-i", file}, flags...)...)
				if status != 0 {
					t.Errorf("%q: status %d: %s", flags, status, stderr)
				}
				compareLines(t, fmt.Sprintf("%q", flags), got, want)
			}
		})
	}
}

// compareLines reports lines that differ otherwise than is known: perf names a
// return address by what stands there, even where that is another function's
// start (see stack.Resolver), has no names for some entries of procedure linkage
// tables, and names variables that were accessed.
func compareLines(t *testing.T, what, got, want string) {
	t.Helper()
	ours, theirs := strings.Split(got, "\n"), strings.Split(want, "\n")
	if len(ours) != len(theirs) || len(ours) < 5 && what != `["-C" "1"]` {
		t.Errorf("%s: %d lines, perf prints %d", what, len(ours), len(theirs))
	}
	known, bad := 0, 0
	for i := range min(len(ours), len(theirs)) {
		switch {
		case ours[i] == theirs[i]:
		case sameButSymbol(ours[i], theirs[i]):
			known++
		case namedHere(ours[i], theirs[i]):
		default:
			if bad++; bad < 4 {
				t.Errorf("%s: line %d:\n%s\nperf:\n%s", what, i, ours[i], theirs[i])
			}
		}
	}
	if known > 10+len(ours)/50 {
		t.Errorf("%s: functions of %d of %d lines are others than perf's", what, known, len(ours))
	}
}

// namedHere reports whether two lines differ only in that perf has no name for a
// function: stripped Go programs have names here.
func namedHere(ours, theirs string) bool {
	before, after, ok := strings.Cut(theirs, "[unknown]")
	return ok && strings.HasPrefix(ours, before) && strings.HasSuffix(ours, after) && !strings.Contains(after, "[unknown]")
}

// sameButSymbol reports whether two lines differ only in one word that is a
// function.
func sameButSymbol(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	if len(x) != len(y) {
		return false
	}
	differ := 0
	for i := range x {
		if x[i] != y[i] {
			differ++
			if i == 0 || strings.HasSuffix(x[i], ":") || strings.HasPrefix(x[i], "(") {
				return false
			}
		}
	}
	return differ == 1
}
