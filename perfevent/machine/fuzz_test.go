package machine_test

import (
	"testing"

	"gorecord/perfevent"
	"gorecord/perfevent/machine"
)

// FuzzApply feeds records that the input spells, and checks after each that no
// two mappings of a process overlap, that they are in order, and that a look-up
// gives the mapping that a search through all of them gives.
func FuzzApply(f *testing.F) {
	f.Add([]byte("\x00\x01\x10\x20\x00\x01\x14\x04\x01\x01\x02\x00\x02\x02\x00\x00"))
	f.Add([]byte("\x00\x01\x00\xff\x00\x01\x80\xff\x03\x01\x00\x00\x04\x10\x08\x00\x04\x10\x08\x01"))
	f.Fuzz(func(t *testing.T, in []byte) {
		m := machine.New()
		for len(in) >= 4 {
			applyOne(m, in[0], in[1], in[2], in[3])
			in = in[4:]
			for pid := range uint32(4) {
				checkSpace(t, m.Thread(pid, pid))
			}
			checkOrder(t, m.KernelMappings()[min(1, len(m.KernelMappings())):])
		}
	})
}

// applyOne turns four bytes into a record.
func applyOne(m *machine.Machine, kind, a, b, c byte) {
	pid := uint32(a % 4)
	start, size := perfevent.Addr(b)<<56>>(a%57), uint64(c)<<8
	if c == 0xff {
		size = ^uint64(0)
	}
	var rec perfevent.Record
	misc := perfevent.MiscUser
	switch kind % 8 {
	case 0, 1, 2:
		rec = &perfevent.Mmap2{PID: pid, TID: pid, Start: perfevent.Addr(b) << 8, Len: size, Filename: string('a' + rune(c%8))}
	case 3:
		rec = &perfevent.Mmap{PID: pid, TID: pid, Start: start, Len: size, Filename: "/x"}
	case 4:
		rec = &perfevent.Fork{Task: perfevent.Task{PID: pid, TID: pid + uint32(b%2), PPID: uint32(b % 4), PTID: uint32(b % 4)}}
		misc = perfevent.Misc(c) << 8
	case 5:
		rec, misc = &perfevent.Comm{PID: pid, TID: pid, Comm: string(b)}, perfevent.Misc(c)<<8
	case 6:
		rec = &perfevent.Ksymbol{Addr: perfevent.Addr(b) << 8, Len: uint32(size), Flags: uint16(a & 1), Name: "k"}
	case 7:
		rec, misc = &perfevent.Mmap{PID: ^uint32(0), Start: perfevent.Addr(b) << 8, Len: size, Filename: []string{"[kernel.kallsyms]_text", "[m]"}[a%2]}, perfevent.MiscKernel
	}
	m.Apply(rec, misc, perfevent.SampleIdentity{})
}

func checkSpace(t *testing.T, th *machine.Thread) {
	maps := th.Process.Mappings()
	checkOrder(t, maps)
	for a := perfevent.Addr(0); a < 0x10000; a += 0x380 {
		var want *machine.Mapping
		for _, m := range maps {
			if a >= m.Start && a < m.End {
				want = m
			}
		}
		if got := th.Lookup(a); got != want {
			t.Fatalf("at %#x: %v, want %v", uint64(a), got, want)
		}
	}
}

func checkOrder(t *testing.T, maps []*machine.Mapping) {
	for i, m := range maps {
		if m.Start >= m.End || i > 0 && maps[i-1].End > m.Start {
			t.Fatalf("mapping %d, %#x-%#x, is empty or overlaps the one before", i, uint64(m.Start), uint64(m.End))
		}
	}
}
