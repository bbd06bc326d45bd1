package symbolize

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func globalFunction(shndx uint16, value, size uint64) rawSymbol {
	return rawSymbol{info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC), shndx: shndx, value: value, size: size}
}

// Every class and byte order, with counts in the header and in section 0.
func TestHandMade(t *testing.T) {
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, is64 := range []bool{false, true} {
			for _, escapes := range []bool{false, true} {
				e := &elfImage{
					order: order, is64: is64, escapes: escapes, machine: elf.EM_MIPS, typ: elf.ET_DYN,
					loads: []segment{
						{flags: elf.PF_R, off: 0, vaddr: 0x10000, filesz: 0x80, memsz: 0x1000},
						{flags: elf.PF_R | elf.PF_X, off: 0x40, vaddr: 0x21040, filesz: 0x20, memsz: 0x20},
					},
				}
				text := imageSection{section{name: ".text", typ: elf.SHT_PROGBITS, flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, addr: 0x21040}, make([]byte, 32)}
				e.sections = append([]imageSection{text}, e.symbolTable(2, []rawSymbol{
					globalFunction(1, 0x21050, 8), globalFunction(1, 0x21040, 8), globalFunction(9, 0x21048, 8),
					globalFunction(uint16(elf.SHN_COMMON), 0x21048, 8), globalFunction(0, 0x21048, 8),
				}, []string{"second", "first", "no_such_section", "reserved", "undefined"})...)
				m, err := e.module()
				name := fmt.Sprintf("%v, 64 bit %v, escapes %v", order, is64, escapes)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				var got []string
				for s := range m.Symbols() {
					got = append(got, fmt.Sprintf("%s %#x %d", s.Name, uint64(s.Addr), s.Size))
				}
				if want := []string{"first 0x21040 8", "second 0x21050 8"}; !slices.Equal(got, want) {
					t.Errorf("%s: symbols %q, want %q", name, got, want)
				}
				checkOverlap(t, name, m)
			}
		}
	}
}

// checkOverlap: where two segments hold a byte of the file, the executable one wins.
func checkOverlap(t *testing.T, name string, m *Module) {
	t.Helper()
	for off, want := range map[FileOffset]VirtAddr{0x3f: 0x1003f, 0x40: 0x21040, 0x5f: 0x2105f, 0x60: 0x10060, 0x7f: 0x1007f} {
		if got, ok := m.VirtAddr(off); !ok || got != want {
			t.Errorf("%s: VirtAddr(%#x) = %#x, %v, want %#x", name, off, got, ok, want)
		}
	}
	if got, ok := m.VirtAddr(0x80); ok {
		t.Errorf("%s: VirtAddr behind every segment's bytes = %#x", name, got)
	}
	if got, ok := m.FileOffset(0x10080); ok {
		t.Errorf("%s: FileOffset of memory without bytes = %#x", name, got)
	}
}

// The symbols of 64-bit PowerPC ELFv1 stand for descriptors.
func TestFunctionDescriptors(t *testing.T) {
	e := &elfImage{order: binary.BigEndian, is64: true, machine: elf.EM_PPC64, typ: elf.ET_EXEC}
	var opd []byte
	for _, entry := range []uint64{0x10000100, 0x10000200} {
		opd = binary.BigEndian.AppendUint64(opd, entry)
		opd = append(opd, make([]byte, 16)...)
	}
	const at = 0x10020000
	e.sections = append([]imageSection{
		{section{name: ".text", typ: elf.SHT_PROGBITS, flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, addr: 0x10000100}, make([]byte, 64)},
		{section{name: ".opd", typ: elf.SHT_PROGBITS, flags: elf.SHF_ALLOC | elf.SHF_WRITE, addr: at}, opd},
	}, e.symbolTable(3, []rawSymbol{
		globalFunction(2, at, 16), globalFunction(2, at+24, 32), globalFunction(2, at+0x1000, 8),
	}, []string{"one", "two", "beyond"})...)
	m, err := e.module()
	if err != nil {
		t.Fatal(err)
	}
	for a, want := range map[VirtAddr]string{0x1000010f: "one", 0x10000200: "two", 0x10000210: "two", at + 0x1000: "beyond"} {
		if got, ok := m.Lookup(a); !ok || got.Name != want {
			t.Errorf("Lookup(%#x) = %+v, %v, want %s", a, got, ok, want)
		}
	}
}

// What is wrong with a file is said, and nothing is allocated for what it
// merely claims to hold.
func TestHostileFiles(t *testing.T) {
	le := binary.LittleEndian
	for name, test := range map[string]struct {
		change func(e *elfImage, symtab *section)
		patch  func(b []byte)
		want   string
	}{
		"entry size":        {change: func(_ *elfImage, s *section) { s.entsize = 7 }, want: "entries of 7 bytes"},
		"no string table":   {change: func(_ *elfImage, s *section) { s.link = 1 }, want: "no string table"},
		"link beyond":       {change: func(_ *elfImage, s *section) { s.link = 1 << 31 }, want: "no string table"},
		"symbols beyond":    {change: func(_ *elfImage, s *section) { s.off = 1 << 40 }, want: "past the end"},
		"sections beyond":   {patch: func(b []byte) { le.PutUint64(b[40:], 1<<62) }, want: "past the end"},
		"segments beyond":   {patch: func(b []byte) { le.PutUint64(b[32:], 1<<63); le.PutUint16(b[56:], 9) }, want: "past the end"},
		"class":             {patch: func(b []byte) { b[4] = 3 }, want: "class 3"},
		"byte order":        {patch: func(b []byte) { b[5] = 0 }, want: "byte order 0"},
		"section size":      {patch: func(b []byte) { le.PutUint16(b[58:], 8) }, want: "entries of 8 bytes"},
		"a billion entries": {change: func(e *elfImage, _ *section) { e.escapes = true }, patch: func(b []byte) { le.PutUint64(b[le.Uint64(b[40:])+32:], 1<<33) }, want: "past the end"},
	} {
		e := &elfImage{order: le, is64: true, machine: elf.EM_X86_64, typ: elf.ET_EXEC}
		e.sections = append([]imageSection{{section{name: ".text", typ: elf.SHT_PROGBITS, flags: elf.SHF_ALLOC}, make([]byte, 8)}},
			e.symbolTable(2, []rawSymbol{globalFunction(1, 0x1000, 8)}, []string{"f"})...)
		if test.change != nil {
			test.change(e, &e.sections[1].section)
		}
		b := e.bytes()
		if test.patch != nil {
			test.patch(b)
		}
		m, err := NewModule(bytes.NewReader(b), int64(len(b)))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, %v, want an error with %q", name, m, err, test.want)
		}
	}
	if _, err := NewModule(strings.NewReader("#!/bin/sh\necho not this\n"), 24); !errors.Is(err, ErrNotELF) {
		t.Errorf("script: %v, want ErrNotELF", err)
	}
	if _, err := NewModule(strings.NewReader(""), -1); err == nil {
		t.Error("negative size: want an error")
	}
}

// goBinary builds a small program for a system and machine.
func goBinary(t testing.TB, goos, goarch string, flags ...string) string {
	t.Helper()
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skipf("no go command: %v", err)
	}
	dir := t.TempDir()
	src := filepath.Join(dir, "main.go")
	if err := os.WriteFile(src, []byte("package main\n\n//go:noinline\nfunc callee(a int) int { return a + 1 }\n\nfunc main() { println(callee(1)) }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(dir, "main")
	args := append([]string{"build", "-p", "1", "-o", exe}, flags...)
	cmd := exec.Command(tool, append(args, src)...)
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("go build for %s: %v\n%s", goarch, err, out)
	}
	return exe
}

// Go programs for machines of every class and byte order: each function that
// debug/elf lists is found by name and address.
func TestGoBinaries(t *testing.T) {
	arches := []string{runtime.GOARCH}
	if !testing.Short() {
		arches = []string{"amd64", "arm64", "s390x", "mips"}
	}
	for _, arch := range arches {
		exe := goBinary(t, "linux", arch)
		m, err := OpenModule(exe)
		if err != nil {
			t.Fatal(err)
		}
		if !m.IsGo() {
			t.Errorf("%s: not taken for a Go program", arch)
		}
		compareWithDebugELF(t, arch, exe, m)
		if found := m.Find("main.callee"); len(found) != 1 || found[0].Name != "main.callee" {
			t.Errorf("%s: Find(main.callee) = %+v", arch, found)
		}
		m.Close()
	}
}

// Stripped Go programs: functions have the names that their symbol table had, but
// for type arguments, marks of calling conventions, and dots of the compiler's own.
func TestStrippedGoBinaries(t *testing.T) {
	builds := [][]string{{runtime.GOARCH}, {"amd64", "-buildmode=pie"}}
	if !testing.Short() {
		builds = append(builds, []string{"arm64"}, []string{"s390x"}, []string{"mips"})
	}
	for _, build := range builds {
		arch, flags := build[0], build[1:]
		whole, err := OpenModule(goBinary(t, "linux", arch, flags...))
		if err != nil {
			t.Fatal(err)
		}
		defer whole.Close()
		m, err := OpenModule(goBinary(t, "linux", arch, append(flags, "-ldflags=-s -w")...))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		functions := 0
		for want := range whole.Symbols() {
			name, ok := goFunctionName(want)
			if !ok {
				continue
			}
			functions++
			got, ok := m.Lookup(want.Addr + VirtAddr(want.Size) - 1)
			if gotName, _ := goFunctionName(got); !ok || got.Addr != want.Addr || gotName != name || !got.IsFunction() {
				t.Errorf("%v: at %#x %+v, %v, want %+v", build, want.Addr, got, ok, want)
			}
		}
		if functions < 1000 {
			t.Errorf("%v: only %d functions", build, functions)
		}
		if found := m.Find("main.callee"); len(found) != 1 || found[0].Name != "main.callee" {
			t.Errorf("%v: Find(main.callee) = %+v", build, found)
		}
	}
}

// goFunctionName gives a function's name as symbols and .gopclntab both have it;
// false for what only the linker calls a function.
func goFunctionName(s Symbol) (string, bool) {
	name := strings.ReplaceAll(strings.TrimSuffix(s.Name, ".abi0"), "·", ".")
	if before, rest, generic := strings.Cut(name, "["); generic {
		name = before + rest[strings.LastIndex(rest, "]")+1:]
	}
	return name, s.Type == elf.STT_FUNC && name != "runtime.etext" && !strings.HasPrefix(name, "go:")
}

func compareWithDebugELF(t *testing.T, arch, exe string, m *Module) {
	t.Helper()
	f, err := elf.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	functions := 0
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC || s.Size == 0 || s.Section >= elf.SHN_LORESERVE {
			continue
		}
		functions++
		got, ok := m.Lookup(VirtAddr(s.Value + s.Size - 1))
		if !ok || uint64(got.Addr) != s.Value || got.Size != s.Size {
			t.Errorf("%s: Lookup of the last byte of %s: %+v, %v", arch, s.Name, got, ok)
		}
	}
	if functions < 1000 {
		t.Errorf("%s: only %d functions", arch, functions)
	}
}

func TestClosedModule(t *testing.T) {
	m := openZoo(t, "../testdata/seed/main")
	a := m.Find("callee")[0].Addr
	for range 2 {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	if s, ok := m.Lookup(a); ok || m.Find("callee") != nil || m.Len() != 0 {
		t.Errorf("closed module still finds %+v", s)
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	m := openZoo(t, "testdata/zoo/cpp")
	a := m.Find("main")[0].Addr + 1
	if n := testing.AllocsPerRun(100, func() {
		if s, ok := m.Lookup(a); !ok || s.Name != "main" {
			t.Fatalf("%+v, %v", s, ok)
		}
	}); n != 0 {
		t.Errorf("%v allocations for a look-up, want none", n)
	}
}

// largest gives files with many symbols, such as are there.
func largest(b *testing.B) map[string]string {
	files := map[string]string{"go": goBinary(b, "linux", "amd64")}
	for name, pattern := range map[string]string{
		"gotool": "/usr/local/go/bin/go", "libc": "/lib/*-linux-gnu/libc.so.6", "libLLVM": "/usr/lib/*-linux-gnu/libLLVM-1?.so.1",
		"cc1": "/usr/lib/gcc/*-linux-gnu/*/cc1",
	} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			files[name] = found[0]
		}
	}
	return files
}

func BenchmarkOpenModule(b *testing.B) {
	for name, file := range largest(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				m, err := OpenModule(file)
				if err != nil {
					b.Fatal(err)
				}
				n = m.Len() + len(m.index.aliases)
				m.Close()
			}
			b.ReportMetric(float64(n), "symbols")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(max(n, 1)), "ns/symbol")
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	for name, file := range largest(b) {
		b.Run(name, func(b *testing.B) {
			m, err := OpenModule(file)
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close()
			var addresses []VirtAddr
			for s := range m.Symbols() {
				addresses = append(addresses, s.Addr+VirtAddr(s.Size/2))
			}
			slices.SortFunc(addresses, func(a, b VirtAddr) int { return int(a*2654435761%1021) - int(b*2654435761%1021) })
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if _, ok := m.Lookup(addresses[i%len(addresses)]); !ok {
					b.Fatalf("nothing at %#x", addresses[i%len(addresses)])
				}
				i++
			}
		})
	}
}
