package tracefs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
)

// fakeKernel answers writes from a script: the errno for a line, in order of
// the tries, and success where the script has nothing.
type fakeKernel struct {
	t      *testing.T
	files  fstest.MapFS
	script map[string][]error
	noOpen error
	wrote  []string
	opened int // files open now
}

func newKernel(t *testing.T) *fakeKernel {
	return &fakeKernel{t: t, script: map[string][]error{}, files: fstest.MapFS{
		"uprobe_events": {}, "error_log": {},
	}}
}

func (k *fakeKernel) dir() *Dir { return NewDir(k.files, k.append) }

func (k *fakeKernel) set(name, content string) {
	k.files[name] = &fstest.MapFile{Data: []byte(content)}
}

func (k *fakeKernel) append(name string) (io.WriteCloser, error) {
	if k.noOpen != nil {
		return nil, &fs.PathError{Op: "openat", Path: name, Err: k.noOpen}
	}
	if k.files[name] == nil {
		return nil, &fs.PathError{Op: "openat", Path: name, Err: syscall.ENOENT}
	}
	k.opened++
	return &fakeFile{k, name}, nil
}

type fakeFile struct {
	k    *fakeKernel
	name string
}

func (f *fakeFile) Close() error { f.k.opened--; return nil }

func (f *fakeFile) Write(b []byte) (int, error) {
	line, ok := bytes.CutSuffix(b, []byte("\n"))
	if !ok || bytes.ContainsAny(line, "\n") {
		f.k.t.Errorf("write of %q to %s: want exactly one line", b, f.name)
	}
	key := f.name + " " + string(line)
	f.k.wrote = append(f.k.wrote, key)
	if answers := f.k.script[key]; len(answers) > 0 {
		f.k.script[key] = answers[1:]
		if answers[0] != nil {
			return 0, &fs.PathError{Op: "write", Path: f.name, Err: answers[0]}
		}
	}
	return len(b), nil
}

func (k *fakeKernel) expect(want ...string) {
	k.t.Helper()
	if !slices.Equal(k.wrote, want) {
		k.t.Errorf("wrote\n  %s\nwant\n  %s", strings.Join(k.wrote, "\n  "), strings.Join(want, "\n  "))
	}
	if k.opened != 0 {
		k.t.Errorf("%d files left open", k.opened)
	}
}

func entry(name string) Probe {
	return Probe{Kind: Uprobe, Group: "g", Name: name, Path: "/bin/x", Offset: 0x1139}
}

func TestAdd(t *testing.T) {
	k := newKernel(t)
	k.set("kprobe_events", "")
	kp := Probe{Kind: Kprobe, Return: true, MaxActive: 4, Name: "ret", Symbol: "_do_fork", Args: []string{"$retval"}}
	if err := k.dir().Add(entry("a"), kp, entry("b")); err != nil {
		t.Fatal(err)
	}
	k.expect("uprobe_events p:g/a /bin/x:0x1139", "kprobe_events r4:kprobes/ret _do_fork $retval", "uprobe_events p:g/b /bin/x:0x1139")
}

// TestAddTakesBack: when one of several is refused, those before it go again,
// by their point alone: the event may have had points of others before.
func TestAddTakesBack(t *testing.T) {
	k := newKernel(t)
	a, b := entry("a"), entry("b")
	a.Args = []string{"$retval"}
	a.Return = true
	k.script["uprobe_events p:g/b /bin/x:0x1139"] = []error{syscall.EINVAL}
	k.set("uprobe_events", "r:g/a /bin/x:0x0000000000000001 arg1=$retval\nr:g/a /bin/x:0x0000000000001139 arg1=$retval\n")
	err := k.dir().Add(a, b)
	if !errors.Is(err, syscall.EINVAL) {
		t.Errorf("Add = %v, want EINVAL", err)
	}
	k.expect("uprobe_events r:g/a /bin/x:0x1139 $retval", "uprobe_events p:g/b /bin/x:0x1139",
		"uprobe_events -:g/a /bin/x:0x0000000000001139 arg1=$retval")
}

func TestAddNothingWrittenForBadProbe(t *testing.T) {
	k := newKernel(t)
	bad := entry("b")
	bad.Path = "/a b"
	var de *DefinitionError
	if err := k.dir().Add(entry("a"), bad); !errors.As(err, &de) {
		t.Errorf("Add = %v, want a *DefinitionError", err)
	}
	if err := k.dir().Add(entry("")); !errors.As(err, &de) {
		t.Errorf("Add without a name = %v, want a *DefinitionError", err)
	}
	k.expect()
}

func TestAddErrors(t *testing.T) {
	const line = "p:g/a /bin/x:0x1139"
	const log = "[ 2610.249420] trace_uprobe: error: Event name is too long\n  Command: p:g/a /bin/x:0x1139\n               ^\n" +
		"[ 2610.249531] trace_uprobe: error: Invalid register name\n  Command: p:g/a /bin/x:0x1139\n                        ^\n" +
		"[ 2610.249600] trace_uprobe: error: Not a regular file\n  Command: p:g/z /tmp:0x1139\n                 ^\n"
	tests := []struct {
		name   string
		setup  func(*fakeKernel)
		is     error
		want   string
		column int
	}{
		{"the kernel's log says why", func(k *fakeKernel) { k.set("error_log", log); k.fail(line, syscall.EINVAL) }, syscall.EINVAL,
			`define g:a: invalid argument: Invalid register name: "0x1139" at column 14 of "p:g/a /bin/x:0x1139"`, 13},
		{"the log is about others", func(k *fakeKernel) {
			k.set("error_log", strings.ReplaceAll(log, "g/a", "g/q"))
			k.fail(line, syscall.EINVAL)
		}, syscall.EINVAL, "define g:a: invalid argument", -1},
		{"no log at all", func(k *fakeKernel) { delete(k.files, "error_log"); k.fail(line, syscall.EINVAL) }, syscall.EINVAL, "define g:a: invalid argument", -1},
		{"another reference counter", func(k *fakeKernel) {
			k.set("uprobe_events", "p:h/b /bin/x:0x0000000000001139(0x10)\n")
			k.fail(line, syscall.EINVAL)
		}, syscall.EINVAL, "h:b stands on the same instruction with the reference counter 0x10, this one has 0x0", -1},
		{"exists", func(k *fakeKernel) { k.fail(line, syscall.EEXIST) }, fs.ErrExist, "an event of that name exists", -1},
		{"no file", func(k *fakeKernel) { k.fail(line, syscall.ENOENT) }, fs.ErrNotExist, "no such file: /bin/x", -1},
		{"no uprobes", func(k *fakeKernel) { delete(k.files, "uprobe_events") }, errors.ErrUnsupported, "CONFIG_UPROBE_EVENTS", -1},
		{"not root", func(k *fakeKernel) { k.noOpen = syscall.EACCES }, fs.ErrPermission, "run as root", -1},
		{"locked down", func(k *fakeKernel) { k.noOpen = syscall.EPERM }, syscall.EPERM, "locked down", -1},
		{"read-only", func(k *fakeKernel) { k.noOpen = syscall.EROFS }, syscall.EROFS, "read-only", -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := newKernel(t)
			tt.setup(k)
			err := k.dir().Add(entry("a"))
			var e *Error
			if !errors.As(err, &e) || !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) || e.Column != tt.column {
				t.Errorf("Add = %v, want %q that is %v", err, tt.want, tt.is)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
	if err := NewDir(fstest.MapFS{"uprobe_events": {}}, nil).Add(entry("a")); !errors.Is(err, syscall.EROFS) {
		t.Errorf("Add to a Dir for reading: %v", err)
	}
	kp := Probe{Kind: Kprobe, Name: "k", Symbol: "f"}
	if err := newKernel(t).dir().Add(kp); !errors.Is(err, ErrNotSupported) || !strings.Contains(err.Error(), "CONFIG_KPROBE_EVENTS") {
		t.Errorf("Add of a kprobe where there are none: %v", err)
	}
}

func (k *fakeKernel) fail(line string, err error) {
	k.script["uprobe_events "+line] = append(k.script["uprobe_events "+line], err)
}

func TestSupports(t *testing.T) {
	d := newKernel(t).dir()
	if err := d.Supports(Uprobe); err != nil {
		t.Errorf("uprobes: %v", err)
	}
	if err := d.Supports(Kprobe); !errors.Is(err, ErrNotSupported) || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("kprobes: %v", err)
	}
}

func TestDelete(t *testing.T) {
	const two = "p:g/a /bin/x:0x0000000000001139\np:g/a /bin/x:0x0000000000001140\np:g/b /bin/x:0x0000000000001139\n"
	t.Run("waits while busy, goes on after errors", func(t *testing.T) {
		k := newKernel(t)
		k.set("uprobe_events", two)
		k.set("kprobe_events", "p:kprobes/myprobe _do_fork\n")
		k.fail("-:g/a", syscall.EBUSY)
		k.fail("-:g/a", syscall.EBUSY)
		err := k.dir().Delete(context.Background(), EventName{"g", "none"}, EventName{"g", "a"}, EventName{"kprobes", "myprobe"})
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "g:none") {
			t.Errorf("Delete = %v, want only that g:none does not exist", err)
		}
		k.expect("uprobe_events -:g/a", "uprobe_events -:g/a", "uprobe_events -:g/a", "kprobe_events -:kprobes/myprobe")
	})
	t.Run("a context ends the wait, each is tried once", func(t *testing.T) {
		k := newKernel(t)
		k.set("uprobe_events", two)
		k.script["uprobe_events -:g/a"] = slices.Repeat([]error{syscall.EBUSY}, 1000)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		err := k.dir().Delete(ctx, EventName{"g", "a"}, EventName{"g", "b"})
		if !errors.Is(err, syscall.EBUSY) || !strings.Contains(err.Error(), "a recording or a trace uses it") {
			t.Errorf("Delete = %v, want EBUSY with its reason", err)
		}
		k.expect("uprobe_events -:g/a", "uprobe_events -:g/b")
	})
	t.Run("no permission", func(t *testing.T) {
		k := newKernel(t)
		k.set("uprobe_events", two)
		k.noOpen = syscall.EACCES
		if err := k.dir().Delete(context.Background(), EventName{"g", "a"}); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("Delete = %v", err)
		}
	})
	if err := newKernel(t).dir().Delete(context.Background()); err != nil {
		t.Errorf("Delete of nothing: %v", err)
	}
}

func TestList(t *testing.T) {
	k := newKernel(t)
	k.set("uprobe_events", "p:g/a /bin/x:0x0000000000001139\nwhat is this\n")
	k.set("kprobe_events", "r4:kprobes/myretprobe _do_fork arg1=$retval\np:kprobes/odd dir/file:sym\n")
	probes, err := k.dir().List()
	if err == nil || !strings.Contains(err.Error(), `"what is this`) || !strings.Contains(err.Error(), "dir/file:sym") {
		t.Errorf("error %v does not name what could not be read", err)
	}
	var got []string
	for i := range probes {
		got = append(got, probes[i].Kind.String()+" "+probes[i].Event().String())
	}
	if want := []string{"uprobe g:a", "kprobe kprobes:myretprobe"}; !slices.Equal(got, want) {
		t.Errorf("List = %q, want %q", got, want)
	}
	if probes, err := NewDir(fstest.MapFS{}, nil).List(); len(probes) != 0 || err != nil {
		t.Errorf("List without probes of any kind = %v, %v", probes, err)
	}
}

func TestParseErrorLog(t *testing.T) {
	got := parseErrorLog("[ 1.5] trace_uprobe: error: Failed to find the given file\n  Command: p:g/n /no:0x1\n                 ^\n" +
		"[ 2.5] trace_kprobe: error: Cut\n  Command: p:g/n f\n" +
		"junk\n[ 3.5] trace_kprobe: error: Next\n  Command: p:g/m f\n           ^\n")
	want := []logEntry{{"Failed to find the given file", "p:g/n /no:0x1", 6}, {"Cut", "p:g/n f", -1}, {"Next", "p:g/m f", 0}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func FuzzParseErrorLog(f *testing.F) {
	f.Add("[ 1.5] trace_uprobe: error: Failed to find the given file\n  Command: p:g/n /no:0x1\n                 ^\n")
	f.Add("[ 1.5] a: error: b\n  Command: c")
	f.Fuzz(func(t *testing.T, text string) {
		for _, e := range parseErrorLog(text) {
			if e.column < -1 || strings.Contains(e.command, "\n") || strings.Contains(e.reason, "\n") {
				t.Fatalf("entry %+v", e)
			}
		}
	})
}
