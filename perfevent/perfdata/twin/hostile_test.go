package twin_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"testing"

	"gorecord/perfevent/perfdata/twin"
)

// TestHostileNumbers puts numbers that no recorder writes wherever eight bytes
// of the head or of the feature table lie.
func TestHostileNumbers(t *testing.T) {
	b := parse(t, string(readText(t, "testdata/small.twin")))
	size := uint64(len(b))
	table := int(binary.LittleEndian.Uint64(b[40:]) + binary.LittleEndian.Uint64(b[48:]))
	for at := 8; at < len(b)-8; at += 8 {
		if at == 512 {
			at = table
		}
		was := binary.LittleEndian.Uint64(b[at:])
		for _, v := range []uint64{0, 1, 16, 80, 104, was + 1, was - 1, size - 1, size, size + 1, 1 << 31, 1 << 62, 1 << 63, 1<<64 - 1} {
			binary.LittleEndian.PutUint64(b[at:], v)
			roundTrip(t, b)
		}
		binary.LittleEndian.PutUint64(b[at:], was)
	}
}

// TestManyNames prints a feature section of the largest size that is shown by
// fields, full of the smallest entries.
func TestManyNames(t *testing.T) {
	const n = 1<<17 - 1
	section := make([]byte, 8*n+4)
	binary.LittleEndian.PutUint32(section, n)
	head := parse(t, `header order=little magic="PERFILE2" size=104 data=104+8 features=PMU_MAPPINGS
FINISHED_ROUND
feature_table PMU_MAPPINGS=128+1048572
`)
	b := append(head, section...)
	if n := allocated(func() { roundTrip(t, b) }); n > 256*uint64(len(b)) {
		t.Errorf("%d bytes of input took %d bytes of memory", len(b), n)
	}
}

// endless is a recording in pipe mode with records of one type up to any size.
type endless struct{}

const endlessRecord = 1 << 15

func (endless) ReadAt(b []byte, at int64) (int, error) {
	head := append([]byte("PERFILE2"), 16, 0, 0, 0, 0, 0, 0, 0)
	record := [8]byte{200, 0, 0, 0, 0, 0, endlessRecord & 0xff, endlessRecord >> 8}
	for i := range b {
		b[i] = 0
		switch p := at + int64(i); {
		case p < 16:
			b[i] = head[p]
		case (p-16)%endlessRecord < 8:
			b[i] = record[(p-16)%endlessRecord]
		}
	}
	return len(b), nil
}

// watcher notes the most memory that is in use while the text is written.
type watcher struct{ written, next, most uint64 }

func (w *watcher) Write(b []byte) (int, error) {
	if w.written += uint64(len(b)); w.written >= w.next {
		w.next += 8 << 20
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.most = max(w.most, m.HeapAlloc)
	}
	return len(b), nil
}

// TestStreams prints a file that is larger than the memory that printing takes.
func TestStreams(t *testing.T) {
	const size = 32 << 20
	w := &watcher{}
	w.Write(nil)
	before := w.most
	if err := twin.Print(w, endless{}, 16+size); err != nil {
		t.Fatal(err)
	}
	if w.written < 2*size || w.most > before+4<<20 {
		t.Errorf("%d bytes of text, memory grew from %d to %d", w.written, before, w.most)
	}
}

var errBroken = errors.New("broken")

// failing fails where it is read or written behind a place.
type failing struct {
	b    []byte
	left int
}

func (f *failing) ReadAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) > int64(f.left) {
		return 0, errBroken
	}
	return copy(b, f.b[at:]), nil
}

func (f *failing) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errBroken
	}
	return len(b), nil
}

// TestErrors checks that what cannot be read or written is told.
func TestErrors(t *testing.T) {
	b := readText(t, recordingsDir+"/cpu-clock-g-z.data")
	for left := 0; left < len(b); left += 500 {
		if err := twin.Print(io.Discard, &failing{b, left}, int64(len(b))); !errors.Is(err, errBroken) {
			t.Errorf("reading fails at %d: %v", left, err)
		}
		if err := twin.Print(&failing{nil, left}, bytes.NewReader(b), int64(len(b))); !errors.Is(err, errBroken) {
			t.Errorf("writing fails at %d: %v", left, err)
		}
	}
	if err := twin.Print(io.Discard, bytes.NewReader(b[:5000]), int64(len(b))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that is shorter than it says: %v", err)
	}
}
