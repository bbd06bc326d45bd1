package perfevent

import (
	"encoding/binary"
	"fmt"
)

// HeaderSize is the size of struct perf_event_header, which starts each record.
const HeaderSize = 8

// MaxRecordSize is the largest size that a record header can state.
const MaxRecordSize = 1<<16 - 1

// RecordType says what a record is (perf_event_header.type). Numbers from 64
// on belong to perf.data files, not to the kernel.
type RecordType uint32

// Record types of the kernel (enum perf_event_type).
const (
	RecordMmap              RecordType = 1
	RecordLost              RecordType = 2
	RecordComm              RecordType = 3
	RecordExit              RecordType = 4
	RecordThrottle          RecordType = 5
	RecordUnthrottle        RecordType = 6
	RecordFork              RecordType = 7
	RecordRead              RecordType = 8
	RecordSample            RecordType = 9
	RecordMmap2             RecordType = 10
	RecordAux               RecordType = 11
	RecordItraceStart       RecordType = 12
	RecordLostSamples       RecordType = 13
	RecordSwitch            RecordType = 14
	RecordSwitchCPUWide     RecordType = 15
	RecordNamespaces        RecordType = 16
	RecordKsymbol           RecordType = 17
	RecordBPFEvent          RecordType = 18
	RecordCgroup            RecordType = 19
	RecordTextPoke          RecordType = 20
	RecordAuxOutputHWID     RecordType = 21
	RecordCallchainDeferred RecordType = 22

	recordFirstOfFile RecordType = 64
)

var recordNames = map[RecordType]string{
	RecordMmap: "MMAP", RecordLost: "LOST", RecordComm: "COMM", RecordExit: "EXIT",
	RecordThrottle: "THROTTLE", RecordUnthrottle: "UNTHROTTLE", RecordFork: "FORK",
	RecordRead: "READ", RecordSample: "SAMPLE", RecordMmap2: "MMAP2", RecordAux: "AUX",
	RecordItraceStart: "ITRACE_START", RecordLostSamples: "LOST_SAMPLES",
	RecordSwitch: "SWITCH", RecordSwitchCPUWide: "SWITCH_CPU_WIDE",
	RecordNamespaces: "NAMESPACES", RecordKsymbol: "KSYMBOL", RecordBPFEvent: "BPF_EVENT",
	RecordCgroup: "CGROUP", RecordTextPoke: "TEXT_POKE",
	RecordAuxOutputHWID: "AUX_OUTPUT_HW_ID", RecordCallchainDeferred: "CALLCHAIN_DEFERRED",
}

// String gives the kernel's name without its prefix, or the number.
func (t RecordType) String() string {
	if name, ok := recordNames[t]; ok {
		return name
	}
	return fmt.Sprintf("RECORD_%d", uint32(t))
}

// RawRecord is one record as it lies in a ring or a file: header and body, not
// decoded. It is a view: who hands it out says how long it stays valid.
type RawRecord struct {
	Type RecordType
	Misc Misc
	// Bytes is the whole record, header included, in the byte order of the
	// machine that wrote it. It is as long as the header says, at least
	// HeaderSize.
	Bytes []byte
}

// Body is the record without its header.
func (r RawRecord) Body() []byte { return r.Bytes[HeaderSize:] }

// Clone is a copy that stays valid.
func (r RawRecord) Clone() RawRecord {
	r.Bytes = append([]byte(nil), r.Bytes...)
	return r
}

// ParseHeader reads the record header at the front of b, which must hold at
// least HeaderSize bytes. size is what the header states, unchecked.
func ParseHeader(b []byte, o binary.ByteOrder) (t RecordType, m Misc, size int) {
	_ = b[HeaderSize-1]
	return RecordType(o.Uint32(b)), Misc(o.Uint16(b[4:])), int(o.Uint16(b[6:]))
}

// AppendHeader appends a record header. size is that of the whole record.
func AppendHeader(dst []byte, t RecordType, m Misc, size int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(t))
	dst = binary.LittleEndian.AppendUint16(dst, uint16(m))
	return binary.LittleEndian.AppendUint16(dst, uint16(size))
}

// SplitRecord takes the record at the front of b. It fails where b is shorter
// than a header, or the size in the header is smaller than a header or reaches
// behind b.
func SplitRecord(b []byte, o binary.ByteOrder) (RawRecord, error) {
	if len(b) < HeaderSize {
		return RawRecord{}, fmt.Errorf("record header: %d of %d bytes", len(b), HeaderSize)
	}
	t, m, size := ParseHeader(b, o)
	if size < HeaderSize || size > len(b) {
		return RawRecord{}, fmt.Errorf("%v record: size %d, with %d bytes left", t, size, len(b))
	}
	return RawRecord{Type: t, Misc: m, Bytes: b[:size:size]}, nil
}

// Record is a decoded record other than a sample: one of the pointer types
// below, or *Unknown.
type Record interface {
	// RecordType is the type number that the record has on the wire.
	RecordType() RecordType
	// fields codes the body up to the sample_id fields.
	fields(c *coder, m Misc)
}

// Unknown is a record of a type that this package has no structure for.
type Unknown struct {
	Type RecordType
	Data []byte // the body, sample_id fields included; a view
}

// Mmap is PERF_RECORD_MMAP: a file or kernel image was mapped.
type Mmap struct {
	PID, TID uint32
	Start    Addr
	Len      uint64
	Offset   FileOffset
	Filename string
}

// Mmap2 is PERF_RECORD_MMAP2. With MiscMmapBuildID the record carries BuildID
// in place of device, inode and generation.
type Mmap2 struct {
	PID, TID        uint32
	Start           Addr
	Len             uint64
	Offset          FileOffset
	Major, Minor    uint32
	Inode           uint64
	InodeGeneration uint64
	BuildID         []byte // up to 20 bytes; nil where the record has none
	Prot, Flags     uint32
	Filename        string
}

// Comm is PERF_RECORD_COMM: a thread got a new name, with MiscCommExec by
// executing a program.
type Comm struct {
	PID, TID uint32
	Comm     string
}

// Task is the body that Fork and Exit share.
type Task struct {
	PID, PPID uint32
	TID, PTID uint32
	Time      uint64
}

// Fork is PERF_RECORD_FORK: a thread or process was born.
type Fork struct{ Task }

// Exit is PERF_RECORD_EXIT: a thread ended.
type Exit struct{ Task }

// Lost is PERF_RECORD_LOST: records did not fit into the ring. ID names the
// event in whose name the record was written, which need not be the one whose
// records were lost.
type Lost struct{ ID, Lost uint64 }

// LostSamples is PERF_RECORD_LOST_SAMPLES: a number of samples that were not
// written. The event is in the sample_id fields.
type LostSamples struct{ Lost uint64 }

// Throttle is PERF_RECORD_THROTTLE or, with Un set, PERF_RECORD_UNTHROTTLE.
type Throttle struct {
	Un                 bool
	Time, ID, StreamID uint64
}

// Read is PERF_RECORD_READ: the count of an inherited event as its thread ended.
type Read struct {
	PID, TID uint32
	Values   []byte // as the event's ReadFormat lays them out; a view
}

// Aux is PERF_RECORD_AUX: data arrived in the AUX area.
type Aux struct{ Offset, Size, Flags uint64 }

// ItraceStart is PERF_RECORD_ITRACE_START.
type ItraceStart struct{ PID, TID uint32 }

// Switch is PERF_RECORD_SWITCH: its sample_id says which thread, its misc in
// which direction.
type Switch struct{}

// SwitchCPUWide is PERF_RECORD_SWITCH_CPU_WIDE, naming the other thread.
type SwitchCPUWide struct{ NextPrevPID, NextPrevTID uint32 }

// Namespace is one namespace link of a Namespaces record.
type Namespace struct{ Dev, Inode uint64 }

// Namespaces is PERF_RECORD_NAMESPACES.
type Namespaces struct {
	PID, TID   uint32
	Namespaces []Namespace // net, uts, ipc, pid, user, mnt, cgroup
}

// Ksymbol is PERF_RECORD_KSYMBOL: code came to or left the kernel.
type Ksymbol struct {
	Addr  Addr
	Len   uint32
	Type  uint16 // 1 BPF, 2 out of line (kprobe pages, ftrace trampolines)
	Flags uint16 // 1 unregister
	Name  string
}

// BPFEvent is PERF_RECORD_BPF_EVENT.
type BPFEvent struct {
	Type, Flags uint16
	ID          uint32
	Tag         [8]byte
}

// Cgroup is PERF_RECORD_CGROUP: the path that goes with a cgroup id.
type Cgroup struct {
	ID   uint64
	Path string
}

// TextPoke is PERF_RECORD_TEXT_POKE: kernel code was modified.
type TextPoke struct {
	Addr     Addr
	Old, New []byte // views
}

// AuxOutputHWID is PERF_RECORD_AUX_OUTPUT_HW_ID.
type AuxOutputHWID struct{ HWID uint64 }

// CallchainDeferred is PERF_RECORD_CALLCHAIN_DEFERRED: the user part of the
// callchains that ended in ContextUserDeferred with the same cookie.
type CallchainDeferred struct {
	Cookie uint64
	IPs    []Addr
}

// RecordType implements Record.
func (r *Unknown) RecordType() RecordType         { return r.Type }
func (*Mmap) RecordType() RecordType              { return RecordMmap }
func (*Mmap2) RecordType() RecordType             { return RecordMmap2 }
func (*Comm) RecordType() RecordType              { return RecordComm }
func (*Fork) RecordType() RecordType              { return RecordFork }
func (*Exit) RecordType() RecordType              { return RecordExit }
func (*Lost) RecordType() RecordType              { return RecordLost }
func (*LostSamples) RecordType() RecordType       { return RecordLostSamples }
func (*Read) RecordType() RecordType              { return RecordRead }
func (*Aux) RecordType() RecordType               { return RecordAux }
func (*ItraceStart) RecordType() RecordType       { return RecordItraceStart }
func (*Switch) RecordType() RecordType            { return RecordSwitch }
func (*SwitchCPUWide) RecordType() RecordType     { return RecordSwitchCPUWide }
func (*Namespaces) RecordType() RecordType        { return RecordNamespaces }
func (*Ksymbol) RecordType() RecordType           { return RecordKsymbol }
func (*BPFEvent) RecordType() RecordType          { return RecordBPFEvent }
func (*Cgroup) RecordType() RecordType            { return RecordCgroup }
func (*TextPoke) RecordType() RecordType          { return RecordTextPoke }
func (*AuxOutputHWID) RecordType() RecordType     { return RecordAuxOutputHWID }
func (*CallchainDeferred) RecordType() RecordType { return RecordCallchainDeferred }

// RecordType implements Record.
func (r *Throttle) RecordType() RecordType {
	if r.Un {
		return RecordUnthrottle
	}
	return RecordThrottle
}

func newRecord(t RecordType) Record {
	switch t {
	case RecordMmap:
		return new(Mmap)
	case RecordMmap2:
		return new(Mmap2)
	case RecordComm:
		return new(Comm)
	case RecordFork:
		return new(Fork)
	case RecordExit:
		return new(Exit)
	case RecordLost:
		return new(Lost)
	case RecordLostSamples:
		return new(LostSamples)
	case RecordThrottle, RecordUnthrottle:
		return &Throttle{Un: t == RecordUnthrottle}
	case RecordRead:
		return new(Read)
	case RecordAux:
		return new(Aux)
	case RecordItraceStart:
		return new(ItraceStart)
	case RecordSwitch:
		return new(Switch)
	case RecordSwitchCPUWide:
		return new(SwitchCPUWide)
	case RecordNamespaces:
		return new(Namespaces)
	case RecordKsymbol:
		return new(Ksymbol)
	case RecordBPFEvent:
		return new(BPFEvent)
	case RecordCgroup:
		return new(Cgroup)
	case RecordTextPoke:
		return new(TextPoke)
	case RecordAuxOutputHWID:
		return new(AuxOutputHWID)
	case RecordCallchainDeferred:
		return new(CallchainDeferred)
	}
	return &Unknown{Type: t}
}

// DecodeRecord decodes a record that is no sample, and the sample_id fields
// behind it. A record of an unknown type comes as *Unknown, without sample_id.
// Byte slices in the result are views of raw. A body that is too short gives
// an error that wraps io.ErrUnexpectedEOF, and what could be read.
func (l *Layout) DecodeRecord(raw RawRecord) (Record, SampleIdentity, error) {
	rec := newRecord(raw.Type)
	var id SampleIdentity
	if u, ok := rec.(*Unknown); ok {
		u.Data = raw.Body()
		return u, id, nil
	}
	own := raw.Body()
	c := coder{buf: own, big: l.big}
	if l.trailerSize <= len(own) {
		id = l.trailer(own)
		c.buf = own[:len(own)-l.trailerSize]
	} else {
		c.failed = true
	}
	rec.fields(&c, l.mmapMisc(raw))
	if c.failed {
		return rec, id, c.err(raw.Type.String()+" record", len(own))
	}
	return rec, id, nil
}

// mmapMisc is the misc of a record without the bit that promises a build id
// where there is none: a kernel with several recorders at work leaks the bit
// from the records of one that wants build ids into those of another
// (perf_event_mmap_output up to Linux 6.18 sets it and does not take it back).
// What stands there then is device and inode. A build id that some other
// program has put into the recording is told by its length, which no device has
// for a major number.
func (l *Layout) mmapMisc(raw RawRecord) Misc {
	const at = 32 // of the union in the body
	if raw.Type != RecordMmap2 || raw.Misc&MiscMmapBuildID == 0 || l.wantsBuildID {
		return raw.Misc
	}
	if body := raw.Body(); len(body) <= at || body[at] == 16 || body[at] == 20 {
		return raw.Misc
	}
	return raw.Misc &^ MiscMmapBuildID
}

// AppendRecord appends a whole record, header and sample_id fields included, in
// the layout's byte order. The body of an Unknown is written as it is; it holds its own
// sample_id fields and should be a multiple of eight bytes long. It fails only
// where the record would be larger than MaxRecordSize; dst is then returned as
// it was.
func (l *Layout) AppendRecord(dst []byte, rec Record, m Misc, id SampleIdentity) ([]byte, error) {
	start := len(dst)
	c := l.beginRecord(dst, rec.RecordType(), m)
	rec.fields(&c, m)
	if _, ok := rec.(*Unknown); !ok {
		c.align()
		l.appendTrailer(&c, id)
	}
	size := len(c.buf) - start
	if size > MaxRecordSize {
		return dst, sizeError(rec.RecordType(), size)
	}
	l.ByteOrder().PutUint16(c.buf[start+6:], uint16(size))
	return c.buf, nil
}

// beginRecord is a coder behind the header of a record, whose size is still
// zero.
func (l *Layout) beginRecord(dst []byte, t RecordType, m Misc) coder {
	c := coder{buf: dst, base: len(dst), enc: true, big: l.big}
	typ, misc, size := uint32(t), uint16(m), uint16(0)
	c.u32(&typ)
	c.u16(&misc)
	c.u16(&size)
	return c
}

func sizeError(t RecordType, size int) error {
	return fmt.Errorf("%v record: %d bytes do not fit into a record", t, size)
}

func (r *Unknown) fields(c *coder, _ Misc) { c.bytes(&r.Data, c.rest()) }

func (r *Mmap) fields(c *coder, _ Misc) {
	c.u32(&r.PID)
	c.u32(&r.TID)
	c.addr(&r.Start)
	c.u64(&r.Len)
	c.offset(&r.Offset)
	c.cstr(&r.Filename)
}

func (r *Mmap2) fields(c *coder, m Misc) {
	c.u32(&r.PID)
	c.u32(&r.TID)
	c.addr(&r.Start)
	c.u64(&r.Len)
	c.offset(&r.Offset)
	if m&MiscMmapBuildID != 0 {
		r.buildID(c)
	} else {
		c.u32(&r.Major)
		c.u32(&r.Minor)
		c.u64(&r.Inode)
		c.u64(&r.InodeGeneration)
	}
	c.u32(&r.Prot)
	c.u32(&r.Flags)
	c.cstr(&r.Filename)
}

// buildID codes the union member of 24 bytes: length, three reserved bytes,
// and up to 20 bytes of build id.
func (r *Mmap2) buildID(c *coder) {
	const room = 20
	size := uint8(min(len(r.BuildID), room))
	var reserved uint8
	c.u8(&size)
	for range 3 {
		c.u8(&reserved)
	}
	var id [room]byte
	copy(id[:], r.BuildID)
	view := id[:]
	c.bytes(&view, room)
	if !c.enc {
		r.BuildID = view[:min(int(size), len(view))]
	}
}

func (r *Comm) fields(c *coder, _ Misc) {
	c.u32(&r.PID)
	c.u32(&r.TID)
	c.cstr(&r.Comm)
}

func (r *Task) fields(c *coder, _ Misc) {
	c.u32(&r.PID)
	c.u32(&r.PPID)
	c.u32(&r.TID)
	c.u32(&r.PTID)
	c.u64(&r.Time)
}

func (r *Lost) fields(c *coder, _ Misc) {
	c.u64(&r.ID)
	c.u64(&r.Lost)
}

func (r *LostSamples) fields(c *coder, _ Misc) { c.u64(&r.Lost) }

func (r *Throttle) fields(c *coder, _ Misc) {
	c.u64(&r.Time)
	c.u64(&r.ID)
	c.u64(&r.StreamID)
}

func (r *Read) fields(c *coder, _ Misc) {
	c.u32(&r.PID)
	c.u32(&r.TID)
	c.bytes(&r.Values, c.rest())
}

func (r *Aux) fields(c *coder, _ Misc) {
	c.u64(&r.Offset)
	c.u64(&r.Size)
	c.u64(&r.Flags)
}

func (r *ItraceStart) fields(c *coder, _ Misc) {
	c.u32(&r.PID)
	c.u32(&r.TID)
}

func (*Switch) fields(*coder, Misc) {}

func (r *SwitchCPUWide) fields(c *coder, _ Misc) {
	c.u32(&r.NextPrevPID)
	c.u32(&r.NextPrevTID)
}

func (r *Namespaces) fields(c *coder, _ Misc) {
	c.u32(&r.PID)
	c.u32(&r.TID)
	n := uint64(len(r.Namespaces))
	c.u64(&n)
	if !c.enc {
		if n > uint64(c.rest()/16) {
			c.failed = true
			return
		}
		r.Namespaces = make([]Namespace, n)
	}
	for i := range r.Namespaces {
		c.u64(&r.Namespaces[i].Dev)
		c.u64(&r.Namespaces[i].Inode)
	}
}

func (r *Ksymbol) fields(c *coder, _ Misc) {
	c.addr(&r.Addr)
	c.u32(&r.Len)
	c.u16(&r.Type)
	c.u16(&r.Flags)
	c.cstr(&r.Name)
}

func (r *BPFEvent) fields(c *coder, _ Misc) {
	c.u16(&r.Type)
	c.u16(&r.Flags)
	c.u32(&r.ID)
	tag := r.Tag[:]
	c.bytes(&tag, len(r.Tag))
	if !c.enc {
		copy(r.Tag[:], tag)
	}
}

func (r *Cgroup) fields(c *coder, _ Misc) {
	c.u64(&r.ID)
	c.cstr(&r.Path)
}

func (r *TextPoke) fields(c *coder, _ Misc) {
	oldLen, newLen := uint16(len(r.Old)), uint16(len(r.New))
	c.addr(&r.Addr)
	c.u16(&oldLen)
	c.u16(&newLen)
	c.bytes(&r.Old, int(oldLen))
	c.bytes(&r.New, int(newLen))
	c.align()
}

func (r *AuxOutputHWID) fields(c *coder, _ Misc) { c.u64(&r.HWID) }

func (r *CallchainDeferred) fields(c *coder, _ Misc) {
	c.u64(&r.Cookie)
	n := uint64(len(r.IPs))
	c.u64(&n)
	if !c.enc {
		if n > uint64(c.rest()/8) {
			c.failed = true
			return
		}
		r.IPs = make([]Addr, n)
	}
	for i := range r.IPs {
		c.addr(&r.IPs[i])
	}
}
