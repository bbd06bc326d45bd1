package perfdata

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"time"

	"gorecord/perfevent"
)

// Session is what a recording holds besides its records, as it is known when
// recording starts. It stays the caller's and must not change while a Writer
// uses it.
type Session struct {
	Events  []*Event
	Info    Info
	Tracing *TracingData // nil where no event is a tracepoint
	// Probes is the section that describes the hits of probes (package hit);
	// nil for none.
	Probes []byte
}

// Options of a Writer. The zero value is the default.
type Options struct {
	// NoCompress stores the records as they are.
	NoCompress bool
	// Level is a zstd level, 1 to 22; 0 stands for the default.
	Level int
	// FlushInterval is how long records may stay unwritten; 0 stands for one
	// second.
	FlushInterval time.Duration
}

const (
	// roundBytes of records close a round: enough for a reader to sort
	// without holding much.
	roundBytes = 1 << 20
	// flushBytes of finished output are written and made valid at once.
	flushBytes = 1 << 20
)

// lateFeatures change while records are written: each flush states them anew.
var lateFeatures = [...]Feature{FeatureBuildID, FeatureSampleTime, FeatureCompressed}

// earlyFeatures are known at the start and lie before the data.
var earlyFeatures = [...]Feature{
	FeatureTracingData, FeatureHostname, FeatureOSRelease, FeatureVersion, FeatureArch,
	FeatureNrCPUs, FeatureCPUDesc, FeatureCPUID, FeatureTotalMem, FeatureCmdLine,
	FeatureEventDesc, FeaturePMUMappings, FeatureClockID, FeatureClockData, FeatureProbes,
}

// Writer writes a recording in file mode that is true at every instant: cut
// off after any of its writes, by a crash of the program or an error, the file
// is a whole recording of all that was flushed, feature sections included.
// Before the first flush the file is empty or without a header.
//
// A flush appends, behind everything that the file holds: the new records;
// then a FINISHED_ROUND record whose body is the new feature table and the
// sections that changed. Only then it moves the end of the data, with one write
// of eight bytes, from behind the header of the previous such record to behind
// the header of this one. The table thus always lies where readers look for it,
// right behind the end of the data, and turns into the body of a record to be
// skipped when the next flush makes it stale.
//
// perf crashes over a record that reaches behind the end of the data where the
// records before it are not compressed. There, the round's size leaves the
// table out until the end of the data is about to move; between these two
// writes, and only then, such a file is one that perf cannot read (this package
// can). The last flush leaves nothing that reaches over.
//
// A Writer is for one goroutine.
type Writer struct {
	packer
	f       io.WriterAt
	session *Session
	info    Info // late features
	opts    Options

	attrs   section
	stride  int       // of the entries in attrs
	order   []Feature // features in the file, ascending
	fixed   map[Feature]section
	dataAt  uint64 // place of the data
	dataEnd uint64 // their end, as the header says
	span    int    // size of the last round with its table
	valid   uint64 // length of the file as of the last flush
	begun   bool   // the header is written
}

// NewWriter returns a Writer for a recording in f, an empty file, which stays
// the caller's. Nothing is written before the first flush.
//
// All events must agree in where their records carry time and id
// (perfevent.Layout.IDPositions); NewWriter refuses them otherwise.
func NewWriter(f io.WriterAt, s *Session, opts Options) (*Writer, error) {
	p, err := newPacker(s, &opts)
	if err != nil {
		return nil, err
	}
	w := &Writer{packer: p, f: f, session: s, opts: opts, fixed: map[Feature]section{}}
	w.layOut()
	return w, nil
}

// layOut puts what lies between header and data into out: ids, attributes and
// early features.
func (w *Writer) layOut() {
	attrSize := commonAttrSize(w.session.Events)
	w.stride = attrSize + sectionSize
	var ids, attrs []byte
	for _, e := range w.session.Events {
		place := section{fileHeaderSize + uint64(len(ids)), uint64(8 * len(e.IDs))}
		for _, id := range e.IDs {
			ids = binary.LittleEndian.AppendUint64(ids, id)
		}
		attrs = appendAttr(attrs, &e.Attr, attrSize)
		attrs = appendSection(attrs, place)
	}
	w.attrs = section{fileHeaderSize + uint64(len(ids)), uint64(len(attrs))}
	w.out = append(ids, attrs...)
	for _, f := range earlyFeatures {
		if b, ok := w.early(f, attrSize); ok {
			w.fixed[f] = section{fileHeaderSize + uint64(len(w.out)), uint64(len(b))}
			w.out = append(w.out, b...)
		}
	}
	for len(w.out)%8 != 0 {
		w.out = append(w.out, 0)
	}
	w.listFeatures()
	w.end = fileHeaderSize
	w.dataAt = fileHeaderSize + uint64(len(w.out))
	w.valid = w.dataAt
}

func (w *Writer) early(f Feature, attrSize int) ([]byte, bool) {
	switch f {
	case FeatureTracingData:
		if w.session.Tracing == nil {
			return nil, false
		}
		return w.session.Tracing.encode(), true
	case FeatureEventDesc:
		return encodeEventDesc(w.session.Events, attrSize), true
	case FeatureProbes:
		return w.session.Probes, w.session.Probes != nil
	}
	return w.session.Info.encode(f)
}

func (w *Writer) listFeatures() {
	for f := Feature(1); f < maxFeatures; f++ {
		_, fixed := w.fixed[f]
		if fixed || f == FeatureBuildID || f == FeatureSampleTime || f == FeatureCompressed && w.comp != nil {
			w.order = append(w.order, f)
		}
	}
}

func (w *Writer) header(dataSize uint64) []byte {
	le := binary.LittleEndian
	h := append(make([]byte, 0, fileHeaderSize), magicV2...)
	h = le.AppendUint64(h, fileHeaderSize)
	h = le.AppendUint64(h, uint64(w.stride))
	h = appendSection(h, w.attrs)
	h = appendSection(h, section{w.dataAt, dataSize})
	h = appendSection(h, section{})
	var bits [maxFeatures / 64]uint64
	for _, f := range w.order {
		bits[f/64] |= 1 << (f % 64)
	}
	for _, b := range bits {
		h = le.AppendUint64(h, b)
	}
	return h
}

func appendSection(dst []byte, s section) []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(dst, s.offset), s.size)
}

// appendTable appends to out the FINISHED_ROUND record that ends a flush, and
// the feature table as its body, and returns the end of the data that goes
// with them, behind the record's header.
func (w *Writer) appendTable(last bool) (dataEnd uint64) {
	reachOver := w.comp != nil && !last
	if reachOver && !w.begun {
		w.padHead()
	}
	dataEnd = w.end + uint64(len(w.out)) + perfevent.HeaderSize
	at := dataEnd + uint64(len(w.order))*sectionSize
	var table, late []byte
	for _, f := range w.order {
		place, ok := w.fixed[f]
		if !ok {
			b, _ := w.info.encode(f)
			place = section{at + uint64(len(late)), uint64(len(b))}
			late = append(late, b...)
		}
		table = appendSection(table, place)
	}
	body := append(table, late...)
	for len(body)%8 != 0 {
		body = append(body, 0)
	}
	w.span = perfevent.HeaderSize + len(body)
	size := perfevent.HeaderSize
	if reachOver {
		size = w.span
	}
	w.out = perfevent.AppendHeader(w.out, RecordFinishedRound, 0, size)
	w.out = append(w.out, body...)
	return dataEnd
}

// padHead moves the data, before the first flush, so far back that they end
// behind the file's first page: in a smaller file perf refuses a record that
// reaches behind the end of the data.
func (w *Writer) padHead() {
	const page = 4096
	if end := w.end + uint64(len(w.out)); end < page {
		head := int(w.dataAt - w.end)
		pad := make([]byte, (page-end+7)&^7)
		w.out = slices.Insert(w.out, head, pad...)
		w.dataAt += uint64(len(pad))
	}
}

// WriteRecord takes a record of the kernel's or a synthesised one. The bytes
// are copied. Errors of the file are returned by the call that meets them and
// by every later one; the file then keeps what was flushed before.
func (w *Writer) WriteRecord(r perfevent.RawRecord) error {
	if w.err != nil {
		return w.err
	}
	w.take(r)
	if len(w.out) >= flushBytes && w.err == nil {
		// Written, but not yet part of the data: the round goes on.
		w.err = w.writeOut()
	}
	return w.err
}

func (w *Writer) writeOut() error {
	if len(w.out) == 0 {
		return nil
	}
	n, err := w.f.WriteAt(w.out, int64(w.end))
	w.end += uint64(n)
	w.out = w.out[:0]
	return err
}

// FinishRound says that a pass over all rings is complete: no record that is
// still to come is older than the newest record before the previous such call.
// It flushes where enough output or time has gathered, so it must be called at
// least once in every flush interval.
func (w *Writer) FinishRound() error {
	if w.err != nil || !w.dirty {
		return w.err
	}
	if w.pending() >= flushBytes || time.Since(w.flushed) >= w.opts.FlushInterval {
		return w.Flush()
	}
	w.endRound()
	return w.err
}

// pending is the number of bytes of output that are not part of the data yet.
func (w *Writer) pending() uint64 { return w.end - w.valid + uint64(len(w.out)) }

// Flush makes all records so far part of the file. It must be called only
// where FinishRound may be, and at least once before events are enabled: until
// then the file is no recording.
func (w *Writer) Flush() error { return w.flush(false) }

// Finish makes the last flush, with the build ids of the files that samples
// hit. The Writer takes no more records. Finish does not close the file.
func (w *Writer) Finish(buildIDs []BuildIDEntry) error {
	if w.err != nil {
		return w.err
	}
	w.info.BuildIDs = buildIDs
	err := w.flush(true)
	if err == nil {
		w.err = errFinished
	}
	return err
}

// Salvage makes part of the file, after an error of it, what was written since
// the last flush, as far as there is room for the table behind it. Kept tells
// what the file holds then; what lies behind Kept().FileBytes is no part of the
// recording. Without an error, or before the first flush, it does nothing.
func (w *Writer) Salvage() error {
	if w.err == nil || errors.Is(w.err, errFinished) || !w.begun {
		return nil
	}
	failed, reached := w.err, w.end
	w.info.BuildIDs = nil
	room := uint64(perfevent.HeaderSize + len(w.order)*sectionSize + lateRoom)
	m, ok := w.whole(reached - min(room, reached))
	if !ok {
		return nil
	}
	w.stats, w.end, w.out = m.stats, m.end, w.out[:0]
	err := w.commit(true)
	w.err = failed
	return err
}

// lateRoom is more than the late features take, without build ids.
const lateRoom = 64

func (w *Writer) flush(last bool) error {
	if w.err == nil {
		w.closeChunk()
	}
	if w.err == nil {
		w.err = w.commit(last)
	}
	return w.err
}

func (w *Writer) commit(last bool) error {
	w.info.Compression = w.compression()
	w.info.FirstSample, w.info.LastSample = w.first, w.last
	span := w.span
	dataEnd := w.appendTable(last)
	if err := w.writeOut(); err != nil {
		return err
	}
	if err := w.moveEnd(dataEnd, span); err != nil {
		return err
	}
	w.dataEnd = dataEnd
	w.valid = w.end
	w.keep()
	return nil
}

// moveEnd makes what was written part of the recording: all up to dataEnd.
// span is the size of the round that ends the data so far, its table included.
func (w *Writer) moveEnd(dataEnd uint64, span int) error {
	if !w.begun {
		_, err := w.f.WriteAt(w.header(dataEnd-w.dataAt), 0)
		w.begun = err == nil
		return err
	}
	if w.comp == nil {
		round := perfevent.AppendHeader(nil, RecordFinishedRound, 0, span)
		if _, err := w.f.WriteAt(round, int64(w.dataEnd-perfevent.HeaderSize)); err != nil {
			return err
		}
	}
	var size [8]byte
	binary.LittleEndian.PutUint64(size[:], dataEnd-w.dataAt)
	_, err := w.f.WriteAt(size[:], dataSizeAt)
	return err
}
