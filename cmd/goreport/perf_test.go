package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gorecord/symbolize"
	"gorecord/testdata/oracle"
)

// Reports of fresh recordings that perf made on this machine, compared with
// perf's own.

// perfEnv finds perf, and whether it may record; without that the test is
// skipped with what perf said.
func perfEnv(t *testing.T) string {
	t.Helper()
	perf := oracle.Perf(t)
	file := filepath.Join(t.TempDir(), "probe.data")
	if _, stderr, err := oracle.Run(t, func() *exec.Cmd {
		return exec.Command(perf, "record", "-q", "-B", "-N", "-e", "cpu-clock", "-o", file, "true")
	}); err != nil {
		t.Skipf("perf cannot record here: %v: %s", err, stderr)
	}
	return perf
}

// buildRecorder builds gorecord.
func buildRecorder(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gorecord")
	if out, err := exec.Command("go", "build", "-o", path, "../gorecord").CombinedOutput(); err != nil {
		t.Skipf("gorecord cannot be built: %v: %s", err, out)
	}
	return path
}

// record runs a recorder, with tracefs mounted for it alone where it needs that.
func record(t *testing.T, recorder []string, out string, args []string, command string) {
	t.Helper()
	line := append(append(slices.Clone(recorder), "-o", out), args...)
	line = append(line, "--", "sh", "-c", command)
	if strings.Contains(strings.Join(args, " "), ":") {
		const mount = `test -e /sys/kernel/tracing/events || mount -t tracefs nodev /sys/kernel/tracing`
		line = append([]string{"unshare", "-m", "sh", "-c", mount + ` && exec "$@"`, "sh"}, line...)
		if probe, err := exec.Command("unshare", "-m", "sh", "-c", mount).CombinedOutput(); err != nil {
			t.Skipf("tracefs cannot be mounted: %v: %s", err, probe)
		}
	}
	recording := func() *exec.Cmd { return exec.Command(line[0], line[1:]...) }
	if len(recorder) > 1 { // perf
		oracle.Record(t, out, recording)
		return
	}
	if _, stderr, err := oracle.Run(t, recording); err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(line, " "), err, stderr)
	}
}

func perfReport(t testing.TB, perf, file string, args ...string) string {
	t.Helper()
	return oracle.Output(t, append([]string{"report", "--stdio", "-f", "-i", file}, args...)...)
}

const (
	busy = `i=0; while [ $i -lt 12 ]; do gzip -c /bin/sh >/dev/null; ls -lR /usr/share/doc/p* >/dev/null 2>&1; i=$((i+1)); done`
	dd   = `dd if=/dev/zero of=/dev/null bs=1 count=20000 2>/dev/null`
)

func TestAgainstPerf(t *testing.T) {
	perf := perfEnv(t)
	// --buildid-mmap: a recorder that does not ask for build ids in maps gets
	// device and inode marked as such while another one, such as a test beside
	// this one, asks for them (Linux 6.18); perf 6.1 aborts over these
	// (build-id.c:1010).
	perfRecord := []string{perf, "record", "-q", "--buildid-mmap", "-N"}
	gorecord := []string{buildRecorder(t), "-q"}
	recordings := []struct {
		name     string
		recorder []string
		args     []string
		command  string
	}{
		{"clock", perfRecord, []string{"-e", "cpu-clock", "-F", "2000"}, busy},
		{"clock with callchains", perfRecord, []string{"-e", "cpu-clock", "-F", "2000", "-g"}, busy},
		{"whole machine, compressed", perfRecord, []string{"-e", "cpu-clock", "-F", "500", "-a", "-g", "-z"}, busy},
		{"two events", perfRecord, []string{"-e", "cpu-clock", "-e", "page-faults", "-c", "100"}, dd},
		{"tracepoint", perfRecord, []string{"-m", "8M", "-e", "raw_syscalls:sys_enter"}, dd},
		{"tracepoints", perfRecord, []string{"-e", "sched:sched_switch", "-e", "sched:sched_process_exec", "-e", "sched:sched_process_exit", "-e", "sched:sched_waking", "-a"}, busy},
		{"clock with callchains, by gorecord", gorecord, []string{"-e", "cpu-clock", "-F", "2000", "-g"}, busy},
		{"whole machine, not compressed, by gorecord", gorecord, []string{"-e", "cpu-clock", "-F", "500", "-a", "-g", "--no-compress"}, busy},
		{"tracepoint by gorecord", gorecord, []string{"-e", "raw_syscalls:sys_enter"}, dd},
	}
	// Not -s sym alone: there perf 6.1 compares functions by file and others by
	// address, which is no order, and sometimes shows a function in two rows.
	questions := [][]string{
		{"-s", "dso,sym"}, {"-s", "comm,dso,sym", "-n"}, {"-s", "comm"}, {"-s", "dso"}, {"-s", "pid"}, {"-s", "trace"},
		{"-s", "cpu", "-F", "overhead,sample,period,cpu"},
	}
	for _, r := range recordings {
		t.Run(r.name, func(t *testing.T) {
			// A sample can fall on one of the few addresses that perf names
			// otherwise by design; a defect shows in every recording.
			const attempts = 3
			for attempt := 1; ; attempt++ {
				file := filepath.Join(t.TempDir(), "perf.data")
				record(t, r.recorder, file, r.args, r.command)
				callchains := strings.Contains(strings.Join(r.args, " "), "-g")
				known := knownDifference(t, file, callchains)
				differences := attemptTo(t, func(t testing.TB) {
					for _, q := range questions {
						compareWithPerf(t, perf, file, append([]string{"-g", "none", "--no-children"}, q...), callchains, known)
						if callchains {
							compareWithPerf(t, perf, file, append([]string{"-g", "none"}, q...), callchains, known)
						}
					}
				})
				switch {
				case len(differences) == 0:
					return
				case attempt == attempts:
					t.Fatalf("all of %d recordings differ; the last one:\n%s", attempts, strings.Join(differences, "\n"))
				}
				t.Logf("recording %d differs:\n%s", attempt, strings.Join(differences, "\n"))
			}
		})
	}
}

// unnamedGoPrograms are the names of Go programs that ran, such as tests of other
// packages, and that perf has no names for: here they have.
func unnamedGoPrograms(t testing.TB, file string) map[string]bool {
	t.Helper()
	programs, seen := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(oracle.Output(t, "script", "-f", "-i", file, "-F", "comm,ip,sym,dso")) {
		_, path, ok := strings.Cut(strings.TrimSpace(line), "[unknown] (/")
		path = "/" + strings.TrimSuffix(path, ")")
		if !ok || seen[path] {
			continue
		}
		seen[path] = true
		m, err := symbolize.OpenModule(path)
		if err != nil {
			continue
		}
		if m.IsGo() {
			programs[filepath.Base(path)] = true
		}
		m.Close()
	}
	return programs
}

// trial is a test whose failures are kept instead of reported.
type trial struct {
	testing.TB
	failures []string
}

func (r *trial) Helper()      {}
func (r *trial) Failed() bool { return len(r.failures) > 0 }
func (r *trial) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

// trialOver ends a trial.
type trialOver struct{}

func (r *trial) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(trialOver{})
}

// attemptTo runs a part of a test and returns its failures.
func attemptTo(t testing.TB, f func(testing.TB)) (failures []string) {
	r := &trial{TB: t}
	defer func() {
		failures = r.failures
		if p := recover(); p != nil && p != any(trialOver{}) {
			panic(p)
		}
	}()
	f(r)
	return r.failures
}

// TestCallTreesAgainstPerf compares call trees byte by byte, in every form, of
// samples whose stacks are whole: those of a program with frame pointers
// throughout, without the kernel and, by the limit, the program's start.
func TestCallTreesAgainstPerf(t *testing.T) {
	perf := perfEnv(t)
	program, err := filepath.Abs("../../testdata/programs/stack3")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "perf.data")
	record(t, []string{perf, "record", "-q", "--buildid-mmap", "-N"}, file, []string{"-e", "cpu-clock/freq=5000/u", "-g"}, program+" 40000000; "+program+" 20000000")
	for _, q := range [][]string{
		{}, {"--no-children"}, {"-g", "callee"}, {"-G", "--no-children"}, {"-g", "fractal,5"}, {"-g", "flat"}, {"-g", "folded,0"},
		{"-g", "graph,0,caller,count"}, {"-g", "caller,period,2"}, {"-g", "graph,0,1"}, {"-s", "comm", "-g", "fractal,0,callee"}, {"-n", "-t", ";", "-g", "folded,0,count"},
	} {
		args := q
		if !strings.Contains(strings.Join(q, " "), "-s") {
			args = append([]string{"-s", "sym"}, q...)
		}
		args = append(args, "--percent-limit", "1")
		_, got, _ := goreport(append([]string{"-i", file, "-q"}, args...)...)
		// perf takes what is left out of a branch for inlined, as it happens.
		want := strings.ReplaceAll(perfReport(t, perf, file, append([]string{"-q"}, args...)...), "[...] (inlined)", "[...]")
		if got != want {
			t.Errorf("%v:\n%s\nperf:\n%s", args, got, want)
		}
	}
}

// TestSeed records the first program's probe with gorecord and finds it.
func TestSeed(t *testing.T) {
	perfEnv(t)
	gorecord := []string{buildRecorder(t), "-q"}
	for _, program := range []string{"main-nopie", "main"} {
		file := filepath.Join(t.TempDir(), "perf.data")
		path, err := filepath.Abs(filepath.Join("../../testdata/seed", program))
		if err != nil {
			t.Fatal(err)
		}
		record(t, gorecord, file, []string{"-e", path + ":callee", "-aR"}, path)
		status, stdout, stderr := goreport("-i", file)
		row := regexp.MustCompile(`(?m)^   100\.00%  ` + program + ` +` + program + ` +\[\.\] callee$`)
		if status != 0 || stderr != "" || !row.MatchString(stdout) {
			t.Errorf("%s: status %d, %s\n%s", program, status, stderr, stdout)
		}
	}
}

func compareWithPerf(t testing.TB, perf, file string, args []string, callchains bool, known func(text string) bool) {
	t.Helper()
	perfArgs := args
	if !callchains {
		perfArgs = args[2:] // perf has no -g for such recordings
	}
	status, stdout, stderr := goreport(append([]string{"-i", file}, args...)...)
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	got, want := parseReport(stdout), parseReport(perfReport(t, perf, file, perfArgs...))
	for i := range min(len(got), len(want)) {
		sameNames(got[i].rows, want[i].rows)
	}
	compareTables(t, got, want, known)
}

// sameNames cuts our names off where perf did: it gives columns of names the
// width of other names.
func sameNames(got, want []row) {
	perfs := map[string]bool{}
	for _, r := range want {
		perfs[r.text] = true
	}
	for i, r := range got {
		if perfs[r.text] {
			continue
		}
		for text := range perfs {
			if shortened(r.text, text) {
				got[i].text = text
				break
			}
		}
	}
}

// shortened reports whether b is a with columns cut off, other than those of
// functions.
func shortened(a, b string) bool {
	as, bs := strings.Split(a, "|"), strings.Split(b, "|")
	if len(as) != len(bs) {
		return false
	}
	for i := range as {
		if !strings.HasPrefix(as[i], bs[i]) || bs[i] == "" || as[i] != bs[i] && strings.HasPrefix(as[i], "[") {
			return false
		}
	}
	return a != b
}

// knownDifference tells the rows that the two name differently, each for a
// reason:
//
//   - entries of procedure linkage tables that perf 6.1 does not find (it knows
//     those of .plt only, not those of .plt.sec), and shows by address, and the
//     table's head;
//   - in reports with children, places without names: perf shows what was hit by
//     its position in the file, and the same place as a caller by its address,
//     in rows of their own, and unmapped ones in the CPU mode of the row before;
//   - functions of Go programs that perf has no names for, stripped ones;
//   - functions that end with a call that does not return: perf names the next
//     function, whose first address is the one to return to.
func knownDifference(t testing.TB, file string, callchains bool) func(text string) bool {
	next := map[string]bool{}
	if callchains {
		next = functionsEnteredByReturn(t, file)
	}
	goPrograms := unnamedGoPrograms(t, file)
	return func(text string) bool {
		columns := strings.Split(text, "|")
		last := columns[len(columns)-1]
		if strings.HasPrefix(last, "[.]") && slices.ContainsFunc(columns, func(c string) bool { return goPrograms[c] }) {
			return true
		}
		name, named := strings.CutPrefix(strings.TrimLeft(last, "[k]. "), "0x")
		if strings.HasSuffix(last, "plt") || named && isHex(name) || strings.Contains(last, "] 0000000000000000") {
			return true
		}
		_, symbol, ok := strings.Cut(last, "] ")
		return ok && next[symbol]
	}
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// functionsEnteredByReturn lists the functions that perf script names with
// offset 0 for a caller, and those that really are active there: what the
// addresses before them belong to.
func functionsEnteredByReturn(t testing.TB, file string) map[string]bool {
	functions := map[string]bool{}
	for line := range strings.Lines(oracle.Output(t, "script", "-f", "-i", file, "-F", "ip,sym,symoff")) {
		f := strings.Fields(line)
		if len(f) != 2 {
			continue
		}
		if name, ok := strings.CutSuffix(f[1], "+0x0"); ok {
			functions[name] = true
		}
	}
	for _, caller := range endWithCall {
		functions[caller] = true
	}
	return functions
}

// endWithCall are functions that are known to end with a call that does not
// return.
var endWithCall = []string{"x86_64_start_reservations", "_start"}
