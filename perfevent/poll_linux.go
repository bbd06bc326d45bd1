package perfevent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Poller waits until rings hold data. Wait is for one goroutine; Wake may be
// called by any, at any time. Descriptors whose event ended (its thread has
// exited) are dropped by themselves, so that they do not keep Wait from
// sleeping.
type Poller struct {
	epoll, wake int
	mu          sync.Mutex // keeps Wake from a descriptor that Close gave back
	events      []unix.EpollEvent
	watched     int
}

// NewPoller makes a Poller that the caller must close.
func NewPoller() (*Poller, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(ep)
		return nil, fmt.Errorf("create eventfd: %w", err)
	}
	p := &Poller{epoll: ep, wake: wake, events: make([]unix.EpollEvent, 64)}
	if err := p.add(wake); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Poller) add(fd int) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		return fmt.Errorf("watch descriptor %d: %w", fd, err)
	}
	return nil
}

// Add watches an event, which must stay open until it is dropped or the
// Poller closed. Every event counts, not only those that own rings: an
// inherited event reports the end of its thread. The kernel reports an event
// that has neither a ring nor SetOutput to one as ended (perf_poll in
// kernel/events/core.c), so Add comes after these.
func (p *Poller) Add(e *Event) error {
	if err := p.add(e.fd); err != nil {
		return err
	}
	p.watched++
	return nil
}

// Watched is the number of events that have not ended.
func (p *Poller) Watched() int { return p.watched }

// Wait sleeps until a ring reaches its watermark, Wake is called, an event
// ends, a signal interrupts the thread, or the time has passed, rounded up to
// milliseconds and at most 24 days (a negative time waits without end). data
// says whether a ring has reached its watermark.
func (p *Poller) Wait(timeout time.Duration) (data bool, err error) {
	n, err := unix.EpollWait(p.epoll, p.events, milliseconds(timeout))
	if err != nil {
		if errors.Is(err, unix.EINTR) {
			return false, nil
		}
		return false, fmt.Errorf("wait for events: %w", err)
	}
	for _, ev := range p.events[:n] {
		if int(ev.Fd) == p.wake {
			var b [8]byte
			unix.Read(p.wake, b[:])
			continue
		}
		if ev.Events&unix.EPOLLIN != 0 {
			data = true
		}
		if ev.Events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
			unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, int(ev.Fd), nil)
			p.watched--
		}
	}
	return data, nil
}

// milliseconds rounds up, so that a short wait does not become none, and keeps
// to the 31 bits that the kernel takes.
func milliseconds(d time.Duration) int {
	if d < 0 {
		return -1
	}
	ms := d / time.Millisecond
	if d%time.Millisecond != 0 {
		ms++
	}
	return int(min(ms, math.MaxInt32))
}

// Wake makes the current or next Wait return. After Close it does nothing.
func (p *Poller) Wake() {
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.wake >= 0 {
		unix.Write(p.wake, b[:])
	}
}

// Close closes the Poller; no Wait may be in progress. It may be called again
// without harm.
func (p *Poller) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.epoll < 0 {
		return nil
	}
	err := errors.Join(unix.Close(p.epoll), unix.Close(p.wake))
	p.epoll, p.wake = -1, -1
	return err
}
