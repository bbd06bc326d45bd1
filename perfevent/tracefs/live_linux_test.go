package tracefs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"gorecord/perfevent"
)

// liveDir opens the machine's folder, or skips where the machine says that it
// has none for us. What the test adds is gone at its end, else it fails.
func liveDir(t *testing.T) *Dir {
	t.Helper()
	d, err := Open()
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, ErrNotSupported) {
		t.Skipf("needs the machine's tracefs: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Supports(Uprobe); errors.Is(err, ErrNotSupported) {
		t.Skip(err)
	}
	before := ours(t, d)
	t.Cleanup(func() {
		if after := ours(t, d); !slices.Equal(before, after) {
			t.Errorf("left behind: %q, before: %q", after, before)
		}
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := d.Close(); err != nil {
			t.Errorf("close again: %v", err)
		}
	})
	return d
}

const liveGroup = "tracefs_test"

// ours lists what this test defined, which is on files of its own folder; other
// programs' probes may come and go meanwhile.
func ours(t *testing.T, d *Dir) []string {
	t.Helper()
	probes, err := d.List()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i := range probes {
		if strings.Contains(probes[i].Path, "/"+t.Name()) {
			def, err := probes[i].Definition()
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, def)
		}
	}
	return out
}

// target is a file that a uprobe can stand on: the test binary under a name of
// our own, and an offset in its code.
func target(t *testing.T, name string) (string, perfevent.FileOffset) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	b, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return path, 0x1000
}

func mounts(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestOpenLeavesMounts: a machine whose tracefs is not mounted stays so.
func TestOpenLeavesMounts(t *testing.T) {
	before := mounts(t)
	d := liveDir(t)
	for _, name := range []string{"README", "events/header_page", "events/header_event", "printk_formats", "saved_cmdlines", "uprobe_events", "dynamic_events"} {
		if _, err := fs.ReadFile(d.FS(), name); err != nil {
			t.Errorf("%v", err)
		}
	}
	if after := mounts(t); strings.Count(after, " tracefs ") != strings.Count(before, " tracefs ") {
		t.Errorf("mounts changed from\n%s\nto\n%s", before, after)
	}
}

func TestLiveEvents(t *testing.T) {
	d := liveDir(t)
	events, err := d.Events("sched", "sched_switc[h]")
	if err != nil || len(events) != 1 {
		t.Fatalf("Events = %v, %v", events, err)
	}
	id, err := d.ID("sched", "sched_switch")
	if err != nil {
		t.Fatal(err)
	}
	format, err := d.Format("sched", "sched_switch")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(format), "name: sched_switch\n") || !strings.Contains(string(format), "\nID: "+itoa(id)+"\n") {
		t.Errorf("format does not hold the id %d:\n%s", id, format)
	}
	if _, err := d.ID("sched", "no_such_event"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ID of an event that does not exist: %v", err)
	}
}

func itoa(n uint64) string {
	var b []byte
	for ; n > 0 || len(b) == 0; n /= 10 {
		b = append([]byte{byte('0' + n%10)}, b...)
	}
	return string(b)
}

// TestLiveRoundTrip: the kernel lists what Definition wrote, and ParseProbe
// reads it as what it was.
func TestLiveRoundTrip(t *testing.T) {
	d := liveDir(t)
	path, off := target(t, "co:lon(x)%y+ü")
	probes := []Probe{
		{Kind: Uprobe, Group: liveGroup, Name: "plain", Path: path, Offset: off},
		{Kind: Uprobe, Group: liveGroup, Name: "plain", Path: path, Offset: off + 1}, // a second point
		{Kind: Uprobe, Group: liveGroup, Name: "ret", Return: true, Path: path, Offset: off, Args: []string{"arg1=$retval"}},
		{Kind: Uprobe, Group: liveGroup, Name: "args", Path: path, Offset: off, Args: []string{`x=\1`, `y=\"imm"`, "c=$comm", "s=$stack0:x64"}},
		{Kind: Uprobe, Group: liveGroup, Name: "ref", Path: path, Offset: off + 8, RefCtr: 0x40},
	}
	if err := d.Add(probes...); err != nil {
		t.Fatal(err)
	}
	defer func() {
		names := []EventName{{liveGroup, "plain"}, {liveGroup, "ret"}, {liveGroup, "args"}, {liveGroup, "ref"}}
		if err := d.Delete(context.Background(), names...); err != nil {
			t.Error(err)
		}
	}()
	var want []string
	for i := range probes {
		def, err := probes[i].Definition()
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, def)
	}
	if got := ours(t, d); !slices.Equal(got, want) {
		t.Errorf("the kernel lists\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if _, err := d.ID(liveGroup, "plain"); err != nil {
		t.Error(err)
	}
	if err := d.Add(probes[0]); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the same again: %v", err)
	}
	conflict := probes[4]
	conflict.Name, conflict.RefCtr = "ref2", 0
	if err := d.Add(conflict); !errors.Is(err, syscall.EINVAL) || !strings.Contains(err.Error(), "reference counter 0x40") {
		t.Errorf("another reference counter: %v", err)
	}
}

// TestLiveErrors: each refusal of the kernel reaches the user with its reason,
// and nothing stays defined.
func TestLiveErrors(t *testing.T) {
	d := liveDir(t)
	path, off := target(t, "prog")
	good := Probe{Kind: Uprobe, Group: liveGroup, Name: "good", Path: path, Offset: off}
	change := func(f func(*Probe)) Probe { p := good; p.Name = "bad"; f(&p); return p }
	tests := []struct {
		probe Probe
		is    error
		want  string
	}{
		{change(func(p *Probe) { p.Args = []string{"a=$stack", "b=%zz"} }), syscall.EINVAL, `Invalid register name: "%zz"`},
		{change(func(p *Probe) { p.Args = []string{"a=$stack:s99"} }), syscall.EINVAL, `Unknown type is specified: "s99"`},
		{change(func(p *Probe) { p.Path += "-gone" }), fs.ErrNotExist, path + "-gone"},
		{change(func(p *Probe) { p.Path = filepath.Dir(path) }), syscall.EINVAL, "Not a regular file"},
		{change(func(p *Probe) { p.Name = "good"; p.Args = []string{"a=$stack"} }), fs.ErrExist, "different from existing probe"},
	}
	for _, tt := range tests {
		err := d.Add(good, tt.probe)
		if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v\nwant %q that is %v", err, tt.want, tt.is)
		}
		if left := ours(t, d); len(left) > 0 {
			t.Fatalf("after %v: %q is still defined", err, left)
		}
	}
	if d.Supports(Kprobe) == nil {
		return
	}
	err := d.Add(good, Probe{Kind: Kprobe, Name: "k", Symbol: "kernel_clone"})
	if !errors.Is(err, ErrNotSupported) || !strings.Contains(err.Error(), "CONFIG_KPROBE_EVENTS") {
		t.Errorf("kprobe: %v", err)
	}
}

// TestLivePathsThatCannotBe: the kernel does misread the paths that Definition
// refuses, and takes the odd ones that it does not.
func TestLivePathsThatCannotBe(t *testing.T) {
	d := liveDir(t)
	for _, name := range []string{"a b", "a\tb", "a\vb", "a#b", "à", "a\u00a0b"} {
		path, off := target(t, name)
		p := Probe{Kind: Uprobe, Group: liveGroup, Name: "odd", Path: path, Offset: off}
		if def, err := p.Definition(); err == nil {
			t.Errorf("%q passes as %q", name, def)
		}
		w, err := d.append("uprobe_events")
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Write([]byte(p.head(false) + "\n"))
		w.Close()
		if err == nil {
			t.Errorf("the kernel takes %q", path)
			if err := d.Delete(context.Background(), p.Event()); err != nil {
				t.Error(err)
			}
		}
		link := filepath.Join(filepath.Dir(path), "link")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		p.Path = link
		if err := d.Add(p); err != nil {
			t.Errorf("through a link: %v", err)
			continue
		}
		if err := d.Delete(context.Background(), p.Event()); err != nil {
			t.Error(err)
		}
	}
}

// TestLiveBusy: an event that a descriptor holds gives EBUSY, and goes once
// the descriptor is closed, however late the kernel lets go of it.
func TestLiveBusy(t *testing.T) {
	d := liveDir(t)
	path, off := target(t, "prog")
	p := Probe{Kind: Uprobe, Group: liveGroup, Name: "busy", Path: path, Offset: off}
	if err := d.Add(p); err != nil {
		t.Fatal(err)
	}
	id, err := d.ID(p.Group, p.Name)
	if err != nil {
		t.Fatal(err)
	}
	attr := perfevent.Attr{Type: perfevent.TypeTracepoint, Config: id, SamplePeriod: 1}
	event, err := perfevent.Open(&attr, perfevent.AnyThread, 0)
	if err != nil {
		t.Fatalf("open the event: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := d.Delete(ctx, p.Event()); !errors.Is(err, syscall.EBUSY) {
		t.Errorf("Delete while in use: %v", err)
	}
	if err := event.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Delete(context.Background(), p.Event()); err != nil {
		t.Errorf("Delete after close: %v", err)
	}
}

// TestLiveSweep: the probes of a process that has ended go, even when they are
// switched on; one's own stay.
func TestLiveSweep(t *testing.T) {
	d := liveDir(t)
	proc := os.DirFS("/proc")
	self, err := Self(proc)
	if err != nil {
		t.Fatal(err)
	}
	if self.PID != os.Getpid() || self.Dead(proc) {
		t.Fatalf("Self = %+v in process %d", self, os.Getpid())
	}
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	dead := Owner{PID: cmd.Process.Pid, Start: self.Start, Namespace: self.Namespace}
	path, off := target(t, "prog")
	name := func(o Owner, event string) Probe {
		return Probe{Kind: Uprobe, Group: o.Group(), Name: event, Path: path, Offset: off}
	}
	if err := d.Add(name(self, "mine"), name(dead, "theirs"), name(dead, "on")); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Delete(context.Background(), EventName{self.Group(), "mine"}); err != nil {
			t.Errorf("one's own is gone: %v", err)
		}
	}()
	w, err := d.append("events/" + dead.Group() + "/on/enable")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("1\n")); err != nil {
		t.Fatal(err)
	}
	w.Close()
	removed, err := d.Sweep(context.Background(), proc)
	for _, want := range []EventName{{dead.Group(), "on"}, {dead.Group(), "theirs"}} {
		if !slices.Contains(removed, want) {
			t.Errorf("Sweep = %v, %v: %v is missing", removed, err, want)
		}
	}
	if slices.Contains(removed, EventName{self.Group(), "mine"}) {
		t.Error("Sweep removed what is one's own")
	}
}

// TestOpenWithoutPermission: as nobody, the error says what is missing.
func TestOpenWithoutPermission(t *testing.T) {
	if os.Getenv("TRACEFS_TEST_NOBODY") != "" {
		_, err := Open()
		if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "open tracefs: ") || !strings.Contains(err.Error(), "root") {
			t.Errorf("Open as nobody = %v", err)
		}
		return
	}
	if unix.Geteuid() != 0 {
		t.Skip("needs root, to become nobody")
	}
	exe, _ := target(t, "nobody.test")
	for dir := filepath.Dir(exe); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(exe, "-test.run=^TestOpenWithoutPermission$")
	cmd.Env = append(os.Environ(), "TRACEFS_TEST_NOBODY=1")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestKernelAgrees: the kernel takes and refuses the fetch arguments that
// CheckArgs does.
func TestKernelAgrees(t *testing.T) {
	d := liveDir(t)
	if runtime.GOARCH != "amd64" {
		t.Skip("the arguments are written for x86-64")
	}
	path, offset := target(t, "agree")
	for _, tt := range fetchArgs {
		for _, isReturn := range []bool{false, true} {
			p := Probe{Kind: Uprobe, Return: isReturn, Group: liveGroup, Name: "agree", Path: path, Offset: offset, Args: []string{tt.arg}}
			err := d.Add(p)
			var wrong *DefinitionError
			if errors.As(err, &wrong) {
				continue // our own line could not have been written
			}
			if err == nil {
				if err := d.Delete(context.Background(), p.Event()); err != nil {
					t.Fatal(err)
				}
			} else if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.E2BIG) && !errors.Is(err, unix.ENOENT) {
				t.Fatalf("%s: %v", tt.arg, err)
			}
			if ok := isReturn && tt.return_ || !isReturn && tt.entry; ok != (err == nil) {
				t.Errorf("%s (return %v): the kernel says %v", tt.arg, isReturn, err)
			}
		}
	}
}
