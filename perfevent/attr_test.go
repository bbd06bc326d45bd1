package perfevent_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"math/bits"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gorecord/perfevent"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// abiSizes are the sizes of struct perf_event_attr that kernels have had.
var abiSizes = []int{64, 72, 80, 96, 104, 112, 120, 128, 136, 144}

// attrOfSize has a value of its own in every field that an attribute of this
// size has, and in no other.
func attrOfSize(size int) perfevent.Attr {
	a := perfevent.Attr{
		Type: 0x01020304, Config: 0x1112131415161718, SamplePeriod: 0x2122232425262728,
		SampleType: 0x3132333435363738, ReadFormat: 0x4142434445464748, Flags: 0x5152535455565758,
		Wakeup: 0x61626364, BPType: 0x65666768, Config1: 0x7172737475767778,
	}
	for _, later := range []struct {
		size int
		set  func()
	}{
		{72, func() { a.Config2 = 0x8182838485868788 }},
		{80, func() { a.BranchSampleType = 0x9192939495969798 }},
		{96, func() { a.SampleRegsUser, a.SampleStackUser, a.ClockID = 0xa1a2a3a4a5a6a7a8, 0xb1b2b3b4, -0x3a3b3c3d }},
		{104, func() { a.SampleRegsIntr = 0xd1d2d3d4d5d6d7d8 }},
		{112, func() { a.AuxWatermark, a.SampleMaxStack = 0xe1e2e3e4, 0xe5e6 }},
		{120, func() { a.AuxSampleSize, a.AuxAction = 0xf1f2f3f4, 0xf5f6f7f8 }},
		{128, func() { a.SigData = 0x0a1a2a3a4a5a6a7a }},
		{136, func() { a.Config3 = 0x0b1b2b3b4b5b6b7b }},
		{144, func() { a.Config4 = 0x0c1c2c3c4c5c6c7c }},
	} {
		if size >= later.size {
			later.set()
		}
	}
	return a
}

const attrGolden = "testdata/attr.hex"

// TestAttrGolden holds the bytes of every version of the ABI still. The file was
// made by
//
//	go test -run TestAttrGolden -update ./perfevent
//
// and is what a C compiler makes of the same values: see TestAttrMatchesC.
func TestAttrGolden(t *testing.T) {
	var made strings.Builder
	for _, size := range abiSizes {
		a := attrOfSize(size)
		fmt.Fprintf(&made, "%d %s\n", size, hex.EncodeToString(a.Append(nil)))
	}
	if *update {
		if err := os.WriteFile(attrGolden, []byte(made.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(attrGolden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), made.String()); diff != "" {
		t.Fatalf("attributes as bytes (-golden +made):\n%s", diff)
	}
	for line := range strings.Lines(string(want)) {
		var size int
		var digits string
		if _, err := fmt.Sscanf(line, "%d %s", &size, &digits); err != nil {
			t.Fatal(err)
		}
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		got, gotSize, err := perfevent.DecodeAttr(b, little)
		if err != nil || gotSize != size {
			t.Errorf("size %d: decoded size %d, error %v", size, gotSize, err)
		}
		if diff := cmp.Diff(attrOfSize(size), got); diff != "" {
			t.Errorf("size %d (-want +got):\n%s", size, diff)
		}
	}
}

// TestAttrSize checks for each field that the size is the smallest that holds it.
func TestAttrSize(t *testing.T) {
	for _, test := range []struct {
		field string
		attr  perfevent.Attr
		want  int
	}{
		{"none", perfevent.Attr{}, 64},
		{"type", perfevent.Attr{Type: 1}, 64},
		{"config1", perfevent.Attr{Config1: 1 << 63}, 64},
		{"config2, first byte", perfevent.Attr{Config2: 1}, 72},
		{"config2, last byte", perfevent.Attr{Config2: 1 << 63}, 72},
		{"branch_sample_type", perfevent.Attr{BranchSampleType: 1}, 80},
		{"sample_regs_user", perfevent.Attr{SampleRegsUser: 1}, 96},
		{"sample_stack_user", perfevent.Attr{SampleStackUser: 1}, 96},
		{"clockid", perfevent.Attr{ClockID: -1}, 96},
		{"sample_regs_intr", perfevent.Attr{SampleRegsIntr: 1}, 104},
		{"aux_watermark", perfevent.Attr{AuxWatermark: 1}, 112},
		{"sample_max_stack", perfevent.Attr{SampleMaxStack: 1}, 112},
		{"aux_sample_size", perfevent.Attr{AuxSampleSize: 1}, 120},
		{"aux_action", perfevent.Attr{AuxAction: 1}, 120},
		{"sig_data", perfevent.Attr{SigData: 1}, 128},
		{"config3", perfevent.Attr{Config3: 1}, 136},
		{"config4", perfevent.Attr{Config4: 1}, 144},
		{"config4 alone decides", perfevent.Attr{Config2: 1, Config4: 1}, 144},
	} {
		b := test.attr.Append(nil)
		if got := test.attr.Size(); got != test.want || len(b) != got || int(little.Uint32(b[4:])) != got {
			t.Errorf("%s: size %d, %d bytes that state %d, want %d", test.field, got, len(b), little.Uint32(b[4:]), test.want)
		}
	}
}

// TestAttrAppends checks that Append leaves what is before it alone.
func TestAttrAppends(t *testing.T) {
	a := attrOfSize(72)
	b := a.Append([]byte("before"))
	if string(b[:6]) != "before" || !bytes.Equal(b[6:], a.Append(nil)) {
		t.Errorf("Append made %x", b)
	}
}

// TestAttrFlags checks the place and the name of every flag, in both byte
// orders: bit n is the n-th bit-field of the structure, which a big-endian
// compiler counts from the word's other end.
func TestAttrFlags(t *testing.T) {
	seen := make(map[string]int)
	for bit := range 64 {
		want := perfevent.Flags(1) << bit
		for _, o := range orders {
			b := make([]byte, 64)
			word := uint64(want)
			if o == big {
				word = bits.Reverse64(word)
			}
			o.PutUint64(b[40:], word)
			a, _, err := perfevent.DecodeAttr(b, o)
			if err != nil || a.Flags != want {
				t.Errorf("%v bit %d: flags %#x, error %v", o, bit, uint64(a.Flags), err)
			}
		}
		name := want.String()
		if strings.HasPrefix(name, "0x") != (bit >= 40) {
			t.Errorf("bit %d is called %q", bit, name)
		}
		if other, ok := seen[name]; ok {
			t.Errorf("bits %d and %d are both called %q", other, bit, name)
		}
		seen[name] = bit
	}
}

func TestBitNames(t *testing.T) {
	for _, test := range []struct {
		got  fmt.Stringer
		want string
	}{
		{perfevent.Flags(0), "0"},
		{perfevent.FlagDisabled | perfevent.FlagDeferOutput, "disabled|defer_output"},
		{perfevent.Flags(1<<40 | 1<<63 | 1), "disabled|0x8000010000000000"},
		{perfevent.SampleIP | perfevent.SampleWeightStruct, "IP|WEIGHT_STRUCT"},
		{perfevent.SampleType(1 << 25), "0x2000000"},
		{perfevent.FormatID | perfevent.FormatLost, "ID|LOST"},
		{perfevent.RecordMmap2, "MMAP2"},
		{perfevent.RecordCallchainDeferred, "CALLCHAIN_DEFERRED"},
		{perfevent.RecordType(81), "RECORD_81"},
	} {
		if got := test.got.String(); got != test.want {
			t.Errorf("%T: %q, want %q", test.got, got, test.want)
		}
	}
}

func TestPreciseIP(t *testing.T) {
	a := perfevent.Attr{Flags: perfevent.FlagWatermark | perfevent.FlagMmapData}
	neighbours := a.Flags
	for _, n := range []int{3, 0, 2, 1} {
		a.SetPreciseIP(n)
		if got := a.PreciseIP(); got != n {
			t.Errorf("precise_ip %d, want %d", got, n)
		}
		if word := little.Uint64(a.Append(nil)[40:]); word>>15&3 != uint64(n) {
			t.Errorf("precise_ip %d lies in the word as %#x", n, word)
		}
		if a.Flags&^(perfevent.FlagPreciseIPLow|perfevent.FlagPreciseIPHigh) != neighbours {
			t.Errorf("precise_ip %d changed other flags: %v", n, a.Flags)
		}
	}
}

// attrBytes lays out an attribute of the largest size by hand.
func attrBytes(o binary.ByteOrder, size int) []byte {
	a := attrOfSize(144)
	flags, action := uint64(a.Flags), a.AuxAction
	if o == big {
		flags, action = bits.Reverse64(flags), bits.Reverse32(action)
	}
	return wire(o,
		uint32(a.Type), uint32(size), a.Config, a.SamplePeriod, uint64(a.SampleType), uint64(a.ReadFormat),
		flags, a.Wakeup, a.BPType, a.Config1, a.Config2, a.BranchSampleType, a.SampleRegsUser, a.SampleStackUser,
		uint32(a.ClockID), a.SampleRegsIntr, a.AuxWatermark, a.SampleMaxStack, uint16(0), a.AuxSampleSize,
		action, a.SigData, a.Config3, a.Config4)
}

// TestDecodeAttrSizes checks which bytes belong to the attribute: the stated
// size and the end of the bytes both bound it.
func TestDecodeAttrSizes(t *testing.T) {
	for _, o := range orders {
		for _, test := range []struct {
			what         string
			stated, have int
			fields, size int
		}{
			{"zero stands for 64", 0, 144, 64, 64},
			{"smallest", 64, 144, 64, 64},
			{"between versions", 88, 144, 88, 88},
			{"all", 144, 144, 144, 144},
			{"of a later kernel", 152, 144, 144, 152},
			{"of a much later kernel", 4096, 144, 144, 4096},
			{"largest", 1 << 16, 144, 144, 1 << 16},
			{"cut off", 144, 120, 120, 144},
			{"cut off at the least", 144, 64, 64, 144},
		} {
			b := attrBytes(o, test.stated)[:test.have]
			got, size, err := perfevent.DecodeAttr(b, o)
			if err != nil || size != test.size {
				t.Errorf("%v, %s: size %d, error %v; want %d", o, test.what, size, err, test.size)
			}
			want := attrOfSize(144)
			if test.fields < 144 {
				want = attrOfSize(test.fields)
			}
			if test.fields == 88 {
				// Half of what the version of 96 bytes added.
				want = attrOfSize(80)
				want.SampleRegsUser = attrOfSize(96).SampleRegsUser
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%v, %s (-want +got):\n%s", o, test.what, diff)
			}
		}
	}
}

// TestDecodeAttrLater checks that bytes of a later ABI do not change the prefix.
func TestDecodeAttrLater(t *testing.T) {
	b := append(attrBytes(little, 160), bytes.Repeat([]byte{0xff}, 16)...)
	got, size, err := perfevent.DecodeAttr(b, little)
	if err != nil || size != 160 {
		t.Fatalf("size %d, error %v", size, err)
	}
	if diff := cmp.Diff(attrOfSize(144), got); diff != "" {
		t.Errorf("known prefix (-want +got):\n%s", diff)
	}
}

func TestDecodeAttrErrors(t *testing.T) {
	full := attrBytes(little, 144)
	for n := range 64 {
		if _, _, err := perfevent.DecodeAttr(full[:n], little); err == nil {
			t.Errorf("an attribute of %d bytes is accepted", n)
		}
	}
	for _, size := range []uint32{1, 8, 56, 63, 65, 100, 1<<16 + 8, 1 << 30, 1<<32 - 8} {
		b := attrBytes(little, int(size))
		if _, _, err := perfevent.DecodeAttr(b, little); err == nil {
			t.Errorf("the size %d is accepted", size)
		} else if !strings.Contains(err.Error(), fmt.Sprint(size)) {
			t.Errorf("the error about the size %d does not name it: %v", size, err)
		}
	}
}

// TestDecodeAttrNativeEndian checks that the third byte order of package binary
// is understood, though it compares unequal to the two others.
func TestDecodeAttrNativeEndian(t *testing.T) {
	host := little
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		host = big
	}
	got, _, err := perfevent.DecodeAttr(attrBytes(host, 144), binary.NativeEndian)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(attrOfSize(144), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
