package perfdata

import (
	"errors"
	"fmt"
	"io"

	"gorecord/perfevent"
)

// pipeHeaderSize is the size of the header of a recording in pipe mode: magic
// and size, and no more. What the header of a file tells stands in records of
// its own, as perf record -o - writes them.
const pipeHeaderSize = 16

// Kinds of EVENT_UPDATE records.
const eventUpdateName = 2

// readPipe goes through the records of a recording in pipe mode once and
// gathers what describes it: attributes, names and features. Damage is left for
// the Sorter to tell.
func (r *Reader) readPipe() error {
	r.data = section{pipeHeaderSize, uint64(max(0, r.size-pipeHeaderSize))}
	s := &stream{src: r.src, pos: pipeHeaderSize, end: r.size, order: r.order, store: make([]byte, batchBytes)}
	for {
		rec, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := r.pipeRecord(rec, s); err != nil {
			r.problemf("%s record before offset %d: %v", RecordName(rec.Type), s.pos, err)
		}
	}
	if len(r.events) == 0 {
		return errors.New("recording in pipe mode without the attribute of any event")
	}
	return nil
}

func (r *Reader) pipeRecord(rec perfevent.RawRecord, s *stream) error {
	c := &cursor{what: RecordName(rec.Type), b: rec.Body(), order: r.order}
	switch rec.Type {
	case RecordHeaderAttr:
		return r.pipeAttr(c)
	case RecordEventType:
		r.pipeEventType(c)
		return nil
	case RecordEventUpdate:
		kind, id := c.u64(), c.u64()
		if kind == eventUpdateName {
			r.pipeNames[id] = untilNUL(c.b)
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
		r.inline[FeatureTracingData] = append([]byte(nil), s.behind...)
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
