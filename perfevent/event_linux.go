package perfevent

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Event is an open perf event descriptor. It is safe for use by several
// goroutines, except that Close must come last.
type Event struct {
	fd     int
	typ    EventType
	layout *Layout
}

// AnyCPU and AnyThread stand for no restriction in Open.
const (
	AnyCPU    = -1
	AnyThread = -1
)

// Open opens an event for a thread (0: the caller, AnyThread: all) on a CPU
// (AnyCPU: whichever it runs on), as perf_event_open(2) describes. The
// descriptor is closed on exec. The caller owns the event and must close it.
// The error is the bare errno: only the caller knows the event's name.
func Open(a *Attr, tid, cpu int) (*Event, error) {
	buf := a.appendIn(nil, hostOrder())
	fd, _, errno := unix.Syscall6(unix.SYS_PERF_EVENT_OPEN,
		uintptr(unsafe.Pointer(&buf[0])), uintptr(tid), uintptr(cpu),
		^uintptr(0), unix.PERF_FLAG_FD_CLOEXEC, 0)
	runtime.KeepAlive(buf)
	if errno != 0 {
		return nil, errno
	}
	return &Event{fd: int(fd), typ: a.Type, layout: NewLayout(a, hostOrder())}, nil
}

// FD is the descriptor, for polling. It stays the event's.
func (e *Event) FD() int { return e.fd }

// Close closes the descriptor. It may be called again without harm.
func (e *Event) Close() error {
	if e.fd < 0 {
		return nil
	}
	fd := e.fd
	e.fd = -1
	return unix.Close(fd)
}

func (e *Event) ioctl(name string, req uint, arg int) error {
	if err := unix.IoctlSetInt(e.fd, req, arg); err != nil {
		return fmt.Errorf("%s event: %w", name, err)
	}
	return nil
}

// Enable starts counting and sampling.
func (e *Event) Enable() error { return e.ioctl("enable", unix.PERF_EVENT_IOC_ENABLE, 0) }

// Disable stops counting and sampling.
func (e *Event) Disable() error { return e.ioctl("disable", unix.PERF_EVENT_IOC_DISABLE, 0) }

// SetOutput sends the event's records into the ring of another event of the
// same CPU.
func (e *Event) SetOutput(ring *Event) error {
	return e.ioctl("redirect", unix.PERF_EVENT_IOC_SET_OUTPUT, ring.fd)
}

// SetFilter sets the filter of a tracepoint, in the language of
// Documentation/trace/events.rst. EINVAL says that the kernel cannot parse it
// or does not know a field, EEXIST that the event has a filter already.
func (e *Event) SetFilter(filter string) error {
	b, err := unix.BytePtrFromString(filter)
	if err != nil {
		return fmt.Errorf("filter %q: %w", filter, err)
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(e.fd), unix.PERF_EVENT_IOC_SET_FILTER, uintptr(unsafe.Pointer(b)))
	runtime.KeepAlive(b)
	if errno == 0 {
		return nil
	}
	if fault, ok := filterFaults[errno]; ok && e.typ == TypeTracepoint {
		return fmt.Errorf("filter %q: %s: %w", filter, fault, unix.EINVAL)
	}
	return fmt.Errorf("filter %q: %w", filter, errno)
}

// filterFaults are results of the kernel's filter parser that reach its callers
// as if they were errnos (enum in kernel/trace/trace_events_filter.c).
var filterFaults = map[unix.Errno]string{
	1: "closing parenthesis without an opening one",
	2: "parenthesis is not closed",
	3: "quote is not closed",
}

// ID is the number that samples carry as ID or IDENTIFIER.
func (e *Event) ID() (uint64, error) {
	var id uint64
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(e.fd), unix.PERF_EVENT_IOC_ID, uintptr(unsafe.Pointer(&id)))
	if errno != 0 {
		return 0, fmt.Errorf("read event id: %w", errno)
	}
	return id, nil
}

// Read reads the event's values as its ReadFormat lays them out. Of an
// inherited event it gives the sums over all threads, ended ones included.
func (e *Event) Read() (ReadValues, error) {
	var buf [4096]byte
	n, err := unix.Read(e.fd, buf[:])
	if err != nil {
		return ReadValues{}, fmt.Errorf("read event: %w", err)
	}
	return e.layout.DecodeRead(buf[:n])
}
