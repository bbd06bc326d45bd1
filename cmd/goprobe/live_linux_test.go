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
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gorecord/perfevent/tracefs"
	"gorecord/testdata/oracle"
)

// workdir gives a folder with copies of the seed's programs, or skips where the
// kernel says that we cannot probe. No probe on a file of it may be left at the
// end; those of other programs may come and go. callee is calgpt and main mgpt in them: perf
// adds no event whose name is taken in any group, and the tests of other
// packages probe callee at the same time.
func workdir(t *testing.T) string {
	t.Helper()
	d, err := tracefs.Open()
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, tracefs.ErrNotSupported) {
		t.Skipf("needs the machine's tracefs: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Supports(tracefs.Uprobe); errors.Is(err, tracefs.ErrNotSupported) {
		t.Skip(err)
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{"gpt1": seedMain, "gpt2-nopie": seedNopie} {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		b = bytes.ReplaceAll(b, []byte("callee\x00"), []byte("calgpt\x00"))
		b = bytes.ReplaceAll(b, []byte("\x00main\x00"), []byte("\x00mgpt\x00"))
		// perf takes the symbols of a known build id from its cache.
		if i := bytes.Index(b, []byte("\x14\x00\x00\x00\x03\x00\x00\x00GNU\x00")); i >= 0 {
			b[i+12] ^= 0xff
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		defer d.Close()
		for _, p := range defined(t, d, dir) {
			t.Errorf("left behind: %s", p.Event())
			if err := d.Delete(context.Background(), p.Event()); err != nil {
				t.Error(err)
			}
		}
	})
	return dir
}

func defined(t *testing.T, d *tracefs.Dir, dir string) []tracefs.Probe {
	t.Helper()
	probes, err := d.List()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(probes, func(p tracefs.Probe) bool { return !strings.HasPrefix(p.Path, dir+"/") })
}

// goprobe runs the command on the live kernel.
func goprobe(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if status := run(context.Background(), args, nil, &out, &errs); status != 0 {
		t.Errorf("goprobe %q: status %d, %s", args, status, errs.String())
	}
	return out.String(), errs.String()
}

// perfProbe runs perf probe in a mount namespace of its own, since perf mounts
// tracefs and leaves it so.
func perfProbe(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	oracle.Perf(t)
	script := `mount -t tracefs nodev /sys/kernel/tracing 2>/dev/null; exec perf probe "$@"`
	out, errs, err := oracle.Run(t, func() *exec.Cmd {
		cmd := exec.Command("sh", append([]string{"-c", script, "sh"}, args...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
		return cmd
	})
	if err != nil {
		t.Errorf("perf probe %q: %v\n%s", args, err, errs)
	}
	return string(out), string(errs)
}

// TestLikePerf: the same words add the same events, and say the same about it,
// each program lists the other's probes as its own, and deletes them.
func TestLikePerf(t *testing.T) {
	dir := workdir(t)
	pie, nopie := filepath.Join(dir, "gpt1"), filepath.Join(dir, "gpt2-nopie")
	cases := [][]string{
		{"-x", pie, "calgpt"},
		{"-x", pie, "calgpt%return"},
		{"-x", nopie, "mgpt%return r=$retval:s32"},
		{"-x", nopie, "calgpt a=%di:s32 +8(%sp)"},
		{"-x", nopie, "gptmid=calgpt+4"},
		{"-x", nopie, "gptinner=calgpt+1"},
		{"-x", pie, "goprobe_lt:gptnamed=calgpt"},
		{"-x", pie, "-a", "gptlast=mgpt", "-a", "gptlater=calgpt"},
	}
	sameNames := strings.NewReplacer("perf record -e", "gorecord -e")
	for _, args := range cases {
		perfOut, perfSaid := perfProbe(t, args...)
		_, perfGone := perfProbe(t, "-d", "probe_gpt*:*", "-d", "goprobe_lt:*")
		out, said := goprobe(t, args...)
		if want := sameNames.Replace(perfSaid); out != perfOut || said != want {
			t.Errorf("goprobe %q printed %q and said\n%s\nperf printed %q and said\n%s", args, out, said, perfOut, want)
		}
		_, gone := goprobe(t, "-q", "--no-quiet", "-d", "probe_gpt*:*", "-d", "goprobe_lt:*")
		for line := range strings.Lines(perfGone) {
			if !strings.Contains(gone, line) {
				t.Errorf("after %q goprobe -d said %q, perf said %q", args, gone, perfGone)
			}
		}
	}

	for i, args := range cases { // by turns
		if i%2 == 0 {
			perfProbe(t, append([]string{"-q"}, args...)...)
		} else {
			goprobe(t, append([]string{"-q", "-f"}, args...)...)
		}
	}
	listed, _ := goprobe(t, "-l", "probe_gpt*:*", "goprobe_lt:*")
	// perf is asked for one at a time: it carries a line or an offset over to
	// those that it lists later.
	var perfLists string
	for line := range strings.Lines(listed) {
		one, _ := perfProbe(t, "-l", strings.Fields(line)[0])
		perfLists += one
	}
	if listed != perfLists || strings.Count(listed, "\n") != 9 {
		t.Errorf("goprobe lists\n%s\nperf lists\n%s", listed, perfLists)
	}
	perfProbe(t, "-q", "-d", "probe_gpt1:*")
	goprobe(t, "-q", "-d", "probe_gpt2:*", "-d", "goprobe_lt:*")
}

// TestLibrary: the seed's probe_libc:memcpy, an indirect function, on a copy of
// the machine's libc.
func TestLibrary(t *testing.T) {
	dir := workdir(t)
	const libc = "/lib/x86_64-linux-gnu/libc.so.6"
	b, err := os.ReadFile(libc)
	if err != nil {
		t.Skip(err)
	}
	path := filepath.Join(dir, "gptlibc-2.27.so")
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	_, said := goprobe(t, "-x", path, "memcpy")
	if !strings.HasPrefix(said, "Warning: ") || !strings.Contains(said, "The probe function (memcpy) is a GNU indirect function.\n") ||
		!strings.Contains(said, "\n  probe_gptlibc:memcpy (on memcpy in "+path+")\n") {
		t.Errorf("said\n%s", said)
	}
	listed, _ := goprobe(t, "-l", "probe_gptlibc:*")
	perfLists, _ := perfProbe(t, "-l", "probe_gptlibc:*")
	if listed != perfLists {
		t.Errorf("goprobe lists\n%s\nperf lists\n%s", listed, perfLists)
	}
	goprobe(t, "-q", "-d", "probe_gptlibc:memcpy")
}

// TestFires: the kernel runs what was added, and counts the hits.
func TestFires(t *testing.T) {
	dir := workdir(t)
	path := filepath.Join(dir, "gpt1")
	goprobe(t, "-q", "-x", path, "calgpt", "calgpt%return")
	defer goprobe(t, "-q", "-d", "probe_gpt1:*")
	d, err := tracefs.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, event := range []string{"calgpt", "calgpt__return"} {
		if _, err := d.ID("probe_gpt1", event); err != nil {
			t.Error(err)
		}
	}
	if err := exec.Command(path).Run(); err != nil {
		t.Errorf("the program does not run with unarmed probes: %v", err)
	}
}

// TestCollect: --gc removes the probes of a process that has ended.
func TestCollect(t *testing.T) {
	dir := workdir(t)
	d, err := tracefs.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	owner, err := tracefs.Self(os.DirFS("/proc"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	owner.PID = cmd.Process.Pid
	p := tracefs.Probe{Kind: tracefs.Uprobe, Group: owner.Group(), Name: "left", Path: filepath.Join(dir, "gpt1"), Offset: 0x1139}
	if err := d.Add(p); err != nil {
		t.Fatal(err)
	}
	line := "Removed event: " + p.Event().String() + "\n"
	for _, flags := range [][]string{{"--gc", "-n"}, {"--gc"}} {
		if _, said := goprobe(t, flags...); !strings.Contains(said, line) {
			t.Errorf("goprobe %q said %q, want %q", flags, said, line)
		}
	}
	if left := defined(t, d, dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestNobody: without permission the answer is 243 and one line.
func TestNobody(t *testing.T) {
	if os.Getenv("GOPROBE_TEST_NOBODY") != "" {
		os.Exit(run(context.Background(), []string{"-l"}, nil, os.Stdout, os.Stdout))
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become nobody")
	}
	dir, err := os.MkdirTemp("", "goprobe-nobody")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(dir, "goprobe.test")
	if err := os.WriteFile(exe, b, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestNobody$")
	cmd.Env = append(os.Environ(), "GOPROBE_TEST_NOBODY=1")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 243 || strings.Count(string(out), "\n") != 1 || !strings.HasPrefix(string(out), "goprobe: open tracefs: ") {
		t.Errorf("%v, %q", err, out)
	}
}

// shell runs a script where tracefs is mounted.
func shell(t *testing.T, script string, args ...string) {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"-ec", "mount --make-rprivate /\nmountpoint -q /sys/kernel/tracing || mount -t tracefs nodev /sys/kernel/tracing\n" + script, "sh"}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

// TestSeedLines: what the seed writes by hand, goprobe writes, too, and lists and
// deletes; also where the program is gone meanwhile.
func TestSeedLines(t *testing.T) {
	dir := workdir(t)
	path := filepath.Join(dir, "gpt1")
	out, _ := goprobe(t, "-x", path, "-D", "calgpt")
	_, offset, _ := strings.Cut(strings.TrimSpace(out), path+":")
	for _, tt := range []struct{ def, want string }{
		{"uprobes:gpseed=" + offset, "p:uprobes/gpseed " + path + ":" + offset},
		{"uprobes:gpseed_ret=" + offset + "%return", "r:uprobes/gpseed_ret " + path + ":" + offset},
	} {
		if out, _ := goprobe(t, "-x", path, "-D", tt.def); out != tt.want+"\n" {
			t.Errorf("-D %s: %q, want %q", tt.def, out, tt.want)
		}
	}
	// The seed's own lines have no group: the kernel's is uprobes.
	shell(t, `echo "p:gpseed $1:$2" >>/sys/kernel/tracing/uprobe_events
		echo "r:gpseed_ret $1:$2" >>/sys/kernel/tracing/uprobe_events`, path, offset)
	defer func() {
		if t.Failed() {
			call(tracefs.Open, "-d", "uprobes:gpseed*")
		}
	}()
	raw, _ := goprobe(t, "-l", "--raw", "uprobes:gpseed*")
	want := fmt.Sprintf("p:uprobes/gpseed %[1]s:0x%016[2]x\nr:uprobes/gpseed_ret %[1]s:0x%016[2]x\n", path, number(t, offset))
	if raw != want {
		t.Errorf("--raw lists\n%s\nwant\n%s", raw, want)
	}
	listed, _ := goprobe(t, "-l", "uprobes:gpseed*")
	if want := fmt.Sprintf("  uprobes:gpseed       (on calgpt@./main.c in %[1]s)\n  uprobes:gpseed_ret   (on calgpt%%return@./main.c in %[1]s)\n", path); listed != want {
		t.Errorf("lists\n%s\nwant\n%s", listed, want)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	listed, _ = goprobe(t, "-l", "uprobes:gpseed*")
	if want := fmt.Sprintf("  uprobes:gpseed       (on %[2]s in %[1]s)\n  uprobes:gpseed_ret   (on %[2]s%%return in %[1]s)\n", path, offset); listed != want {
		t.Errorf("without the file, lists\n%s\nwant\n%s", listed, want)
	}
	if _, said := goprobe(t, "-d", "uprobes:gpseed*"); said != "Removed event: uprobes:gpseed\nRemoved event: uprobes:gpseed_ret\n" {
		t.Errorf("-d said %q", said)
	}
}

func number(t *testing.T, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestDefinitionLikePerf: -D prints perf's lines, also for the indirect function
// of libc that the seed lists.
func TestDefinitionLikePerf(t *testing.T) {
	dir := workdir(t)
	const libc = "/lib/x86_64-linux-gnu/libc.so.6"
	for _, args := range [][]string{
		{"-x", filepath.Join(dir, "gpt1"), "calgpt"},
		{"-x", filepath.Join(dir, "gpt2-nopie"), "calgpt%return $retval"},
		{"-x", filepath.Join(dir, "gpt2-nopie"), "x=mgpt+4 a=%di:s32 +8(%sp)"},
		{"-x", libc, "memcpy"},
		{"-x", libc, "getpid"},
	} {
		if _, err := os.Stat(args[1]); err != nil {
			continue
		}
		args = append(args[:2:2], "-D", args[2])
		theirs, _ := perfProbe(t, args...)
		if ours, _ := goprobe(t, args...); ours != theirs {
			t.Errorf("%q: %q, perf prints %q", args, ours, theirs)
		}
	}
}
