package tests

import (
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestGuestProbeLists: probes of ours, perf's and others' stand in each other's
// lists, and each deletes its own only.
func TestGuestProbeLists(t *testing.T) {
	dir := workplace(t)
	write(t, "kprobe_events", "r4:myretprobe kernel_clone $retval\np:mine/at kernel_clone\n")
	must(t, dir, "goprobe", "vfs_read")
	must(t, dir, "goprobe", "vfs_read%return $retval:s64")
	kernels := probes(t)
	if raw := must(t, dir, "goprobe", "-l", "--raw"); raw != kernels {
		t.Errorf("--raw gives\n%s\nthe kernel\n%s", raw, kernels)
	}
	const want = `  kprobes:myretprobe   (on kernel_clone%return with arg1)
  mine:at              (on kernel_clone)
  probe:vfs_read       (on vfs_read)
  probe:vfs_read__return (on vfs_read%return with arg1)
`
	if got := sorted(must(t, dir, "goprobe", "-l")); got != want {
		t.Errorf("-l gives\n%swant\n%s", got, want)
	}
	if perf, ok := perfCommand(t); ok {
		if theirs := sorted(must(t, dir, perf, "probe", "-l")); theirs != want {
			t.Errorf("perf probe -l gives\n%swant\n%s", theirs, want)
		}
	}
	must(t, dir, "goprobe", "-q", "-d", "probe:*")
	if got := probes(t); strings.Contains(got, "vfs_read") || strings.Count(got, "\n") != 2 {
		t.Errorf("left are\n%s", got)
	}
	must(t, dir, "goprobe", "-q", "-d", "kprobes:myretprobe", "-d", "mine:at")
}

func sorted(lines string) string {
	list := strings.SplitAfter(lines, "\n")
	slices.Sort(list)
	return strings.Join(list, "")
}

// perfCommand is perf's name, where the guest has it. CI's amd64 guests have.
func perfCommand(t *testing.T) (string, bool) {
	t.Helper()
	_, err := exec.LookPath("perf")
	if err != nil && os.Getenv("CI") != "" && runtime.GOARCH == "amd64" {
		t.Fatal("the guest of CI has no perf")
	}
	return "perf", err == nil
}

// TestGuestProbeRefusals: what cannot be probed is explained in one line.
func TestGuestProbeRefusals(t *testing.T) {
	dir := workplace(t)
	perArch := map[string]string{"amd64": "do_syscall_64", "arm64": "el0t_64_sync_handler"}
	for _, tt := range []struct {
		def    string
		status int
		want   string
	}{
		{"_do_fork", 254, "the kernel has no function _do_fork: Linux 5.10 renamed it kernel_clone"},
		{"vfs_raed", 254, "the kernel has no function vfs_raed; did you mean vfs_read"},
		{"sys_getppid", 254, "did you mean " + systemCall("getppid") + "?"},
		{"finish_task_switch", 254, "did you mean finish_task_switch.isra.0?"},
		{"no_such_module:f", 254, "the kernel has no module no_such_module now"},
		{"no_function_is_called_like_this", 254, "it may be inlined"},
		{perArch[runtime.GOARCH], 234, "is on the kernel's list of functions that cannot be probed"},
		{"trace_call_bpf", 234, "marked notrace"},
		{"kernel_clone%return+4", 234, "%return"},
		{"kernel_clone a=%nosuch", 234, "Invalid register name"},
	} {
		r := try(t, dir, append([]string{"goprobe"}, strings.SplitN(tt.def, " ", 2)...)...)
		if r.status != tt.status || !strings.Contains(r.stderr, tt.want) || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("%s: status %d, want %d with %q: %s", tt.def, r.status, tt.status, tt.want, r.stderr)
		}
	}
	r := try(t, dir, "gorecord", "-o", "perf.data", "-e", "k:_do_fork", "true")
	if r.status == 0 || !strings.Contains(r.stderr, "renamed it kernel_clone") || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("gorecord -e k:_do_fork: status %d: %s", r.status, r.stderr)
	}
}

// TestGuestModule: a function of a module that is loaded, named with and
// without the module. It is called at each execution of a program.
func TestGuestModule(t *testing.T) {
	dir := workplace(t)
	loadModule(t, "/binfmt_misc.ko")
	record(t, dir, "-e", "k:binfmt_misc:load_misc_binary", "-e", "plain=k:load_misc_binary", "-g", "--", "forks", "3")
	list := samples(t, dir)
	with, without := count(list, "probe:load_misc_binary"), count(list, "probe:plain")
	if with < 3 || with != without || with+without != len(list) {
		t.Fatalf("%d hits with the module's name, %d without, %d samples", with, without, len(list))
	}
	for i := range list {
		if at := list[i].Callchain[0]; at.Symbol != "load_misc_binary" || at.DSO != "[binfmt_misc]" {
			t.Errorf("the chain begins with %+v", at)
		}
	}
	must(t, dir, "goprobe", "-q", "binfmt_misc:load_misc_binary")
	if got := must(t, dir, "goprobe", "-l"); !regexp.MustCompile(`^  probe:load_misc_binary \(on .*load_misc_binary.*\)\n$`).MatchString(got) {
		t.Errorf("-l gives %q", got)
	}
	must(t, dir, "goprobe", "-q", "-d", "probe:load_misc_binary")
	if r := try(t, dir, "goprobe", "binfmt_misc:load_misc_binar"); !strings.Contains(r.stderr, "module binfmt_misc has no function load_misc_binar; did you mean load_misc_binary?") {
		t.Errorf("a near name in a module: %s", r.stderr)
	}
}

func loadModule(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil {
		t.Fatalf("load %s: %v", path, err)
	}
	t.Cleanup(func() {
		if err := unix.DeleteModule("binfmt_misc", 0); err != nil {
			t.Errorf("unload binfmt_misc: %v", err)
		}
	})
}
