package usdt

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const markers = "../../testdata/programs/markers"

// TestMarkers: the fixture's markers, as readelf -n prints them.
func TestMarkers(t *testing.T) {
	got, err := Markers(markers)
	if err != nil {
		t.Fatal(err)
	}
	want := []Marker{
		{Provider: "markers", Name: "step", PC: 0x10a0, Semaphore: 0x4022, Args: "-4@%eax 8@(%r8,%rdx,8) -1@%cl 8@%rdi", Machine: elf.EM_X86_64},
		{Provider: "markers", Name: "end", PC: 0x10a8, Semaphore: 0x4020, Args: "-4@%esi -8@$4711", Machine: elf.EM_X86_64},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if none, err := Markers("../../testdata/seed/main"); err != nil || len(none) > 0 {
		t.Errorf("a file without markers: %v, %v", none, err)
	}
	if _, err := Markers("usdt_test.go"); err == nil {
		t.Error("no ELF file gave no error")
	}
}

func TestFetchArgs(t *testing.T) {
	for _, tt := range []struct {
		machine    elf.Machine
		args, want string
		problem    string
	}{
		{elf.EM_X86_64, "-4@%edi 8@-24(%rbp)", "arg1=%di:s32 arg2=-24(%bp):u64", ""},
		{elf.EM_X86_64, "4@$5 -8@$-1", `arg1=\5:u32 arg2=\-1:s64`, ""},
		{elf.EM_X86_64, "-1@%al 2@%r10w 1@%r9b 8@%r15 4@%r8d", "arg1=%ax:s8 arg2=%r10:u16 arg3=%r9:u8 arg4=%r15:u64 arg5=%r8:u32", ""},
		{elf.EM_X86_64, "8@(%rax) 8@0x10(%rsp)", "arg1=+0(%ax):u64 arg2=+16(%sp):u64", ""},
		{elf.EM_X86_64, "8@(%rax,%rbx,8) 4@%edi", "arg2=%di:u32", "arg1 (8@(%rax,%rbx,8)) is more than a register"},
		{elf.EM_X86_64, "8f@%xmm0", "", "vector register"},
		{elf.EM_X86_64, "8@var(%rip)", "", "lies in a variable"},
		{elf.EM_X86_64, "%edi", "", "has no size"},
		{elf.EM_X86_64, "1@%ah", "", "lies in %ah"},
		{elf.EM_AARCH64, "-4@w1 8@x29 8@[sp, 16] 8@[x3] 4@5", `arg1=%x1:s32 arg2=%x29:u64 arg3=+16(%sp):u64 arg4=+0(%x3):u64 arg5=\5:u32`, ""},
		{elf.EM_386, "4@%eax", "", "operands are not known"},
		{elf.EM_X86_64, "", "", ""},
	} {
		m := Marker{Args: tt.args, Machine: tt.machine}
		got, err := m.FetchArgs()
		if strings.Join(got, " ") != tt.want || (err == nil) != (tt.problem == "") || err != nil && !strings.Contains(err.Error(), tt.problem) {
			t.Errorf("%q: %q, %v; want %q, %q", tt.args, got, err, tt.want, tt.problem)
		}
	}
}

// TestMoved: a file whose addresses a prelinker changed.
func TestMoved(t *testing.T) {
	p := parser{order: binary.LittleEndian, word: 8, base: 0x5000}
	note := []byte("\x08\x00\x00\x00\x24\x00\x00\x00\x03\x00\x00\x00stapsdt\x00" +
		"\x10\x20\x00\x00\x00\x00\x00\x00" + "\x00\x40\x00\x00\x00\x00\x00\x00" + "\x20\x30\x00\x00\x00\x00\x00\x00" + "prov\x00name\x00a\x00")
	got := p.notes(note)
	if len(got) != 1 || got[0].PC != 0x3010 || got[0].Semaphore != 0x4020 || got[0].Provider != "prov" || got[0].Name != "name" || got[0].Args != "a" {
		t.Errorf("%+v", got)
	}
}

func FuzzRead(f *testing.F) {
	b, err := os.ReadFile(markers)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		list, _ := Read(bytes.NewReader(b))
		for i := range list {
			list[i].FetchArgs()
		}
	})
}
