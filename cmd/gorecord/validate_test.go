package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gorecord/perfevent/perfdata/validate"
)

// findings checks a recording byte by byte, and gives what is wrong with it but
// for the kinds that are expected.
func findings(t *testing.T, path string, expected ...validate.What) []validate.Finding {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(validate.Check(f, st.Size()), func(f validate.Finding) bool {
		return slices.Contains(expected, f.What)
	})
}

// background starts a shell that runs until the test ends, and gives its number.
func background(t *testing.T, script string) (pid string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return strconv.Itoa(cmd.Process.Pid)
}

// unknown are the findings about samples of processes that started elsewhere:
// where CPUs are chosen, on another CPU; where processes are chosen, between
// their listing and the moment when the events are enabled.
var unknown = []validate.What{validate.CommMissing, validate.MapMissing}

// TestRecordingsAreValid: recordings of every mode have no findings.
func TestRecordingsAreValid(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	dir := t.TempDir()
	copyProgram(t, dir, "seed/main-nopie")
	copyProgram(t, dir, "programs/threads")
	copyProgram(t, dir, "programs/stack3")
	loop := background(t, "while :; do :; done")
	forks := background(t, "while :; do /bin/true; done")
	many := []string{"sh", "-c", "for i in $(seq 150); do /bin/true; done"}
	work := []string{"sh", "-c", "gzip -9 -c /bin/bash >/dev/null; ls -R /usr/lib >/dev/null"}
	for _, test := range []struct {
		flags   string
		command []string
		may     []validate.What
	}{
		{"", work, nil},
		{"-g", work, nil},
		{"-z=1 -g", work, nil},
		{"-z=9 -g", work, nil},
		{"-z=19 -g", work, nil},
		{"--no-compress -g", work, nil},
		{"-e cpu-clock,page-faults,context-switches,task-clock -g", work, nil},
		{"-e cpu-clock -k monotonic -P -d", work, nil},
		{"-e page-faults:u -c 1 -i --no-compress", work, nil},
		{"-e sched:sched_switch -e raw_syscalls:sys_enter", work, nil},
		{"-e sched:sched_switch -e raw_syscalls:sys_enter -a --no-compress", many, nil},
		{"-e sched:sched_process_* -e cpu-clock -g -a", many, nil},
		{"-e raw_syscalls:sys_enter -m 1", []string{"dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=100000", "status=none"}, nil},
		{"-a", many, nil},
		{"-a -F 999 -g --no-compress", many, nil},
		{"-C 0 -e cpu-clock", many, unknown},
		{"-e cpu-clock -F 2000", many, nil},
		{"-e cpu-clock -F 2000 -g", []string{"./threads", "4", "1000", "100"}, nil},
		{"-e cpu-clock -p " + loop + " --duration 500ms", nil, nil},
		{"-e cpu-clock -t " + loop + " --duration 300ms", nil, nil},
		{"-e cpu-clock -p " + loop + " -D 100 --duration 300ms", nil, nil},
		{"-e cpu-clock -g -p " + forks + " --duration 500ms", nil, unknown},
		{"-e cpu-clock -D 100", []string{"sleep", "0.2"}, nil},
		{"-a -e cpu-clock --duration 1500ms", nil, nil},
		{"-e probe_main:callee -aR", []string{"./main-nopie"}, nil},
		{"-e probe_main:callee,probe_main:callee__return -e probe_main:main -g", []string{"./main-nopie"}, nil},
		{"-e probe_stack3:callee -g -a", []string{"./stack3", "20000"}, nil},
		{"-e probe_stack3:callee --no-compress", []string{"./stack3", "20000"}, nil},
	} {
		name := strings.NewReplacer(loop, "LOOP", forks, "FORKS").Replace(test.flags)
		t.Run(name, func(t *testing.T) {
			got := gorecord(t, dir, slices.Concat([]string{"-q"}, strings.Fields(test.flags), test.command)...)
			if got.status != 0 {
				t.Fatalf("%+v", got)
			}
			for _, f := range findings(t, "perf.data", test.may...) {
				t.Error(f)
			}
		})
	}
}

// TestKilledIsValid: a recorder that is killed leaves a recording with the two
// findings of a file that was not finished at most, compressed or not.
func TestKilledIsValid(t *testing.T) {
	needEvents(t)
	for _, args := range [][]string{{"-a", "-F", "999", "-g"}, {"-a", "-F", "999", "-g", "--no-compress"}} {
		dir := t.TempDir()
		path := filepath.Join(dir, "perf.data")
		cmd, stderr := start(t, dir, append([]string{"-e", "cpu-clock"}, args...)...)
		waitFor(t, "samples", func() bool { return recorded(path) && samples(t, path)["cpu-clock"] > 100 })
		time.Sleep(500 * time.Millisecond)
		cmd.Process.Signal(syscall.SIGKILL)
		cmd.Wait()
		for _, f := range findings(t, path, validate.Unfinished, validate.Trailing) {
			t.Errorf("%v: %v; %s", args, f, stderr)
		}
	}
}

// TestPerfIsNearlyValid: perf's recordings have findings only of kinds that are
// known to be ours alone.
func TestPerfIsNearlyValid(t *testing.T) {
	needEvents(t)
	ours := []validate.What{
		validate.AttrSize,    // it writes the size that it was built with
		validate.BuildID,     // its entries are no multiples of eight bytes
		validate.SampleTimes, // it looks for them only where it looks for build ids
		validate.Compression, // it leaves the version at 0
		validate.RecordAlign, // pipe mode: strings are padded to 64 bytes behind their length of four
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "perf.data")
	// Without --buildid-mmap there is MapBuildID, too, while another recorder
	// asks for build ids.
	for _, flags := range []string{"", "-g", "-z -g", "-a", "-a -z", "-e cpu-clock,page-faults"} {
		args := append([]string{"record", "--buildid-mmap", "-N", "-q", "-o", path}, strings.Fields(flags)...)
		if !strings.Contains(flags, "-e") {
			args = append(args, "-e", "cpu-clock")
		}
		perf(t, append(args, "sh", "-c", "for i in 1 2 3 4 5; do gzip -c /bin/sh >/dev/null; done")...)
		for _, f := range findings(t, path, ours...) {
			t.Errorf("perf record %s: %v", flags, f)
		}
	}
	stream := perf(t, "record", "--buildid-mmap", "-N", "-q", "-g", "-e", "cpu-clock", "-o", "-", "gzip", "-c", "/bin/sh")
	if err := os.WriteFile(path, []byte(stream), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range findings(t, path, ours...) {
		t.Errorf("perf record -o -: %v", f)
	}
}
