// Package perfevent is the kernel's perf_event ABI as Go sees it: the
// attribute that describes an event, the records that events produce, the
// layout of samples, the memory-mapped ring that carries them, and the
// descriptor that perf_event_open(2) returns.
//
// The wire facts (Attr, the bit sets, records, Layout, Ring) are plain data and
// compile on every system; only Event, OpenRing and Poller need Linux.
// The source is include/uapi/linux/perf_event.h and kernel/events/core.c of
// Linux 6.18; fields that a later kernel appends are skipped, never fatal.
//
// Decoding never needs a descriptor: Layout is computed from an Attr, so ring,
// file and tests share one decoder.
package perfevent

// Addr is an address in the address space that was sampled: a user address of
// one process or a kernel address. It is neither a position in a file nor an
// address as an ELF file states it.
type Addr uint64

// FileOffset is a position in a mapped file, as MMAP records give it (pgoff).
type FileOffset uint64
