package gobinary

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"gorecord/symbolize"
	"gorecord/symbolize/code"
)

// builds are ways to build goprog, by names.
var builds = map[string]struct {
	flags []string
	cgo   bool
	arch  string
}{
	"default":      {},
	"trimpath":     {flags: []string{"-trimpath"}},
	"stripped":     {flags: []string{"-ldflags=-s -w"}},
	"pie":          {flags: []string{"-buildmode=pie"}},
	"pie stripped": {flags: []string{"-buildmode=pie", "-ldflags=-s -w"}},
	"external linker": {
		flags: []string{"-ldflags=-linkmode=external"}, cgo: true},
	"external linker, pie, stripped": {
		flags: []string{"-buildmode=pie", "-ldflags=-linkmode=external -s -w"}, cgo: true},
	"arm64": {arch: "arm64"},
}

var (
	programs     sync.Map // by name of the build: *program
	programsRoot string
)

type program struct {
	once sync.Once
	path string
	err  string
}

func TestMain(m *testing.M) {
	var err error
	if programsRoot, err = os.MkdirTemp("", "gobinary"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(programsRoot)
	os.Exit(code)
}

// build gives the path of goprog built in one of the ways, once.
func build(t *testing.T, name string) string {
	t.Helper()
	how, ok := builds[name]
	if !ok {
		t.Fatalf("no build %s", name)
	}
	if _, err := exec.LookPath("gcc"); how.cgo && err != nil {
		t.Skip("gcc is not installed")
	}
	v, _ := programs.LoadOrStore(name, &program{path: filepath.Join(programsRoot, strings.ReplaceAll(name, " ", "-"))})
	p := v.(*program)
	p.once.Do(func() {
		args := append([]string{"build", "-o", p.path}, how.flags...)
		cmd := exec.Command("go", append(args, "gorecord/testdata/programs/goprog")...)
		cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false", "CGO_ENABLED=0")
		if how.cgo {
			cmd.Env = append(cmd.Env, "CGO_ENABLED=1")
		}
		if how.arch != "" {
			cmd.Env = append(cmd.Env, "GOARCH="+how.arch)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			p.err = string(out)
		}
	})
	if p.err != "" {
		t.Fatal(p.err)
	}
	return p.path
}

func open(t *testing.T, name string) *File {
	t.Helper()
	f, err := Open(build(t, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestOpenIsForGoPrograms(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, "../../testdata/programs/stack3"} {
		if f, err := Open(path); !errors.Is(err, ErrNotGo) {
			t.Errorf("Open(%s) = %v, %v", path, f, err)
		}
	}
	if _, err := Open(t.TempDir()); err == nil || errors.Is(err, ErrNotGo) {
		t.Errorf("Open of a folder: %v", err)
	}
}

// symbolsOf gives the functions in a symbol table.
func symbolsOf(t *testing.T, path string) map[uint64][]elf.Symbol {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	at := map[uint64][]elf.Symbol{}
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC {
			at[s.Value] = append(at[s.Value], s)
		}
	}
	return at
}

// sameName compares a name with a symbol's, which spells type arguments out, has a
// mark of its calling convention, and dots where the compiler has others.
func sameName(name, symbol string) bool {
	symbol = strings.TrimSuffix(symbol, ".abi0")
	name = strings.ReplaceAll(name, "·", ".")
	before, after, generic := strings.Cut(name, "[...]")
	if generic {
		return strings.HasPrefix(symbol, before+"[") && strings.HasSuffix(symbol, after)
	}
	return name == symbol
}

// TestFunctionsAgreeWithSymbols: names and code are those of the symbol table.
func TestFunctionsAgreeWithSymbols(t *testing.T) {
	for _, name := range []string{"default", "trimpath", "pie", "external linker", "arm64"} {
		t.Run(name, func(t *testing.T) {
			f := open(t, name)
			symbols := symbolsOf(t, build(t, name))
			count := 0
			for fn := range f.Functions() {
				count++
				if !slices.ContainsFunc(symbols[uint64(fn.Entry)], func(s elf.Symbol) bool {
					return sameName(fn.Name, s.Name) && s.Value+s.Size <= uint64(fn.End)
				}) {
					t.Errorf("%s at %#x to %#x, symbols %v", fn.Name, fn.Entry, fn.End, symbols[uint64(fn.Entry)])
				}
				if at, ok := f.At((fn.Entry + fn.End) / 2); !ok || at != fn {
					t.Errorf("in the middle of %v is %v", fn, at)
				}
			}
			if count < 1000 {
				t.Errorf("%d functions", count)
			}
		})
	}
}

// TestStripped: without symbols, the same is known.
func TestStripped(t *testing.T) {
	for stripped, whole := range map[string]string{
		"stripped": "default", "pie stripped": "pie",
	} {
		t.Run(stripped, func(t *testing.T) {
			f, want := open(t, stripped), open(t, whole)
			got := slices.Collect(f.Functions())
			if all := slices.Collect(want.Functions()); !slices.Equal(got, all) {
				t.Errorf("%d functions, %d in the whole program", len(got), len(all))
			}
			for _, fn := range got {
				if f.IsABI0(fn) != want.IsABI0(fn) {
					t.Errorf("IsABI0(%v) = %v", fn, f.IsABI0(fn))
				}
			}
			offset, how, err := f.GoidOffset()
			wantOffset, wantHow, wantErr := want.GoidOffset()
			if offset != wantOffset || err != nil || wantErr != nil {
				t.Errorf("goid at %d (%s, %v), of the whole program %d (%s, %v)", offset, how, err, wantOffset, wantHow, wantErr)
			}
			if how != "known for "+runtime.Version() || wantHow != "debug information" {
				t.Errorf("goid known from %s, %s", how, wantHow)
			}
			if types, all := typesOf(f), typesOf(want); !slices.Equal(types, all) || len(types) == 0 {
				t.Errorf("itabs of %v, want %v", types, all)
			}
			if f.Version() != runtime.Version() {
				t.Errorf("version %s", f.Version())
			}
		})
	}
}

// typesOf gives the types in itabs, which lie elsewhere in a stripped program.
func typesOf(f *File) (types []string) {
	for i := range f.Itabs() {
		types = append(types, i.Type+","+i.Interface)
	}
	slices.Sort(types)
	return types
}

// TestEveryBuildKnowsCallee: functions, lines and kinds, however it was built.
func TestEveryBuildKnowsCallee(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(builds)) {
		t.Run(name, func(t *testing.T) {
			f := open(t, name)
			fn, ok := f.Find("main.callee")
			if !ok || fn.Wrapper || fn.Assembly || f.IsABI0(fn) {
				t.Fatalf("main.callee: %+v, %v", fn, ok)
			}
			if f.Version() != runtime.Version() {
				t.Errorf("version %q", f.Version())
			}
			file, line := f.Line(fn.Entry)
			if filepath.Base(file) != "main.go" || line != fn.StartLine || line == 0 {
				t.Errorf("main.callee is at %s:%d, starts in line %d", file, line, fn.StartLine)
			}
			want := map[elf.Machine]int{elf.EM_X86_64: 14, elf.EM_AARCH64: 28}[f.Machine()]
			if reg, ok := f.GRegister(fn); !ok || reg != want {
				t.Errorf("goroutine in register %d, %v", reg, ok)
			}
			memmove, ok := f.Find("runtime.memmove")
			if !ok || !memmove.Assembly || !f.IsABI0(memmove) {
				t.Errorf("runtime.memmove: %+v", memmove)
			}
			if _, ok := f.Find("main.none"); ok {
				t.Error("main.none exists")
			}
		})
	}
}

// TestWithoutSectionHeaders: what programs load is enough.
func TestWithoutSectionHeaders(t *testing.T) {
	for _, name := range []string{"stripped", "pie stripped", "external linker, pie, stripped", "arm64"} {
		t.Run(name, func(t *testing.T) {
			want := open(t, name)
			b, err := os.ReadFile(build(t, name))
			if err != nil {
				t.Fatal(err)
			}
			copy(b[40:48], make([]byte, 8)) // e_shoff
			copy(b[58:64], make([]byte, 6)) // e_shentsize, e_shnum, e_shstrndx
			f, err := New(bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			if got, all := slices.Collect(f.Functions()), slices.Collect(want.Functions()); !slices.Equal(got, all) {
				t.Errorf("%d functions, %d with section headers", len(got), len(all))
			}
			if got, all := slices.Collect(f.Itabs()), slices.Collect(want.Itabs()); !slices.Equal(got, all) {
				t.Errorf("itabs %v, with section headers %v", got, all)
			}
			if f.Version() != runtime.Version() {
				t.Errorf("version %q", f.Version())
			}
		})
	}
}

// TestReturnsOfARM64 are those that go tool objdump sees.
func TestReturnsOfARM64(t *testing.T) {
	f := open(t, "arm64")
	out, err := exec.Command("go", "tool", "objdump", build(t, "arm64")).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want, got []symbolize.VirtAddr
	for line := range strings.Lines(string(out)) {
		if w := strings.Fields(line); len(w) >= 4 && w[3] == "RET" {
			addr, err := strconv.ParseUint(w[1], 0, 64)
			if err != nil {
				t.Fatal(line)
			}
			want = append(want, symbolize.VirtAddr(addr))
		}
	}
	for fn := range f.Functions() {
		if strings.HasPrefix(fn.Name, "go:") {
			continue // marks of the linker, of one byte
		}
		list, err := code.Returns(f.Machine(), f.Code(fn), fn.Entry)
		if err != nil {
			t.Errorf("%s: %v", fn.Name, err)
		}
		got = append(got, list...)
	}
	if !slices.Equal(got, want) || len(want) < 1000 {
		t.Errorf("%d returns, objdump has %d", len(got), len(want))
	}
}

// TestEveryFunctionDecodes of this machine's programs, padding included.
func TestEveryFunctionDecodes(t *testing.T) {
	for _, name := range []string{"default", "pie stripped", "external linker"} {
		f := open(t, name)
		for fn := range f.Functions() {
			_, err := code.Returns(f.Machine(), f.Code(fn), fn.Entry)
			// A constant in the code: crypto/internal/boring/sig marks binaries.
			if marker := strings.HasPrefix(fn.Name, "crypto/internal/boring/sig."); err != nil && !marker {
				t.Errorf("%s: %s: %v", name, fn.Name, err)
			}
		}
	}
}

// TestLinesAgree with go tool addr2line.
func TestLinesAgree(t *testing.T) {
	f := open(t, "default")
	var input strings.Builder
	var want []string
	for fn := range f.Functions() {
		if !strings.HasPrefix(fn.Name, "main.") && !strings.HasPrefix(fn.Name, "fmt.") {
			continue
		}
		for pc := fn.Entry; pc < fn.End; pc += 7 {
			input.WriteString(fmt.Sprintf("%#x\n", uint64(pc)))
			file, line := f.Line(pc)
			want = append(want, fmt.Sprintf("%s:%d", file, line))
		}
	}
	cmd := exec.Command("go", "tool", "addr2line", build(t, "default"))
	cmd.Stdin = strings.NewReader(input.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 2*len(want) || len(want) < 1000 {
		t.Fatalf("%d lines for %d addresses", len(lines), len(want))
	}
	for i, w := range want {
		if got := lines[2*i+1]; got != w && (got != ":-1" || w != ":0") { // padding has no line
			t.Errorf("%s: %s, addr2line: %s", lines[2*i], w, got)
		}
	}
}

// TestItabsAgreeWithSymbols: addresses and types are those that symbols name.
func TestItabsAgreeWithSymbols(t *testing.T) {
	for _, name := range []string{"default", "pie", "external linker", "arm64"} {
		t.Run(name, func(t *testing.T) {
			f := open(t, name)
			m, err := symbolize.OpenModule(build(t, name))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			found := map[string]symbolize.VirtAddr{}
			for i := range f.Itabs() {
				found[i.Type+","+i.Interface] = i.Addr
				if typ, ok := f.TypeName(i.TypeAddr); !ok || typ != i.Type {
					t.Errorf("type at %#x is %s, want %s", i.TypeAddr, typ, i.Type)
				}
			}
			count := 0
			for s := range m.Symbols() {
				rest, ok := strings.CutPrefix(s.Name, "go:itab.")
				if !ok || strings.Contains(rest, "/") || strings.Contains(rest, "[") {
					continue // names with a path's last element alone
				}
				count++
				if found[rest] != s.Addr {
					t.Errorf("itab %s at %#x, want %#x", rest, found[rest], s.Addr)
				}
			}
			if count < 5 {
				t.Errorf("%d symbols of itabs", count)
			}
		})
	}
}

// TestABI0AgreesWithSymbols: functions that take arguments on the stack are those
// whose symbols say so, and others in assembly.
func TestABI0AgreesWithSymbols(t *testing.T) {
	for _, name := range []string{"default", "pie", "arm64"} {
		t.Run(name, func(t *testing.T) {
			f := open(t, name)
			symbols := symbolsOf(t, build(t, name))
			marked := 0
			for fn := range f.Functions() {
				said := slices.ContainsFunc(symbols[uint64(fn.Entry)], func(s elf.Symbol) bool { return strings.HasSuffix(s.Name, ".abi0") })
				marked += btoi(said)
				if got := f.IsABI0(fn); got != (said || fn.Assembly) {
					t.Errorf("IsABI0(%+v) = %v, symbol says %v", fn, got, said)
				}
			}
			if marked < 50 {
				t.Errorf("%d symbols are marked", marked)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	f := open(t, "pie stripped")
	var names []string
	for i := range f.ErrorTypes() {
		names = append(names, i.Type)
	}
	for _, want := range []string{"*errors.errorString", "*main.NotFound", "runtime.errorString"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not among %v", want, names)
		}
	}
	for name, want := range map[string]bool{
		"*errors.errorString": true, "runtime.errorString": true, "*fs.PathError": true, "*main.NotFound": false, "syscall.Errno": false,
		"*fmt.wrapError": true, "*errors.joinError": false,
	} {
		if got := f.BeginsWithString(name); got != want {
			t.Errorf("BeginsWithString(%s) = %v", name, got)
		}
	}
}

func TestGoidOfUnknownRelease(t *testing.T) {
	b := miniature()
	copy(b[bytes.Index(b, []byte("go1.26.1")):], "go1.99.1")
	f, err := New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	const want = "find the number of goroutines: the program was built by go1.99.1 and has no debug information (build it without -ldflags=-w)"
	if _, how, err := f.GoidOffset(); how != "" || err == nil || err.Error() != want {
		t.Errorf("%q, %v", how, err)
	}
	for i := range f.Itabs() {
		t.Errorf("itab %v, of an unknown layout", i)
	}
}

func TestVersions(t *testing.T) {
	for version, want := range map[string]int{
		"go1.26.8": 26, "go1.17": 17, "devel go1.27-abcdef Thu": 27, "go1.26.1 X:nodwarf5": 26, "": 0, "go2.1": 0, "go1.": 0, "go1.x": 0,
	} {
		if got := minorOf(version); got != want {
			t.Errorf("minorOf(%q) = %d, want %d", version, got, want)
		}
	}
}
