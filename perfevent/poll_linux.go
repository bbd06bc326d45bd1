package perfevent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Poller waits until rings hold data. Wait is for one goroutine; Wake may be
// called by any. Descriptors whose event ended (its thread has exited) are
// dropped by themselves, so that they do not keep Wait from sleeping.
type Poller struct {
	epoll, wake int
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
// inherited event reports the end of its thread.
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
// ends, or the time has passed (a negative time waits without end). data says
// whether a ring has reached its watermark.
func (p *Poller) Wait(timeout time.Duration) (data bool, err error) {
	ms := -1
	if timeout >= 0 {
		ms = int((timeout + time.Millisecond - 1) / time.Millisecond)
	}
	n, err := unix.EpollWait(p.epoll, p.events, ms)
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

// Wake makes the current or next Wait return.
func (p *Poller) Wake() {
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], 1)
	unix.Write(p.wake, b[:])
}

// Close closes the Poller; no Wait may be in progress. It may be called again
// without harm.
func (p *Poller) Close() error {
	if p.epoll < 0 {
		return nil
	}
	err := errors.Join(unix.Close(p.epoll), unix.Close(p.wake))
	p.epoll, p.wake = -1, -1
	return err
}
