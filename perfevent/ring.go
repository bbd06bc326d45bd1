package perfevent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"
)

// Places in struct perf_event_mmap_page.
const (
	metaDataHead   = 1024
	metaDataTail   = 1032
	metaDataOffset = 1040
	metaDataSize   = 1048
	metaSize       = 1088
)

// ErrRingCorrupt says that the bytes in a ring are no chain of records: the
// rest of what was in it is skipped.
var ErrRingCorrupt = errors.New("ring holds no valid record")

// Ring reads the records that the kernel writes into a memory-mapped ring.
// It needs nothing of an event but the memory, so it works on any two byte
// slices that look like a ring.
//
// A pass over the ring is Load, then Next until it says false, then Commit.
// A Ring is for one goroutine.
//
// The order of memory accesses is that of the comment above
// perf_output_put_handle in kernel/events/ring_buffer.c: data_head is loaded
// before the data are read, and data_tail is stored after.
type Ring struct {
	head, tail *uint64 // in the shared metadata page
	data       []byte
	mask       uint64
	loaded     uint64 // data_head as of the last Load
	next       uint64 // position of the next record
	scratch    []byte // a wrapped record, made contiguous
}

// NewRing makes a ring of a metadata page and the data area behind it; both
// stay the caller's. The length of data must be a power of two.
func NewRing(meta, data []byte) (*Ring, error) {
	if len(meta) < metaSize {
		return nil, fmt.Errorf("ring metadata: %d bytes, need %d", len(meta), metaSize)
	}
	if uintptr(unsafe.Pointer(&meta[0]))%8 != 0 {
		return nil, errors.New("ring metadata: not aligned to 8 bytes")
	}
	if len(data) < 8 || len(data)&(len(data)-1) != 0 {
		return nil, fmt.Errorf("ring data: %d bytes is no power of two", len(data))
	}
	r := &Ring{
		head:    (*uint64)(unsafe.Pointer(&meta[metaDataHead])),
		tail:    (*uint64)(unsafe.Pointer(&meta[metaDataTail])),
		data:    data,
		mask:    uint64(len(data) - 1),
		scratch: make([]byte, 0, MaxRecordSize+1),
	}
	r.next = atomic.LoadUint64(r.tail)
	r.loaded = r.next
	return r, nil
}

// Load looks how far the kernel has written and returns the number of bytes
// that Next will give.
func (r *Ring) Load() int {
	r.loaded = atomic.LoadUint64(r.head)
	return int(r.loaded - r.next)
}

// Next gives the next record of those that Load saw; ok is false at their end.
// The record is a view of the ring, or of a buffer of the Ring where it
// wraps around the ring's end, and is valid until Commit or the next call.
// An error wraps ErrRingCorrupt; the records up to the last Load are then
// skipped.
func (r *Ring) Next() (rec RawRecord, ok bool, err error) {
	left := r.loaded - r.next
	if left == 0 {
		return RawRecord{}, false, nil
	}
	at := r.next & r.mask
	// The kernel's records are multiples of eight bytes, so a header never wraps.
	if left < HeaderSize || left > uint64(len(r.data)) || at+HeaderSize > uint64(len(r.data)) {
		return r.corrupt("%d bytes at position %d", left, r.next)
	}
	t, m, size := ParseHeader(r.data[at:], binary.NativeEndian)
	if size < HeaderSize || size%8 != 0 || uint64(size) > left {
		return r.corrupt("size %d of %d bytes at position %d", size, left, r.next)
	}
	r.next += uint64(size)
	rec = RawRecord{Type: t, Misc: m}
	if end := at + uint64(size); end <= uint64(len(r.data)) {
		rec.Bytes = r.data[at:end:end]
		return rec, true, nil
	}
	r.scratch = append(r.scratch[:0], r.data[at:]...)
	r.scratch = append(r.scratch, r.data[:size-len(r.scratch)]...)
	rec.Bytes = r.scratch[:size:size]
	return rec, true, nil
}

func (r *Ring) corrupt(format string, args ...any) (RawRecord, bool, error) {
	r.next = r.loaded
	return RawRecord{}, false, fmt.Errorf("%w: "+format, append([]any{ErrRingCorrupt}, args...)...)
}

// Commit gives the room of all records that Next gave back to the kernel.
func (r *Ring) Commit() { atomic.StoreUint64(r.tail, r.next) }

// Size is the length of the data area in bytes.
func (r *Ring) Size() int { return len(r.data) }
