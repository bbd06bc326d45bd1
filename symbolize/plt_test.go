package symbolize

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// PLT entries are those that objdump makes up, which reads the code of each
// entry to find its slot, where we go by the order of relocations.
func TestPLTAgainstObjdump(t *testing.T) {
	if _, err := exec.LookPath("objdump"); err != nil {
		t.Skipf("the comparison needs objdump: %v", err)
	}
	files, err := filepath.Glob("testdata/zoo/plt-*.so")
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files with a PLT, %v", len(files), err)
	}
	for _, file := range append(files, systemFiles()...) {
		if strings.Contains(file, "aarch64") {
			continue // an objdump for x86 does not read it; the golden file has it
		}
		t.Run(filepath.Base(file), func(t *testing.T) { comparePLT(t, file) })
	}
}

var objdumpEntry = regexp.MustCompile(`(?m)^([0-9a-f]+) <(.+)@plt>:$`)

func comparePLT(t *testing.T, file string) {
	out, err := exec.Command("objdump", "-d", "-j", ".plt", "-j", ".plt.sec", "-j", ".plt.got", file).Output()
	if err != nil {
		t.Skipf("objdump cannot read it: %v", err)
	}
	m, err := OpenModule(file)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	entries := objdumpEntry.FindAllStringSubmatch(string(out), -1)
	for _, entry := range entries {
		addr, err := strconv.ParseUint(entry[1], 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		want := entry[2]
		sym, ok := m.Lookup(VirtAddr(addr))
		got, isPLT := strings.CutSuffix(sym.Name, "@plt")
		if !ok || !isPLT || uint64(sym.Addr) != addr {
			t.Errorf("at %#x: %+v, want an entry for %s", addr, sym, want)
			continue
		}
		if target, indirect := strings.CutPrefix(want, "*ABS*+0x"); indirect {
			checkIndirect(t, m, got, target)
		} else if want, _, _ = strings.Cut(want, "@"); want != got && !strings.HasPrefix(got, "offset_0x") {
			t.Errorf("at %#x: %s@plt, want %s", addr, got, want)
		}
	}
	if strings.HasPrefix(file, "testdata") && len(entries) < 5 {
		t.Errorf("objdump found %d entries, where five functions are called", len(entries))
	}
	t.Logf("%d entries agree", len(entries))
}

// checkIndirect expects the name of a symbol at the address of a resolver,
// which objdump gives bare, or an offset where no indirect function is named there.
func checkIndirect(t *testing.T, m *Module, got, target string) {
	t.Helper()
	addr, err := strconv.ParseUint(target, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	for e := range m.index.at(addr) {
		if m.index.name(e) == got {
			return
		}
	}
	if !strings.HasPrefix(got, "offset_0x") {
		t.Errorf("%s@plt for the indirect function at %#x, whose name it is not", got, addr)
	}
}
