package main

import (
	"debug/elf"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhere: what is said of the seed's programs, checked against readelf -lW,
// readelf -SW and objdump -dl.
func TestWhere(t *testing.T) {
	for _, tt := range []struct {
		path, place string
		want        []string
	}{
		{"../../testdata/seed/args/main", "callee", []string{
			"    function      callee+0x0, of 54 bytes",
			"    ELF address   0x1139, in section .text",
			"    file offset   0x1139 = 0x1139 - 0x1000 + 0x1000 (address and offset of segment r-x, which are the same here)",
			"    source        ./main.c:4",
			"    bytes         55 48 89 e5 48 83 ec 10",
			"    instruction   push %rbp",
			"    run time      0x1139 + where the loader puts the file, another place in each process: it is a PIE (ET_DYN)",
		}},
		{"../../testdata/seed/args/main-nopie", "callee+1", []string{
			"    function      callee+0x1, of 49 bytes",
			"    ELF address   0x401127, in section .text",
			"    file offset   0x1127 = 0x401127 - 0x401000 + 0x1000 (address and offset of segment r-x)",
			"    source        ./main.c:4",
			"    bytes         48 89 e5 48 83 ec 10 89",
			"    instruction   mov %rsp,%rbp",
			"    run time      0x401127 in each process: the file is not position-independent (ET_EXEC)",
		}},
	} {
		path, err := filepath.Abs(tt.path)
		if err != nil {
			t.Fatal(err)
		}
		want := tt.place + " in " + path + "\n" + strings.Join(tt.want, "\n") + "\n"
		if status, out, errs := call(noDir, "-x", path, "--where", tt.place); status != 0 || out != want {
			t.Errorf("%d, %s\n%s\nwant\n%s", status, errs, out, want)
		}
	}
}

// TestWherePlaces: all ways to name the place lead to the same.
func TestWherePlaces(t *testing.T) {
	_, want, _ := call(noDir, "-x", seedNopie, "--where", "callee")
	_, want, _ = strings.Cut(want, "\n")
	for _, place := range []string{"callee", "callee%return", "callee+0", "0x1126", "@0x401126", "x=callee a=%di"} {
		status, out, errs := call(noDir, "-x", seedNopie, "--where", place)
		if _, out, _ = strings.Cut(out, "\n"); status != 0 || out != want {
			t.Errorf("%s: %d, %s\n%s\nwant\n%s", place, status, errs, out, want)
		}
	}
	if status, out, _ := call(noDir, "-x", seedNopie, "--where", "callee", "main"); status != 0 || strings.Count(out, "ELF address") != 2 {
		t.Errorf("two places: %d\n%s", status, out)
	}
}

func TestWordMemory(t *testing.T) {
	push := []byte{0x55, 0x48, 0x89, 0xe5}
	nop := []byte{0x0f, 0x1f, 0x44, 0x00, 0x00, 0xc3}
	arm := []byte{0xfd, 0x7b, 0xbf, 0xa9}
	for _, tt := range []struct {
		machine      elf.Machine
		file, memory []byte
		want         string
	}{
		{elf.EM_X86_64, push, push, "not armed: as in the file"},
		{elf.EM_X86_64, push, []byte{0xcc, 0x48, 0x89, 0xe5}, "armed: int3 (cc) stands where the file has 55"},
		{elf.EM_X86_64, push, []byte{0x55, 0xcc, 0x89, 0xe5}, "not armed here; what follows is not as in the file"},
		{elf.EM_X86_64, push, []byte{0xe9, 0, 0, 0}, "not as in the file, and no breakpoint: the program has changed its code"},
		{elf.EM_X86_64, []byte{0xcc, 0x90}, []byte{0xcc, 0x90}, "cannot be armed: the file itself has int3 there"},
		{elf.EM_X86_64, nop, []byte{0xe8, 1, 2, 3, 4, 0xc3}, "armed: a call (e8) of the kernel's trampoline stands where the file has a nop of 5 bytes"},
		{elf.EM_AARCH64, arm, []byte{0xa0, 0x00, 0x20, 0xd4}, "armed: brk #5 (a0 00 20 d4) stands where the file has fd 7b bf a9"},
		{elf.EM_AARCH64, arm, arm, "not armed: as in the file"},
		{elf.EM_RISCV, arm, arm, "not armed: as in the file"},
	} {
		if got := wordMemory(tt.machine, tt.file, tt.memory); got != tt.want {
			t.Errorf("%v, % x, % x: %q, want %q", tt.machine, tt.file, tt.memory, got, tt.want)
		}
	}
}

var mapsLines = []string{
	"55f1b22cb000-55f1b22cc000 r-xp 00001000 fe:00 131                        /bin/main",
	"7ffd0a000000-7ffd0a021000 rw-p 00000000 00:00 0                          [stack]",
	"7f0000000000-7f0000001000 r--s 00000000 00:2a 7 /tmp/with two  spaces (deleted)",
	"7f0000001000-7f0000002000 ---p 00000000 00:00 0 ",
	"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
}

func TestParseMapping(t *testing.T) {
	want := []mapping{
		{0x55f1b22cb000, 0x55f1b22cc000, "r-xp", 0x1000, fileID{"fe:00", 131}, "/bin/main"},
		{0x7ffd0a000000, 0x7ffd0a021000, "rw-p", 0, fileID{"00:00", 0}, "[stack]"},
		{0x7f0000000000, 0x7f0000001000, "r--s", 0, fileID{"00:2a", 7}, "/tmp/with two  spaces (deleted)"},
		{0x7f0000001000, 0x7f0000002000, "---p", 0, fileID{"00:00", 0}, ""},
		{0xffffffffff600000, 0xffffffffff601000, "--xp", 0, fileID{"00:00", 0}, "[vsyscall]"},
	}
	list, err := readMaps(strings.NewReader(strings.Join(mapsLines, "\n") + "\n"))
	if err != nil || len(list) != len(want) {
		t.Fatalf("%v, %v", list, err)
	}
	for i := range want {
		if list[i] != want[i] {
			t.Errorf("%+v, want %+v", list[i], want[i])
		}
	}
	for _, line := range []string{"", "1-2", "2-1 r-xp 0 a:b 1 /x", "1-2 r-x 0 a:b 1 /x", "x-2 r-xp 0 a:b 1 /x", "1-2 r-xp 0 a:b x /x"} {
		if _, err := readMaps(strings.NewReader(line + "\n")); err == nil {
			t.Errorf("%q is taken for a mapping", line)
		}
	}
}

// FuzzMapping: what is taken for a mapping has a range and permissions, and can
// be searched.
func FuzzMapping(f *testing.F) {
	for _, line := range mapsLines {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		m, ok := parseMapping(line)
		if !ok {
			return
		}
		if m.start >= m.end || len(m.perms) != 4 {
			t.Errorf("%q: %+v", line, m)
		}
		p := process{maps: []mapping{m}}
		if found := p.mappings(m.file, m.offset); len(found) != 1 {
			t.Errorf("%q does not hold its own first byte", line)
		}
	})
}
