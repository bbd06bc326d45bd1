package tests

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gorecord/perfevent/format"
)

// TestGuestFormats: the description of every event of the kernel is understood,
// and so is what it says about printing.
func TestGuestFormats(t *testing.T) {
	files, err := fs.Glob(os.DirFS(tracing), "events/*/*/format")
	if err != nil || len(files) < 500 {
		t.Fatalf("%d events, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(tracing, file))
		if err != nil {
			t.Fatal(err)
		}
		e, err := format.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", file, err)
		} else if e.Name != filepath.Base(filepath.Dir(file)) || e.ID == 0 {
			t.Errorf("%s: name %q, number %d", file, e.Name, e.ID)
		}
	}
	t.Logf("%d events", len(files))
}

// TestGuestTracepoints: exec and exit of the workload's children, with fields.
func TestGuestTracepoints(t *testing.T) {
	dir := workplace(t)
	out := record(t, dir, "-a", "-e", "sched:sched_process_exec", "-e", "sched:sched_process_exit", "--", "forks", "3")
	execs, exits := map[int]string{}, map[int]bool{}
	for _, s := range samples(t, dir) {
		switch s.Event {
		case "sched:sched_process_exec":
			execs[s.number(t, "pid")] = s.text(t, "filename")
		case "sched:sched_process_exit":
			exits[s.number(t, "pid")] = true
		}
	}
	for _, pid := range numbers(t, out) {
		if execs[pid] != "/bin/true" || !exits[pid] {
			t.Errorf("child %d executed %q, ended %v", pid, execs[pid], exits[pid])
		}
	}
}

// TestGuestCounters: cycles are counted where the machine has a counter, and a
// clock replaces them where it has none, with a line that says so.
func TestGuestCounters(t *testing.T) {
	dir := workplace(t)
	r := try(t, dir, "gorecord", "-o", "perf.data", "-g", "--", "reads", "300")
	if r.status != 0 {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	want, replaced := "cpu-clock", true
	if _, err := os.Stat("/sys/bus/event_source/devices/armv8_pmuv3"); err == nil {
		want, replaced = "cycles", false
	}
	if strings.Contains(r.stderr, "recording cpu-clock instead") != replaced {
		t.Errorf("with events %s: %s", want, r.stderr)
	}
	list := samples(t, dir)
	if n := count(list, want); n != len(list) || n < 20 {
		t.Errorf("%d samples, %d of them %s", len(list), n, want)
	}
	inKernel := slices.ContainsFunc(list, func(s sample) bool { return s.DSO == "[kernel.kallsyms]" && s.Symbol != "" })
	inProgram := slices.ContainsFunc(list, func(s sample) bool { return s.DSO == "/init" && s.Symbol != "" })
	if !inKernel || !inProgram {
		t.Errorf("named samples in the kernel: %v, in the program: %v, on %s", inKernel, inProgram, runtime.GOARCH)
	}
}
