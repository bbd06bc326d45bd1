package stack

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"gorecord/perfevent"
	"gorecord/perfevent/machine"
	"gorecord/symbolize"
)

// The rule for return addresses, on a module with functions a (0 to 0x10),
// b (0x10 to 0x20), a gap, c (0x30 to 0x40), __restore_rt (0x40 to 0x50), padding, d (0x60 to 0x70).
func TestNameAddress(t *testing.T) {
	functions := []struct {
		name       string
		start, end uint64
	}{{"a", 0, 0x10}, {"b", 0x10, 0x20}, {"c", 0x30, 0x40}, {"__restore_rt", 0x40, 0x50}, {"__pfx_d", 0x50, 0x60}, {"d", 0x60, 0x70}}
	at := func(_ *Address, pos uint64) []Frame {
		for _, f := range functions {
			if pos >= f.start && pos < f.end {
				return []Frame{{Symbol: &Symbol{Name: f.name, SystemName: f.name, Start: f.start}, Offset: pos - f.start}}
			}
		}
		return nil
	}
	tests := []struct {
		name   string
		pos    uint64
		ret    bool
		want   string
		offset uint64
	}{
		{"exact", 0x10, false, "b", 0},
		{"return within", 0x15, true, "b", 5},
		{"return behind a call that ends the function", 0x10, true, "a", 0x10},
		{"return behind a call that ends the function before a gap", 0x20, true, "b", 0x10},
		{"return to the start of a function behind a gap", 0x30, true, "c", 0},
		{"signal return code", 0x40, true, "__restore_rt", 0},
		{"within signal return code", 0x42, true, "__restore_rt", 2},
		{"behind padding", 0x60, true, "d", 0},
		{"one byte into a function behind padding", 0x61, true, "d", 1},
		{"first byte", 0, true, "a", 0},
		{"gap", 0x25, true, "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			frames := nameAddress(&Address{Position: tt.pos, Return: tt.ret}, at)
			name, offset := "", uint64(0)
			if len(frames) > 0 {
				name, offset = frames[0].Symbol.Name, frames[0].Offset
			}
			if name != tt.want || offset != tt.offset {
				t.Errorf("got %s+%#x, want %s+%#x", name, offset, tt.want, tt.offset)
			}
		})
	}
}

// loaded maps the executable segment of an ELF file as the kernel would, moved
// by bias, and gives the runtime address of a symbol.
func loaded(t *testing.T, m *machine.Machine, pid uint32, path string, bias uint64, symbol string) perfevent.Addr {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const page = 0xfff
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 {
			start := p.Vaddr &^ page
			m.Apply(&perfevent.Mmap2{
				PID: pid, TID: pid, Start: perfevent.Addr(start + bias), Len: (p.Vaddr + p.Filesz - start + page) &^ page,
				Offset: perfevent.FileOffset(p.Off &^ page), Filename: path,
			}, perfevent.MiscUser, perfevent.SampleIdentity{})
		}
	}
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(symbols, func(s elf.Symbol) bool { return s.Name == symbol })
	if i < 0 {
		t.Fatalf("%s has no symbol %s", path, symbol)
	}
	return perfevent.Addr(symbols[i].Value + bias)
}

// The seed's programs: one that is loaded where it says, one that is loaded
// anywhere; functions of both are found through their mappings.
func TestResolveFiles(t *testing.T) {
	m := machine.New()
	in := NewInterner(m, 0)
	ids := map[string]AddressID{}
	for i, p := range []struct {
		file string
		bias uint64
	}{{"main", 0x555555554000}, {"main-nopie", 0}} {
		path, err := filepath.Abs(filepath.Join("../../testdata/seed", p.file))
		if err != nil {
			t.Fatal(err)
		}
		pid := uint32(i + 1)
		ids[p.file] = in.Address(m.Thread(pid, pid), perfevent.MiscUser, loaded(t, m, pid, path, p.bias, "callee")+4)
	}
	m.Apply(&perfevent.Mmap2{PID: 1, TID: 1, Start: 0x1000, Len: 0x1000, Filename: "/nonexistent/lib.so"}, perfevent.MiscUser, perfevent.SampleIdentity{})
	gone := in.Address(m.Thread(1, 1), perfevent.MiscUser, 0x1234)
	store, err := symbolize.NewStore(symbolize.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	r := &Resolver{Store: store}
	names, problems, err := r.Names(context.Background(), m, in.Addresses())
	if err != nil {
		t.Fatal(err)
	}
	for file, id := range ids {
		f := names.Frames(id)[0]
		if f.Symbol == nil || f.Symbol.Name != "callee" || f.Offset != 4 {
			t.Errorf("%s: %+v, want callee+4", file, f)
		}
	}
	if f := names.Frames(gone); len(f) != 1 || f[0].Symbol != nil {
		t.Errorf("a file that is not there: %+v", f)
	}
	if len(problems) != 1 || !strings.Contains(problems[0], "/nonexistent/lib.so") {
		t.Errorf("problems: %q", problems)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := r.Names(ctx, m, in.Addresses()); err == nil {
		t.Error("a cancelled context is no error")
	}
}

// A file with another build id than the recorded one is not used.
func TestResolveRefusesOtherBuildID(t *testing.T) {
	m := machine.New()
	in := NewInterner(m, 0)
	path, _ := filepath.Abs("../../testdata/seed/main-nopie")
	m.SetBuildID(path, bytes.Repeat([]byte{0xee}, 20))
	id := in.Address(m.Thread(1, 1), perfevent.MiscUser, loaded(t, m, 1, path, 0, "callee"))
	store, err := symbolize.NewStore(symbolize.StoreOptions{DebugFolders: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	names, problems, err := (&Resolver{Store: store}).Names(context.Background(), m, in.Addresses())
	if err != nil {
		t.Fatal(err)
	}
	if f := names.Frames(id)[0]; f.Symbol != nil {
		t.Errorf("named %s from another file", f.Symbol.Name)
	}
	if len(problems) != 1 || !strings.Contains(problems[0], "build id") {
		t.Errorf("problems: %q", problems)
	}
}

const kallsyms = `ffffffff81000000 T _text
ffffffff81000000 T _stext
ffffffff81000100 T do_one
ffffffff81000200 t do_two
ffffffffc0000000 t ext_fn	[ext4]
ffffffffc0010000 t bpf_prog_old	[bpf]
`

func notes(id string) []byte {
	var b []byte
	b = binary.NativeEndian.AppendUint32(b, 4)
	b = binary.NativeEndian.AppendUint32(b, uint32(len(id)))
	b = binary.NativeEndian.AppendUint32(b, 3)
	return append(append(b, "GNU\x00"...), id...)
}

// localFiles is a machine called box with Linux 6.1.
func localFiles(symbols string) fstest.MapFS {
	return fstest.MapFS{
		"sys/kernel/notes":          {Data: notes("0123456789abcdef0123")},
		"proc/sys/kernel/osrelease": {Data: []byte("6.1\n")},
		"proc/sys/kernel/hostname":  {Data: []byte("box\n")},
		"proc/kallsyms":             {Data: []byte(symbols)},
	}
}

func TestKernel(t *testing.T) {
	restricted := regexp.MustCompile(`(?m)^[0-9a-f]{16}`).ReplaceAllString(kallsyms, "0000000000000000")
	tests := []struct {
		name     string
		files    fstest.MapFS
		buildID  string
		release  string
		hostname string
		text     uint64 // where the recorded kernel lay
		want     []string
		problem  string
	}{
		{"same build id", localFiles(kallsyms), "0123456789abcdef0123", "", "", kernelText, []string{"do_one+10", "ext_fn+4", "-"}, ""},
		{"same host and release", localFiles(kallsyms), "", "6.1", "box", kernelText, []string{"do_one+10", "ext_fn+4", "-"}, ""},
		{"another boot", localFiles(kallsyms), "0123456789abcdef0123", "", "", kernelText + 0x200000, []string{"do_one+10", "-", "-"}, ""},
		{"another kernel", localFiles(kallsyms), "another id of a kern", "6.1", "box", kernelText, []string{"-", "-", "-"}, "another kernel"},
		{"another host", localFiles(kallsyms), "", "6.1", "server", kernelText, []string{"-", "-", "-"}, "server (Linux 6.1)"},
		{"another release", localFiles(kallsyms), "", "5.4", "box", kernelText, []string{"-", "-", "-"}, "Linux 5.4"},
		{"recording that tells nothing", localFiles(kallsyms), "", "", "", kernelText, []string{"-", "-", "-"}, "unknown machine"},
		{"hidden addresses", localFiles(restricted), "", "6.1", "box", kernelText, []string{"-", "-", "-"}, "kptr_restrict"},
		{"no Linux", fstest.MapFS{}, "", "6.1", "box", kernelText, []string{"-", "-", "-"}, "no Linux"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := machine.New()
			m.SetBuildID("[kernel.kallsyms]", []byte(tt.buildID))
			kernelMap(m, tt.text, 0x10000, "[kernel.kallsyms]_text")
			kernelMap(m, 0xffffffffc0000000, 0x1000, "[ext4]")
			kernelMap(m, 0xffffffffc0010000, 0x1000, "[gone]")
			in := NewInterner(m, 0)
			var ids []AddressID
			for _, a := range []uint64{tt.text + 0x110, 0xffffffffc0000004, 0xffffffffc0010004} {
				ids = append(ids, in.Address(m.Thread(1, 1), perfevent.MiscKernel, perfevent.Addr(a)))
			}
			r := &Resolver{Local: tt.files, Release: tt.release, Hostname: tt.hostname}
			names, problems, err := r.Names(context.Background(), m, in.Addresses())
			if err != nil {
				t.Fatal(err)
			}
			for i, id := range ids {
				if got := frameText(names.Frames(id)[0]); got != tt.want[i] {
					t.Errorf("address %d: %s, want %s", i, got, tt.want[i])
				}
			}
			if tt.problem == "" && len(problems) > 0 || tt.problem != "" && (len(problems) != 1 || !strings.Contains(problems[0], tt.problem)) {
				t.Errorf("problems %q, want one with %q", problems, tt.problem)
			}
		})
	}
}

func kernelMap(m *machine.Machine, start, size uint64, name string) {
	m.Apply(&perfevent.Mmap{PID: ^uint32(0), Start: perfevent.Addr(start), Len: size, Offset: perfevent.FileOffset(start), Filename: name}, perfevent.MiscKernel, perfevent.SampleIdentity{})
}

func frameText(f Frame) string {
	if f.Symbol == nil {
		return "-"
	}
	return fmt.Sprintf("%s+%x", f.Symbol.Name, f.Offset)
}

func TestKsymbolNamesItself(t *testing.T) {
	m := machine.New()
	m.Apply(&perfevent.Ksymbol{Addr: 0xffffffffc0001000, Len: 0x100, Name: "bpf_prog_1"}, 0, perfevent.SampleIdentity{})
	in := NewInterner(m, 0)
	id := in.Address(m.Thread(1, 1), perfevent.MiscKernel, 0xffffffffc0001020)
	names, _, err := (&Resolver{}).Names(context.Background(), m, in.Addresses())
	if err != nil {
		t.Fatal(err)
	}
	if got := frameText(names.Frames(id)[0]); got != "bpf_prog_1+20" {
		t.Error(got)
	}
}

// A function is one Symbol, whatever its addresses.
func TestSymbolsAreShared(t *testing.T) {
	m := machine.New()
	kernelMap(m, kernelText, 0x10000, "[kernel.kallsyms]_text")
	in := NewInterner(m, 0)
	a := in.Address(m.Thread(1, 1), perfevent.MiscKernel, kernelText+0x101)
	b := in.Address(m.Thread(1, 1), perfevent.MiscKernel, kernelText+0x102)
	c := in.Address(m.Thread(1, 1), perfevent.MiscKernel, kernelText+0x202)
	r := &Resolver{Local: localFiles(kallsyms), Release: "6.1", Hostname: "box"}
	names, _, err := r.Names(context.Background(), m, in.Addresses())
	if err != nil {
		t.Fatal(err)
	}
	sa, sb, sc := names.Frames(a)[0].Symbol, names.Frames(b)[0].Symbol, names.Frames(c)[0].Symbol
	if sa == nil || sa != sb || sa == sc || len(names.Symbols()) != 2 {
		t.Errorf("symbols %v %v %v of %d", sa, sb, sc, len(names.Symbols()))
	}
	if first, end := names.FrameIDs(b); end != first+1 || names.AddressOf(first) != b || names.Frame(first).Symbol != sa {
		t.Errorf("frames of %d: %d to %d", b, first, end)
	}
}

func TestKallsymsFile(t *testing.T) {
	m := machine.New()
	kernelMap(m, kernelText, 0x10000, "[kernel.kallsyms]_text")
	in := NewInterner(m, 0)
	id := in.Address(m.Thread(1, 1), perfevent.MiscKernel, kernelText+0x234)
	symbols, err := symbolize.ReadKallsyms(strings.NewReader(kallsyms))
	if err != nil {
		t.Fatal(err)
	}
	names, problems, err := (&Resolver{Kallsyms: symbols, Local: fstest.MapFS{}}).Names(context.Background(), m, in.Addresses())
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	if got := frameText(names.Frames(id)[0]); got != "do_two+34" {
		t.Error(got)
	}
}
