package perfevent

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// MappedRing is the ring of an open event, mapped into memory.
type MappedRing struct {
	*Ring
	mapping []byte
}

// OpenRing maps a ring of the given number of data pages, a power of two, for
// the event. Other events of the same CPU can be sent into it with
// Event.SetOutput. The caller owns the ring and must close it; the event may
// be closed earlier, which does not end the mapping.
//
// The kernel charges rings against perf_event_mlock_kb per CPU and then
// RLIMIT_MEMLOCK, unless the caller has CAP_IPC_LOCK; EPERM says that the
// charge is too high.
func OpenRing(e *Event, pages int) (*MappedRing, error) {
	if pages < 1 || pages&(pages-1) != 0 {
		return nil, fmt.Errorf("map ring: %d pages is no power of two", pages)
	}
	page := os.Getpagesize()
	m, err := unix.Mmap(e.fd, 0, (1+pages)*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map ring of %d KiB: %w", pages*page>>10, err)
	}
	offset, size := uint64(page), uint64(pages*page)
	// Kernels before 4.1 leave the two fields zero.
	if s := binary.NativeEndian.Uint64(m[metaDataSize:]); s != 0 {
		offset, size = binary.NativeEndian.Uint64(m[metaDataOffset:]), s
	}
	if offset > uint64(len(m)) || size > uint64(len(m))-offset {
		unix.Munmap(m)
		return nil, fmt.Errorf("map ring: kernel places %d bytes of data at %d of %d", size, offset, len(m))
	}
	r, err := NewRing(m[:page], m[offset:offset+size])
	if err != nil {
		unix.Munmap(m)
		return nil, err
	}
	return &MappedRing{Ring: r, mapping: m}, nil
}

// Close unmaps the ring. Views of its records become invalid. Close may be
// called again without harm.
func (r *MappedRing) Close() error {
	if r.mapping == nil {
		return nil
	}
	m := r.mapping
	r.mapping, r.Ring = nil, nil
	return unix.Munmap(m)
}
