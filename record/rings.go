package record

import (
	"fmt"
	"os"

	"gorecord/perfevent"
)

const (
	// ringBytes is the size of a ring where nothing else is said: room for
	// what one CPU writes in some 100 ms at the highest rates, since that is
	// how long a drain can be kept from running.
	ringBytes = 16 << 20
	// ringBytesAll bounds the rings of all CPUs together.
	ringBytesAll = 256 << 20
	minRingBytes = 128 << 10
	// mostWakeupBytes bounds the watermark: waking more seldom saves nothing.
	mostWakeupBytes = 1 << 20
)

// choosePages fixes the size of the rings, in pages. Where it is left to the
// session, the size that the memory lock limit allows for all rings together is
// found by trying, with events that anyone may open.
func (s *Session) choosePages() int {
	if s.cfg.RingPages > 0 {
		return s.cfg.RingPages
	}
	size := ringBytes
	for size > minRingBytes && size*len(s.cpus) > ringBytesAll {
		size /= 2
	}
	pages := max(1, size/os.Getpagesize())
	for pages > 1 && isOverLimit(s.tryRings(pages)) {
		pages /= 2
	}
	return pages
}

// tryRings maps as many rings as there are CPUs, and unmaps them again.
func (s *Session) tryRings(pages int) error {
	a := perfevent.Attr{
		Type: perfevent.TypeSoftware, Config: perfevent.SWDummy,
		Flags: perfevent.FlagDisabled | perfevent.FlagExcludeKernel | perfevent.FlagExcludeHV,
	}
	for range s.cpus {
		d, err := s.opener.Open(&a, 0, perfevent.AnyCPU)
		if err != nil {
			return nil // opening the real events will tell
		}
		defer d.Close()
		r, err := s.opener.OpenRing(d, pages)
		if err != nil {
			return err
		}
		defer r.Close()
	}
	return nil
}

// wakeup is the watermark in bytes: early enough that there is time to drain.
func (s *Session) wakeup() uint32 {
	bytes := min(s.pages*os.Getpagesize()/4, mostWakeupBytes)
	if s.cfg.WakeupBytes > 0 {
		bytes = min(bytes, s.cfg.WakeupBytes)
	}
	return uint32(bytes)
}

// mapRing maps the ring of one CPU.
func (s *Session) mapRing(fd openedFD) (Ring, error) {
	ring, err := s.opener.OpenRing(fd.Descriptor, s.pages)
	if err != nil && isOverLimit(err) {
		return nil, fmt.Errorf("cpu %d: %w (kernel.perf_event_mlock_kb and ulimit -l bound unprivileged rings: try a smaller -m)", fd.cpu, err)
	}
	if err != nil {
		return nil, fmt.Errorf("cpu %d: %w", fd.cpu, err)
	}
	return ring, nil
}
