package perfdata

import (
	"errors"
	"fmt"

	"gorecord/perfevent"
)

// pipeHeaderSize is the size of the header of a recording in pipe mode: magic
// and size, and no more. What the header of a file tells stands in records of
// its own, as perf record -o - writes them.
const pipeHeaderSize = 16

// Kinds of EVENT_UPDATE records. The second one is gorecord's: a part of
// FeatureProbes.
const (
	eventUpdateName   = 2
	eventUpdateProbes = 0x676f7265636f7264 // "gorecord"
)

// describes reports whether records of a type tell what the header of a file
// would.
func describes(t perfevent.RecordType) bool {
	switch t {
	case RecordHeaderAttr, RecordEventType, RecordEventUpdate, RecordHeaderFeature, RecordTracingData, RecordBuildID:
		return true
	}
	return false
}

// readPipe goes through the records of a file in pipe mode once and gathers
// what describes it, since part of that stands at the end. Damage is left for
// the Sorter to tell.
func (r *Reader) readPipe() error {
	r.data = section{pipeHeaderSize, uint64(max(0, r.size-pipeHeaderSize))}
	r.promised = unbounded
	s := newStream(newInput(r.src, r.data), r.order)
	for {
		rec, err := s.next()
		if err != nil {
			break
		}
		if describes(rec.Type) {
			r.describe(rec, s.tail)
		}
	}
	if s.in.err != nil {
		return s.in.err
	}
	if len(r.events) == 0 {
		return errNoAttribute
	}
	r.index()
	return nil
}

var errNoAttribute = errors.New("recording in pipe mode without the attribute of any event")

// readHead reads a stream up to its first record that does not describe it.
func (r *Reader) readHead() error {
	s := r.live
	for {
		b := s.current()
		if b == nil {
			break
		}
		t, m, size := perfevent.ParseHeader(b.buf[s.at:], r.order)
		if !describes(t) {
			break
		}
		r.describe(perfevent.RawRecord{Type: t, Misc: m, Bytes: b.buf[s.at : s.at+size : s.at+size]}, b.tracing[s.at])
		s.at += size
		s.count(t)
	}
	if s.err != nil {
		return s.err
	}
	if len(r.events) == 0 {
		return errNoAttribute
	}
	r.index()
	return nil
}

// describe takes in a record that describes the recording; tracing is what
// comes with a TRACING_DATA record.
func (r *Reader) describe(rec perfevent.RawRecord, tracing tail) {
	if err := r.pipeRecord(rec, tracing); err != nil {
		r.problemf("%s record: %v", RecordName(rec.Type), err)
	}
}

func (r *Reader) pipeRecord(rec perfevent.RawRecord, tracing tail) error {
	c := &cursor{what: RecordName(rec.Type), b: rec.Body(), order: r.order}
	switch rec.Type {
	case RecordHeaderAttr:
		return r.pipeAttr(c)
	case RecordEventType:
		r.pipeEventType(c)
		return nil
	case RecordEventUpdate:
		kind, id := c.u64(), c.u64()
		switch kind {
		case eventUpdateName:
			r.pipeNames[id] = untilNUL(c.b)
		case eventUpdateProbes:
			r.inline[FeatureProbes] = append(r.inline[FeatureProbes], c.b...)
			r.features[FeatureProbes] = section{}
		}
	case RecordHeaderFeature:
		f := Feature(c.u64())
		if c.short || f <= 0 || f >= maxFeatures {
			return fmt.Errorf("feature %d", f)
		}
		r.inline[f] = append([]byte(nil), c.b...)
		r.features[f] = section{}
		r.decodeFeature(f)
	case RecordTracingData:
		r.inline[FeatureTracingData] = append([]byte(nil), tracing...)
		r.features[FeatureTracingData] = section{}
	case RecordBuildID:
		return r.info.decodeBuildIDs(&cursor{what: "BUILD_ID", b: rec.Bytes, order: r.order})
	}
	return c.err()
}

// pipeAttr reads an attribute and, to the end of its record, ids.
func (r *Reader) pipeAttr(c *cursor) error {
	a, size, err := perfevent.DecodeAttr(c.b, r.order)
	if err != nil {
		return err
	}
	e := &Event{Index: len(r.events), Attr: a, Layout: perfevent.NewLayout(&a, r.order)}
	e.IDs = decodeIDs(c.b[min(size, len(c.b)):], r.order)
	r.events = append(r.events, e)
	return nil
}

// pipeEventType reads the name of the events of a config, as perf before 3.13
// wrote it.
func (r *Reader) pipeEventType(c *cursor) {
	config := c.u64()
	if !c.short {
		r.typeNames[config] = untilNUL(c.b)
	}
}

// namePipeEvents gives events the names that records of their own told.
func (r *Reader) namePipeEvents() {
	for _, e := range r.events {
		for _, id := range e.IDs {
			if name := r.pipeNames[id]; name != "" {
				e.Name = name
			}
		}
		if name, ok := r.typeNames[e.Attr.Config]; ok && e.Name == "" {
			e.Name = name
		}
	}
}
