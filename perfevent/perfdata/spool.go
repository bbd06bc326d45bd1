package perfdata

import (
	"fmt"
	"io"
	"os"
)

// Spool reads a recording from a stream, such as a pipe, to its end, and opens
// it. The bytes are kept in a temporary file without a name, which goes when
// the Reader is closed. The caller must close the Reader; the stream stays the
// caller's.
func Spool(stream io.Reader) (*Reader, error) {
	f, err := os.CreateTemp("", "gorecord")
	if err != nil {
		return nil, fmt.Errorf("keep the stream: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("keep the stream: %w", err)
	}
	size, err := io.Copy(f, stream)
	var r *Reader
	if err == nil {
		r, err = NewReader(f, size)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("stream: %w", err)
	}
	r.closer = f
	return r, nil
}
