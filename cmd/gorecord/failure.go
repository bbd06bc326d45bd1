package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"gorecord/cmd/internal/cli"
	"gorecord/record"
)

// fail ends a recording that cannot go on, and returns what to tell the user.
// Where the output failed, what was written stays and is a whole recording.
//
// The workload gets SIGTERM, as in perf; but where the reader of a pipe is
// gone, it goes on by itself, as it does when SIGPIPE ends perf.
func (r *recorder) fail(err error) error {
	output := (*record.OutputError)(nil)
	if !errors.As(err, &output) {
		return err
	}
	if r.recording == nil {
		r.status = r.outputStatus(err)
		return fmt.Errorf("%w%s; nothing could be kept", err, remedy(err))
	}
	r.failed = true
	// Errors of ending change nothing about what there is to tell.
	r.session.Disable()
	r.recording.GiveUp()
	if !errors.Is(err, syscall.EPIPE) && r.workloadRuns() {
		r.endWorkload()
	}
	r.status = r.outputStatus(err)
	kept := r.recording.Kept()
	return fmt.Errorf("%w%s; kept %d samples (%.3f MB)", err, remedy(err), kept.Samples, float64(kept.FileBytes)/(1<<20))
}

// workloadRuns reports whether there is a workload that was let go.
func (r *recorder) workloadRuns() bool { return r.workload != nil && r.released }

// outputStatus is the exit status after an error of the output: that of SIGPIPE
// where the reader of a pipe is gone, that of the signal that gave up waiting for
// it.
func (r *recorder) outputStatus(err error) int {
	if errors.Is(err, syscall.EPIPE) {
		return 128 + int(syscall.SIGPIPE)
	}
	if sig, ok := r.got.(syscall.Signal); ok && errors.Is(err, os.ErrDeadlineExceeded) {
		return 128 + int(sig)
	}
	return cli.ExitFail
}

// remedy names the way out, in brackets, where there is one to name.
func remedy(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return " (-o names a file elsewhere, --max-size ends a recording in time)"
	case errors.Is(err, syscall.EDQUOT):
		return " (-o names a file outside of the quota, --max-size ends a recording in time)"
	case errors.Is(err, syscall.EFBIG):
		return " (ulimit -f bounds files; --switch-output makes several)"
	case errors.Is(err, syscall.EPIPE):
		return " (its reader has ended)"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return " (its reader takes nothing)"
	}
	return ""
}
