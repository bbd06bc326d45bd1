package symbolize

import (
	"bufio"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gorecord/testdata/oracle"
)

// perfBase is where a file is said to be mapped in made-up recordings.
const perfBase = 1 << 32

// difference says why our answer may differ from that of perf 6.1; empty if it
// may not.
func difference(m *Module, sym Symbol, ok bool, perf perfAnswer) string {
	switch {
	case ok && strings.HasSuffix(sym.Name, "plt"):
		return "perf 6.1 knows no PLT but .plt, and no headers; a symbol without a size may hide it"
	case ok && (sym.Name == "_init" || sym.Name == "_fini"):
		return "overlaps the PLT, so that perf's answer depends on its tree"
	case m.Machine() == elf.EM_RISCV && strings.HasPrefix(perf.function, "$"):
		return "perf 6.1 takes RISC-V mapping symbols for names"
	case ok && overlapped(m, sym):
		return "symbols overlap, so that perf's answer depends on its tree"
	}
	return ""
}

// overlapped reports whether a symbol shares bytes with another.
func overlapped(m *Module, sym Symbol) bool {
	for other := range m.Symbols() {
		if other.Addr != sym.Addr && other.Addr < sym.Addr+VirtAddr(sym.Size) && sym.Addr < other.Addr+VirtAddr(other.Size) {
			return true
		}
	}
	return false
}

// compareWithPerf asks both about file offsets and reports what disagrees
// without a known reason. It returns how many agreed, and the reasons met.
func compareWithPerf(t *testing.T, s *Store, m *Module, offsets []FileOffset) (agreed int, reasons map[string]int) {
	t.Helper()
	addresses := make([]uint64, len(offsets))
	for i, off := range offsets {
		addresses[i] = perfBase + uint64(off)
	}
	reasons = map[string]int{}
	for i, perf := range askPerf(t, m.Path(), perfBase, false, addresses) {
		a, ok := m.VirtAddr(offsets[i])
		if !ok {
			t.Fatalf("VirtAddr(%#x) finds no segment", offsets[i])
		}
		var got perfAnswer
		for _, f := range s.Frames(m, a) {
			got = perfAnswer{f.Function, f.Offset}
		}
		sym, ok := m.Lookup(a)
		if got == perf {
			agreed++
		} else if reason := nameDifference(sym.Name, got, perf); reason != "" {
			reasons[reason]++
		} else if reason := difference(m, sym, ok, perf); reason != "" {
			reasons[reason]++
		} else {
			t.Errorf("%s at %#x: %v, perf says %v", m.Path(), a, got, perf)
		}
	}
	return agreed, reasons
}

// nameDifference allows for C++ names that the demangler spells otherwise than
// libiberty: the same symbol, since the offset is the same, so another text only.
func nameDifference(name string, got, perf perfAnswer) string {
	if got.function != "" && got.offset == perf.offset && strings.HasPrefix(name, "_Z") && strings.Contains(perf.function, "::") {
		return "C++ name spelled otherwise"
	}
	return ""
}

func allCode(m *Module) []FileOffset {
	var offsets []FileOffset
	for _, s := range executable(m) {
		for i := range s.filesz {
			offsets = append(offsets, FileOffset(s.off+i))
		}
	}
	return offsets
}

// Every byte of code of the zoo has the name and the offset that perf gives.
func TestZooAgainstPerf(t *testing.T) {
	oracle.Perf(t)
	s := newStore(t, StoreOptions{DebugFolders: []string{}})
	total := 0
	for _, name := range zoo(t) {
		path, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.Module(path, "")
		if err != nil {
			t.Fatal(err)
		}
		if offsets := allCode(m); len(offsets) > 0 {
			agreed, reasons := compareWithPerf(t, s, m, offsets)
			total += agreed
			if len(reasons) > 0 {
				t.Logf("%s: %d of %d agree, else %v", name, agreed, len(offsets), reasons)
			}
		}
	}
	if total < 5000 {
		t.Errorf("only %d addresses agree", total)
	}
}

// systemFiles are programs and libraries of this system, such as are there.
func systemFiles() []string {
	var files []string
	for _, pattern := range []string{
		"/usr/bin/python3.*", "/usr/bin/perf", "/usr/bin/ls", "/usr/bin/bash", "/usr/bin/gdb",
		"/lib/*-linux-gnu/libc.so.6", "/lib/*-linux-gnu/libm.so.6", "/usr/lib/*-linux-gnu/libstdc++.so.6",
		"/usr/lib/*-linux-gnu/libcrypto.so.3", "/usr/lib/*-linux-gnu/libicuuc.so.*", "/usr/lib/*-linux-gnu/libgmp.so.10",
		"/usr/lib/gcc/*-linux-gnu/*/cc1", "/usr/local/go/bin/go",
	} {
		found, _ := filepath.Glob(pattern)
		for _, f := range found {
			if real, err := filepath.EvalSymlinks(f); err == nil {
				files = append(files, real)
			}
		}
	}
	return files
}

// The edges and one byte within each function of programs of this system: as
// perf says, debug files of the system included.
func TestSystemAgainstPerf(t *testing.T) {
	oracle.Perf(t)
	s := newStore(t, StoreOptions{})
	rng := rand.New(rand.NewPCG(1, 2))
	for _, path := range systemFiles() {
		m, err := s.Module(path, "")
		if errors.Is(err, ErrNotELF) {
			continue
		} else if err != nil {
			t.Error(err)
			continue
		}
		var offsets []FileOffset
		every := m.Len()/20000 + 1
		for sym := range m.Symbols() {
			if !sym.IsFunction() || sym.Size == 0 || rng.IntN(every) != 0 {
				continue
			}
			for _, a := range []VirtAddr{sym.Addr, sym.Addr + VirtAddr(sym.Size) - 1, sym.Addr + VirtAddr(rng.Uint64N(sym.Size))} {
				// Past the segment, offsets of several segments are one for perf.
				if off, ok := m.FileOffset(a); ok && inCode(m, a) {
					offsets = append(offsets, off)
				}
			}
		}
		if len(offsets) == 0 {
			continue
		}
		agreed, reasons := compareWithPerf(t, s, m, offsets)
		t.Logf("%s: %d of %d agree, else %v", path, agreed, len(offsets), reasons)
		if agreed < len(offsets)*8/10 {
			t.Errorf("%s: only %d of %d agree", path, agreed, len(offsets))
		}
	}
}

func inCode(m *Module, a VirtAddr) bool {
	for _, s := range executable(m) {
		if uint64(a) >= s.vaddr && uint64(a)-s.vaddr < s.filesz {
			return true
		}
	}
	return false
}

// A list of 100k kernel symbols: each has the name that perf gives.
func TestKernelAgainstPerf(t *testing.T) {
	oracle.Perf(t)
	text, err := os.ReadFile("/proc/kallsyms")
	if err != nil {
		t.Skipf("no kernel symbols: %v", err)
	}
	k, err := ReadKallsyms(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	base, ok := k.Address("_text")
	if !ok {
		t.Skipf("the kernel hides its symbols (restricted: %v, %d symbols)", k.Restricted(), k.Len())
	}
	list := filepath.Join(t.TempDir(), "kallsyms") // perf takes /proc/kallsyms only as its own
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var addresses []uint64
	for _, e := range k.entries {
		if e.module == 0 && e.addr >= uint64(base) { // perf has no maps of the modules in a made-up recording
			addresses = append(addresses, e.addr, e.end-1, e.addr+(e.end-e.addr)/2)
		}
	}
	answers := askPerf(t, "[kernel.kallsyms]_text", uint64(base), true, addresses, "--kallsyms", list)
	bad := 0
	for i, a := range addresses {
		sym, off, _ := k.Lookup(RuntimeAddr(a))
		if got := (perfAnswer{sym.Name, off}); got != answers[i] {
			if bad++; bad < 20 {
				t.Errorf("%#x: %v, perf says %v", a, got, answers[i])
			}
		}
	}
	t.Logf("%d of %d addresses of %d symbols agree", len(addresses)-bad, len(addresses), k.Len())
}

// A real recording: each user sample in a file that is still there, and each
// kernel sample, has the name and offset that perf script prints.
func TestRecordingAgainstPerf(t *testing.T) {
	oracle.Perf(t)
	dir := t.TempDir()
	data := filepath.Join(dir, "perf.data")
	load := `i=0; while [ $i -lt 300 ]; do ls -laR /usr/include >/dev/null; i=$((i+100)); done; python3 -c 'print(sum(hash(str(i)) for i in range(400000)))'`
	oracle.Record(t, data, func() *exec.Cmd {
		return perfCommand(dir, "record", "-q", "--buildid-mmap", "-N", "-e", "cpu-clock", "-F", "9999", "-o", data, "sh", "-c", load)
	})
	out, stderr, err := oracle.Run(t, func() *exec.Cmd {
		return perfCommand(dir, "script", "-i", data, "--show-mmap-events", "--no-inline", "-F", "pid,event,ip,sym,symoff,dso")
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	c := recordingCheck{t: t, store: newStore(t, StoreOptions{}), maps: map[string][]fileMap{}}
	if f, err := os.Open("/proc/kallsyms"); err == nil {
		c.kernel, err = ReadKallsyms(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		c.line(lines.Text())
	}
	t.Logf("%d user and %d kernel samples agree, %d without a file; else %v", c.user, c.kernelSamples, c.elsewhere, c.reasons)
	if c.user < 300 || c.elsewhere > c.user/10 {
		t.Errorf("only %d user samples could be compared, %d could not", c.user, c.elsewhere)
	}
}

type fileMap struct {
	start, end, offset uint64
	path               string
}

type recordingCheck struct {
	t                              *testing.T
	store                          *Store
	kernel                         *Kallsyms
	maps                           map[string][]fileMap
	user, kernelSamples, elsewhere int
	reasons                        map[string]int
}

// line takes a map, such as
//
//	2514 PERF_RECORD_MMAP2 2514/2514: [0x400000(0x1000) @ 0 08:01 5 6]: r-xp /usr/bin/x
//
// or a sample: "2514 cpu-clock:  7f0012 function+0x12 (/usr/bin/x)".
func (c *recordingCheck) line(text string) {
	w := strings.Fields(text)
	if len(w) < 4 {
		return
	}
	if i := strings.Index(text, "PERF_RECORD_MMAP"); i >= 0 {
		c.addMap(text[i:])
		return
	}
	if !strings.HasPrefix(w[1], "cpu-clock") {
		return
	}
	ip, err := strconv.ParseUint(w[2], 16, 64)
	if err != nil {
		c.t.Fatalf("perf script line %q: %v", text, err)
	}
	rest := text[strings.Index(text, w[2]):]
	open := strings.LastIndex(rest, " (")
	if open < 0 {
		c.t.Fatalf("perf script line without a file: %q", text)
	}
	dso := strings.TrimSuffix(rest[open+2:], ")")
	perf := parsePerfAnswer(c.t, rest[:open])
	if strings.HasPrefix(dso, "[kernel") {
		c.kernelSample(RuntimeAddr(ip), perf)
		return
	}
	c.userSample(w[0], dso, ip, perf)
}

func (c *recordingCheck) addMap(text string) {
	var pid, tid int
	var m fileMap
	var size uint64
	if _, err := fmt.Sscanf(text[strings.IndexByte(text, ' ')+1:], "%d/%d: [0x%x(0x%x) @ %v", &pid, &tid, &m.start, &size, &m.offset); err != nil {
		c.t.Fatalf("perf script line %q: %v", text, err)
	}
	m.end = m.start + size
	m.path = text[strings.LastIndexByte(text, ' ')+1:]
	key := strconv.Itoa(pid)
	c.maps[key] = append(c.maps[key], m)
}

func (c *recordingCheck) kernelSample(ip RuntimeAddr, perf perfAnswer) {
	if c.kernel == nil || c.kernel.Restricted() {
		return
	}
	sym, off, _ := c.kernel.Lookup(ip)
	if got := (perfAnswer{sym.Name, off}); got != perf {
		c.t.Errorf("kernel %#x: %v, perf says %v", uint64(ip), got, perf)
		return
	}
	c.kernelSamples++
}

func (c *recordingCheck) userSample(pid, dso string, ip uint64, perf perfAnswer) {
	maps := c.maps[pid]
	for i := len(maps) - 1; i >= 0; i-- {
		f := maps[i]
		if ip < f.start || ip >= f.end || f.path != dso {
			continue
		}
		m, err := c.store.Module(f.path, "")
		if err != nil {
			break
		}
		a, ok := m.VirtAddr(FileOffset(ip - f.start + f.offset))
		if !ok {
			c.t.Errorf("%#x in %s: offset %#x lies in no segment", ip, dso, ip-f.start+f.offset)
			return
		}
		var got perfAnswer
		for _, frame := range c.store.Frames(m, a) {
			got = perfAnswer{frame.Function, frame.Offset}
		}
		if got == perf {
			c.user++
			return
		}
		sym, ok := m.Lookup(a)
		reason := difference(m, sym, ok, perf)
		if dso == VDSOPath && perf.function == "" {
			reason = "perf names the vDSO only when its cache has it"
		}
		if reason == "" {
			c.t.Errorf("%#x in %s: %v, perf says %v", ip, dso, got, perf)
		}
		if c.reasons == nil {
			c.reasons = map[string]int{}
		}
		c.reasons[reason]++
		return
	}
	c.elsewhere++
}

func newStore(t testing.TB, options StoreOptions) *Store {
	t.Helper()
	s, err := NewStore(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
