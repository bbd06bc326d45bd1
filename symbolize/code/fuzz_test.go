package code

import (
	"debug/elf"
	"errors"
	"slices"
	"testing"

	"gorecord/symbolize"
)

// Any bytes give an error that says where, or exits that lie at boundaries of
// instructions, in order.
func FuzzExits(f *testing.F) {
	for _, seed := range []string{
		"\x55\x48\x89\xe5\x74\x01\xf0\x0f\xb1\x0f\xf3\xc3",
		"\xf3\x0f\x1e\xfa\x3e\xff\xe0\xc5\xf8\x77\x62\xf1\xfd\x48\x6f\x07\xc3",
		"\x40\x00\x00\x58\xc0\x03\x5f\xd6\xc0\x03\x5f\xd6\xc0\x03\x5f\xd6",
		"\x8f\xe8\x78\x8c\xc3\x20\x66\x48\xe8\x00\x00\x00\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 4096 {
			return
		}
		for _, machine := range []elf.Machine{elf.EM_X86_64, elf.EM_AARCH64} {
			checkExits(t, machine, body)
			if text, n := Instruction(machine, body); text == "" || n > len(body) || n < min(1, len(body)) {
				t.Errorf("%v: Instruction = %q, %d", machine, text, n)
			}
		}
	})
}

func checkExits(t *testing.T, machine elf.Machine, body []byte) {
	const start = 0x1000
	x, err := FindExits(machine, body, start)
	if err != nil {
		var e *DecodeError
		if !errors.As(err, &e) || e.Addr < start || e.Addr > start+symbolize.VirtAddr(len(body)) {
			t.Errorf("%v: %v", machine, err)
		}
		return
	}
	for _, list := range [][]symbolize.VirtAddr{x.Returns, x.TailJumps, x.IndirectJumps} {
		if !slices.IsSorted(list) {
			t.Errorf("%v: %#x not in order", machine, list)
		}
		for _, pc := range list[:min(len(list), 50)] {
			if ok, at, err := Boundary(machine, body, start, pc); !ok || at != pc || err != nil {
				t.Errorf("%v: exit at %#x, but Boundary = %v, %#x, %v", machine, pc, ok, at, err)
			}
		}
	}
}
