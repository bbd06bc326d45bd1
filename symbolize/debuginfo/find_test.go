package debuginfo_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gorecord/symbolize"
	"gorecord/symbolize/debuginfo"
)

// buildRust compiles the fixture without optimization, where there is rustc.
func buildRust(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("rustc"); err != nil {
		t.Skip(err)
	}
	out := filepath.Join(t.TempDir(), "shapes")
	cmd := exec.Command("rustc", "--edition", "2021", "-g", "-C", "panic=abort", "-o", out, "testdata/programs/shapes.rs")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("rustc cannot be used here: %v\n%s", err, text)
	}
	return out
}

// summary words functions as name, linkage name, copies.
func summary(list []*debuginfo.Function) string {
	var words []string
	for _, fn := range list {
		w := fn.Name
		if len(fn.Ranges) == 0 {
			w += " (inlined only)"
		}
		if n := len(fn.Inlined); n > 0 {
			w += fmt.Sprintf(" %d copies", n)
		}
		words = append(words, w)
	}
	return strings.Join(words, ", ")
}

// TestFind: each spelling of a name.
func TestFind(t *testing.T) {
	c := open(t, build(t, "gcc", "c.c", "-O2", "-g"))
	cpp := open(t, build(t, "g++", "cpp.cc", "-O2", "-gdwarf-5", "-no-pie", "-fomit-frame-pointer", "-std=c++20"))
	golang := open(t, buildGo(t))
	rust := open(t, "testdata/programs/shapes")
	lto := open(t, build(t, "gcc", "lines.c", "-O2", "-g", "-flto"))
	tests := []struct {
		f          *debuginfo.File
		name, want string
	}{
		{c, "callee", "callee"},
		{c, "sq", "sq (inlined only) 2 copies"},
		{lto, "work", "work (inlined only) 1 copies"},
		{lto, "inl", "inl (inlined only) 2 copies"},
		{lto, "main", "main"},
		{c, "printf", ""}, // libc's
		{c, "", ""},
		{c, "calle", ""},
		{cpp, "ns::over", "ns::over, ns::over"},
		{cpp, "ns::over(int)", "ns::over"},
		{cpp, "_ZN2ns4overEi", "ns::over"},
		{cpp, "over", ""},
		{cpp, "ns::Box<int>::f", "ns::Box<int>::f"},
		{cpp, "ns::Box<int>::f(int) const", "ns::Box<int>::f"},
		{cpp, "operator+", "operator+"},
		{cpp, "operator+(ns::Big, int)", "operator+"},
		{cpp, "ns::(anonymous namespace)::anon", "ns::(anonymous namespace)::anon"},
		{cpp, "ns::(anonymous namespace)::anon(int)", "ns::(anonymous namespace)::anon"},
		{cpp, "ns::(anonymous namespace)::anon(double)", ""},
		{cpp, "_ZN2ns12_GLOBAL__N_14anonEi", "ns::(anonymous namespace)::anon"},
		{golang, "main.(*T).Method", "main.(*T).Method"},
		{golang, "main.small", "main.small (inlined only) 1 copies"},
		{golang, "main.Generic[go.shape.int]", "main.Generic[go.shape.int]"},
		{golang, "Method", ""},
		{rust, "shapes::Point::scale", "shapes::Point::scale"},
		{rust, "<shapes::Shape as shapes::Area>::area", "<shapes::Shape as shapes::Area>::area"},
	}
	for _, tt := range tests {
		list, err := tt.f.Find(tt.name)
		if got := summary(list); err != nil || got != tt.want {
			t.Errorf("Find(%q): %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
}

// TestFindRust: generic functions, closures, and mangled names, in code that
// was not optimized.
func TestFindRust(t *testing.T) {
	f := open(t, buildRust(t))
	for name, want := range map[string]string{
		"shapes::generic":              "shapes::generic, shapes::generic",
		"shapes::generic<i32>":         "shapes::generic",
		"shapes::main::{{closure}}":    "shapes::main::{{closure}}",
		"shapes::shapes":               "shapes::shapes",
		"alloc::string::String::len":   "alloc::string::String::len",
		"shapes::Point::scale::nobody": "",
	} {
		list, err := f.Find(name)
		if got := summary(list); err != nil || got != want {
			t.Errorf("Find(%q): %q, %v, want %q", name, got, err, want)
		}
	}
	fn := find(t, f, "shapes::text")
	end, ok := f.PrologueEnd(fn)
	if !ok || fn.Optimized {
		t.Errorf("shapes::text: optimized %v, prologue's end known %v", fn.Optimized, ok)
	}
	for i := range fn.Params {
		if k := f.Locate(fn, &fn.Params[i], end).Pieces[0].Kind; k != debuginfo.Memory {
			t.Errorf("%s is of kind %d, not in memory", fn.Params[i].Name, k)
		}
	}
}

// TestNames: Find finds what Names names, and At what Find finds.
func TestNames(t *testing.T) {
	for _, path := range []string{build(t, "gcc", "c.c", "-O2", "-g"), build(t, "g++", "cpp.cc", "-std=c++20", "-g"), "testdata/programs/shapes"} {
		f := open(t, path)
		names := slices.Collect(f.Names())
		if len(names) < 3 {
			t.Errorf("%s: names %q", path, names)
		}
		for _, name := range names {
			list, err := f.Find(name)
			if err != nil || len(list) == 0 {
				t.Errorf("%s: Find(%q): %d, %v", path, name, len(list), err)
			}
			for _, fn := range list {
				if fn.Name != name && fn.LinkageName != name {
					t.Errorf("Find(%q) gives %s", name, fn.Name)
				}
				entry, ok := fn.Entry()
				if !ok {
					continue
				}
				for _, addr := range []symbolize.VirtAddr{entry, fn.Ranges[0].End - 1} {
					if at, err := f.At(addr); err != nil || at == nil || at.Name != name {
						t.Errorf("At(%#x) of %s: %+v, %v", uint64(addr), name, at, err)
					}
				}
			}
		}
	}
	f := open(t, "testdata/programs/shapes")
	if fn, err := f.At(0); fn != nil || err != nil {
		t.Errorf("At(0): %v, %v", fn, err)
	}
}

// TestGlobals: variables with one place, against the symbol table's.
func TestGlobals(t *testing.T) {
	path := build(t, "g++", "cpp.cc", "-std=c++20", "-g")
	f := open(t, path)
	m, err := symbolize.OpenModule(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for name, symbol := range map[string]string{"ns::globalvar": "_ZN2ns9globalvarE", "_ZN2ns9globalvarE": "_ZN2ns9globalvarE", "ns::Derived::stat": "_ZN2ns7Derived4statE"} {
		v, loc, err := f.Global(name)
		if err != nil {
			t.Error(err)
			continue
		}
		want := m.Find(symbol)
		if p := loc.Pieces[0]; len(want) == 0 || p.Kind != debuginfo.Memory || p.Address.Base != -1 || p.Address.Static != want[0].Addr || p.Size != 4 || v.Type.Name != "int" {
			t.Errorf("%s: %+v at %+v, the symbol is %+v", name, v, loc, want)
		}
	}
	if _, _, err := f.Global("nothing"); err == nil {
		t.Error("a variable that there is not")
	}
	// What is thread-local has an address in each thread.
	list, err := f.Globals()
	i := slices.IndexFunc(list, func(v debuginfo.Variable) bool { return v.Name == "tls" })
	if err != nil || i < 0 {
		t.Fatalf("Globals: %v, %v", list, err)
	}
	if p := f.Locate(nil, &list[i], 0).Pieces[0]; p.Kind != debuginfo.Missing || p.Reason != "thread-local" {
		t.Errorf("tls is at %+v", p)
	}
}

// TestSeparate: debug information in a file of its own, found by build id or by
// .gnu_debuglink.
func TestSeparate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	mustWrite(t, path, mustRead(t, build(t, "gcc", "c.c", "-g", "-Wl,--build-id=none")))
	debug := path + ".debug"
	for _, args := range [][]string{{"--only-keep-debug", path, debug}, {"--strip-debug", path}, {"--add-gnu-debuglink=" + debug, path}} {
		if out, err := exec.Command("objcopy", args...).CombinedOutput(); err != nil {
			t.Fatalf("objcopy: %v\n%s", err, out)
		}
	}
	f := open(t, path)
	fn := find(t, f, "callee")
	entry, _ := fn.Entry()
	// Call frame information is in the program.
	if reg, off, ok := f.CFA(entry); !ok || off <= 0 {
		t.Errorf("CFA: %d+%d, %v", reg, off, ok)
	}
	if p := f.Locate(fn, &fn.Params[0], entry).Pieces[0]; p.Kind != debuginfo.Memory {
		t.Errorf("a is at %+v", p)
	}
}

// TestFramesAlone: without debug information, the same frames as with it.
func TestFramesAlone(t *testing.T) {
	path := build(t, "gcc", "c.c", "-O2", "-g")
	f := open(t, path)
	frames, err := debuginfo.OpenFrames(path)
	if err != nil {
		t.Fatal(err)
	}
	defer frames.Close()
	fn := find(t, f, "big")
	for pc := fn.Ranges[0].Start; pc < fn.Ranges[0].End; pc++ {
		reg, off, ok := f.CFA(pc)
		reg2, off2, ok2 := frames.CFA(pc)
		if reg != reg2 || off != off2 || ok != ok2 || !ok {
			t.Errorf("CFA at %#x: %d+%d %v, alone %d+%d %v", uint64(pc), reg, off, ok, reg2, off2, ok2)
		}
	}
	if _, _, ok := frames.CFA(1); ok {
		t.Error("a frame where there is no code")
	}
	if err := frames.Close(); err != nil {
		t.Error(err)
	}
	if err := frames.Close(); err != nil {
		t.Error("closed again:", err)
	}
}

// TestClosed: a closed File answers, and does not crash.
func TestClosed(t *testing.T) {
	f := open(t, "testdata/programs/shapes")
	fn := find(t, f, "shapes::text")
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := f.Find("shapes::text"); err == nil {
		t.Error("Find of a closed file")
	}
	if fn, err := f.At(fn.Ranges[0].Start); fn != nil || err == nil {
		t.Error("At of a closed file")
	}
	if p := f.Locate(fn, &fn.Params[0], fn.Ranges[0].Start).Pieces[0]; p.Kind != debuginfo.Missing {
		t.Error("Locate of a closed file")
	}
	f.Row(fn.Ranges[0].Start)
	f.PrologueEnd(fn)
	f.FunctionLines(fn)
	f.VarsAt(fn, 0)
	f.CFA(0)
	for range f.Names() {
		t.Error("a name of a closed file")
	}
}

// TestCut: a file that ends early gives an error or less, in time.
func TestCut(t *testing.T) {
	whole := mustRead(t, "testdata/programs/small-5-O0")
	start := time.Now()
	for n := 0; n < len(whole); n += 7 {
		path := filepath.Join(t.TempDir(), "cut")
		mustWrite(t, path, whole[:n])
		f, err := debuginfo.Open(path)
		if err != nil {
			if !strings.Contains(err.Error(), path) {
				t.Errorf("%d bytes: %v does not name the file", n, err)
			}
			continue
		}
		if _, err := f.Find("callee"); err != nil {
			t.Error(err)
		}
		f.Close()
	}
	if d := time.Since(start); d > time.Minute {
		t.Errorf("%v", d)
	}
}

// TestLineAddrsByPath: each way to name a file, and lines counted from a function.
func TestLineAddrsByPath(t *testing.T) {
	f := open(t, build(t, "gcc", "lines.c", "-g", "-gdwarf-4"))
	whole, err := filepath.Abs("testdata/sub/inline.h")
	if err != nil {
		t.Fatal(err)
	}
	fn := find(t, f, "inl")
	want, err := f.FuncLine(fn, 2)
	if err != nil || len(want) != 1 {
		t.Fatalf("FuncLine: %#x, %v", want, err)
	}
	for _, name := range []string{"inline.h", "sub/inline.h", "./sub/inline.h", whole} {
		if got, err := f.LineAddrs(name, fn.Line+2); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %#x, %v, want %#x", name, got, err, want)
		}
	}
	for _, name := range []string{"line.h", "other/inline.h", ""} {
		if got, err := f.LineAddrs(name, fn.Line+2); err != nil || len(got) > 0 {
			t.Errorf("%s: %#x, %v, want none", name, got, err)
		}
	}
	file, line, ok := f.PC(want[0])
	row, okRow := f.Row(want[0] + 1)
	if !ok || file != fn.File || line != fn.Line+2 || !okRow || row.Addr != want[0] || !row.Statement {
		t.Errorf("PC: %s:%d %v, Row: %+v %v", file, line, ok, row, okRow)
	}
	if filepath.Join(fn.Dir, fn.File) != whole {
		t.Errorf("%s is in %q as %q", fn.Name, fn.Dir, fn.File)
	}
}
