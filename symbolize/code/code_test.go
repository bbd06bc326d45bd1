package code

import (
	"bufio"
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gorecord/symbolize"
)

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	var b []byte
	for _, f := range strings.Fields(text) {
		v, err := strconv.ParseUint(f, 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, byte(v))
	}
	return b
}

type addrs = []symbolize.VirtAddr

func TestExits(t *testing.T) {
	for _, test := range []struct {
		name    string
		machine elf.Machine
		code    string
		want    Exits
		err     string
	}{
		{"ret", elf.EM_X86_64, "55 c3", Exits{Returns: addrs{0x1001}}, ""},
		{"ret n", elf.EM_X86_64, "c2 08 00", Exits{Returns: addrs{0x1000}}, ""},
		{"rep ret, bnd ret", elf.EM_X86_64, "f3 c3 f2 c3", Exits{Returns: addrs{0x1000, 0x1002}}, ""},
		{"c3 in a constant", elf.EM_X86_64, "b8 c3 c3 c3 c3 c3", Exits{Returns: addrs{0x1005}}, ""},
		{"endbr64, notrack jmp", elf.EM_X86_64, "f3 0f 1e fa 3e ff e0", Exits{IndirectJumps: addrs{0x1004}}, ""},
		{"tail jump", elf.EM_X86_64, "75 02 eb fe e9 10 00 00 00", Exits{TailJumps: addrs{0x1004}}, ""},
		{"conditional tail jump", elf.EM_X86_64, "0f 84 10 00 00 00 c3", Exits{Returns: addrs{0x1006}, TailJumps: addrs{0x1000}}, ""},
		{"jump to the end", elf.EM_X86_64, "eb 01 c3", Exits{Returns: addrs{0x1002}, TailJumps: addrs{0x1000}}, ""},
		{"jump over lock", elf.EM_X86_64, "74 01 f0 0f b1 0f c3", Exits{Returns: addrs{0x1006}}, ""},
		{"int3 behind", elf.EM_X86_64, "c3 cc cc", Exits{Returns: addrs{0x1000}}, ""},
		{"VEX, EVEX, adx, sha, clac, xgetbv", elf.EM_X86_64,
			"c5 f8 77 62 f1 fd 48 6f 07 66 48 0f 38 f6 c8 0f 38 c8 ca 0f 01 ca 0f 01 d0 c4 e3 fd 01 c3 1b c3",
			Exits{Returns: addrs{0x101f}}, ""},
		{"nothing", elf.EM_X86_64, "", Exits{}, ""},
		{"into an instruction", elf.EM_X86_64, "eb 01 b8 c3 c3 c3 c3 c3", Exits{}, "decode code at 0x1000 (bytes eb 01 b8 c3 c3 c3 c3 c3): branches to 0x1003, inside what decodes as an instruction (data among the code?)"},
		{"no opcode", elf.EM_X86_64, "90 06", Exits{}, "decode code at 0x1001 (bytes 06): no instruction"},
		{"cut off", elf.EM_X86_64, "90 48 8b", Exits{}, "decode code at 0x1001 (bytes 48 8b): the instruction goes past the end of the code"},
		{"prefixes", elf.EM_X86_64, "66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", Exits{}, "prefixes without an instruction"},
		{"16-bit branch", elf.EM_X86_64, "66 e9 00 00 00 00", Exits{}, "differs between processors"},

		{"arm64", elf.EM_AARCH64, "fd 7b bf a9 c0 03 5f d6 ff 0b 5f d6 ff 0f 5f d6", Exits{Returns: addrs{0x1004, 0x1008, 0x100c}}, ""},
		{"arm64 jumps", elf.EM_AARCH64, "02 00 00 14 ff ff ff 17 00 02 1f d6 00 01 00 54 20 00 00 b4 60 00 00 37",
			Exits{TailJumps: addrs{0x100c, 0x1014}, IndirectJumps: addrs{0x1008}}, ""},
		{"arm64 constant that looks like ret", elf.EM_AARCH64, "40 00 00 58 c0 03 5f d6 c0 03 5f d6 c0 03 5f d6", Exits{Returns: addrs{0x1004}}, ""},
		{"arm64, half a word", elf.EM_AARCH64, "c0 03", Exits{}, "instructions of arm64 are words of 4 bytes"},
		{"other machine", elf.EM_S390, "07 fe", Exits{}, "decode code of EM_S390: unsupported operation (code of amd64 and arm64 is known)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := FindExits(test.machine, unhex(t, test.code), 0x1000)
			if test.err != "" {
				var decode *DecodeError
				if err == nil || !strings.Contains(err.Error(), test.err) || !errors.As(err, &decode) && !errors.Is(err, errors.ErrUnsupported) {
					t.Fatalf("error %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Returns, test.want.Returns) || !slices.Equal(got.TailJumps, test.want.TailJumps) ||
				!slices.Equal(got.IndirectJumps, test.want.IndirectJumps) {
				t.Errorf("got %x, want %x", got, test.want)
			}
		})
	}
}

func TestBoundary(t *testing.T) {
	body := unhex(t, "55 48 89 e5 c3 06 06")
	for _, test := range []struct {
		machine  elf.Machine
		want, at symbolize.VirtAddr
		ok, fail bool
	}{
		{elf.EM_X86_64, 0x1000, 0x1000, true, false},
		{elf.EM_X86_64, 0x1001, 0x1001, true, false},
		{elf.EM_X86_64, 0x1003, 0x1001, false, false},
		{elf.EM_X86_64, 0x1004, 0x1004, true, false},
		{elf.EM_X86_64, 0x1005, 0, false, true},
		{elf.EM_X86_64, 0x1007, 0, false, true},
		{elf.EM_X86_64, 0xfff, 0, false, true},
		{elf.EM_AARCH64, 0x1004, 0x1004, true, false},
		{elf.EM_AARCH64, 0x1006, 0x1004, false, false},
		{elf.EM_S390, 0x1000, 0, false, true},
	} {
		ok, at, err := Boundary(test.machine, body, 0x1000, test.want)
		if ok != test.ok || at != test.at || (err != nil) != test.fail {
			t.Errorf("Boundary(%v, %#x) = %v, %#x, %v", test.machine, test.want, ok, at, err)
		}
	}
}

func TestInstruction(t *testing.T) {
	for _, test := range []struct {
		machine elf.Machine
		code    string
		text    string
		length  int
	}{
		{elf.EM_X86_64, "f3 0f 1e fa 55", "endbr64", 4},
		{elf.EM_X86_64, "55 48", "push %rbp", 1},
		{elf.EM_X86_64, "48 89 e5", "mov %rsp,%rbp", 3},
		{elf.EM_X86_64, "e8 10 00 00 00", "callq .+0x15", 5},
		{elf.EM_X86_64, "eb fe", "jmp .+0x0", 2},
		{elf.EM_X86_64, "0f 01 ca", ".byte 0x0f,0x01,0xca", 3},
		{elf.EM_X86_64, "06", "(bad)", 1},
		{elf.EM_X86_64, "", "(bad)", 0},
		{elf.EM_AARCH64, "c0 03 5f d6", "ret", 4},
		{elf.EM_AARCH64, "fd 7b bf a9", "stp x29, x30, [sp,#-16]!", 4},
		{elf.EM_AARCH64, "00 00 00 00", ".inst 0x00000000", 4},
		{elf.EM_AARCH64, "c0 03", "(bad)", 2},
		{elf.EM_S390, "07 fe", "(bad)", 1},
	} {
		text, length := Instruction(test.machine, unhex(t, test.code))
		if text != test.text || length != test.length {
			t.Errorf("%v % s: %q, %d, want %q, %d", test.machine, test.code, text, length, test.text, test.length)
		}
	}
}

// function is a function of a file.
type function struct {
	name  string
	start symbolize.VirtAddr
	body  []byte
}

// functions gives those of a file's symbol tables that state their size.
func functions(t *testing.T, path string) []function {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, _ := f.Symbols()
	dynamic, _ := f.DynamicSymbols()
	var list []function
	seen := map[uint64]bool{}
	for _, s := range append(symbols, dynamic...) {
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC || s.Size == 0 || int(s.Section) >= len(f.Sections) || s.Section == 0 || seen[s.Value] {
			continue
		}
		section := f.Sections[s.Section]
		body := make([]byte, s.Size)
		if _, err := section.ReadAt(body, int64(s.Value-section.Addr)); err != nil {
			t.Fatalf("%s: %s: %v", path, s.Name, err)
		}
		seen[s.Value] = true
		list = append(list, function{s.Name, symbolize.VirtAddr(s.Value), body})
	}
	return list
}

// objdump gives the instructions of a file: address → text.
func objdump(t *testing.T, path string) map[symbolize.VirtAddr]string {
	t.Helper()
	tool, err := exec.LookPath("objdump")
	if err != nil {
		t.Skip("objdump is not installed")
	}
	cmd := exec.Command(tool, "-d", "-w", path)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	list := map[symbolize.VirtAddr]string{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		f := strings.Split(lines.Text(), "\t")
		if len(f) < 3 {
			continue
		}
		addr, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(f[0]), ":"), 16, 64)
		if err != nil {
			t.Fatal(lines.Text())
		}
		list[symbolize.VirtAddr(addr)] = strings.TrimSpace(f[2])
	}
	return list
}

// isReturn knows how objdump writes returns.
func isReturn(text string) bool {
	for _, prefix := range []string{"repz ", "bnd ", "rep "} {
		text = strings.TrimPrefix(text, prefix)
	}
	word, _, _ := strings.Cut(text, " ")
	return word == "ret" || word == "retq" || word == "lret"
}

// oracleFiles are programs that every machine with the tools of a developer has.
func oracleFiles(t *testing.T) []string {
	t.Helper()
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{filepath.Join(strings.TrimSpace(string(goroot)), "bin", "gofmt")}
	for _, path := range []string{"/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/x86_64-linux-gnu/libstdc++.so.6"} {
		if _, err := os.Stat(path); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

// TestObjdumpAgrees: in every function of whole programs, instructions begin and
// returns stand where objdump sees them.
func TestObjdumpAgrees(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the programs of this machine are not amd64's")
	}
	for _, path := range oracleFiles(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			theirs := objdump(t, path)
			list := functions(t, path)
			if len(list) < 1000 {
				t.Errorf("%d functions in %s", len(list), path)
			}
			for _, f := range list {
				compareWithObjdump(t, f, theirs)
			}
			t.Logf("%d functions", len(list))
		})
	}
}

func compareWithObjdump(t *testing.T, f function, theirs map[symbolize.VirtAddr]string) {
	t.Helper()
	returns, err := Returns(elf.EM_X86_64, f.body, f.start)
	if err != nil {
		t.Errorf("%s: %v", f.name, err)
		return
	}
	var want addrs
	for i := range f.body {
		pc := f.start + symbolize.VirtAddr(i)
		text, begins := theirs[pc]
		if begins && isReturn(text) {
			want = append(want, pc)
		}
		// What follows from the start for each byte is quadratic.
		if i > 300 {
			continue
		}
		if ok, _, err := Boundary(elf.EM_X86_64, f.body, f.start, pc); err != nil || ok != begins {
			t.Errorf("%s: boundary at %#x: %v, %v, objdump: %v %s", f.name, uint64(pc), ok, err, begins, text)
			return
		}
	}
	if !slices.Equal(returns, want) {
		t.Errorf("%s: returns at %#x, objdump: %#x", f.name, returns, want)
	}
}
