package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
	"gorecord/perfevent/tracefs"
	"gorecord/record"
	"gorecord/testdata/oracle"
)

// asCommand makes the test binary behave as gorecord itself, so that tests can
// send it signals.
const asCommand = "GORECORD_AS_COMMAND"

func TestMain(m *testing.M) {
	record.RunStub()
	if os.Getenv(asCommand) != "" {
		os.Unsetenv(asCommand)
		main()
	}
	os.Exit(runTests(m))
}

// binaries is the folder of the programs that tests build.
var binaries string

func runTests(m *testing.M) int {
	var err error
	if binaries, err = os.MkdirTemp("", "gorecord-test-binaries"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(binaries)
	return m.Run()
}

// needEvents skips a test where the kernel does not let this process open the
// events that it needs; the skip shows the kernel's answer.
func needEvents(t *testing.T) {
	t.Helper()
	a := perfevent.Attr{Type: perfevent.TypeSoftware, Config: perfevent.SWCPUClock, Flags: perfevent.FlagDisabled}
	e, err := perfevent.Open(&a, perfevent.AnyThread, 0)
	if err != nil {
		t.Skipf("perf_event_open for a whole CPU: %v", err)
	}
	e.Close()
}

// probes lists all probes of the machine.
func probes(t *testing.T) []string {
	t.Helper()
	dir, err := tracefs.Open()
	if err != nil {
		t.Skipf("tracefs: %v", err)
	}
	defer dir.Close()
	if err := dir.Supports(tracefs.Uprobe); err != nil {
		t.Skipf("uprobes: %v", err)
	}
	list, err := dir.List()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, p := range list {
		line, err := p.Definition()
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

// keepsProbes fails the test where it leaves a probe on one of its files, or
// takes away one that is no test's. (Tests of other packages may come and go.)
func keepsProbes(t *testing.T) {
	t.Helper()
	isTests := func(line string) bool { return strings.Contains(line, " "+os.TempDir()+"/") }
	before := slices.DeleteFunc(probes(t), isTests)
	test, _, _ := strings.Cut(t.Name(), "/")
	t.Cleanup(func() {
		after := probes(t)
		for _, line := range after {
			if strings.Contains(line, filepath.Join(os.TempDir(), test)) {
				t.Errorf("left behind: %s", line)
			}
		}
		for _, line := range before {
			if !slices.Contains(after, line) {
				t.Errorf("taken away: %s", line)
			}
		}
	})
}

type result struct {
	status         int
	stdout, stderr string
}

// gorecord runs the command in this process, in a folder of its own that it
// shares with the calls before.
func gorecord(t *testing.T, dir string, args ...string) result {
	t.Helper()
	t.Chdir(dir)
	var stdout, stderr bytes.Buffer
	status := run(context.Background(), args, strings.NewReader(""), &stdout, &stderr)
	return result{status, stdout.String(), stderr.String()}
}

// copyProgram puts a prebuilt program of testdata into a folder.
func copyProgram(t *testing.T, dir, program string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testdata, program))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, filepath.Base(program)), b, 0o755); err != nil {
		t.Fatal(err)
	}
}

var testdata = func() string {
	path, err := filepath.Abs("../../testdata")
	if err != nil {
		panic(err)
	}
	return path
}()

// samples reads a recording and gives the number of samples of each event.
func samples(t *testing.T, path string) map[string]int {
	t.Helper()
	r, err := perfdata.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := r.Sorted()
	defer s.Close()
	n := map[string]int{}
	for s.Next() {
		if rec := s.Record(); rec.Type == perfevent.RecordSample {
			n[rec.Event.Name]++
		}
	}
	if err := s.Err(); err != nil || len(s.Problems()) > 0 {
		t.Errorf("%s: %v, problems %q", path, err, s.Problems())
	}
	return n
}

// perf runs perf on a recording, or skips where it is not installed.
func perf(t *testing.T, args ...string) string {
	t.Helper()
	return oracle.Output(t, args...)
}

// TestSeed is the first use that the README shows, for both builds of the seed's
// program.
func TestSeed(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	for _, program := range []string{"main-nopie", "main"} {
		t.Run(program, func(t *testing.T) {
			dir := t.TempDir()
			copyProgram(t, dir, "seed/"+program)
			got := gorecord(t, dir, "-e", "probe_main:callee", "-aR", "./"+program)
			if got.status != 0 || got.stdout != "hello world.\n" {
				t.Fatalf("%+v", got)
			}
			for _, want := range []string{
				`probe_main:callee is defined for this run`,
				`\[ gorecord: Woken up \d+ times to write data \]`,
				`\[ gorecord: Captured and wrote 0\.0\d\d MB perf\.data \(1 samples\) \]`,
			} {
				if !regexp.MustCompile(want).MatchString(got.stderr) {
					t.Errorf("stderr lacks %s:\n%s", want, got.stderr)
				}
			}
			if n := samples(t, "perf.data"); n["probe_main:callee"] != 1 {
				t.Errorf("samples %v", n)
			}
			checkSeedFile(t, program)
		})
	}
}

// checkSeedFile looks at size and mode of the seed's recording, and asks perf.
func checkSeedFile(t *testing.T, program string) {
	t.Helper()
	st, err := os.Stat("perf.data")
	if err != nil {
		t.Fatal(err)
	}
	entries, _ := filepath.Glob("/proc/[0-9]*")
	if len(entries) <= 80 && st.Size() > 8<<10 {
		t.Errorf("%d bytes on a machine with %d processes", st.Size(), len(entries))
	}
	if st.Mode() != 0o600 {
		t.Errorf("mode %v", st.Mode())
	}
	report := perf(t, "report", "--stdio", "--force", "-i", "perf.data")
	if !regexp.MustCompile(`100\.00%  ` + program + ` +` + program + ` +\[\.\] callee`).MatchString(report) {
		t.Errorf("perf report:\n%s", report)
	}
	script := perf(t, "script", "--force", "-i", "perf.data")
	if !regexp.MustCompile(program + ` +\d+ \[\d+\] +\d+\.\d+: probe_main:callee: \([0-9a-f]+\)`).MatchString(script) {
		t.Errorf("perf script:\n%s", script)
	}
	ids := perf(t, "buildid-list", "--force", "-i", "perf.data")
	if !strings.Contains(ids, "/"+program+"\n") {
		t.Errorf("perf buildid-list:\n%s", ids)
	}
}

// TestProbesOfARun: entry and return of two functions, under their names.
func TestProbesOfARun(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	dir := t.TempDir()
	copyProgram(t, dir, "seed/main-nopie")
	got := gorecord(t, dir, "-e", "probe_main:callee,probe_main:callee__return", "-e", "probe_main:main", "-g", "./main-nopie")
	if got.status != 0 {
		t.Fatalf("%+v", got)
	}
	want := map[string]int{"probe_main:callee": 1, "probe_main:callee__return": 1, "probe_main:main": 1}
	if n := samples(t, "perf.data"); fmt.Sprint(n) != fmt.Sprint(want) {
		t.Errorf("samples %v, want %v", n, want)
	}
	script := perf(t, "script", "--force", "-F", "event,trace", "-i", "perf.data")
	for _, want := range []string{`probe_main:callee: \(401126\)`, `probe_main:callee__return: \(401126 <- [0-9a-f]+\)`} {
		if !regexp.MustCompile(want).MatchString(script) {
			t.Errorf("perf script lacks %s:\n%s", want, script)
		}
	}
}

func TestExitStatus(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	dir := t.TempDir()
	copyProgram(t, dir, "seed/main-nopie")
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte("no program"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		args   []string
		status int
		stderr string // the only line that is no remark, without "gorecord: "
	}{
		{"of the command", []string{"-q", "sh", "-c", "exit 7"}, 7, ""},
		{"signal", []string{"-q", "sh", "-c", "kill -9 $$"}, 137, ""},
		{"flags of the command", []string{"-q", "sh", "-c", "exit $#", "x", "-v", "--help"}, 2, ""},
		{"behind --", []string{"-q", "--", "false"}, 1, ""},
		{"missing command", []string{"./nosuchcmd"}, 255, "failed to collect events for the './nosuchcmd' workload: No such file or directory"},
		{"command that is no program", []string{"./text"}, 255, "failed to collect events for the './text' workload: Permission denied"},
		{"unknown event", []string{"-e", "cylces", "true"}, 129, "event cylces: no such event; did you mean cycles?"},
		{"unknown tracepoint", []string{"-e", "nosuch:event", "true"}, 129, "event nosuch:event: "},
		{"unknown function", []string{"-e", "probe_main:caller", "./main-nopie"}, 129, "event probe_main:caller does not exist and cannot be defined for this run: "},
		{"unknown flag", []string{"--nosuch", "true"}, 129, "unknown flag: --nosuch; see gorecord --help"},
		{"unreadable folder", []string{"-o", "nosuch/perf.data", "true"}, 255, "open nosuch/perf.data: no such file or directory"},
		{"output is a folder", []string{"-o", ".", "true"}, 255, ". is a directory; name a file with -o"},
		{"process that is gone", []string{"-p", "999999999"}, 255, "process 999999999: no such process"},
		{"filter without event", []string{"--filter", "a > 1", "true"}, 129, ""},
		{"filter on a clock", []string{"-e", "cpu-clock", "--filter", "a > 1", "true"}, 129, `--filter "a > 1": cpu-clock is no tracepoint, and only tracepoints can be filtered`},
		{"bad CPU", []string{"-C", "x", "true"}, 129, ""},
		{"not there yet", []string{"--live", "true"}, 129, "--live is not built yet; record, then show the events with goscript; see gorecord --help"},
		{"two ways to sample", []string{"-c", "1", "-F", "2", "true"}, 129, "-c and -F exclude each other; see gorecord --help"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := gorecord(t, dir, test.args...)
			if got.status != test.status {
				t.Errorf("status %d, want %d; %s", got.status, test.status, got.stderr)
			}
			checkOneLine(t, got.stderr, test.stderr, test.status)
		})
	}
}

// checkOneLine expects errors to be one line, which begins as given.
func checkOneLine(t *testing.T, stderr, want string, status int) {
	t.Helper()
	var lines []string
	for line := range strings.Lines(stderr) {
		if !strings.Contains(line, "not available on this machine") && !strings.HasPrefix(line, "[ ") {
			lines = append(lines, line)
		}
	}
	switch {
	case status >= 129 && status != 137 && len(lines) != 1:
		t.Errorf("want one line:\n%s", stderr)
	case want != "" && !strings.HasPrefix(lines[0], "gorecord: "+want):
		t.Errorf("got  %swant gorecord: %s", lines[0], want)
	}
}

// TestOutputFile: what was there is kept as .old, and links are not followed.
func TestOutputFile(t *testing.T) {
	needEvents(t)
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(dir, "perf.data")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := gorecord(t, dir, "-q", "true"); got.status != 0 {
			t.Fatalf("%+v", got)
		}
	}
	if b, _ := os.ReadFile(victim); string(b) != "precious" {
		t.Errorf("the link was followed: %q", b)
	}
	for _, name := range []string{"perf.data", "perf.data.old"} {
		if st, err := os.Lstat(filepath.Join(dir, name)); err != nil || !st.Mode().IsRegular() || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, st, err)
		}
	}
}

// start runs gorecord as a process of its own.
func start(t *testing.T, dir string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asCommand+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, &stderr
}

// waitFor waits until a condition holds.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 500 {
		if ok() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%s: not within ten seconds", what)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// recorded reports whether a recording has been flushed to the file.
func recorded(path string) bool {
	r, err := perfdata.Open(path)
	if err != nil {
		return false
	}
	r.Close()
	return true
}

// TestSignals: a recording that is interrupted is whole, and its probes are
// gone.
func TestSignals(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	for _, test := range []struct {
		name   string
		sig    syscall.Signal
		args   []string
		status int
	}{
		{"Ctrl-C without a command", syscall.SIGINT, []string{"-a", "-F", "100"}, 130},
		{"SIGTERM without a command", syscall.SIGTERM, []string{"-a", "-F", "100"}, 143},
		{"SIGTERM ends the command", syscall.SIGTERM, []string{"-e", "sched:sched_process_exec", "-e", "cpu-clock", "-a", "sleep", "60"}, 143},
		{"the command's own status", syscall.SIGTERM, []string{"sh", "-c", "trap 'exit 9' TERM; touch ready; while :; do sleep 0.1; done"}, 9},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			args := test.args
			cmd, stderr := start(t, dir, args...)
			waitFor(t, "recording", func() bool { return recorded(filepath.Join(dir, "perf.data")) })
			if strings.Contains(strings.Join(args, " "), "ready") {
				waitFor(t, "command", func() bool { return exists(filepath.Join(dir, "ready")) })
			} else {
				time.Sleep(300 * time.Millisecond)
			}
			cmd.Process.Signal(test.sig)
			cmd.Wait()
			if got := cmd.ProcessState.ExitCode(); got != test.status {
				t.Errorf("status %d, want %d; %s", got, test.status, stderr)
			}
			samples(t, filepath.Join(dir, "perf.data"))
		})
	}
}

// TestKill: a recorder that is killed leaves a recording that opens, in perf as
// well, and the next run takes away the probe that it left.
func TestKill(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	dir := t.TempDir()
	copyProgram(t, dir, "programs/stack3")
	path := filepath.Join(dir, "perf.data")
	cmd, stderr := start(t, dir, "-e", "probe_stack3:callee", "-a", "-g", "./stack3", "100000000")
	waitFor(t, "samples", func() bool { return recorded(path) && samples(t, path)["probe_stack3:callee"] > 1000 })
	cmd.Process.Signal(syscall.SIGKILL)
	cmd.Wait()
	exec.Command("pkill", "-9", "-x", "stack3").Run()
	n := samples(t, path)["probe_stack3:callee"]
	if n < 1000 {
		t.Errorf("%d samples; %s", n, stderr)
	}
	script := perf(t, "script", "--force", "-F", "event", "-G", "-i", path)
	if got := strings.Count(script, "probe_stack3:callee"); got != n {
		t.Errorf("perf sees %d samples, we %d", got, n)
	}
	left := 0
	for _, line := range probes(t) {
		if strings.Contains(line, "gorecord_"+strconv.Itoa(cmd.Process.Pid)+"_") {
			left++
		}
	}
	if left != 1 {
		t.Errorf("%d probes of the killed recorder", left)
	}
	got := gorecord(t, dir, "-e", "sched:sched_process_exit", "true")
	if got.status != 0 || !regexp.MustCompile(`removed \d+ probes that a killed recorder left behind`).MatchString(got.stderr) {
		t.Errorf("%+v", got)
	}
}

// TestTargets: processes by number with all their threads, threads, and CPUs.
func TestTargets(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	dir := t.TempDir()
	copyProgram(t, dir, "programs/threads")
	busy := exec.Command("sh", "-c", "while :; do :; done")
	if err := busy.Start(); err != nil {
		t.Fatal(err)
	}
	defer busy.Process.Kill()
	pid := strconv.Itoa(busy.Process.Pid)
	for _, args := range [][]string{
		{"-p", pid, "--duration", "300ms"}, {"-t", pid, "--duration", "300ms"},
		{"-p", pid, "-D", "100", "--duration", "300ms"}, {"-p", pid, "sleep", "0.3"},
	} {
		got := gorecord(t, dir, append([]string{"-e", "cpu-clock", "-F", "500"}, args...)...)
		if n := samples(t, "perf.data")["cpu-clock"]; got.status != 0 || n < 10 {
			t.Errorf("%v: %d samples; %+v", args, n, got)
		}
	}
	got := gorecord(t, dir, "-e", "cpu-clock", "-F", "500", "-C", "0", "sleep", "0.3")
	n := samples(t, "perf.data")
	if got.status != 0 || len(n) > 1 {
		t.Errorf("-C 0: %v; %+v", n, got)
	}
}

// TestLoss: what does not fit into a ring is counted, said, and stands in the
// file where perf finds it.
func TestLoss(t *testing.T) {
	needEvents(t)
	probes(t) // tracepoints need tracefs
	dir := t.TempDir()
	got := gorecord(t, dir, "-m", "1", "-e", "raw_syscalls:sys_enter", "--fail-on-loss",
		"dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=300000", "status=none")
	match := regexp.MustCompile(`lost (\d+) samples, .*% \((\d+) of raw_syscalls:sys_enter\): the buffers of 4 KiB ran over; try -m 16K`).FindStringSubmatch(got.stderr)
	if match == nil || got.status != 255 {
		t.Fatalf("%+v", got)
	}
	lost, _ := strconv.Atoi(match[1])
	n := samples(t, "perf.data")["raw_syscalls:sys_enter"]
	if n+lost < 600000 || n+lost > 601000 {
		t.Errorf("%d samples and %d lost are not the 600,000 system calls", n, lost)
	}
	report := perf(t, "report", "--stdio", "--force", "-i", "perf.data")
	if !strings.Contains(report, "# Total Lost Samples: "+match[1]+"\n") {
		t.Errorf("perf report:\n%.400s", report)
	}
}

// TestPerfAgrees: perf counts the samples that we count, in every mode.
func TestPerfAgrees(t *testing.T) {
	needEvents(t)
	probes(t)
	dir := t.TempDir()
	work := []string{"sh", "-c", "for i in 1 2 3 4 5; do gzip -9 -c /bin/sh >/dev/null; done"}
	for _, flags := range [][]string{
		{"-e", "cpu-clock"}, {"-e", "cpu-clock", "-g"}, {"-e", "cpu-clock", "--no-compress", "-g"}, {"-e", "cpu-clock", "-a", "-z1"},
		{"-e", "cpu-clock,page-faults,context-switches", "-e", "sched:sched_process_*", "-g"},
		{"-e", "task-clock", "-c", "1000000", "-k", "monotonic", "-P", "-d"},
		{"-e", "page-faults:u", "-c", "1", "-i", "--no-compress", "-a"},
	} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			if got := gorecord(t, dir, append(slices.Clone(flags), work...)...); got.status != 0 {
				t.Fatalf("%+v", got)
			}
			want := samples(t, "perf.data")
			got := map[string]int{}
			for line := range strings.Lines(perf(t, "script", "--force", "-F", "event", "-G", "-i", "perf.data")) {
				if name := strings.TrimSuffix(strings.TrimSpace(line), ":"); name != "" {
					got[name]++
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) || len(want) == 0 {
				t.Errorf("perf counts %v, we %v", got, want)
			}
		})
	}
}

// TestDefaultEvent: without -e, the samples of a command have its names and
// maps, whichever event the machine has.
func TestDefaultEvent(t *testing.T) {
	needEvents(t)
	dir := t.TempDir()
	if got := gorecord(t, dir, "-g", "gzip", "-9", "-k", "-c", "/proc/self/exe"); got.status != 0 {
		t.Fatalf("%+v", got.status)
	}
	named := 0
	lines := strings.Split(perf(t, "script", "--force", "-F", "comm,ip,dso", "-G", "-i", "perf.data"), "\n")
	for _, line := range lines {
		if strings.Contains(line, "gzip ") && !strings.Contains(line, "unknown") {
			named++
		}
	}
	if named*10 < len(lines)*8 {
		t.Errorf("%d of %d samples have names", named, len(lines))
	}
}

func TestAttachLevel(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"-z5 cmd", "-z=5 cmd"},
		{"-z cmd", "-z cmd"},
		{"-z=5", "-z=5"},
		{"-o f -z9 cmd -z5", "-o f -z=9 cmd -z5"},
		{"cmd -z5", "cmd -z5"},
		{"-aF 99 -z1", "-aF 99 -z=1"},
		{"--output f -z1", "--output f -z=1"},
		{"-g -- -z5", "-g -- -z5"},
	} {
		if got := strings.Join(attachLevel(strings.Fields(test.in)), " "); got != test.want {
			t.Errorf("%q: %q, want %q", test.in, got, test.want)
		}
	}
}

func TestRingSize(t *testing.T) {
	page := os.Getpagesize()
	for _, test := range []struct {
		in    string
		bytes int
	}{
		{"1", page}, {"3", 4 * page}, {"512K", 512 << 10}, {"8M", 8 << 20}, {"100B", page}, {"1g", 1 << 30},
		{"0", 0}, {"x", 0}, {"5T", 0}, {"9G", 0}, {"-1", 0}, {"", 0}, {"1KK", 0},
	} {
		var pages int
		err := ringSize{&pages}.Set(test.in)
		if pages*page != test.bytes || (err != nil) != (test.bytes == 0) {
			t.Errorf("%q: %d bytes, %v; want %d", test.in, pages*page, err, test.bytes)
		}
	}
}
