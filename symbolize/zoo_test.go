package symbolize

import (
	"bufio"
	"debug/elf"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files anew")

// zoo lists the ELF files of testdata/zoo, which its build.sh makes, and the
// seed's programs.
func zoo(t testing.TB) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"testdata/zoo/*", "../testdata/seed/*", "../testdata/seed/args/*", "../testdata/programs/*"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if b, err := os.ReadFile(name); err == nil && strings.HasPrefix(string(b), elf.ELFMAG) {
				files = append(files, name)
			}
		}
	}
	if len(files) < 30 {
		t.Fatalf("only %d ELF files found, where build.sh and the seed make over 30", len(files))
	}
	return files
}

func openZoo(t testing.TB, name string) *Module {
	t.Helper()
	m, err := OpenModule(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// coverage lists which symbol holds each address of the executable segments, in
// runs.
func coverage(m *Module) string {
	var b strings.Builder
	for _, s := range executable(m) {
		fmt.Fprintf(&b, "segment %#x-%#x at offset %#x\n", s.vaddr, s.vaddr+s.filesz, s.off)
		for a := s.vaddr; a < s.vaddr+s.filesz; {
			sym, ok := m.Lookup(VirtAddr(a))
			end := a + 1
			for ; end < s.vaddr+s.filesz; end++ {
				if next, nextOK := m.Lookup(VirtAddr(end)); next != sym || nextOK != ok {
					break
				}
			}
			if ok {
				fmt.Fprintf(&b, "%#x-%#x %s+%#x %v %v size %d\n", a, end, sym.Name, a-uint64(sym.Addr), sym.Type, sym.Bind, sym.Size)
			} else {
				fmt.Fprintf(&b, "%#x-%#x -\n", a, end)
			}
			a = end
		}
	}
	return b.String()
}

func executable(m *Module) []segment {
	var list []segment
	for _, s := range m.loads {
		if s.flags&elf.PF_X != 0 {
			list = append(list, s)
		}
	}
	return list
}

// Every byte of code of every file of the zoo has the symbol that was once
// found right: compared with perf and looked at.
func TestZooGolden(t *testing.T) {
	var b strings.Builder
	for _, name := range zoo(t) {
		m := openZoo(t, name)
		fmt.Fprintf(&b, "# %s: %v %v, build id %v, Go %v, %d symbols\n%s\n",
			name, m.Machine(), m.Type(), m.BuildID(), m.IsGo(), m.Len(), coverage(m))
	}
	golden := "testdata/zoo.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); diff != "" {
		t.Errorf("look-ups differ from %s (-want +got):\n%s", golden, diff)
	}
}

// readelfFile is what a listing of readelf -hlnSsW says.
type readelfFile struct {
	machine string
	buildID string
	loads   []segment
	symbols []readelfSymbol
}

type readelfSymbol struct {
	value, size          uint64
	typ, bind, vis, name string
	section              string
}

func parseReadelf(t testing.TB, name string) readelfFile {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	number := func(s string, base int) uint64 {
		v, err := strconv.ParseUint(strings.TrimPrefix(s, "0x"), base, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return v
	}
	var r readelfFile
	for lines := bufio.NewScanner(f); lines.Scan(); {
		w := strings.Fields(strings.Replace(lines.Text(), "<OS specific>: 10", "IFUNC", 1))
		switch {
		case strings.Contains(lines.Text(), "Build ID: "):
			r.buildID = w[len(w)-1]
		case len(w) > 1 && w[0] == "Machine:":
			r.machine = strings.Join(w[1:], " ")
		case len(w) >= 7 && w[0] == "LOAD":
			s := segment{off: number(w[1], 16), vaddr: number(w[2], 16), filesz: number(w[4], 16), memsz: number(w[5], 16)}
			if strings.Contains(strings.Join(w[6:len(w)-1], ""), "E") {
				s.flags = elf.PF_X
			}
			r.loads = append(r.loads, s)
		case len(w) == 8 && strings.HasSuffix(w[0], ":") && isDigit(w[0][0]):
			size, base := w[2], 10
			if strings.HasPrefix(size, "0x") {
				base = 16
			}
			r.symbols = append(r.symbols, readelfSymbol{number(w[1], 16), number(size, base), w[3], w[4], w[5], w[7], w[6]})
		}
	}
	return r
}

// Build ids, segments and symbols are those that readelf lists.
func TestZooAgainstReadelf(t *testing.T) {
	listings, err := filepath.Glob("testdata/zoo/readelf/*.txt")
	if err != nil || len(listings) < 25 {
		t.Fatalf("%d listings, %v", len(listings), err)
	}
	for _, listing := range listings {
		file := strings.TrimSuffix(filepath.Base(listing), ".txt")
		t.Run(file, func(t *testing.T) {
			want := parseReadelf(t, listing)
			m := openZoo(t, "testdata/zoo/"+file)
			if m.BuildID().String() != want.buildID {
				t.Errorf("build id %v, want %v", m.BuildID(), want.buildID)
			}
			id, err := ReadBuildIDFile("testdata/zoo/" + file)
			if id.String() != want.buildID || (err == nil) != (want.buildID != "") {
				t.Errorf("ReadBuildIDFile: %v, %v, want %v", id, err, want.buildID)
			}
			checkSegments(t, m, want.loads)
			checkSymbols(t, m, want.symbols)
		})
	}
}

// checkSegments takes every byte of every segment there and back.
func checkSegments(t *testing.T, m *Module, loads []segment) {
	t.Helper()
	for _, s := range loads {
		for i := range s.filesz {
			off, ok := m.FileOffset(VirtAddr(s.vaddr + i))
			if !ok || uint64(off) != s.off+i {
				t.Fatalf("FileOffset(%#x) = %#x, %v, want %#x", s.vaddr+i, off, ok, s.off+i)
			}
			if a, ok := m.VirtAddr(off); !ok || s.flags&elf.PF_X != 0 && uint64(a) != s.vaddr+i {
				t.Fatalf("VirtAddr(%#x) = %#x, %v, want %#x", off, a, ok, s.vaddr+i)
			}
		}
		for _, a := range []uint64{s.vaddr + s.filesz, s.vaddr + s.memsz - 1} {
			inSome := slices.ContainsFunc(loads, func(s segment) bool { return a >= s.vaddr && a-s.vaddr < s.filesz })
			if off, ok := m.FileOffset(VirtAddr(a)); ok != inSome {
				t.Errorf("FileOffset(%#x) behind a segment's bytes = %#x, %v", a, off, ok)
			}
		}
	}
}

// checkSymbols finds each function of the listing by name and by address, and
// each symbol of the module in the listing.
func checkSymbols(t *testing.T, m *Module, listed []readelfSymbol) {
	t.Helper()
	isListed := map[string]bool{}
	for _, s := range listed {
		value := s.value
		if m.Machine() == elf.EM_ARM && s.typ == "FUNC" {
			value &^= 1
		}
		name, _, _ := strings.Cut(s.name, "@")
		isListed[fmt.Sprintf("%#x %s", value, name)] = true
		if s.typ != "FUNC" && s.typ != "IFUNC" || s.section == "UND" || m.Type() == elf.ET_REL || name == "function_not_loaded" {
			continue
		}
		if !slices.ContainsFunc(m.Find(name), func(f Symbol) bool { return uint64(f.Addr) == value && f.IsFunction() }) {
			t.Errorf("Find(%q) = %+v, without the function at %#x", name, m.Find(name), value)
		}
		if got, ok := m.Lookup(VirtAddr(value)); !ok || uint64(got.Addr) != value {
			t.Errorf("Lookup(%#x) = %+v, %v, want a symbol that starts there, like %s", value, got, ok, name)
		}
	}
	for s := range m.Symbols() {
		key := fmt.Sprintf("%#x %s", uint64(s.Addr), s.Name)
		if m.Type() != elf.ET_REL && !strings.HasSuffix(s.Name, "plt") && !isListed[key] {
			t.Errorf("symbol %s is not in the listing", key)
		}
	}
}

// What the sources of the zoo say in their comments.
func TestSymbolChoice(t *testing.T) {
	m := openZoo(t, "testdata/zoo/symbols-nopie")
	for _, test := range []struct{ name, want, why string }{
		{"alias_local_with_a_long_name", "alias_global", "not weak over weak, global over local"},
		{"__underscores_and_longer", "plainer", "fewer underscores, then the longer name"},
		{"unsized_local_with_a_long_name", "sized", "a size over none"},
		{"sized_local_with_a_long_name", "unsized_global", "the last without a size is extended"},
		{"zero_a", "zero_a", "the last of several without a size (the linker put it there)"},
		{"zero_bb", "zero_a", "the last of several without a size, though not the longest name"},
	} {
		found := m.Find(test.name)
		if len(found) != 1 || found[0].Name != test.name {
			t.Errorf("Find(%q) = %+v, want one symbol of that name", test.name, found)
			continue
		}
		if got, ok := m.Lookup(found[0].Addr); !ok || got.Name != test.want {
			t.Errorf("at %s: %q, %v, want %q: %s", test.name, got.Name, ok, test.want, test.why)
		}
	}
	for name, why := range map[string]string{
		"hidden_label": "a hidden label", "label_in_code": "a label in a section without text in its name",
		"absolute": "an absolute symbol", "function_not_loaded": "a function in a section that is not loaded",
	} {
		if found := m.Find(name); found != nil {
			t.Errorf("Find(%q) = %+v, want none: %s", name, found, why)
		}
	}
	nested := openZoo(t, "testdata/zoo/nested")
	start := nested.Find("_start")[0].Addr
	for off, want := range map[VirtAddr]string{0: "_start", 15: "_start", 16: "inner", 24: "innermost", 31: "innermost", 32: "inner", 39: "inner", 40: "_start", 63: "_start"} {
		if got, _ := nested.Lookup(start + off); got.Name != want {
			t.Errorf("byte %d of nested functions: %q, want %q", off, got.Name, want)
		}
	}
	if got, ok := nested.Lookup(start + 64); ok {
		t.Errorf("behind nested functions: %+v, want nothing", got)
	}
}

func TestFindDemangled(t *testing.T) {
	m := openZoo(t, "testdata/zoo/cpp")
	for _, test := range []struct {
		query string
		want  []string
	}{
		{"_ZN2ns4overEi", []string{"_ZN2ns4overEi"}},
		{"ns::over", []string{"_ZN2ns4overEd", "_ZN2ns4overEi", "_ZN2ns4overEPNS_3BoxIPNS0_IiEEEE"}},
		{"ns::over(double)", []string{"_ZN2ns4overEd"}},
		{"ns::over(ns::Box<ns::Box<int>*>*)", []string{"_ZN2ns4overEPNS_3BoxIPNS0_IiEEEE"}},
		{"ns::Box<int>::get", []string{"_ZNK2ns3BoxIiE3getEic"}},
		{"ns::Box<int>::Box", []string{"_ZN2ns3BoxIiEC1Ei"}},
		{"ns::Box<double>::~Box", []string{"_ZN2ns3BoxIdED1Ev"}},
		{"ns::Box<int>::operator<", []string{"_ZNK2ns3BoxIiEltERKS1_"}},
		{"larger<int>", []string{"_Z6largerIiET_S0_S0_"}},
		{"int larger<int>(int, int)", []string{"_Z6largerIiET_S0_S0_"}},
		{"(anonymous namespace)::hidden", []string{"_ZN12_GLOBAL__N_16hiddenEi"}},
		{"main::{lambda(int)#1}::operator()", []string{"_ZZ4mainENKUliE_clEi"}},
		{"over", nil},
		{"", nil},
	} {
		var got []string
		for _, s := range m.Find(test.query) {
			// C1 and C2 are the same function here; which name stays is not the point.
			got = append(got, strings.NewReplacer("C2E", "C1E", "D2E", "D1E").Replace(s.Name))
		}
		slices.Sort(got)
		slices.Sort(test.want)
		if !slices.Equal(got, test.want) {
			t.Errorf("Find(%q) = %v, want %v", test.query, got, test.want)
		}
	}
}

// The seed's files: callee is found at the address that its text gives.
func TestSeed(t *testing.T) {
	for name, typ := range map[string]elf.Type{"main": elf.ET_DYN, "main-nopie": elf.ET_EXEC, "args/main": elf.ET_DYN, "args/main-nopie": elf.ET_EXEC} {
		m := openZoo(t, "../testdata/seed/"+name)
		found := m.Find("callee")
		if m.Type() != typ || m.Machine() != elf.EM_X86_64 || m.IsGo() || len(found) != 1 {
			t.Fatalf("%s: %v %v, Go %v, callee %+v", name, m.Type(), m.Machine(), m.IsGo(), found)
		}
		off, ok := m.FileOffset(found[0].Addr)
		if base := VirtAddr(0x400000); !ok || typ == elf.ET_EXEC && found[0].Addr != base+VirtAddr(off) {
			t.Errorf("%s: callee at %#x lies at offset %#x, %v", name, found[0].Addr, off, ok)
		}
		if again, ok := m.VirtAddr(off); !ok || again != found[0].Addr {
			t.Errorf("%s: VirtAddr(%#x) = %#x, %v, want %#x", name, off, again, ok, found[0].Addr)
		}
	}
}
