package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/term"
)

// direct decides where the recording goes: into a file, or to standard output,
// where -o - says so or standard output is a pipe and there is no -o, as perf
// does.
func (o *outputOptions) direct(stdout io.Writer) error {
	o.stream = o.path == "-" || !o.named && isPipe(stdout)
	switch {
	case o.keepFiles < 0:
		return fmt.Errorf("--switch-max-files %d: keep at least one", o.keepFiles)
	case o.keepFiles > 0 && !o.switchAt.on:
		return errors.New("--switch-max-files goes with --switch-output")
	case o.stream && o.stamped():
		return errors.New("--switch-output and --timestamp-filename name files, and the recording goes to standard output: name a file with -o")
	case o.stream && isTerminal(stdout):
		return errors.New("a recording is no text for a terminal: send it through a pipe (-o - | goscript -i -) or name a file with -o")
	}
	return nil
}

func isPipe(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeNamedPipe != 0
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// stream is standard output as a recording needs it. A pipe is opened anew, so
// that a write that its reader does not take can be given up (stop) without
// changing the pipe for others who share it; and its end is an error of the
// write, not a signal.
type stream struct {
	io.Writer
	own *os.File // nil where standard output is used as it is
}

func openStream(stdout io.Writer) *stream {
	s := &stream{Writer: stdout}
	if !isPipe(stdout) {
		return s
	}
	name := fmt.Sprintf("/proc/self/fd/%d", stdout.(*os.File).Fd())
	if f, err := os.OpenFile(name, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
		s.Writer, s.own = f, f
	}
	return s
}

// stop ends a write that hangs, and makes all later ones fail.
func (s *stream) stop() {
	if s.own != nil {
		s.own.SetWriteDeadline(time.Now())
	}
}

// resume takes stop back, for a write that was over by then.
func (s *stream) resume() {
	if s.own != nil {
		s.own.SetWriteDeadline(time.Time{})
	}
}

func (s *stream) Close() error {
	if s.own == nil {
		return nil
	}
	return s.own.Close()
}
