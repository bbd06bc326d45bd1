package gobinary

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"gorecord/symbolize/code"
	"gorecord/symbolize/debuginfo"
)

// stop is what a debugger saw at an address: registers by their DWARF numbers, and
// bytes from the stack pointer up.
type stop struct {
	regs  map[int][]byte
	stack []byte
}

// gdbRegisters are the registers that Go uses, as gdb names them.
var gdbRegisters = map[int]string{0: "rax", 3: "rbx", 2: "rcx", 5: "rdi", 4: "rsi", 8: "r8", 9: "r9", 10: "r10", 11: "r11"}

const stackWords = 64

// stops runs a program under gdb, and gives what it saw when each of the
// addresses was first reached.
func stops(t *testing.T, path string, addrs []uint64) (seen map[uint64]stop, output string) {
	t.Helper()
	gdb, err := exec.LookPath("gdb")
	if err != nil {
		t.Skip("gdb is not installed")
	}
	var script strings.Builder
	script.WriteString("set pagination off\nset confirm off\nset auto-load off\nhandle SIGURG nostop noprint pass\n")
	for _, a := range addrs {
		fmt.Fprintf(&script, "break *%#x\ncommands\nsilent\nprintf \"@stop %#x\\n\"\n", a, a)
		for number, name := range gdbRegisters {
			fmt.Fprintf(&script, "printf \"@reg %d %%lx\\n\", $%s\n", number, name)
		}
		for i := range 15 {
			fmt.Fprintf(&script, "printf \"@reg %d %%lx\\n\", $xmm%d.v2_int64[0]\n", 17+i, i)
		}
		fmt.Fprintf(&script, "x/%dxg $rsp\nprintf \"@end\\n\"\ncontinue\nend\n", stackWords)
	}
	script.WriteString("run\n")
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(script.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(gdb, "-nx", "-batch", "-x", file, path)
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("gdb: %v\n%s", err, stderr.String())
	}
	return parseStops(t, string(out)), string(out)
}

func parseStops(t *testing.T, output string) map[uint64]stop {
	t.Helper()
	seen := map[uint64]stop{}
	var addr uint64
	var current stop
	for _, line := range strings.Split(output, "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) == 2 && f[0] == "@stop":
			addr = number(t, f[1])
			current = stop{regs: map[int][]byte{}}
		case len(f) == 3 && f[0] == "@reg":
			reg, _ := strconv.Atoi(f[1])
			current.regs[reg] = binary.LittleEndian.AppendUint64(nil, number(t, "0x"+f[2]))
		case len(f) == 1 && f[0] == "@end":
			if _, again := seen[addr]; !again {
				seen[addr] = current
			}
			addr = 0
		case addr != 0 && len(f) > 1 && strings.HasSuffix(f[0], ":"):
			for _, word := range f[1:] {
				current.stack = binary.LittleEndian.AppendUint64(current.stack, number(t, word))
			}
		}
	}
	return seen
}

func number(t *testing.T, text string) uint64 {
	t.Helper()
	v, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// compare looks the pieces of a location up in what the debugger saw, and compares
// them with the bytes that the program printed.
func (s stop) compare(l debuginfo.Location, want []byte) error {
	at := int64(0)
	for _, p := range l.Pieces {
		var got []byte
		switch p.Kind {
		case debuginfo.Register:
			got = s.regs[p.Reg][:p.Size]
		case debuginfo.Memory:
			got = s.stack[p.Address.Steps[0].Add:][:p.Size]
		}
		if p.Kind != debuginfo.Constant && !bytes.Equal(got, want[at:at+p.Size]) {
			return fmt.Errorf("at offset %d: %x, the program has %x", at, got, want[at:at+p.Size])
		}
		at += p.Size
	}
	if at != int64(len(want)) {
		return fmt.Errorf("pieces of %d bytes, the program has %d", at, len(want))
	}
	return nil
}

// TestAssignAgreesWithExecution: parameters and results of every kind are where
// a running program has them, as its functions are entered and as they return.
func TestAssignAgreesWithExecution(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the test reads registers of amd64")
	}
	path := filepath.Join(t.TempDir(), "abi")
	build := exec.Command("go", "build", "-o", path, "./testdata/abi")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var functions []*debugFunction
	for _, fn := range openDebug(t, path).functions(t) {
		if strings.HasPrefix(fn.name, "main.") && fn.name != "main.main" && !strings.HasPrefix(fn.name, "main.dump[") {
			functions = append(functions, fn)
		}
	}
	returns := map[*debugFunction][]uint64{}
	var addrs []uint64
	for _, fn := range functions {
		returns[fn] = returnsOf(t, f, fn)
		addrs = append(append(addrs, fn.entry), returns[fn]...)
	}
	seen, output := stops(t, path, addrs)
	printed := map[string][]byte{}
	for _, line := range strings.Split(output, "\n") {
		if w := strings.Fields(line); len(w) == 3 && w[0] != "@reg" {
			if b, err := hex.DecodeString(w[2]); err == nil {
				printed["main."+w[0]+" "+w[1]] = b
			}
		}
	}
	compared := 0
	for _, fn := range functions {
		compared += compareExecution(t, f, fn, returns[fn], seen, printed)
	}
	if compared != len(printed) || compared < 70 {
		t.Errorf("compared %d of %d values\n%s", compared, len(printed), output)
	}
}

func returnsOf(t *testing.T, f *File, fn *debugFunction) (addrs []uint64) {
	t.Helper()
	at, ok := f.Find(fn.name)
	if !ok || uint64(at.Entry) != fn.entry {
		t.Fatalf("%s is at %#x, not at %#x", fn.name, at.Entry, fn.entry)
	}
	list, err := code.Returns(f.Machine(), f.Code(at), at.Entry)
	if err != nil || len(list) == 0 {
		t.Fatalf("returns of %s: %v, %v", fn.name, list, err)
	}
	for _, a := range list {
		addrs = append(addrs, uint64(a))
	}
	return addrs
}

// compareExecution compares one call, and gives how many values it compared.
func compareExecution(t *testing.T, f *File, fn *debugFunction, returns []uint64, seen map[uint64]stop, printed map[string][]byte) (compared int) {
	t.Helper()
	in, out, err := Assign(f.Machine(), typesOfParams(fn.params), typesOfParams(fn.results))
	if err != nil {
		t.Fatal(fn.name, err)
	}
	check := func(list []debugParam, locations []debuginfo.Location, s stop) {
		for i, p := range list {
			want, ok := printed[fn.name+" "+p.name]
			if !ok {
				continue
			}
			compared++
			if err := s.compare(locations[i], want); err != nil {
				t.Errorf("%s: %s (%s) %v", fn.name, p.name, p.typ.Name, err)
			}
		}
	}
	entry, ok := seen[fn.entry]
	if !ok {
		t.Errorf("%s was not entered", fn.name)
		return 0
	}
	check(fn.params, in, entry)
	for _, r := range returns {
		if at, ok := seen[r]; ok {
			check(fn.results, out, at)
			return compared
		}
	}
	t.Errorf("%s did not return", fn.name)
	return compared
}

func typesOfParams(list []debugParam) (types []*debuginfo.Type) {
	for _, p := range list {
		types = append(types, p.typ)
	}
	return types
}
