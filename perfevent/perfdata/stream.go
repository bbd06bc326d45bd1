package perfdata

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"gorecord/perfevent"
)

const (
	// batchBytes is how many bytes of records travel from reading to sorting
	// at a time.
	batchBytes = 256 << 10
	// batchRoom is what a batch can hold: a record may pass batchBytes.
	batchRoom = batchBytes + 1<<16 + 4096
	// maxZstdWindow bounds the memory of the decompressor; perf's highest
	// level asks for this much.
	maxZstdWindow = 128 << 20
)

// batch is a run of whole records as they lie in the recording, decompressed.
type batch struct {
	buf     []byte
	offset  int64        // place in the file of the first record, or of what held it
	held    int          // records that the sorter still has
	tracing map[int]tail // by place of the TRACING_DATA record in buf
}

// tail is what comes with a record without being part of it.
type tail []byte

// stream reads the records of a data section, or of a stream, beside its
// consumer: it finds the records, decompresses, and sends batches.
type stream struct {
	in    input
	order binary.ByteOrder
	// known reports whether a sample belongs to an event of the recording; nil
	// where that cannot be asked beside the consumer.
	known func(perfevent.RawRecord) bool
	// live asks for batches before anything is waited for, with the tails that
	// the consumer needs.
	live bool
	// promised is the end that the header gives to the data, or 0 where the
	// recorder did not get that far.
	promised int64

	batches  chan *batch
	free     chan *batch
	stop     chan struct{}
	cur      *batch
	whole    int // bytes of cur.buf that are whole records
	payload  []byte
	tail     tail // of the record that next gave
	zstd     *zstd.Decoder
	packed   [2]uint64 // COMPRESSED and COMPRESSED2 records; valid once batches is closed
	cut      string    // what the data end in the middle of
	problems []string  // valid once batches is closed
	aux      uint64    // bytes of AUX data that were stepped over
	damaged  bool      // data are missing; valid once batches is closed
	err      error     // valid once batches is closed
}

var errStopped = errors.New("stopped")

func newStream(in input, order binary.ByteOrder) *stream {
	return &stream{
		in: in, order: order,
		batches: make(chan *batch, 2), free: make(chan *batch, 8), stop: make(chan struct{}),
	}
}

func (s *stream) run() {
	defer close(s.batches)
	s.begin()
	err := s.records()
	if s.zstd != nil {
		s.zstd.Close()
	}
	if errors.Is(err, errStopped) {
		return
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = s.in.err
	}
	s.err = err
	if rest := len(s.cur.buf) - s.whole; rest > 0 {
		s.lose("compressed data end in the middle of a record: %d bytes are not read", rest)
	}
	s.tellEnd()
	s.cur.buf = s.cur.buf[:s.whole]
	s.send()
}

// lose notes, in one line, data that cannot be given.
func (s *stream) lose(format string, args ...any) {
	s.damaged = true
	const enough = 20 // lines that anybody reads
	switch n := len(s.problems); {
	case n < enough:
		s.problems = append(s.problems, fmt.Sprintf(format, args...))
	case n == enough:
		s.problems = append(s.problems, "there is more damage than is told here")
	}
}

// tellEnd says what is missing at the end of the data.
func (s *stream) tellEnd() {
	where := ""
	if s.cut != "" {
		where = ", in the middle of " + s.cut
	}
	switch {
	case s.promised == 0:
		s.lose("the recorder did not finish this file: its records end at offset %d%s, and what describes them behind is missing", s.in.pos, where)
	case s.in.pos < s.promised && s.promised != unbounded:
		s.lose("the file is cut off: its records end at offset %d%s, %d bytes before the end that its header tells", s.in.pos, where, s.promised-s.in.pos)
	case s.cut != "":
		s.lose("the data end at offset %d%s", s.in.pos, where)
	}
}

// begin makes cur an empty batch.
func (s *stream) begin() {
	select {
	case s.cur = <-s.free:
		s.cur.buf, s.cur.tracing = s.cur.buf[:0], nil
	default:
		s.cur = &batch{buf: make([]byte, 0, batchRoom)}
	}
	s.cur.offset = s.in.pos
	s.whole = 0
}

func (s *stream) send() error {
	if len(s.cur.buf) == 0 {
		return nil
	}
	select {
	case s.batches <- s.cur:
		return nil
	case <-s.stop:
		return errStopped
	}
}

// records reads records until the end of the data (io.EOF).
func (s *stream) records() error {
	for {
		rec, err := s.next()
		if err != nil {
			return err
		}
		if isCompressed(rec.Type) {
			s.payload = s.unwrap(rec)
			return s.decompress()
		}
		if err := s.emit(rec); err != nil {
			return err
		}
	}
}

func isCompressed(t perfevent.RecordType) bool {
	return t == RecordCompressed || t == RecordCompressed2
}

// unwrap gives what a record holds of the compressed stream.
func (s *stream) unwrap(rec perfevent.RawRecord) []byte {
	body := rec.Body()
	if rec.Type == RecordCompressed {
		s.packed[0]++
		return body
	}
	s.packed[1]++
	if len(body) < compressed2HeaderLen {
		return nil
	}
	n := s.order.Uint64(body)
	body = body[compressed2HeaderLen:]
	return body[:min(n, uint64(len(body)))]
}

// emit adds a record that stands in the file itself.
func (s *stream) emit(rec perfevent.RawRecord) error {
	if s.whole == 0 && len(s.cur.buf) == 0 {
		s.cur.offset = s.in.pos - int64(len(rec.Bytes))
	}
	if s.live && rec.Type == RecordTracingData {
		if s.cur.tracing == nil {
			s.cur.tracing = map[int]tail{}
		}
		s.cur.tracing[s.whole] = s.tail
	}
	// What is decompressed of an unfinished record stays behind.
	rest := len(s.cur.buf) - s.whole
	s.cur.buf = append(s.cur.buf, rec.Bytes...)
	if rest > 0 {
		copy(s.cur.buf[s.whole+len(rec.Bytes):], append([]byte(nil), s.cur.buf[s.whole:s.whole+rest]...))
		copy(s.cur.buf[s.whole:], rec.Bytes)
	}
	s.whole += len(rec.Bytes)
	return s.rotate()
}

// rotate sends the batch where it is full or, live, before the next read has to
// wait.
func (s *stream) rotate() error {
	waits := s.live && len(s.in.window) == 0
	if s.whole == 0 || s.whole < batchBytes && !waits {
		return nil
	}
	full := s.cur
	rest := full.buf[s.whole:]
	full.buf = full.buf[:s.whole]
	if s.whole < batchBytes {
		// A small batch may wait for long: it gets no more room than it needs.
		s.cur = &batch{buf: bytes.Clone(full.buf), offset: full.offset, tracing: full.tracing}
	}
	if err := s.send(); err != nil {
		return err
	}
	if s.cur != full {
		full.buf = append(full.buf[:0], rest...)
		full.tracing = nil
		full.offset = s.in.pos
		s.cur, s.whole = full, 0
		return nil
	}
	// The rest lies behind what was sent, where nobody writes before the batch
	// comes back.
	s.begin()
	s.cur.buf = append(s.cur.buf, rest...)
	return nil
}

// decompress reads the rest of the data as zstd frames, one behind the other;
// records that stand between their parts come out at their places, because the
// decompressor asks for more (Read) only when all that it was given has come
// out.
func (s *stream) decompress() error {
	dec, err := zstd.NewReader(feeder{s}, zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		return fmt.Errorf("set up decompression: %w", err)
	}
	s.zstd = dec
	// Not straight into the batch: during Read the feeder may change it.
	out := make([]byte, 1<<16)
	for {
		n, err := dec.Read(out)
		if n > 0 {
			s.cur.buf = append(s.cur.buf, out[:n]...)
			if err := s.advance(); err != nil {
				return err
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, errStopped):
			return err
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			// The stream of a recording need not end by itself.
			return io.EOF
		default:
			if err := s.nextFrame(err); err != nil {
				return err
			}
			if err := dec.Reset(feeder{s}); err != nil {
				return fmt.Errorf("set up decompression: %w", err)
			}
		}
	}
}

// zstdMagic starts a frame.
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// nextFrame finds the next frame behind damaged ones, as our Writer begins one
// with each flush.
func (s *stream) nextFrame(why error) error {
	from := s.in.pos
	s.cur.buf = s.cur.buf[:s.whole] // a record whose rest is lost
	s.payload = nil
	for {
		rec, err := s.next()
		if err != nil {
			s.lose("compressed data before offset %d are damaged (%v); what follows cannot be read", from, why)
			return err
		}
		if isCompressed(rec.Type) {
			if p := s.unwrap(rec); bytes.HasPrefix(p, zstdMagic) {
				s.payload = p
				s.lose("compressed data from about offset %d to %d are damaged (%v) and left out", from, s.in.pos-int64(len(rec.Bytes)), why)
				return nil
			}
			continue
		}
		if err := s.emit(rec); err != nil {
			return err
		}
	}
}

// advance finds the records of decompressed data that are whole now.
func (s *stream) advance() error {
	for {
		rest := s.cur.buf[s.whole:]
		if len(rest) < perfevent.HeaderSize {
			break
		}
		t, _, size := perfevent.ParseHeader(rest, s.order)
		if !plausible(t, size) {
			at, ok := s.findRecords(rest, perfevent.HeaderSize, false)
			if !ok {
				if len(rest) < batchBytes/2 {
					break // more may tell
				}
				at = len(rest) - 1<<16
			}
			s.lose("compressed data before offset %d hold no records in %d bytes, left out", s.in.pos, at)
			s.cur.buf = append(s.cur.buf[:s.whole], rest[at:]...)
			continue
		}
		if size > len(rest) {
			break
		}
		s.whole += size
	}
	return s.rotate()
}

// feeder gives the decompressor the payloads of the COMPRESSED records.
type feeder struct{ s *stream }

func (f feeder) Read(p []byte) (int, error) {
	s := f.s
	for len(s.payload) == 0 {
		rec, err := s.next()
		if err != nil {
			return 0, err
		}
		if isCompressed(rec.Type) {
			s.payload = s.unwrap(rec)
			continue
		}
		if err := s.emit(rec); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.payload)
	s.payload = s.payload[n:]
	return n, nil
}

// next is the next record of the file, a view until the following call. At the
// end of the data it gives io.EOF; damaged places are stepped over.
func (s *stream) next() (perfevent.RawRecord, error) {
	for {
		if !s.in.has(perfevent.HeaderSize) {
			if n := s.in.left(); n > 0 && s.in.err == nil {
				s.cut = fmt.Sprintf("the header of a record (%d of %d bytes)", n, perfevent.HeaderSize)
			}
			return perfevent.RawRecord{}, io.EOF
		}
		t, m, size := perfevent.ParseHeader(s.in.window, s.order)
		if !plausible(t, size) {
			if !s.resync(t, size) {
				return perfevent.RawRecord{}, io.EOF
			}
			continue
		}
		if !s.in.has(size) {
			if s.in.err != nil {
				return perfevent.RawRecord{}, io.EOF
			}
			if t == RecordFinishedRound {
				// The last round as our Writer leaves it before it has
				// finished: its body, the feature table, is not part of the
				// data.
				s.in.skip(s.in.left())
				return s.bareRecord(t, m), nil
			}
			s.in.fill()
			if s.recordsInside(int(s.in.left())) {
				s.resync(t, size)
				continue
			}
			s.cut = fmt.Sprintf("a %s record (%d of %d bytes)", RecordName(t), s.in.left(), size)
			return perfevent.RawRecord{}, io.EOF
		}
		if s.followedByNonsense(size) && s.recordsInside(size) {
			s.resync(t, size)
			continue
		}
		return s.take(t, m, size), nil
	}
}

// take gives the record at the start of the window, and moves behind it and
// what belongs to it.
func (s *stream) take(t perfevent.RecordType, m perfevent.Misc, size int) perfevent.RawRecord {
	rec := perfevent.RawRecord{Type: t, Misc: m, Bytes: s.in.window[:size:size]}
	s.in.consume(size)
	switch {
	case t == RecordAuxtrace && size >= 16:
		s.aux += uint64(s.in.skip(int64(min(s.order.Uint64(rec.Bytes[8:]), unbounded))))
	case t == RecordTracingData && size >= 12:
		return s.tracingData(rec)
	}
	return rec
}

// tracingData takes what belongs to a TRACING_DATA record: the bytes behind it,
// or in some recordings the rest of the record itself.
func (s *stream) tracingData(rec perfevent.RawRecord) perfevent.RawRecord {
	n := int64(s.order.Uint32(rec.Bytes[8:]))
	for _, head := range []int{12, 16} {
		if int64(len(rec.Bytes)) >= int64(head)+n && n > 0 {
			s.tail = bytes.Clone(rec.Bytes[head:])
			return rec
		}
	}
	rec = rec.Clone()
	at := s.in.pos
	if s.tail = s.in.read(n); int64(len(s.tail)) < n {
		s.lose("TRACING_DATA at offset %d: %d of %d bytes", at, len(s.tail), n)
	}
	return rec
}

// bareRecord makes a record without a body.
func (s *stream) bareRecord(t perfevent.RecordType, m perfevent.Misc) perfevent.RawRecord {
	b := make([]byte, perfevent.HeaderSize)
	s.order.PutUint32(b, uint32(t))
	s.order.PutUint16(b[4:], uint16(m))
	s.order.PutUint16(b[6:], perfevent.HeaderSize)
	return perfevent.RawRecord{Type: t, Misc: m, Bytes: b}
}
