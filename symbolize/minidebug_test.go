package symbolize

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

// tool runs a program of binutils, or skips.
func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// TestMiniDebug: a stripped program keeps the names of its functions where they
// are packed into .gnu_debugdata, as Fedora does.
func TestMiniDebug(t *testing.T) {
	const program = "../testdata/programs/stack3"
	dir := t.TempDir()
	mini, packed, stripped, whole := filepath.Join(dir, "mini"), filepath.Join(dir, "mini.xz"), filepath.Join(dir, "stripped"), filepath.Join(dir, "whole")
	tool(t, "objcopy", "-S", "--only-keep-debug", "-R", ".debug_*", "-K", "callee", "-K", "main", program, mini)
	plain, err := os.ReadFile(mini)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z, err := xz.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(packed, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	tool(t, "strip", "-o", stripped, program)
	tool(t, "objcopy", "--add-section", ".gnu_debugdata="+packed, stripped, whole)

	find := func(path, name string) []Symbol {
		m, err := OpenModule(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		return m.Find(name)
	}
	want := find(program, "callee")
	if got := find(whole, "callee"); len(got) != 1 || got[0].Addr != want[0].Addr || got[0].Size != want[0].Size || !got[0].IsFunction() {
		t.Errorf("callee is %+v, want %+v", got, want)
	}
	if got := find(stripped, "callee"); len(got) != 0 {
		t.Errorf("a stripped program has callee: %+v", got)
	}
	if got := find(whole, "printf@plt"); len(got) != len(find(program, "printf@plt")) {
		t.Errorf("the PLT: %+v", got)
	}
}

// TestMiniDebugDamaged: what cannot be unpacked, or becomes too large, is as good
// as none.
func TestMiniDebugDamaged(t *testing.T) {
	var bomb bytes.Buffer
	z, err := xz.NewWriter(&bomb)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for range 64 {
		if _, err := z.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{"text": []byte("no xz"), "bomb": bomb.Bytes(), "cut": bomb.Bytes()[:bomb.Len()/2]} {
		packed, whole := filepath.Join(dir, name), filepath.Join(dir, name+".elf")
		if err := os.WriteFile(packed, content, 0o644); err != nil {
			t.Fatal(err)
		}
		tool(t, "objcopy", "-S", "--add-section", ".gnu_debugdata="+packed, "../testdata/programs/stack3", whole)
		m, err := OpenModule(whole)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for s := range m.Symbols() {
			if !strings.HasSuffix(s.Name, "@plt") && s.IsFunction() && s.Name == "callee" {
				t.Errorf("%s: %+v", name, s)
			}
		}
		m.Close()
	}
}
