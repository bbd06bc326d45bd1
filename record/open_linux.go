package record

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"gorecord/perfevent"
)

var errThreadGone error = unix.ESRCH

func isUnknownABI(err error) bool {
	return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.E2BIG)
}

func isUnsupported(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EOPNOTSUPP)
}

// isNotPermitted tells EPERM from EACCES.
func isNotPermitted(err error) bool { return errors.Is(err, unix.EPERM) }

func isTooManyFiles(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE)
}

// isOverLimit reports whether a ring was refused for its size.
func isOverLimit(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOMEM)
}

// Kernel opens events of the running kernel.
type Kernel struct{}

// Open implements Opener.
func (Kernel) Open(a *perfevent.Attr, tid, cpu int) (Descriptor, error) {
	e, err := perfevent.Open(a, tid, cpu)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// OpenRing implements Opener.
func (Kernel) OpenRing(d Descriptor, pages int) (Ring, error) {
	e, err := kernelEvent(d)
	if err != nil {
		return nil, err
	}
	r, err := perfevent.OpenRing(e, pages)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Redirect implements Opener.
func (Kernel) Redirect(d, owner Descriptor) error {
	e, err := kernelEvent(d)
	if err != nil {
		return err
	}
	o, err := kernelEvent(owner)
	if err != nil {
		return err
	}
	return e.SetOutput(o)
}

// NewWaiter implements Opener.
func (Kernel) NewWaiter() (Waiter, error) {
	p, err := perfevent.NewPoller()
	if err != nil {
		return nil, err
	}
	return kernelWaiter{p}, nil
}

type kernelWaiter struct{ *perfevent.Poller }

// Add implements Waiter.
func (w kernelWaiter) Add(d Descriptor) error {
	e, err := kernelEvent(d)
	if err != nil {
		return err
	}
	return w.Poller.Add(e)
}

func kernelEvent(d Descriptor) (*perfevent.Event, error) {
	e, ok := d.(*perfevent.Event)
	if !ok {
		return nil, fmt.Errorf("%T is no event of the kernel", d)
	}
	return e, nil
}
