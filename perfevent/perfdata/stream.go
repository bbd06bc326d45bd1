package perfdata

import (
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
	buf    []byte
	offset int64 // place in the file of the first record, or of what held it
	held   int   // records that the sorter still has
}

// stream reads the data section beside its consumer: it finds the records,
// decompresses, and sends batches.
type stream struct {
	src      io.ReaderAt
	pos, end int64
	order    binary.ByteOrder
	window   []byte // bytes of the file from pos on
	store    []byte // room of window

	batches  chan *batch
	free     chan *batch
	stop     chan struct{}
	cur      *batch
	whole    int // bytes of cur.buf that are whole records
	payload  []byte
	behind   []byte // what came with the last TRACING_DATA record
	zstd     *zstd.Decoder
	problems []string // valid once batches is closed
	aux      uint64   // bytes of AUX data that were stepped over
	err      error    // valid once batches is closed
}

var errStopped = errors.New("stopped")

func startStream(src io.ReaderAt, data section, order binary.ByteOrder) *stream {
	s := &stream{
		src: src, pos: int64(data.offset), end: int64(data.offset + data.size), order: order,
		store:   make([]byte, batchBytes),
		batches: make(chan *batch, 2), free: make(chan *batch, 8), stop: make(chan struct{}),
	}
	go s.run()
	return s
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
	if !errors.Is(err, io.EOF) {
		s.err = err
	}
	if tail := len(s.cur.buf) - s.whole; tail > 0 {
		s.problemf("compressed data end in the middle of a record: %d bytes are not read", tail)
	}
	s.cur.buf = s.cur.buf[:s.whole]
	s.send()
}

func (s *stream) problemf(format string, args ...any) {
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

// begin makes cur an empty batch.
func (s *stream) begin() {
	select {
	case s.cur = <-s.free:
		s.cur.buf = s.cur.buf[:0]
	default:
		s.cur = &batch{buf: make([]byte, 0, batchRoom)}
	}
	s.cur.offset = s.pos
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
		if rec.Type == RecordCompressed || rec.Type == RecordCompressed2 {
			s.payload = compressedPayload(rec, s.order)
			return s.decompress()
		}
		if err := s.emit(rec); err != nil {
			return err
		}
	}
}

func compressedPayload(rec perfevent.RawRecord, order binary.ByteOrder) []byte {
	body := rec.Body()
	if rec.Type == RecordCompressed {
		return body
	}
	if len(body) < compressed2HeaderLen {
		return nil
	}
	n := order.Uint64(body)
	body = body[compressed2HeaderLen:]
	return body[:min(n, uint64(len(body)))]
}

// emit adds a record that stands in the file itself.
func (s *stream) emit(rec perfevent.RawRecord) error {
	if s.whole == 0 && len(s.cur.buf) == 0 {
		s.cur.offset = s.pos - int64(len(rec.Bytes))
	}
	// What is decompressed of an unfinished record stays behind.
	tail := len(s.cur.buf) - s.whole
	s.cur.buf = append(s.cur.buf, rec.Bytes...)
	if tail > 0 {
		copy(s.cur.buf[s.whole+len(rec.Bytes):], append([]byte(nil), s.cur.buf[s.whole:s.whole+tail]...))
		copy(s.cur.buf[s.whole:], rec.Bytes)
	}
	s.whole += len(rec.Bytes)
	return s.rotate()
}

// rotate sends the batch where it is full.
func (s *stream) rotate() error {
	if s.whole < batchBytes {
		return nil
	}
	full := s.cur
	tail := full.buf[s.whole:]
	full.buf = full.buf[:s.whole]
	if err := s.send(); err != nil {
		return err
	}
	// The tail's bytes lie behind what was sent, where nobody writes before
	// the batch comes back.
	s.begin()
	s.cur.buf = append(s.cur.buf, tail...)
	return nil
}

// decompress reads the rest of the data as one zstd stream; records that stand
// between its parts come out at their places, because the decompressor asks
// for more (Read) only when all that it was given has come out.
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
			// The stream of a recording never ends by itself.
			return io.EOF
		default:
			s.problemf("compressed data before offset %d are damaged: %v; what follows is not read", s.pos, err)
			return io.EOF
		}
	}
}

// advance finds the records that are whole now.
func (s *stream) advance() error {
	for {
		rest := s.cur.buf[s.whole:]
		if len(rest) < perfevent.HeaderSize {
			break
		}
		t, _, size := perfevent.ParseHeader(rest, s.order)
		if size < perfevent.HeaderSize {
			s.problemf("compressed data before offset %d hold a %s record of size %d; what follows is not read", s.pos, RecordName(t), size)
			s.cur.buf = s.cur.buf[:s.whole]
			return io.EOF
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
		if rec.Type == RecordCompressed || rec.Type == RecordCompressed2 {
			s.payload = compressedPayload(rec, s.order)
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
// end of the data, or where they are damaged, it gives io.EOF.
func (s *stream) next() (perfevent.RawRecord, error) {
	left := s.end - s.pos
	if left < perfevent.HeaderSize {
		if left > 0 {
			s.problemf("%d stray bytes at offset %d, at the end of the data", left, s.pos)
			s.pos = s.end
		}
		return perfevent.RawRecord{}, io.EOF
	}
	if err := s.fill(perfevent.HeaderSize); err != nil {
		return perfevent.RawRecord{}, err
	}
	t, m, size := perfevent.ParseHeader(s.window, s.order)
	if size < perfevent.HeaderSize {
		s.problemf("%s record of size %d at offset %d: the %d bytes from there on are not read", RecordName(t), size, s.pos, left)
		s.pos = s.end
		return perfevent.RawRecord{}, io.EOF
	}
	if int64(size) > left {
		if t == RecordFinishedRound {
			// The last round as our Writer leaves it before it has finished:
			// its body, the feature table, is not part of the data.
			s.pos = s.end
			return s.bareRecord(t, m), nil
		}
		s.problemf("data end in the middle of a %s record at offset %d: %d of %d bytes", RecordName(t), s.pos, left, size)
		s.pos = s.end
		return perfevent.RawRecord{}, io.EOF
	}
	if err := s.fill(size); err != nil {
		return perfevent.RawRecord{}, err
	}
	rec := perfevent.RawRecord{Type: t, Misc: m, Bytes: s.window[:size:size]}
	s.consume(int64(size))
	switch {
	case t == RecordAuxtrace && size >= 16:
		skip := int64(min(s.order.Uint64(rec.Bytes[8:]), uint64(s.end-s.pos)))
		s.aux += uint64(skip)
		// The record itself stays valid: consume only moves the window.
		s.consume(skip)
	case t == RecordTracingData && size >= 12:
		return s.tracingData(rec)
	}
	return rec, nil
}

// tracingData takes what belongs to a TRACING_DATA record: the bytes behind it,
// or in some recordings the rest of the record itself.
func (s *stream) tracingData(rec perfevent.RawRecord) (perfevent.RawRecord, error) {
	n := int64(s.order.Uint32(rec.Bytes[8:]))
	for _, head := range []int{12, 16} {
		if int64(len(rec.Bytes)) >= int64(head)+n && n > 0 {
			s.behind = rec.Bytes[head:]
			return rec, nil
		}
	}
	if n > s.end-s.pos {
		s.problemf("TRACING_DATA at offset %d: %d bytes, with %d left", s.pos, n, s.end-s.pos)
		n = s.end - s.pos
	}
	rec = rec.Clone()
	s.behind = make([]byte, n)
	if _, err := s.src.ReadAt(s.behind, s.pos); err != nil && !errors.Is(err, io.EOF) {
		return rec, fmt.Errorf("read tracing data at offset %d: %w", s.pos, err)
	}
	s.consume(n)
	return rec, nil
}

// bareRecord makes a record without a body.
func (s *stream) bareRecord(t perfevent.RecordType, m perfevent.Misc) perfevent.RawRecord {
	b := make([]byte, perfevent.HeaderSize)
	s.order.PutUint32(b, uint32(t))
	s.order.PutUint16(b[4:], uint16(m))
	s.order.PutUint16(b[6:], perfevent.HeaderSize)
	return perfevent.RawRecord{Type: t, Misc: m, Bytes: b}
}

// consume moves behind n bytes.
func (s *stream) consume(n int64) {
	s.pos += n
	s.window = s.window[min(n, int64(len(s.window))):]
}

// fill makes the window hold at least n bytes.
func (s *stream) fill(n int) error {
	if len(s.window) >= n {
		return nil
	}
	have := copy(s.store, s.window)
	want := min(int64(len(s.store)), s.end-s.pos)
	got, err := s.src.ReadAt(s.store[have:want], s.pos+int64(have))
	s.window = s.store[:have+got]
	if len(s.window) >= n {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		s.problemf("file ends at offset %d, %d bytes before the end of its data", s.pos+int64(len(s.window)), s.end-s.pos-int64(len(s.window)))
		s.end = s.pos + int64(len(s.window))
		return io.EOF
	}
	return fmt.Errorf("read records at offset %d: %w", s.pos, err)
}
