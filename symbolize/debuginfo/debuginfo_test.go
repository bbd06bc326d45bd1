package debuginfo_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"gorecord/symbolize/debuginfo"
)

// built are the programs that build compiled, by their command lines: C++ takes
// its time.
var built struct {
	dir  string
	once sync.Map // command line → func() (string, error)
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "debuginfo")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built.dir = dir
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// build compiles a source of testdata, or skips the test where there is no such
// compiler. Tests share the program.
func build(t *testing.T, compiler, source string, flags ...string) string {
	t.Helper()
	if _, err := exec.LookPath(compiler); err != nil {
		t.Skip(err)
	}
	return shared(t, "testdata", compiler, append(flags, source)...)
}

// shared runs a compiler in a folder, once for each command line, and gives the
// program that it wrote.
func shared(t *testing.T, dir, compiler string, args ...string) string {
	t.Helper()
	compile := sync.OnceValues(func() (string, error) {
		folder, err := os.MkdirTemp(built.dir, "")
		if err != nil {
			return "", err
		}
		out := filepath.Join(folder, "program")
		if compiler == "go" {
			args = append([]string{"build", "-o", out}, args...)
		} else {
			args = append(args, "-o", out)
		}
		cmd := exec.Command(compiler, args...)
		cmd.Dir = dir
		if compiler == "go" {
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off")
		}
		if text, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%v: %w\n%s", cmd, err, text)
		}
		return out, nil
	})
	first, _ := built.once.LoadOrStore(fmt.Sprint(dir, compiler, args), compile)
	out, err := first.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func open(t *testing.T, path string) *debuginfo.File {
	t.Helper()
	f, err := debuginfo.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// find finds the one function of a name.
func find(t *testing.T, f *debuginfo.File, name string) *debuginfo.Function {
	t.Helper()
	list, err := f.Find(name)
	if err != nil || len(list) != 1 {
		t.Fatalf("Find(%q): %d functions, %v", name, len(list), err)
	}
	return list[0]
}

func TestParameters(t *testing.T) {
	f := open(t, build(t, "gcc", "c.c", "-O0", "-g"))
	fn := find(t, f, "callee")
	entry, _ := fn.Entry()
	if at, err := f.At(entry + 1); err != nil || at == nil || at.Name != "callee" {
		t.Errorf("At(entry+1): %v, %v", at, err)
	}
	end, ok := f.PrologueEnd(fn)
	if !ok || end <= entry {
		t.Fatalf("prologue of callee ends at %#x, %v", end, ok)
	}
	want := []struct {
		name, typ string
		kind      debuginfo.Kind
		size      int64
	}{{"a", "int", debuginfo.Int, 4}, {"s", "const char *", debuginfo.Pointer, 8}, {"n", "node_t *", debuginfo.Pointer, 8}, {"c", "enum color", debuginfo.Enum, 4}}
	if len(fn.Params) != len(want) {
		t.Fatalf("%d parameters, want %d", len(fn.Params), len(want))
	}
	for i, w := range want {
		p := &fn.Params[i]
		if p.Name != w.name || p.Type.Name != w.typ || p.Type.Kind != w.kind || p.Type.Size != w.size {
			t.Errorf("parameter %d: %s of %+v, want %+v", i, p.Name, p.Type, w)
		}
		loc := f.Locate(fn, p, end)
		if len(loc.Pieces) != 1 || loc.Pieces[0].Kind != debuginfo.Memory || loc.Pieces[0].Size != w.size || len(loc.Pieces[0].Address.Steps) != 1 {
			t.Errorf("%s is at %+v, want memory of the frame", p.Name, loc)
		}
	}
}

func TestNoDebugInformation(t *testing.T) {
	path := build(t, "gcc", "c.c", "-O0")
	if _, err := debuginfo.Open(path); !errors.Is(err, debuginfo.ErrNone) {
		t.Errorf("Open of a program without: %v", err)
	}
	if _, err := debuginfo.Open(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open of a file that is missing: %v", err)
	}
	frames, err := debuginfo.OpenFrames(path)
	if err != nil {
		t.Fatal(err)
	}
	frames.Close()
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustWrite(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
