package tracefs

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
)

// ErrNotSupported says that the kernel, or the system, is built without what
// is asked for. It matches errors.ErrUnsupported.
var ErrNotSupported error = notSupported{}

type notSupported struct{}

func (notSupported) Error() string        { return "not supported by this kernel" }
func (notSupported) Is(target error) bool { return target == errors.ErrUnsupported }

// Error is the kernel's refusal to define or delete an event. errors.Is finds
// the cause: fs.ErrExist (the name is taken), fs.ErrNotExist (no such file,
// symbol or event), fs.ErrPermission, syscall.EBUSY (the event is in use),
// syscall.EINVAL, ErrNotSupported.
type Error struct {
	Op    string // "define" or "delete"
	Event EventName
	Line  string // what was written; empty where it did not come to that
	// Reason is what the kernel says about it, or we know; may be empty.
	Reason string
	// Column is the byte of Line that the Reason is about, counted from 0; -1
	// where it is not known.
	Column int
	Err    error

	// told is set where Reason says all that Err would.
	told bool
}

func (e *Error) Unwrap() error { return e.Err }

// Error gives one line, such as
//
//	define probe_main:callee: invalid argument: Invalid register name: "%zz" at column 36 of "p:probe_main/callee …"
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: ", e.Op, e.Event)
	if !e.told {
		b.WriteString(e.Err.Error())
		if e.Reason != "" {
			b.WriteString(": ")
		}
	}
	b.WriteString(e.Reason)
	if e.Column >= 0 && e.Column < len(e.Line) {
		word, _, _ := strings.Cut(e.Line[e.Column:], " ")
		fmt.Fprintf(&b, ": %q at column %d of %q", word, e.Column+1, e.Line)
	}
	return b.String()
}

// unsupported says that the kernel has no probes of the kind.
func unsupported(kind Kind) error {
	option := "CONFIG_UPROBE_EVENTS"
	if kind == Kprobe {
		option = "CONFIG_KPROBE_EVENTS"
	}
	return fmt.Errorf("%ss: %w: it is built without %s", kind, ErrNotSupported, option)
}

// accessReason explains why a file of the folder cannot be opened for writing.
func accessReason(err error) string {
	switch {
	case errors.Is(err, syscall.EROFS):
		return "tracefs is mounted read-only here"
	case errors.Is(err, syscall.EPERM):
		return "the kernel forbids it; it may be locked down (see /sys/kernel/security/lockdown)"
	case errors.Is(err, fs.ErrPermission):
		return "only root may write there: run as root, or give this program CAP_DAC_OVERRIDE"
	}
	return ""
}

// defineReason explains an errno where the kernel's error log has nothing.
func defineReason(p *Probe, err error) string {
	switch {
	case errors.Is(err, fs.ErrExist):
		return "an event of that name exists; delete it first or take another name"
	case errors.Is(err, fs.ErrNotExist) && p.Kind == Kprobe:
		return "the kernel has no function " + p.Symbol + " that can be probed"
	case errors.Is(err, fs.ErrNotExist):
		return "no such file: " + p.Path
	}
	return ""
}
