package main

import (
	"errors"
	"io/fs"
	"syscall"

	"gorecord/perfevent/tracefs"
	"gorecord/record/probe"
	"gorecord/symbolize"
)

// exitStatus gives perf's status for an error: 256 less the errno that it
// stands for.
func exitStatus(err error) int { return 256 - int(errnoOf(err)) }

// errnoOf finds what an error stands for. The lists are in order: what an
// error says of itself comes before what it wraps.
func errnoOf(err error) syscall.Errno {
	var (
		syntax     *probe.SyntaxError
		ambiguous  *probe.AmbiguousError
		definition *tracefs.DefinitionError
		errno      syscall.Errno
	)
	switch {
	case errors.As(err, &syntax), errors.As(err, &ambiguous), errors.As(err, &definition),
		errors.Is(err, probe.ErrGoReturn), errors.Is(err, symbolize.ErrNotELF):
		return syscall.EINVAL
	case errors.Is(err, errors.ErrUnsupported):
		return syscall.ENOTSUP
	case errors.Is(err, fs.ErrExist):
		return syscall.EEXIST
	case errors.Is(err, fs.ErrNotExist):
		return syscall.ENOENT
	case errors.Is(err, fs.ErrPermission):
		return syscall.EACCES
	case errors.As(err, &errno) && errno > 0 && errno < 127:
		return errno
	}
	return syscall.EINVAL
}
