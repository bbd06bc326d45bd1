package perfdata

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"

	"gorecord/perfevent"
)

const (
	// pipeFlushBytes of finished output are written at the end of a round
	// without waiting for more: what a pipe holds.
	pipeFlushBytes = 64 << 10
	// pipeFlushInterval is how long records of finished rounds may stay
	// unwritten where Options do not say.
	pipeFlushInterval = 100 * time.Millisecond
)

// PipeWriter writes a recording in pipe mode: a stream of records that can be
// read while it is written. Attributes, names, features and the formats of
// tracepoints come first, as records of their own; build ids last.
//
// Rounds end where FinishRound is called, and their records are written soon:
// at once where there are many, and after FlushInterval (by default a tenth of
// a second) otherwise. A reader that sorts by rounds shows what it has when the
// next round has ended, so one more round without records follows when the
// records cease.
//
// A stream that breaks off holds all that was written before. A PipeWriter is
// for one goroutine.
type PipeWriter struct {
	packer
	w        io.Writer
	interval time.Duration
	owed     bool // the reader is to get an empty round
}

// NewPipeWriter returns a PipeWriter for a recording that goes to w, which
// stays the caller's. Nothing is written before the first flush. The events
// must agree as those of a Writer must, and the ids of each must fit into a
// record (some 8000).
func NewPipeWriter(w io.Writer, s *Session, opts Options) (*PipeWriter, error) {
	interval := opts.FlushInterval
	if interval == 0 {
		interval = pipeFlushInterval
	}
	p, err := newPacker(s, &opts)
	if err != nil {
		return nil, err
	}
	pw := &PipeWriter{packer: p, w: w, interval: interval}
	if err := pw.head(s); err != nil {
		return nil, err
	}
	return pw, nil
}

// head puts what comes before the records into out. perf's mark of the last
// feature is left out: its number differs from one perf to the next, and a perf
// that knows another one stops reading there.
func (w *PipeWriter) head(s *Session) error {
	w.out = append(w.out, magicV2...)
	w.out = binary.LittleEndian.AppendUint64(w.out, pipeHeaderSize)
	attrSize := commonAttrSize(s.Events)
	for _, e := range s.Events {
		if err := w.attr(e, attrSize); err != nil {
			return err
		}
	}
	for _, f := range earlyFeatures {
		switch f {
		case FeatureTracingData, FeatureProbes:
		case FeatureEventDesc:
			w.feature(f, encodeEventDesc(s.Events, attrSize))
		default:
			if b, ok := s.Info.encode(f); ok {
				w.feature(f, b)
			}
		}
	}
	info := Info{Compression: w.compression()}
	if b, ok := info.encode(FeatureCompressed); ok {
		w.feature(FeatureCompressed, b)
	}
	if s.Tracing != nil {
		w.tracingData(s.Tracing.encode())
	}
	for _, e := range s.Events {
		w.name(e)
	}
	w.probes(s)
	return nil
}

// probesChunk is how much of the description of probes one record takes: a
// multiple of eight, so that no padding stands between the parts.
const probesChunk = 60 << 10

// probes appends the description of probes as updates of the first event, which
// perf passes over; perf report refuses streams with features that it does not
// know.
func (w *PipeWriter) probes(s *Session) {
	if len(s.Events) == 0 || len(s.Events[0].IDs) == 0 {
		return
	}
	for part := range slices.Chunk(s.Probes, probesChunk) {
		body := binary.LittleEndian.AppendUint64(nil, eventUpdateProbes)
		body = binary.LittleEndian.AppendUint64(body, s.Events[0].IDs[0])
		w.record(RecordEventUpdate, append(body, part...))
	}
}

// record appends a record made of a body, padded to eight bytes. It reports
// whether a record can hold so much.
func (w *PipeWriter) record(t perfevent.RecordType, body []byte) bool {
	size := (perfevent.HeaderSize + len(body) + 7) &^ 7
	if size > perfevent.MaxRecordSize {
		return false
	}
	w.out = perfevent.AppendHeader(w.out, t, 0, size)
	w.out = append(w.out, body...)
	w.out = append(w.out, make([]byte, size-perfevent.HeaderSize-len(body))...)
	return true
}

func (w *PipeWriter) attr(e *Event, attrSize int) error {
	body := appendAttr(nil, &e.Attr, attrSize)
	for _, id := range e.IDs {
		body = binary.LittleEndian.AppendUint64(body, id)
	}
	if !w.record(RecordHeaderAttr, body) {
		return fmt.Errorf("write recording: %s has %d descriptors, more than pipe mode can tell of; record to a file", e.Name, len(e.IDs))
	}
	return nil
}

// feature appends a feature. One that is too large for a record is left out;
// only EVENT_DESC can be, of which the other records tell the same.
func (w *PipeWriter) feature(f Feature, b []byte) {
	w.record(RecordHeaderFeature, append(binary.LittleEndian.AppendUint64(nil, uint64(f)), b...))
}

// tracingData appends the TRACING_DATA record, whose payload stands behind it,
// not in it.
func (w *PipeWriter) tracingData(b []byte) {
	const size = perfevent.HeaderSize + 4
	padded := (len(b) + 7) &^ 7
	w.out = perfevent.AppendHeader(w.out, RecordTracingData, 0, size)
	w.out = binary.LittleEndian.AppendUint32(w.out, uint32(padded))
	w.out = append(w.out, b...)
	w.out = append(w.out, make([]byte, padded-len(b))...)
}

// name appends the event's name where its attribute does not tell it.
func (w *PipeWriter) name(e *Event) {
	if len(e.IDs) == 0 || e.Name == attrName(&e.Attr) {
		return
	}
	body := binary.LittleEndian.AppendUint64(nil, eventUpdateName)
	body = binary.LittleEndian.AppendUint64(body, e.IDs[0])
	w.record(RecordEventUpdate, append(body, e.Name+"\x00"...))
}

// WriteRecord takes a record of the kernel's or a synthesised one. The bytes
// are copied. Errors of the stream are returned by the call that meets them and
// by every later one.
func (w *PipeWriter) WriteRecord(r perfevent.RawRecord) error {
	if w.err != nil {
		return w.err
	}
	w.take(r)
	if len(w.out) >= flushBytes && w.err == nil {
		w.writeOut()
	}
	return w.err
}

// FinishRound says that a pass over all rings is complete, as Writer's does. It
// writes what has gathered, so it must be called at least once in every flush
// interval.
func (w *PipeWriter) FinishRound() error {
	switch {
	case w.err != nil:
	case w.dirty && (len(w.out)+len(w.chunk) >= pipeFlushBytes || time.Since(w.flushed) >= w.interval):
		return w.Flush()
	case w.dirty:
		w.endRound()
	case w.owed:
		w.flush()
		w.owed = false
	}
	return w.err
}

// Flush ends the round and writes all records so far. It must be called only
// where FinishRound may be.
func (w *PipeWriter) Flush() error {
	w.flush()
	w.owed = true
	return w.err
}

func (w *PipeWriter) flush() {
	w.closeChunk()
	if w.err != nil {
		return
	}
	w.out = perfevent.AppendHeader(w.out, RecordFinishedRound, 0, perfevent.HeaderSize)
	if w.writeOut(); w.err == nil {
		w.keep()
	}
}

func (w *PipeWriter) writeOut() {
	n, err := w.w.Write(w.out)
	w.end += uint64(n)
	w.out = w.out[:0]
	if w.err = err; err == nil {
		return
	}
	// Whole records that got through are part of the stream.
	if m, ok := w.whole(w.end); ok {
		w.kept = m.stats
	}
	w.kept.FileBytes = w.end
}

// Finish makes the last flush and tells build ids. The PipeWriter takes no more
// records. Finish does not close the stream.
func (w *PipeWriter) Finish(buildIDs []BuildIDEntry) error {
	if w.err != nil {
		return w.err
	}
	w.closeChunk()
	for i := range buildIDs {
		at := len(w.out)
		w.out = buildIDs[i].append(w.out)
		binary.LittleEndian.PutUint32(w.out[at:], uint32(RecordBuildID))
	}
	w.flush()
	err := w.err
	w.err = errFinished
	return err
}
