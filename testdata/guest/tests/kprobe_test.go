package tests

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
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
	checkClones(t, list, children, forked(t, dir))
	for i := range list {
		if s := &list[i]; s.Event == "probe:kernel_clone" {
			checkChain(t, s, "kernel_clone")
		} else {
			checkChain(t, s, "__do_sys_clone") // where it returns to
		}
	}
}

// checkClones: the values that kernel_clone returned are threads that began,
// and all children are among them.
func checkClones(t *testing.T, list []sample, children []int, began map[int]bool) {
	t.Helper()
	returned := map[int]bool{}
	for i := range list {
		if s := &list[i]; s.Event == "probe:kernel_clone__return" {
			tid := s.number(t, "arg1")
			returned[tid] = true
			if !began[tid] {
				t.Errorf("kernel_clone returned %d, which is no thread that began", tid)
			}
		}
	}
	for _, pid := range children {
		if !returned[pid] {
			t.Errorf("no return has the child %d; there are %v", pid, returned)
		}
	}
}

// checkChain: a chain begins with a function of the kernel and has its callers.
func checkChain(t *testing.T, s *sample, function string) {
	t.Helper()
	if len(s.Callchain) < 3 || s.Callchain[0].Symbol != function || s.Callchain[0].DSO != "[kernel.kallsyms]" {
		t.Errorf("the chain of %s is %+v, want %s first", s.Event, s.Callchain, function)
	}
}

// TestGuestKprobeSystemWide: the forms of the seed, on the whole machine.
func TestGuestKprobeSystemWide(t *testing.T) {
	dir := workplace(t)
	children := numbers(t, record(t, dir, "-e", "k:kernel_clone", "-e", "k:kernel_clone%return $retval", "-aR", "-g", "--", "forks", "3"))
	list := samples(t, dir)
	if n := count(list, "probe:kernel_clone__return"); n < len(children) {
		t.Errorf("%d returns for %d children", n, len(children))
	}
	checkClones(t, list, children, forked(t, dir))
	report := must(t, dir, "goreport", "--stdio", "--no-children")
	if !strings.Contains(report, "of event 'probe:kernel_clone'") || !strings.Contains(report, "do_syscall_64") && !strings.Contains(report, "el0_svc") {
		t.Errorf("the report shows no kernel frames:\n%s", report)
	}
}

// systemCall is the kernel's function for a system call.
func systemCall(name string) string {
	return map[string]string{"amd64": "__x64_sys_", "arm64": "__arm64_sys_"}[runtime.GOARCH] + name
}

// TestGuestKprobeMany: 100,000 hits are all in the recording, or told as lost.
func TestGuestKprobeMany(t *testing.T) {
	const hits = 100_000
	dir := workplace(t)
	r := try(t, dir, "gorecord", "-o", "perf.data", "-e", "k:"+systemCall("getppid"), "--", "calls", strconv.Itoa(hits))
	if r.status != 0 {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	lost := 0
	if m := regexp.MustCompile(`(?i)lost (\d+)`).FindStringSubmatch(r.stderr); m != nil {
		lost, _ = strconv.Atoi(m[1])
	}
	got := strings.Count(must(t, dir, "goscript", "-F", "event"), "\n")
	t.Logf("%d samples, %d lost", got, lost)
	if got+lost != hits {
		t.Errorf("%d samples and %d lost make not %d hits: %s", got, lost, hits, r.stderr)
	}
}

// TestGuestKprobeOffset: the first instruction behind those that the kernel
// rewrites for its tracers is probed by its offset. Places between
// instructions, and others that cannot be probed, are refused.
func TestGuestKprobeOffset(t *testing.T) {
	dir := workplace(t)
	// Behind the call of the tracer, without and with endbr64; on arm64
	// behind two instructions.
	offsets := map[string][]int{"amd64": {5, 9}, "arm64": {4, 8}}[runtime.GOARCH]
	probed := -1
	for _, offset := range offsets {
		r := try(t, dir, "gorecord", "-q", "-o", "perf.data", "-e", "k:kernel_clone+"+strconv.Itoa(offset), "-g", "--", "forks", "1")
		if r.status != 0 {
			if !strings.Contains(r.stderr, "instruction") {
				t.Errorf("+%d is refused: %s", offset, r.stderr)
			}
			continue
		}
		probed = offset
		list := samples(t, dir)
		if len(list) == 0 {
			t.Errorf("no hits at +%d", offset)
		}
		for i := range list {
			checkChain(t, &list[i], "kernel_clone")
		}
	}
	if probed < 0 {
		t.Errorf("none of the offsets %v can be probed", offsets)
	}
	for place, want := range map[string]string{
		"kernel_clone+2":       "instruction",
		"kernel_clone+1000000": "behind the end of kernel_clone",
	} {
		if r := try(t, dir, "goprobe", place); r.status == 0 || !strings.Contains(r.stderr, want) {
			t.Errorf("%s: status %d, %s", place, r.status, r.stderr)
		}
	}
}

// TestGuestKprobeArguments: the name of an opened file, by the number of the
// argument and by its register.
func TestGuestKprobeArguments(t *testing.T) {
	dir := workplace(t)
	register := map[string]string{"amd64": "%si", "arm64": "%x1"}[runtime.GOARCH]
	const path = "/guest.json"
	record(t, dir, "-e", "k:do_sys_openat2 name=+u0($arg2):ustring dfd=$arg1:s32 comm=$comm",
		"-e", "reg=k:do_sys_openat2 name=+u0("+register+"):ustring", "--", "opens", path)
	found := map[string]int{}
	for _, s := range samples(t, dir) {
		if s.text(t, "name") != path {
			continue
		}
		found[s.Event]++
		if s.Event == "probe:do_sys_openat2" && (s.text(t, "comm") != "opens" || s.number(t, "dfd") != -100) {
			t.Errorf("arguments %s", s.Args)
		}
	}
	if len(found) != 2 || found["probe:do_sys_openat2"] != 1 || found["probe:reg"] != 1 {
		t.Errorf("%s was opened: %v", path, found)
	}
}

// TestGuestKilled: probes of a recorder that was killed go away with the next
// run, and no others.
func TestGuestKilled(t *testing.T) {
	dir := workplace(t)
	const other = "r4:somebody/else kernel_clone $retval"
	write(t, "kprobe_events", other+"\n")
	cmd := exec.Command("gorecord", "-q", "-o", "killed.data", "-e", "k:kernel_clone", "--", "waits")
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the recorder's probe", func() bool { return strings.Contains(probes(t), ":gorecord_") })
	if err := errors.Join(cmd.Process.Kill(), ignoreExit(cmd.Wait())); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(probes(t), ":gorecord_") {
		t.Fatalf("nothing is left to clear away: %s", probes(t))
	}
	r := try(t, dir, "gorecord", "-o", "perf.data", "-e", "k:kernel_clone", "--", "forks", "1")
	if r.status != 0 || !strings.Contains(r.stderr, "removed 1 probes that a killed recorder left behind") {
		t.Errorf("status %d: %s", r.status, r.stderr)
	}
	if got := probes(t); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "r4:somebody/else ") {
		t.Errorf("left are %q", got)
	}
	must(t, dir, "goprobe", "-q", "-d", "somebody:else")
}

func ignoreExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

// write appends to a file of tracefs.
func write(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(tracing, name), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatalf("write %q to %s: %v", text, name, err)
	}
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(commandLimit); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
	}
}
