package perfevent_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gorecord/perfevent"
)

// sampleField is one field of a sample: its bytes, in the order of the list in
// the kernel's header, and what it decodes to.
type sampleField struct {
	name string
	typ  perfevent.SampleType
	body []any
	set  func(*perfevent.Sample)
}

// fieldAttr is the attribute that the fields below are written for, but for its
// sample type.
func fieldAttr(t perfevent.SampleType) perfevent.Attr {
	return perfevent.Attr{
		SampleType: t, ReadFormat: perfevent.FormatTotalTimeEnabled | perfevent.FormatID,
		BranchSampleType: perfevent.BranchHWIndex, SampleRegsUser: 0b1011, SampleRegsIntr: 1 << 63,
		SampleStackUser: 16, SampleMaxStack: 127,
	}
}

var sampleFields = []sampleField{
	{"IDENTIFIER", 1 << 16, []any{uint64(0x77)}, func(s *perfevent.Sample) { s.ID = 0x77 }},
	{"IP", 1 << 0, []any{uint64(0x401234)}, func(s *perfevent.Sample) { s.IP = 0x401234 }},
	{"TID", 1 << 1, []any{uint32(12), uint32(13)}, func(s *perfevent.Sample) { s.PID, s.TID = 12, 13 }},
	{"TIME", 1 << 2, []any{uint64(0x1122334455667788)}, func(s *perfevent.Sample) { s.Time = 0x1122334455667788 }},
	{"ADDR", 1 << 3, []any{uint64(0xdeadbeef)}, func(s *perfevent.Sample) { s.Addr = 0xdeadbeef }},
	{"ID", 1 << 6, []any{uint64(0x77)}, func(s *perfevent.Sample) { s.ID = 0x77 }},
	{"STREAM_ID", 1 << 9, []any{uint64(0x78)}, func(s *perfevent.Sample) { s.StreamID = 0x78 }},
	{"CPU", 1 << 7, []any{uint32(3), uint32(0)}, func(s *perfevent.Sample) { s.CPU = 3 }},
	{"PERIOD", 1 << 8, []any{uint64(1000003)}, func(s *perfevent.Sample) { s.Period = 1000003 }},
	{"READ", 1 << 4, []any{uint64(5), uint64(6), uint64(7)}, func(s *perfevent.Sample) {
		s.Read = perfevent.ReadValues{TimeEnabled: 6, Values: []perfevent.ReadValue{{Value: 5, ID: 7}}}
	}},
	{"CALLCHAIN", 1 << 5, []any{uint64(3), uint64(0xfffffffffffffe00), uint64(0x401234), uint64(0x401000)}, func(s *perfevent.Sample) {
		s.Callchain = []perfevent.Addr{perfevent.ContextUser, 0x401234, 0x401000}
	}},
	{"RAW", 1 << 10, []any{uint32(12), "twelve bytes"}, func(s *perfevent.Sample) { s.Raw = []byte("twelve bytes") }},
	{"BRANCH_STACK", 1 << 11, []any{uint64(2), uint64(9), uint64(1), uint64(2), uint64(3), uint64(4), uint64(5), uint64(6)}, func(s *perfevent.Sample) {
		s.BranchHWIndex, s.Branches = 9, []perfevent.Branch{{From: 1, To: 2, Flags: 3}, {From: 4, To: 5, Flags: 6}}
	}},
	{"REGS_USER", 1 << 12, []any{uint64(2), uint64(10), uint64(11), uint64(13)}, func(s *perfevent.Sample) {
		s.RegsUser = perfevent.Regs{ABI: 2, Values: []uint64{10, 11, 13}}
	}},
	{"STACK_USER", 1 << 13, []any{uint64(16), "eleven byte\x00\x00\x00\x00\x00", uint64(11)}, func(s *perfevent.Sample) {
		s.StackUser, s.StackUserSize = []byte("eleven byte"), 16
	}},
	{"WEIGHT", 1 << 14, []any{uint64(0x10000000200003)}, func(s *perfevent.Sample) { s.Weight = 0x10000000200003 }},
	{"WEIGHT_STRUCT", 1 << 24, []any{uint64(0x10000000200003)}, func(s *perfevent.Sample) { s.Weight = 0x10000000200003 }},
	{"DATA_SRC", 1 << 15, []any{uint64(0x68100142)}, func(s *perfevent.Sample) { s.DataSrc = 0x68100142 }},
	{"TRANSACTION", 1 << 17, []any{uint64(0x20000000a)}, func(s *perfevent.Sample) { s.Transaction = 0x20000000a }},
	{"REGS_INTR", 1 << 18, []any{uint64(1), uint64(99)}, func(s *perfevent.Sample) {
		s.RegsIntr = perfevent.Regs{ABI: 1, Values: []uint64{99}}
	}},
	{"PHYS_ADDR", 1 << 19, []any{uint64(0x12345000)}, func(s *perfevent.Sample) { s.PhysAddr = 0x12345000 }},
	{"CGROUP", 1 << 21, []any{uint64(0x5c)}, func(s *perfevent.Sample) { s.Cgroup = 0x5c }},
	{"DATA_PAGE_SIZE", 1 << 22, []any{uint64(4096)}, func(s *perfevent.Sample) { s.DataPageSize = 4096 }},
	{"CODE_PAGE_SIZE", 1 << 23, []any{uint64(1 << 21)}, func(s *perfevent.Sample) { s.CodePageSize = 1 << 21 }},
	{"AUX", 1 << 20, []any{uint64(8), "aux data"}, func(s *perfevent.Sample) { s.Aux = []byte("aux data") }},
}

// compareSample treats an empty slice as none: which of them a decoder leaves
// is no promise.
var compareSample = cmpopts.EquateEmpty()

// fieldSample gives the bytes of a sample with the given fields, and the sample.
// WEIGHT and WEIGHT_STRUCT are two readings of one field.
func fieldSample(o binary.ByteOrder, t perfevent.SampleType) (body []byte, want perfevent.Sample) {
	want.Misc = perfevent.MiscUser | perfevent.MiscExactIP
	for _, f := range sampleFields {
		if t&f.typ == 0 || f.typ == perfevent.SampleWeightStruct && t&perfevent.SampleWeight != 0 {
			continue
		}
		body = append(body, wire(o, f.body...)...)
		f.set(&want)
	}
	return body, want
}

func checkSample(t *testing.T, o binary.ByteOrder, typ perfevent.SampleType) {
	t.Helper()
	a := fieldAttr(typ)
	layout := perfevent.NewLayout(&a, o)
	body, want := fieldSample(o, typ)
	raw := record(o, perfevent.RecordSample, want.Misc, body)
	// What an earlier sample left must not shine through.
	got := dirtySample()
	if err := layout.DecodeSample(raw, &got); err != nil {
		t.Errorf("%v %v: %v", o, typ, err)
	}
	if diff := cmp.Diff(want, got, compareSample); diff != "" {
		t.Errorf("%v %v (-want +got):\n%s", o, typ, diff)
	}
	if at, ok := layout.Time(raw); at != want.Time || ok != (typ&perfevent.SampleTime != 0) {
		t.Errorf("%v %v: time %#x, %v", o, typ, at, ok)
	}
	if inSample, _ := layout.IDPositions(); inSample >= 0 {
		if id := o.Uint64(body[inSample:]); id != want.ID {
			t.Errorf("%v %v: at the id's place lies %#x", o, typ, id)
		}
	}
	made, err := layout.AppendSample([]byte("before"), &got)
	if err != nil || string(made[:6]) != "before" || !bytes.Equal(made[6:], raw.Bytes) {
		t.Errorf("%v: encoded as\n%x, error %v, want\n%x", typ, made[6:], err, raw.Bytes)
	}
}

// dirtySample has something in every field.
func dirtySample() perfevent.Sample {
	var s perfevent.Sample
	for _, f := range sampleFields {
		f.set(&s)
	}
	s.BranchCounts = []uint64{1, 2, 3}
	s.Read.TimeRunning = 1
	s.Read.Values[0].Lost = 1
	return s
}

// TestSampleFields decodes each field alone, each pair of fields and all of
// them, in both byte orders, and writes them back.
func TestSampleFields(t *testing.T) {
	var all perfevent.SampleType
	for _, f := range sampleFields {
		all |= f.typ
		if got := f.typ.String(); got != f.name {
			t.Errorf("bit %#x is called %q, want %q", uint64(f.typ), got, f.name)
		}
	}
	if all != 1<<25-1 {
		t.Fatalf("the table has no field for %v", all^(1<<25-1))
	}
	for _, o := range orders {
		checkSample(t, o, 0)
		checkSample(t, o, all)
		checkSample(t, o, all&^perfevent.SampleWeight)
		for _, f := range sampleFields {
			checkSample(t, o, f.typ)
			checkSample(t, o, all&^f.typ)
			for _, g := range sampleFields {
				checkSample(t, o, f.typ|g.typ)
			}
		}
	}
}

// TestSampleTruncated cuts a sample with all fields at every byte.
func TestSampleTruncated(t *testing.T) {
	a := fieldAttr(1<<25 - 1)
	layout := perfevent.NewLayout(&a, little)
	body, want := fieldSample(little, 1<<25-1)
	var s perfevent.Sample
	for n := range body {
		err := layout.DecodeSample(record(little, perfevent.RecordSample, 0, body[:n]), &s)
		if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), fmt.Sprintf("SAMPLE record: body of %d bytes", n)) {
			t.Errorf("cut to %d of %d bytes: error %v", n, len(body), err)
		}
		// IDENTIFIER, IP and TID come first: what is there is decoded.
		ip, tid := want.IP, want.TID
		if n < 16 {
			ip = 0
		}
		if n < 24 {
			tid = 0
		}
		if s.IP != ip || s.TID != tid {
			t.Errorf("cut to %d bytes: IP %#x and TID %d, want %#x and %d", n, s.IP, s.TID, ip, tid)
		}
		layout.Time(record(little, perfevent.RecordSample, 0, body[:n]))
	}
	grown := record(little, perfevent.RecordSample, want.Misc, append(body, "whatever a later kernel appends"...))
	if err := layout.DecodeSample(grown, &s); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, s, compareSample); diff != "" {
		t.Errorf("with more behind it (-want +got):\n%s", diff)
	}
}

// TestSampleOversized checks that counts and sizes which the record cannot hold
// are refused, and that no memory is taken for them.
func TestSampleOversized(t *testing.T) {
	for _, test := range []struct {
		typ  perfevent.SampleType
		size func(n uint64) []any
	}{
		{perfevent.SampleCallchain, func(n uint64) []any { return []any{n} }},
		{perfevent.SampleBranchStack, func(n uint64) []any { return []any{n, uint64(0)} }},
		{perfevent.SampleStackUser, func(n uint64) []any { return []any{n} }},
		{perfevent.SampleAux, func(n uint64) []any { return []any{n} }},
		{perfevent.SampleRead, func(n uint64) []any { return []any{n} }},
		{perfevent.SampleRaw, func(n uint64) []any { return []any{uint32(n)} }},
	} {
		a := perfevent.Attr{SampleType: test.typ, ReadFormat: perfevent.FormatGroup, BranchSampleType: perfevent.BranchHWIndex}
		layout := perfevent.NewLayout(&a, little)
		for _, n := range []uint64{9, 65, 1 << 16, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1<<61 + 8, 1<<61 + 65, 1<<63 + 8, 1<<64 - 1} {
			if test.typ == perfevent.SampleRaw && n >= 1<<32 {
				continue
			}
			if n == 9 && test.typ&(perfevent.SampleCallchain|perfevent.SampleBranchStack|perfevent.SampleRead) == 0 {
				continue // fits, as bytes
			}
			body := wire(little, append(test.size(n), make([]byte, 64))...)
			raw := record(little, perfevent.RecordSample, 0, body)
			var s perfevent.Sample
			if err := layout.DecodeSample(raw, &s); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%v of %d: error %v", test.typ, n, err)
			}
			if allocs := testing.AllocsPerRun(1, func() { layout.DecodeSample(raw, &s) }); allocs > 8 {
				t.Errorf("%v of %d: %v allocations", test.typ, n, allocs)
			}
			if c := cap(s.Callchain) + cap(s.Branches) + cap(s.Read.Values); c != 0 {
				t.Errorf("%v of %d: took memory for %d entries", test.typ, n, c)
			}
		}
	}
}

// TestSampleEmptyParts decodes the forms in which a field holds nothing.
func TestSampleEmptyParts(t *testing.T) {
	const mask = 0b111
	for _, test := range []struct {
		what string
		typ  perfevent.SampleType
		body []any
		want perfevent.Sample
	}{
		{"no registers (kernel thread)", perfevent.SampleRegsUser, []any{uint64(0)}, perfevent.Sample{}},
		{"no registers of both kinds", perfevent.SampleRegsUser | perfevent.SampleRegsIntr, []any{uint64(0), uint64(0)}, perfevent.Sample{}},
		{"no registers, stack of nothing", perfevent.SampleRegsUser | perfevent.SampleStackUser | perfevent.SampleWeight,
			[]any{uint64(0), uint64(0), uint64(5)}, perfevent.Sample{Weight: 5}},
		{"stack dump of which nothing was filled", perfevent.SampleStackUser | perfevent.SampleWeight,
			[]any{uint64(16), make([]byte, 16), uint64(0), uint64(5)}, perfevent.Sample{StackUserSize: 16, Weight: 5}},
		{"stack dump that was filled", perfevent.SampleStackUser | perfevent.SampleWeight,
			[]any{uint64(8), "contents", uint64(8), uint64(5)}, perfevent.Sample{StackUser: []byte("contents"), StackUserSize: 8, Weight: 5}},
		{"callchain of nothing", perfevent.SampleCallchain | perfevent.SampleWeight, []any{uint64(0), uint64(5)}, perfevent.Sample{Weight: 5}},
		{"raw data of only padding", perfevent.SampleRaw | perfevent.SampleWeight, []any{uint32(4), uint32(0), uint64(5)},
			perfevent.Sample{Raw: []byte{0, 0, 0, 0}, Weight: 5}},
		{"no branches", perfevent.SampleBranchStack | perfevent.SampleWeight, []any{uint64(0), uint64(5)}, perfevent.Sample{Weight: 5}},
		{"no AUX data", perfevent.SampleAux, []any{uint64(0)}, perfevent.Sample{}},
	} {
		a := perfevent.Attr{SampleType: test.typ, SampleRegsUser: mask, SampleRegsIntr: mask}
		layout := perfevent.NewLayout(&a, little)
		raw := record(little, perfevent.RecordSample, 0, wire(little, test.body...))
		got := dirtySample()
		if err := layout.DecodeSample(raw, &got); err != nil {
			t.Errorf("%s: %v", test.what, err)
		}
		if diff := cmp.Diff(test.want, got, compareSample); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.what, diff)
		}
		if made, err := layout.AppendSample(nil, &got); err != nil || !bytes.Equal(made, raw.Bytes) {
			t.Errorf("%s: encoded as\n%x, error %v, want\n%x", test.what, made, err, raw.Bytes)
		}
	}
}

// TestStackLargerThanDump checks a filled size that the dump cannot have.
func TestStackLargerThanDump(t *testing.T) {
	layout := perfevent.NewLayout(&perfevent.Attr{SampleType: perfevent.SampleStackUser}, little)
	var s perfevent.Sample
	raw := record(little, perfevent.RecordSample, 0, wire(little, uint64(8), "contents", uint64(1<<63)))
	if err := layout.DecodeSample(raw, &s); err != nil || string(s.StackUser) != "contents" {
		t.Errorf("stack %q, error %v", s.StackUser, err)
	}
}

// readFormats are all combinations of the read formats but GROUP.
func readFormats() []perfevent.ReadFormat {
	var formats []perfevent.ReadFormat
	for set := range perfevent.ReadFormat(1 << 4) {
		formats = append(formats, set&7|set&8<<1)
	}
	return formats
}

// readBody gives the bytes of a read of n events, and the values.
func readBody(o binary.ByteOrder, format perfevent.ReadFormat, n int) ([]byte, perfevent.ReadValues) {
	has := func(f perfevent.ReadFormat) bool { return format&f != 0 }
	var r perfevent.ReadValues
	var times, values []any
	if has(perfevent.FormatTotalTimeEnabled) {
		r.TimeEnabled = 1000
		times = append(times, r.TimeEnabled)
	}
	if has(perfevent.FormatTotalTimeRunning) {
		r.TimeRunning = 900
		times = append(times, r.TimeRunning)
	}
	for i := range n {
		v := perfevent.ReadValue{Value: uint64(i)<<32 | 1}
		values = append(values, v.Value)
		if !has(perfevent.FormatGroup) {
			values = append(values, times...)
		}
		if has(perfevent.FormatID) {
			v.ID = uint64(i) + 2
			values = append(values, v.ID)
		}
		if has(perfevent.FormatLost) {
			v.Lost = uint64(i) + 3
			values = append(values, v.Lost)
		}
		r.Values = append(r.Values, v)
	}
	if has(perfevent.FormatGroup) {
		return wire(o, uint64(n), times, values), r
	}
	return wire(o, values...), r
}

// TestReadFormats decodes every read format, of one event and of groups, in a
// sample and as READ records and read(2) give it.
func TestReadFormats(t *testing.T) {
	for _, o := range orders {
		for _, format := range readFormats() {
			checkRead(t, o, format, 1)
			for _, n := range []int{0, 1, 2, 7} {
				checkRead(t, o, format|perfevent.FormatGroup, n)
			}
		}
	}
}

func checkRead(t *testing.T, o binary.ByteOrder, format perfevent.ReadFormat, n int) {
	t.Helper()
	a := perfevent.Attr{SampleType: perfevent.SampleRead | perfevent.SampleWeight, ReadFormat: format}
	layout := perfevent.NewLayout(&a, o)
	values, want := readBody(o, format, n)
	got, err := layout.DecodeRead(values)
	if diff := cmp.Diff(want, got, compareSample); diff != "" || err != nil {
		t.Errorf("%v %v of %d: error %v (-want +got):\n%s", o, format, n, err, diff)
	}
	if _, err := layout.DecodeRead(values[:len(values)-1]); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v %v of %d, cut: error %v", o, format, n, err)
	}
	raw := record(o, perfevent.RecordSample, 0, wire(o, values, uint64(5)))
	s := dirtySample()
	if err := layout.DecodeSample(raw, &s); err != nil || s.Weight != 5 {
		t.Errorf("%v %v of %d: weight %d, error %v", o, format, n, s.Weight, err)
	}
	if diff := cmp.Diff(want, s.Read, compareSample); diff != "" {
		t.Errorf("%v %v of %d in a sample (-want +got):\n%s", o, format, n, diff)
	}
	if made, err := layout.AppendSample(nil, &s); err != nil || !bytes.Equal(made, raw.Bytes) {
		t.Errorf("%v of %d: encoded as\n%x, error %v, want\n%x", format, n, made, err, raw.Bytes)
	}
}

// TestBranchStacks decodes the four forms of a branch stack.
func TestBranchStacks(t *testing.T) {
	for _, o := range orders {
		for _, n := range []int{0, 1, 3} {
			for _, bits := range []uint64{0, perfevent.BranchHWIndex, perfevent.BranchCounters, perfevent.BranchHWIndex | perfevent.BranchCounters} {
				want := perfevent.Sample{Weight: 5}
				body := []any{uint64(n)}
				if bits&perfevent.BranchHWIndex != 0 {
					want.BranchHWIndex = 42
					body = append(body, want.BranchHWIndex)
				}
				for i := range n {
					b := perfevent.Branch{From: perfevent.Addr(10 * i), To: perfevent.Addr(10*i + 1), Flags: uint64(10*i + 2)}
					body = append(body, uint64(b.From), uint64(b.To), b.Flags)
					want.Branches = append(want.Branches, b)
				}
				if bits&perfevent.BranchCounters != 0 {
					for i := range n {
						body = append(body, uint64(100+i))
						want.BranchCounts = append(want.BranchCounts, uint64(100+i))
					}
				}
				a := perfevent.Attr{SampleType: perfevent.SampleBranchStack | perfevent.SampleWeight, BranchSampleType: bits}
				layout := perfevent.NewLayout(&a, o)
				raw := record(o, perfevent.RecordSample, 0, wire(o, body, uint64(5)))
				got := dirtySample()
				if err := layout.DecodeSample(raw, &got); err != nil {
					t.Errorf("%v, %d branches, %#x: %v", o, n, bits, err)
				}
				if diff := cmp.Diff(want, got, compareSample); diff != "" {
					t.Errorf("%v, %d branches, %#x (-want +got):\n%s", o, n, bits, diff)
				}
				if made, err := layout.AppendSample(nil, &got); err != nil || !bytes.Equal(made, raw.Bytes) {
					t.Errorf("%d branches, %#x: encoded as\n%x, error %v, want\n%x", n, bits, made, err, raw.Bytes)
				}
			}
		}
	}
}

// randomSample makes the body of a sample as a kernel would, with nothing in
// common with the encoder but the kernel's documentation.
func randomSample(rng *rand.Rand, a *perfevent.Attr) []byte {
	id := rng.Uint64()
	var body []any
	words := func(n int) {
		for range n {
			body = append(body, rng.Uint64())
		}
	}
	data := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	regs := func(mask uint64) {
		if abi := rng.Uint64N(3); abi != 0 {
			body = append(body, abi)
			for ; mask != 0; mask &= mask - 1 {
				words(1)
			}
			return
		}
		body = append(body, uint64(0))
	}
	for _, f := range sampleFields {
		if a.SampleType&f.typ == 0 || f.typ == perfevent.SampleWeightStruct && a.SampleType&perfevent.SampleWeight != 0 {
			continue
		}
		switch f.typ {
		case perfevent.SampleIdentifier, perfevent.SampleID:
			body = append(body, id)
		case perfevent.SampleCPU:
			body = append(body, rng.Uint32(), uint32(0))
		case perfevent.SampleRead:
			n := 1
			if a.ReadFormat&perfevent.FormatGroup != 0 {
				n = rng.IntN(4)
			}
			values, _ := readBody(little, a.ReadFormat, n)
			body = append(body, values)
		case perfevent.SampleCallchain:
			n := rng.IntN(20)
			body = append(body, uint64(n))
			words(n)
		case perfevent.SampleRaw:
			n := 8*rng.IntN(10) + 4
			body = append(body, uint32(n), data(n))
		case perfevent.SampleBranchStack:
			n := rng.IntN(5)
			body = append(body, uint64(n))
			if a.BranchSampleType&perfevent.BranchHWIndex != 0 {
				words(1)
			}
			words(3 * n)
			if a.BranchSampleType&perfevent.BranchCounters != 0 {
				words(n)
			}
		case perfevent.SampleRegsUser:
			regs(a.SampleRegsUser)
		case perfevent.SampleRegsIntr:
			regs(a.SampleRegsIntr)
		case perfevent.SampleStackUser:
			size := 8 * rng.IntN(10)
			body = append(body, uint64(size))
			if size > 0 {
				filled := rng.IntN(size + 1)
				body = append(body, data(filled), make([]byte, size-filled), uint64(filled))
			}
		case perfevent.SampleAux:
			n := 8 * rng.IntN(10)
			body = append(body, uint64(n), data(n))
		default:
			words(1)
		}
	}
	return wire(little, body...)
}

// TestSampleIdentity is the promise of AppendSample: what DecodeSample reads of
// a kernel's record is written back with the same bytes.
func TestSampleIdentity(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var s perfevent.Sample // reused, as readers do
	for range 20000 {
		a := perfevent.Attr{
			SampleType:       perfevent.SampleType(rng.Uint64() & (1<<25 - 1)),
			ReadFormat:       perfevent.ReadFormat(rng.Uint64() & 31),
			BranchSampleType: rng.Uint64(), SampleRegsUser: rng.Uint64() & rng.Uint64(), SampleRegsIntr: rng.Uint64() & rng.Uint64(),
		}
		layout := perfevent.NewLayout(&a, little)
		raw := record(little, perfevent.RecordSample, perfevent.Misc(rng.Uint32()), randomSample(rng, &a))
		if err := layout.DecodeSample(raw, &s); err != nil {
			t.Fatalf("%+v: %v\n%x", a, err, raw.Bytes)
		}
		made, err := layout.AppendSample(nil, &s)
		if err != nil || !bytes.Equal(made, raw.Bytes) {
			t.Fatalf("%+v: encoded as\n%x, error %v, want\n%x", a, made, err, raw.Bytes)
		}
	}
}

// TestAppendSamplePads checks that parts of any length make a record that is a
// multiple of eight bytes long and reads back.
func TestAppendSamplePads(t *testing.T) {
	a := perfevent.Attr{SampleType: perfevent.SampleRaw | perfevent.SampleStackUser | perfevent.SampleAux | perfevent.SampleWeight}
	layout := perfevent.NewLayout(&a, little)
	for n := range 40 {
		part := bytes.Repeat([]byte{0xee}, n)
		b, err := layout.AppendSample([]byte("odd"), &perfevent.Sample{Raw: part, StackUser: part, Aux: part, Weight: 5})
		if err != nil {
			t.Fatal(err)
		}
		raw := split(t, b[3:], little)
		if len(raw.Bytes)%8 != 0 {
			t.Errorf("parts of %d bytes make a record of %d", n, len(raw.Bytes))
		}
		var got perfevent.Sample
		if err := layout.DecodeSample(raw, &got); err != nil || got.Weight != 5 {
			t.Errorf("parts of %d bytes: %+v, error %v", n, got, err)
		}
		if !bytes.Equal(got.StackUser, part) {
			t.Errorf("stack of %d bytes comes back as %x", n, got.StackUser)
		}
		for _, padded := range [][]byte{got.Raw, got.Aux} {
			if !bytes.HasPrefix(padded, part) || len(bytes.Trim(padded[n:], "\x00")) != 0 || len(padded) >= n+8 {
				t.Errorf("data of %d bytes comes back as %x", n, padded)
			}
		}
	}
}

// TestAppendSampleEmpty writes a Sample in which nothing is set, with all fields.
func TestAppendSampleEmpty(t *testing.T) {
	a := fieldAttr(1<<25 - 1)
	layout := perfevent.NewLayout(&a, little)
	b, err := layout.AppendSample(nil, new(perfevent.Sample))
	if err != nil {
		t.Fatal(err)
	}
	var got perfevent.Sample
	if err := layout.DecodeSample(split(t, b, little), &got); err != nil {
		t.Fatal(err)
	}
	want := perfevent.Sample{Raw: make([]byte, 4), Read: perfevent.ReadValues{Values: make([]perfevent.ReadValue, 1)}}
	if diff := cmp.Diff(want, got, compareSample); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAppendSampleErrors checks that a sample which a reader of the layout would
// misread is refused.
func TestAppendSampleErrors(t *testing.T) {
	const all = 1<<25 - 1
	before := []byte("before")
	for _, test := range []struct {
		what   string
		branch uint64
		change func(*perfevent.Sample)
		say    string
	}{
		{"user register too many", 0, func(s *perfevent.Sample) { s.RegsUser.Values = make([]uint64, 4) }, "4 user registers"},
		{"user registers missing", 0, func(s *perfevent.Sample) { s.RegsUser.Values = nil }, "0 user registers"},
		{"interrupt registers missing", 0, func(s *perfevent.Sample) { s.RegsIntr.Values = nil }, "0 interrupt registers"},
		{"two values without a group", 0, func(s *perfevent.Sample) { s.Read.Values = make([]perfevent.ReadValue, 2) }, "2 values"},
		{"counts missing", perfevent.BranchCounters, func(*perfevent.Sample) {}, "0 branch counts"},
		{"huge stack", 0, func(s *perfevent.Sample) { s.StackUserSize = 1 << 62 }, "stack dump"},
		{"record too large", 0, func(s *perfevent.Sample) { s.Callchain = make([]perfevent.Addr, 1<<13) }, "do not fit"},
		{"record just too large", 0, func(s *perfevent.Sample) { s.StackUserSize = perfevent.MaxRecordSize }, "do not fit"},
	} {
		a := fieldAttr(all)
		a.BranchSampleType |= test.branch
		_, s := fieldSample(little, all)
		test.change(&s)
		b, err := perfevent.NewLayout(&a, little).AppendSample(before, &s)
		if err == nil || !strings.Contains(err.Error(), test.say) {
			t.Errorf("%s: error %v", test.what, err)
		}
		if !bytes.Equal(b, before) {
			t.Errorf("%s: appended %d bytes and failed", test.what, len(b)-len(before))
		}
		// Where the layout has no such fields, they do not matter.
		bare := perfevent.Attr{SampleType: perfevent.SampleIP}
		if _, err := perfevent.NewLayout(&bare, little).AppendSample(nil, &s); err != nil {
			t.Errorf("%s, without the field: %v", test.what, err)
		}
	}
}

// TestDecodeSampleAllocs checks that decoding into a Sample that was used before
// allocates nothing, whatever the fields.
func TestDecodeSampleAllocs(t *testing.T) {
	for _, typ := range []perfevent.SampleType{
		perfevent.SampleIP | perfevent.SampleTID | perfevent.SampleTime | perfevent.SampleCallchain | perfevent.SampleRaw,
		1<<25 - 1,
	} {
		a := fieldAttr(typ)
		layout := perfevent.NewLayout(&a, little)
		body, _ := fieldSample(little, typ)
		raw := record(little, perfevent.RecordSample, 0, body)
		var s perfevent.Sample
		// AllocsPerRun runs the function once before it counts.
		allocs := testing.AllocsPerRun(100, func() {
			if err := layout.DecodeSample(raw, &s); err != nil {
				t.Fatal(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%v: %v allocations", typ, allocs)
		}
	}
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		a := perfevent.Attr{
			SampleType: 1<<25 - 1, ReadFormat: perfevent.ReadFormat(rng.Uint64() & 31),
			BranchSampleType: perfevent.BranchCounters, SampleRegsUser: rng.Uint64(), SampleRegsIntr: rng.Uint64(),
		}
		layout := perfevent.NewLayout(&a, little)
		raw := record(little, perfevent.RecordSample, 0, randomSample(rng, &a))
		var s perfevent.Sample
		if allocs := testing.AllocsPerRun(10, func() { layout.DecodeSample(raw, &s) }); allocs != 0 {
			t.Errorf("%+v: %v allocations", a, allocs)
		}
	}
}

// TestSampleViews checks what belongs to whom: bytes are views of the record,
// and the other slices are the Sample's own.
func TestSampleViews(t *testing.T) {
	a := fieldAttr(1<<25 - 1)
	layout := perfevent.NewLayout(&a, little)
	body, want := fieldSample(little, 1<<25-1)
	raw := record(little, perfevent.RecordSample, want.Misc, body)
	var s perfevent.Sample
	if err := layout.DecodeSample(raw, &s); err != nil {
		t.Fatal(err)
	}
	for name, view := range map[string][]byte{"Raw": s.Raw, "Aux": s.Aux} {
		if cap(view) != len(view) {
			t.Errorf("appending to %s would write into the record", name)
		}
	}
	clear(raw.Bytes)
	if !bytes.Equal(s.Raw, make([]byte, len(want.Raw))) {
		t.Error("Raw is no view of the record")
	}
	if diff := cmp.Diff(want.Callchain, s.Callchain); diff != "" {
		t.Errorf("the callchain changed with the record:\n%s", diff)
	}
}
