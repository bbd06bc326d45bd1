package record

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// countingFile writes as the file does, but tells how many bytes were written
// before an error; (*os.File).WriteAt does not.
type countingFile struct{ *os.File }

func (f countingFile) WriteAt(b []byte, off int64) (n int, err error) {
	for n < len(b) {
		m, err := unix.Pwrite(int(f.Fd()), b[n:], off+int64(n))
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return n, &fs.PathError{Op: "write", Path: f.Name(), Err: err}
		case m == 0:
			return n, &fs.PathError{Op: "write", Path: f.Name(), Err: io.ErrShortWrite}
		}
		n += max(m, 0)
	}
	return n, nil
}
