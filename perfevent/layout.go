package perfevent

import (
	"encoding/binary"
	"math/bits"
)

// Layout says where the fields of an event's records lie. It is computed once
// from the event's attribute and is then read only, so it may be shared.
type Layout struct {
	sampleType SampleType
	readFormat ReadFormat
	branchType uint64
	regsUser   int // number of registers in the masks
	regsIntr   int
	big        bool
	// wantsBuildID says that MMAP2 records bring build ids.
	wantsBuildID bool

	// Positions in the body of a sample of the fields that precede every
	// field of variable size, or -1.
	at          [len(fixedFields)]int16
	fixedSize   int
	trailerSize int
	// Positions of the sample_id fields, counted from the record's end.
	fromEnd [len(trailerFields)]int16
}

// The fields of fixed size in the order in which a sample holds them.
var fixedFields = [...]SampleType{
	SampleIdentifier, SampleIP, SampleTID, SampleTime, SampleAddr,
	SampleID, SampleStreamID, SampleCPU, SamplePeriod,
}

const (
	atIdentifier = iota
	atIP
	atTID
	atTime
	atAddr
	atID
	atStreamID
	atCPU
	atPeriod
)

// The sample_id fields in the order in which other records end with them.
var trailerFields = [...]SampleType{
	SampleTID, SampleTime, SampleID, SampleStreamID, SampleCPU, SampleIdentifier,
}

const (
	endTID = iota
	endTime
	endID
	endStreamID
	endCPU
	endIdentifier
)

// NewLayout computes the layout of the records that an event with this
// attribute writes on a machine of the given byte order.
func NewLayout(a *Attr, o binary.ByteOrder) *Layout {
	l := &Layout{
		sampleType: a.SampleType,
		readFormat: a.ReadFormat,
		branchType: a.BranchSampleType,
		regsUser:   bits.OnesCount64(a.SampleRegsUser),
		regsIntr:   bits.OnesCount64(a.SampleRegsIntr),
		big:        isBig(o),

		wantsBuildID: a.Has(FlagBuildID),
	}
	for i, f := range fixedFields {
		l.at[i] = -1
		if a.SampleType&f != 0 {
			l.at[i] = int16(l.fixedSize)
			l.fixedSize += 8
		}
	}
	for i := range l.fromEnd {
		l.fromEnd[i] = -1
	}
	if a.Has(FlagSampleIDAll) {
		for i := len(trailerFields) - 1; i >= 0; i-- {
			if a.SampleType&trailerFields[i] != 0 {
				l.trailerSize += 8
				l.fromEnd[i] = int16(l.trailerSize)
			}
		}
	}
	return l
}

// SampleType is the set of fields that samples of this layout carry.
func (l *Layout) SampleType() SampleType { return l.sampleType }

// ByteOrder is the byte order of the records.
func (l *Layout) ByteOrder() binary.ByteOrder {
	if l.big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// IDPositions tells where records carry the id of their event: its place in
// the body of a sample, and its distance from the end of any other record. A
// place that does not exist is -1. Recordings of several events can be told
// apart only where all their layouts agree in these.
func (l *Layout) IDPositions() (inSample, fromEnd int) {
	inSample, fromEnd = int(l.at[atIdentifier]), int(l.fromEnd[endIdentifier])
	if inSample < 0 {
		inSample = int(l.at[atID])
	}
	if fromEnd < 0 {
		fromEnd = int(l.fromEnd[endID])
	}
	return inSample, fromEnd
}

// Time is a record's time stamp in the clock of the recording, nanoseconds
// with perf's default clock. It decodes nothing else. ok is false where the
// record carries none, as those that only files hold.
func (l *Layout) Time(r RawRecord) (t uint64, ok bool) {
	body := r.Body()
	at := int(l.at[atTime])
	if r.Type != RecordSample {
		at = -1
		if l.fromEnd[endTime] >= 0 && r.Type < recordFirstOfFile {
			at = len(body) - int(l.fromEnd[endTime])
		}
	}
	if at < 0 || at+8 > len(body) {
		return 0, false
	}
	return l.u64(body[at:]), true
}

func (l *Layout) u64(b []byte) uint64 {
	v := binary.LittleEndian.Uint64(b)
	if l.big {
		v = bits.ReverseBytes64(v)
	}
	return v
}

func (l *Layout) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if l.big {
		v = bits.ReverseBytes32(v)
	}
	return v
}

// SampleIdentity holds the fields that samples and, with FlagSampleIDAll, all
// other records of the kernel carry (struct sample_id). Fields that are not
// in the layout are zero.
type SampleIdentity struct {
	PID, TID uint32
	Time     uint64
	ID       uint64 // of the event; from IDENTIFIER where there is one, else ID
	StreamID uint64
	CPU      uint32
}

// trailer decodes the sample_id fields at the end of a body that is long
// enough for them.
func (l *Layout) trailer(body []byte) SampleIdentity {
	var id SampleIdentity
	at := func(field int) []byte {
		if l.fromEnd[field] < 0 {
			return nil
		}
		return body[len(body)-int(l.fromEnd[field]):]
	}
	if b := at(endTID); b != nil {
		id.PID, id.TID = l.u32(b), l.u32(b[4:])
	}
	if b := at(endTime); b != nil {
		id.Time = l.u64(b)
	}
	if b := at(endID); b != nil {
		id.ID = l.u64(b)
	}
	if b := at(endStreamID); b != nil {
		id.StreamID = l.u64(b)
	}
	if b := at(endCPU); b != nil {
		id.CPU = l.u32(b)
	}
	if b := at(endIdentifier); b != nil {
		id.ID = l.u64(b)
	}
	return id
}

func (l *Layout) appendTrailer(c *coder, id SampleIdentity) {
	for i := range trailerFields {
		if l.fromEnd[i] < 0 {
			continue
		}
		switch i {
		case endTID:
			c.u32(&id.PID)
			c.u32(&id.TID)
		case endTime:
			c.u64(&id.Time)
		case endID, endIdentifier:
			c.u64(&id.ID)
		case endStreamID:
			c.u64(&id.StreamID)
		case endCPU:
			c.cpu(id.CPU)
		}
	}
}
