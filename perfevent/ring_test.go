package perfevent_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"gorecord/perfevent"
)

// Places in the metadata page (struct perf_event_mmap_page).
const (
	pageSize = 4096
	headAt   = 1024
	tailAt   = 1032
)

// ringWriter is the kernel's side of a ring: perf_output_begin and
// perf_output_put_handle of kernel/events/ring_buffer.c.
type ringWriter struct {
	meta, data []byte
	head       uint64
	lost       uint64
}

// newRingWriter makes a ring of which both sides stand at the given position.
func newRingWriter(size int, at uint64) *ringWriter {
	w := &ringWriter{meta: make([]byte, pageSize), data: make([]byte, size), head: at}
	atomic.StoreUint64(w.word(tailAt), at)
	atomic.StoreUint64(w.word(headAt), at)
	return w
}

func (w *ringWriter) word(at int) *uint64 { return (*uint64)(unsafe.Pointer(&w.meta[at])) }

func (w *ringWriter) reader(t testing.TB) *perfevent.Ring {
	t.Helper()
	r, err := perfevent.NewRing(w.meta, w.data)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// copyIn places bytes at a position; they are not visible before publish.
func (w *ringWriter) copyIn(b []byte) {
	for len(b) > 0 {
		n := copy(w.data[w.head%uint64(len(w.data)):], b)
		b, w.head = b[n:], w.head+uint64(n)
	}
}

func (w *ringWriter) publish() { atomic.StoreUint64(w.word(headAt), w.head) }

func (w *ringWriter) tail() uint64 { return atomic.LoadUint64(w.word(tailAt)) }

// put writes a record if there is room. The kernel never fills a ring to the
// last byte, and reports what was lost before the first record that fits again.
func (w *ringWriter) put(b []byte) bool {
	var lost []byte
	if w.lost > 0 {
		lost = record(binary.NativeEndian, perfevent.RecordLost, 0, wire(binary.NativeEndian, uint64(7), w.lost)).Bytes
	}
	free := w.tail() + uint64(len(w.data)) - w.head
	if uint64(len(lost)+len(b)) >= free {
		w.lost++
		return false
	}
	w.copyIn(lost)
	w.copyIn(b)
	w.lost = 0
	w.publish()
	return true
}

// numbered makes a record of the given size whose body counts up from n.
func numbered(size int, n byte) []byte {
	body := make([]byte, size-perfevent.HeaderSize)
	for i := range body {
		body[i] = n + byte(i)
	}
	return record(binary.NativeEndian, perfevent.RecordSample, perfevent.Misc(size), body).Bytes
}

// expect takes one record and compares it.
func expect(t *testing.T, r *perfevent.Ring, want []byte) {
	t.Helper()
	rec, ok, err := r.Next()
	if err != nil || !ok {
		t.Fatalf("no record, error %v; want %x", err, want)
	}
	if !bytes.Equal(rec.Bytes, want) || rec.Type != perfevent.RecordSample || int(rec.Misc) != len(want) {
		t.Fatalf("record %v %d %x\nwant %x", rec.Type, rec.Misc, rec.Bytes, want)
	}
	if cap(rec.Bytes) != len(want) {
		t.Fatalf("appending to a record of %d bytes would write behind it: capacity %d", len(want), cap(rec.Bytes))
	}
}

func expectEnd(t *testing.T, r *perfevent.Ring) {
	t.Helper()
	if rec, ok, err := r.Next(); ok || err != nil {
		t.Fatalf("record %x, error %v behind the last", rec.Bytes, err)
	}
}

// TestRingPositions puts a record of every size at every position of a ring,
// wrapped ones included, with the header as the last eight bytes too, and where
// the counters themselves wrap around.
func TestRingPositions(t *testing.T) {
	const size = 256
	for _, base := range []uint64{0, 1 << 40 * size, 1<<64 - size} {
		for at := uint64(0); at < size; at += 8 {
			for n := perfevent.HeaderSize; n < size; n += 8 {
				w := newRingWriter(size, base+at)
				r := w.reader(t)
				want := numbered(n, byte(at))
				if !w.put(want) {
					t.Fatalf("a record of %d bytes does not fit", n)
				}
				if got := r.Load(); got != n {
					t.Fatalf("%d bytes to read, want %d", got, n)
				}
				expect(t, r, want)
				expectEnd(t, r)
				if w.tail() != base+at {
					t.Fatal("room is given back before Commit")
				}
				r.Commit()
				if w.tail() != base+at+uint64(n) {
					t.Fatalf("tail %d after %d bytes at %d", w.tail(), n, base+at)
				}
			}
		}
	}
}

// TestRingLargest wraps the largest record that there is.
func TestRingLargest(t *testing.T) {
	const largest = perfevent.MaxRecordSize &^ 7
	for _, at := range []uint64{0, 8, 1 << 16, 1<<17 - 8} {
		w := newRingWriter(1<<17, at)
		r := w.reader(t)
		want := numbered(largest, 1)
		w.put(want)
		r.Load()
		expect(t, r, want)
		expectEnd(t, r)
	}
}

// TestRingPasses checks what Load, Next and Commit promise each other.
func TestRingPasses(t *testing.T) {
	w := newRingWriter(256, 0)
	r := w.reader(t)
	if r.Size() != 256 {
		t.Fatalf("size %d", r.Size())
	}
	if n := r.Load(); n != 0 {
		t.Fatalf("%d bytes in an empty ring", n)
	}
	expectEnd(t, r)
	a, b, c := numbered(64, 1), numbered(32, 2), numbered(48, 3)
	w.put(a)
	expectEnd(t, r) // Load has not seen it
	w.put(b)
	if n := r.Load(); n != 96 {
		t.Fatalf("%d bytes, want 96", n)
	}
	w.put(c)
	expect(t, r, a)
	r.Commit()
	if w.tail() != 64 {
		t.Fatalf("tail %d: Commit gives back what Next gave, no more", w.tail())
	}
	expect(t, r, b)
	expectEnd(t, r)
	if n := r.Load(); n != 48 {
		t.Fatalf("%d bytes, want 48", n)
	}
	expect(t, r, c)
	if w.tail() != 64 {
		t.Fatalf("tail %d without Commit", w.tail())
	}
	r.Commit()
	r.Commit()
	if w.tail() != 144 {
		t.Fatalf("tail %d after all, want 144", w.tail())
	}
	// A reader that comes later starts where the last one committed.
	w.put(a)
	later := w.reader(t)
	if n := later.Load(); n != 64 {
		t.Fatalf("a later reader sees %d bytes", n)
	}
	expect(t, later, a)
}

// TestRingFull fills a ring while nobody reads: what does not fit is lost, and
// LOST says how much.
func TestRingFull(t *testing.T) {
	w := newRingWriter(256, 0)
	r := w.reader(t)
	written := 0
	for w.put(numbered(40, byte(written))) {
		written++
	}
	w.put(numbered(40, 0))
	if written != 6 || w.lost != 2 {
		t.Fatalf("wrote %d, lost %d", written, w.lost)
	}
	r.Load()
	for i := range written {
		expect(t, r, numbered(40, byte(i)))
	}
	expectEnd(t, r)
	r.Commit()
	w.put(numbered(40, 99))
	r.Load()
	rec, ok, err := r.Next()
	if !ok || err != nil || rec.Type != perfevent.RecordLost {
		t.Fatalf("%v, error %v; want LOST", rec.Type, err)
	}
	got, _, err := perfevent.NewLayout(new(perfevent.Attr), binary.NativeEndian).DecodeRecord(rec)
	if lost := got.(*perfevent.Lost); err != nil || lost.Lost != 2 || lost.ID != 7 {
		t.Fatalf("%+v, error %v", got, err)
	}
	expect(t, r, numbered(40, 99))
	expectEnd(t, r)
}

// TestRingViews checks how long a record stays what it was.
func TestRingViews(t *testing.T) {
	w := newRingWriter(128, 120)
	r := w.reader(t)
	wrapped, straight := numbered(48, 1), numbered(24, 2)
	w.put(wrapped)
	w.put(straight)
	r.Load()
	first, _, _ := r.Next()
	kept := first.Clone()
	second, _, _ := r.Next()
	r.Commit()
	if !bytes.Equal(kept.Bytes, wrapped) || !bytes.Equal(second.Bytes, straight) {
		t.Errorf("records\n%x and\n%x", kept.Bytes, second.Bytes)
	}
	if &second.Bytes[0] != &w.data[40] {
		t.Error("a record that does not wrap is copied")
	}
	w.put(numbered(64, 3)) // ends with the ring
	r.Load()
	if third, _, _ := r.Next(); &third.Bytes[0] != &w.data[64] {
		t.Error("a record that ends with the ring is copied")
	}
}

// TestRingCorrupt checks what no kernel writes: the pass ends with an error,
// what the ring held is skipped, and the next pass works again.
func TestRingCorrupt(t *testing.T) {
	header := func(size int) []byte {
		return wire(binary.NativeEndian, uint32(9), uint16(0), uint16(size))
	}
	for _, test := range []struct {
		what string
		fill func(*ringWriter)
		good int // records before the error
	}{
		{"size of zero", func(w *ringWriter) { w.copyIn(header(0)) }, 0},
		{"size of less than a header", func(w *ringWriter) { w.copyIn(header(7)) }, 0},
		{"size that is no multiple of eight", func(w *ringWriter) { w.copyIn(bytes.Repeat(append(header(12), 0, 0, 0, 0), 2)) }, 0},
		{"size behind the head", func(w *ringWriter) { w.copyIn(header(16)) }, 0},
		{"largest size", func(w *ringWriter) { w.copyIn(header(0xffff)) }, 0},
		{"size behind a good record", func(w *ringWriter) { w.copyIn(numbered(32, 1)); w.copyIn(header(0)) }, 1},
		{"less than a header", func(w *ringWriter) { w.head += 4 }, 0},
		{"less than a header behind good records", func(w *ringWriter) { w.head += 20 }, 2},
		{"more than fits", func(w *ringWriter) { w.head += 264 }, 0},
		{"head behind the tail", func(w *ringWriter) { w.head -= 8 }, 0},
	} {
		const start = 1 << 20
		w := newRingWriter(256, start)
		// Wherever the test does not write, records of eight bytes lie.
		copy(w.data, bytes.Repeat(header(8), 256/8))
		r := w.reader(t)
		test.fill(w)
		w.publish()
		r.Load()
		var err error
		good := 0
		for ok := true; err == nil; good++ {
			if _, ok, err = r.Next(); err == nil && !ok {
				t.Fatalf("%s: no error", test.what)
			}
		}
		if good--; good != test.good {
			t.Errorf("%s: %d records before the error, want %d", test.what, good, test.good)
		}
		if !errors.Is(err, perfevent.ErrRingCorrupt) || !strings.Contains(err.Error(), "position") {
			t.Errorf("%s: error %v", test.what, err)
		}
		expectEnd(t, r)
		r.Commit()
		if w.tail() != w.head {
			t.Errorf("%s: tail %d, head %d", test.what, w.tail(), w.head)
		}
		w.head = (w.head + 7) &^ 7
		atomic.StoreUint64(w.word(tailAt), w.head)
		again := w.reader(t)
		w.put(numbered(40, 5))
		again.Load()
		expect(t, again, numbered(40, 5))
	}
}

// TestRingGoesOn checks that the same reader works after corrupt records.
func TestRingGoesOn(t *testing.T) {
	w := newRingWriter(256, 0)
	r := w.reader(t)
	w.copyIn(make([]byte, 64))
	w.publish()
	r.Load()
	if _, _, err := r.Next(); !errors.Is(err, perfevent.ErrRingCorrupt) {
		t.Fatalf("error %v", err)
	}
	r.Commit()
	w.put(numbered(40, 5))
	r.Load()
	expect(t, r, numbered(40, 5))
	expectEnd(t, r)
}

func TestNewRingErrors(t *testing.T) {
	meta := make([]byte, pageSize)
	for _, test := range []struct {
		what       string
		meta, data []byte
	}{
		{"no metadata", nil, make([]byte, 64)},
		{"short metadata", meta[:1087], make([]byte, 64)},
		{"metadata off the boundary", meta[4:], make([]byte, 64)},
		{"no data", meta, nil},
		{"data of four bytes", meta, make([]byte, 4)},
		{"data of no power of two", meta, make([]byte, 96)},
	} {
		if _, err := perfevent.NewRing(test.meta, test.data); err == nil {
			t.Errorf("%s: accepted", test.what)
		}
	}
	if _, err := perfevent.NewRing(meta[:1088], make([]byte, 8)); err != nil {
		t.Errorf("the smallest ring: %v", err)
	}
}

// TestRingConcurrent lets a writer run against the reader, as the kernel does:
// under the race detector it proves that the accesses are ordered, and that
// nothing is lost but what LOST reports.
func TestRingConcurrent(t *testing.T) {
	const size, total = 4096, 20000
	w := newRingWriter(size, 1<<32-size/2)
	r := w.reader(t)
	done := make(chan uint64)
	go func() {
		for i := range uint64(total) {
			n := 8 * int(i*7%61)
			body := bytes.Repeat([]byte{byte(i)}, n)
			b := record(binary.NativeEndian, perfevent.RecordSample, 0, wire(binary.NativeEndian, i, body)).Bytes
			if !w.put(b) && i%3 == 0 {
				runtime.Gosched()
			}
		}
		// What was lost last is reported with a last record.
		for !w.put(record(binary.NativeEndian, perfevent.RecordSwitch, 0, nil).Bytes) {
			w.lost--
			runtime.Gosched()
		}
		done <- w.lost
	}()
	layout := perfevent.NewLayout(new(perfevent.Attr), binary.NativeEndian)
	var next, got, lost uint64
	for end := false; !end; r.Commit() {
		if r.Load() == 0 {
			runtime.Gosched()
			continue
		}
		for {
			rec, ok, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			switch rec.Type {
			case perfevent.RecordLost:
				decoded, _, err := layout.DecodeRecord(rec)
				if err != nil {
					t.Fatal(err)
				}
				n := decoded.(*perfevent.Lost).Lost
				lost, next = lost+n, next+n
			case perfevent.RecordSwitch:
				end = true
			default:
				body := rec.Body()
				i := binary.NativeEndian.Uint64(body)
				want := bytes.Repeat([]byte{byte(i)}, 8*int(i*7%61))
				if i != next || !bytes.Equal(body[8:], want) {
					t.Fatalf("record %d holds %x, want record %d", i, body, next)
				}
				got, next = got+1, next+1
			}
		}
	}
	<-done
	if got+lost != total {
		t.Errorf("%d read and %d lost of %d", got, lost, total)
	}
	t.Logf("%d read, %d lost", got, lost)
}

// TestRingAllocs checks that a pass allocates nothing, wrapped records included.
func TestRingAllocs(t *testing.T) {
	w := newRingWriter(1024, 0)
	r := w.reader(t)
	b := numbered(72, 1)
	records := 0
	allocs := testing.AllocsPerRun(100, func() {
		for w.put(b) {
		}
		w.lost = 0
		r.Load()
		for {
			_, ok, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			records++
		}
		r.Commit()
	})
	if allocs != 0 || records < 1000 {
		t.Errorf("%v allocations in a pass, %d records", allocs, records)
	}
}
