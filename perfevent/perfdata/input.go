package perfdata

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// input reads bytes one after the other through a window.
type input struct {
	r      io.Reader
	seeker io.Seeker // of r, where it has one: it skips without reading
	pos    int64     // place in the recording of the first byte of window
	end    int64     // of what is to be read; unbounded where only r tells
	window []byte    // bytes from pos on that were read
	store  []byte    // room of window
	err    error     // other than the end, once it was met
}

// unbounded is the end of a stream whose length nobody knows.
const unbounded = math.MaxInt64

// newInput reads a section of a file.
func newInput(src io.ReaderAt, s section) input {
	r := io.NewSectionReader(src, int64(s.offset), int64(s.size))
	return input{r: r, seeker: r, pos: int64(s.offset), end: int64(s.offset + s.size), store: make([]byte, batchBytes)}
}

// newStreamInput reads a stream from where it stands, which is pos bytes from
// its start.
func newStreamInput(r io.Reader, pos int64) input {
	return input{r: r, pos: pos, end: unbounded, store: make([]byte, batchBytes)}
}

// left is how many bytes are still to come, as far as is known.
func (in *input) left() int64 { return in.end - in.pos }

// has reports whether at least n bytes, at most the window's room, are left.
// Bytes of a stream are waited for, but no more than n.
func (in *input) has(n int) bool {
	if len(in.window) >= n {
		return true
	}
	if int64(n) > in.left() {
		return false
	}
	have := copy(in.store, in.window)
	room := in.store[have:min(int64(len(in.store)), in.left())]
	got, err := io.ReadAtLeast(in.r, room, n-have)
	in.window = in.store[:have+got]
	if err != nil {
		// The end came early, or an error.
		in.end = in.pos + int64(len(in.window))
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			in.err = fmt.Errorf("read records at offset %d: %w", in.end, err)
		}
	}
	return len(in.window) >= n
}

// fill reads as much as the window has room for, or what is left.
func (in *input) fill() { in.has(int(min(int64(len(in.store)), in.left()))) }

// all reports whether the window holds everything that is left.
func (in *input) all() bool { return int64(len(in.window)) == in.left() }

// consume moves behind n bytes of the window.
func (in *input) consume(n int) {
	in.pos += int64(n)
	in.window = in.window[n:]
}

// skip moves behind n bytes, or to the end, and returns how many there were.
// The window's bytes stay valid.
func (in *input) skip(n int64) int64 {
	n = min(n, in.left())
	inside := min(n, int64(len(in.window)))
	in.consume(int(inside))
	rest := n - inside
	if rest == 0 {
		return n
	}
	if in.seeker != nil {
		if _, err := in.seeker.Seek(rest, io.SeekCurrent); err == nil {
			in.pos += rest
			return n
		}
	}
	done, err := io.CopyN(io.Discard, in.r, rest)
	in.pos += done
	if err != nil {
		in.end = in.pos
	}
	return inside + done
}

// read takes n bytes, or what there is up to the end.
func (in *input) read(n int64) []byte {
	n = min(n, in.left())
	inside := min(n, int64(len(in.window)))
	b := append([]byte(nil), in.window[:inside]...)
	in.consume(int(inside))
	// Memory grows with what comes, not with what was said to come.
	for int64(len(b)) < n {
		part := make([]byte, min(n-int64(len(b)), 1<<20))
		got, err := io.ReadFull(in.r, part)
		b = append(b, part[:got]...)
		in.pos += int64(got)
		if err != nil {
			in.end = in.pos
			break
		}
	}
	return b
}
