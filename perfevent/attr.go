package perfevent

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// Sizes of struct perf_event_attr, one for each version of the ABI.
const (
	AttrSizeVer0 = 64  // Linux 2.6.31
	AttrSizeVer1 = 72  // 2.6.33: config2
	AttrSizeVer2 = 80  // 3.4: branch_sample_type
	AttrSizeVer3 = 96  // 3.7: sample_regs_user, sample_stack_user
	AttrSizeVer4 = 104 // 3.19: sample_regs_intr
	AttrSizeVer5 = 112 // 4.1: aux_watermark
	AttrSizeVer6 = 120 // 5.5: aux_sample_size
	AttrSizeVer7 = 128 // 5.13: sig_data
	AttrSizeVer8 = 136 // 6.3: config3
	AttrSizeVer9 = 144 // 6.19: config4

	attrSizeMax = AttrSizeVer9
)

var attrSizes = [...]int{
	AttrSizeVer0, AttrSizeVer1, AttrSizeVer2, AttrSizeVer3, AttrSizeVer4,
	AttrSizeVer5, AttrSizeVer6, AttrSizeVer7, AttrSizeVer8, AttrSizeVer9,
}

// Attr describes an event (struct perf_event_attr). It is plain data: a copy is
// independent of its original.
type Attr struct {
	Type   EventType
	Config uint64
	// SamplePeriod counts events between samples, or with FlagFreq is the
	// wanted number of samples per second.
	SamplePeriod uint64
	SampleType   SampleType
	ReadFormat   ReadFormat
	Flags        Flags
	// Wakeup counts samples between wake-ups of a reader, or with
	// FlagWatermark bytes in the ring.
	Wakeup           uint32
	BPType           uint32
	Config1          uint64 // breakpoint address; kprobe function or uprobe path
	Config2          uint64 // breakpoint length; kprobe address or probe offset
	BranchSampleType uint64
	SampleRegsUser   uint64
	SampleStackUser  uint32
	ClockID          int32
	SampleRegsIntr   uint64
	AuxWatermark     uint32
	SampleMaxStack   uint16
	AuxSampleSize    uint32
	// AuxAction holds one-bit fields (aux_start_paused, aux_pause, aux_resume)
	// as a little-endian kernel lays them out, like Flags.
	AuxAction uint32
	SigData   uint64
	Config3   uint64
	Config4   uint64
}

// PreciseIP is the two-bit field precise_ip: how little skid is asked for,
// 0 (any) to 3 (none).
func (a *Attr) PreciseIP() int { return int(a.Flags / FlagPreciseIPLow & 3) }

// SetPreciseIP sets precise_ip to n, 0 to 3.
func (a *Attr) SetPreciseIP(n int) {
	a.Flags &^= FlagPreciseIPLow | FlagPreciseIPHigh
	a.Flags |= Flags(n&3) * FlagPreciseIPLow
}

// Has reports whether all of the given flags are set.
func (a *Attr) Has(f Flags) bool { return a.Flags&f == f }

// Size is the smallest size of the ABI that holds every field in use.
// perf 6.1 refuses recordings whose attributes are larger than those that it
// knows even where the tail is zero, and a kernel refuses a larger one whose
// tail is not.
func (a *Attr) Size() int {
	var b [attrSizeMax]byte
	a.put(b[:], binary.LittleEndian)
	used := len(b)
	for used > 0 && b[used-1] == 0 {
		used--
	}
	version, _ := slices.BinarySearch(attrSizes[:], used)
	return attrSizes[version]
}

// Append appends the attribute in its smallest size (see Size), little-endian.
func (a *Attr) Append(dst []byte) []byte {
	return a.appendIn(dst, binary.LittleEndian)
}

func (a *Attr) appendIn(dst []byte, o binary.ByteOrder) []byte {
	var b [attrSizeMax]byte
	a.put(b[:], o)
	size := a.Size()
	o.PutUint32(b[4:], uint32(size))
	return append(dst, b[:size]...)
}

func (a *Attr) put(b []byte, o binary.ByteOrder) {
	flags, action := bitFields(uint64(a.Flags), a.AuxAction, o)
	o.PutUint32(b[0:], uint32(a.Type))
	o.PutUint64(b[8:], a.Config)
	o.PutUint64(b[16:], a.SamplePeriod)
	o.PutUint64(b[24:], uint64(a.SampleType))
	o.PutUint64(b[32:], uint64(a.ReadFormat))
	o.PutUint64(b[40:], flags)
	o.PutUint32(b[48:], a.Wakeup)
	o.PutUint32(b[52:], a.BPType)
	o.PutUint64(b[56:], a.Config1)
	o.PutUint64(b[64:], a.Config2)
	o.PutUint64(b[72:], a.BranchSampleType)
	o.PutUint64(b[80:], a.SampleRegsUser)
	o.PutUint32(b[88:], a.SampleStackUser)
	o.PutUint32(b[92:], uint32(a.ClockID))
	o.PutUint64(b[96:], a.SampleRegsIntr)
	o.PutUint32(b[104:], a.AuxWatermark)
	o.PutUint16(b[108:], a.SampleMaxStack)
	o.PutUint32(b[112:], a.AuxSampleSize)
	o.PutUint32(b[116:], action)
	o.PutUint64(b[120:], a.SigData)
	o.PutUint64(b[128:], a.Config3)
	o.PutUint64(b[136:], a.Config4)
}

// bitFields converts the words made of C bit-fields, which fill a big-endian
// word from its other end. The conversion is its own inverse.
func bitFields(flags uint64, action uint32, o binary.ByteOrder) (uint64, uint32) {
	if isBig(o) {
		return bits.Reverse64(flags), bits.Reverse32(action)
	}
	return flags, action
}

// DecodeAttr decodes an attribute of any version of the ABI from the front of
// b. The size that the attribute states decides how many bytes belong to it
// (0 stands for 64, as in the first kernels' recordings) and is returned; it
// may reach behind b. Fields behind that size, or behind the end of b, are
// zero; bytes of a later ABI are ignored.
// It fails where fewer than 64 bytes are left, or the stated size is no size.
func DecodeAttr(b []byte, o binary.ByteOrder) (Attr, int, error) {
	if len(b) < AttrSizeVer0 {
		return Attr{}, 0, fmt.Errorf("event attribute: %d bytes, need at least %d", len(b), AttrSizeVer0)
	}
	stated := o.Uint32(b[4:])
	if stated == 0 {
		stated = AttrSizeVer0
	}
	if stated < AttrSizeVer0 || stated > 1<<16 || stated%8 != 0 {
		return Attr{}, 0, fmt.Errorf("event attribute: size %d is no attribute size", stated)
	}
	size := int(stated)
	var full [attrSizeMax]byte
	copy(full[:], b[:min(size, len(b), attrSizeMax)])
	var a Attr
	a.get(full[:], o)
	return a, size, nil
}

func (a *Attr) get(b []byte, o binary.ByteOrder) {
	a.Type = EventType(o.Uint32(b[0:]))
	a.Config = o.Uint64(b[8:])
	a.SamplePeriod = o.Uint64(b[16:])
	a.SampleType = SampleType(o.Uint64(b[24:]))
	a.ReadFormat = ReadFormat(o.Uint64(b[32:]))
	flags, action := bitFields(o.Uint64(b[40:]), o.Uint32(b[116:]), o)
	a.Flags = Flags(flags)
	a.Wakeup = o.Uint32(b[48:])
	a.BPType = o.Uint32(b[52:])
	a.Config1 = o.Uint64(b[56:])
	a.Config2 = o.Uint64(b[64:])
	a.BranchSampleType = o.Uint64(b[72:])
	a.SampleRegsUser = o.Uint64(b[80:])
	a.SampleStackUser = o.Uint32(b[88:])
	a.ClockID = int32(o.Uint32(b[92:]))
	a.SampleRegsIntr = o.Uint64(b[96:])
	a.AuxWatermark = o.Uint32(b[104:])
	a.SampleMaxStack = o.Uint16(b[108:])
	a.AuxSampleSize = o.Uint32(b[112:])
	a.AuxAction = action
	a.SigData = o.Uint64(b[120:])
	a.Config3 = o.Uint64(b[128:])
	a.Config4 = o.Uint64(b[136:])
}
