package perfdata

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Open opens the recording at path: a file in file or pipe mode, also one that
// gzip has packed; a folder, as perf record --threads leaves it; or something
// that is read as a stream, such as a named pipe. The caller must close it.
func Open(path string) (*Reader, error) {
	r, err := open(path)
	if err != nil && !errors.As(err, new(*fs.PathError)) {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return r, err
}

func open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	var r *Reader
	switch {
	case st.IsDir():
		f.Close()
		return openFolder(path)
	case !st.Mode().IsRegular():
		r, err = NewStream(f)
	default:
		r, err = openFile(f, st.Size())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	r.closer = both{r.closer, f}
	return r, nil
}

// both closes two.
type both [2]io.Closer

func (b both) Close() error {
	var errs []error
	for _, c := range b {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

func openFile(f *os.File, size int64) (*Reader, error) {
	var start [2]byte
	if n, _ := f.ReadAt(start[:], 0); n == 2 && string(start[:]) == gzipMagic {
		return NewStream(f)
	}
	return NewReader(f, size)
}

const gzipMagic = "\x1f\x8b"

// part is a file of a folder that holds records alone.
type part struct {
	file *os.File
	size int64
}

// openFolder opens a recording whose rings have files of their own (data.0,
// data.1, …) beside one that describes them all (data).
func openFolder(path string) (*Reader, error) {
	f, err := os.Open(filepath.Join(path, "data"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("a folder without a file called data: no recording")
	}
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New("data is not a regular file")
	}
	var r *Reader
	if err == nil {
		r, err = openFile(f, st.Size())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	r.closer = both{r.closer, f}
	for i := 0; ; i++ {
		f, err := os.Open(filepath.Join(path, fmt.Sprintf("data.%d", i)))
		if errors.Is(err, fs.ErrNotExist) {
			return r, nil
		}
		var st os.FileInfo
		if err == nil {
			st, err = f.Stat()
		}
		if err != nil {
			r.Close()
			return nil, err
		}
		r.parts = append(r.parts, part{f, st.Size()})
	}
}

// NewStream reads a recording from a stream, such as a pipe, which stays the
// caller's. One in pipe mode is read while it comes: NewStream returns when
// its head is there, and its records are read once, by one Sorter; what only
// its end tells, such as build ids, is known then. Another is kept in a
// temporary file without a name, until the Reader is closed. Streams that gzip
// has packed are unpacked.
func NewStream(stream io.Reader) (*Reader, error) {
	in := bufio.NewReaderSize(stream, fileHeaderSize)
	if start, _ := in.Peek(2); string(start) == gzipMagic {
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
		in = bufio.NewReaderSize(unpacked, fileHeaderSize)
	}
	start, err := in.Peek(pipeHeaderSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	r := &Reader{order: binary.LittleEndian, features: map[Feature]section{}, byID: map[uint64]*Event{}}
	if len(start) < pipeHeaderSize || !r.magic(string(start[:8]), start[8:]) {
		return nil, ErrNotPerfData
	}
	if r.order.Uint64(start[8:]) != pipeHeaderSize {
		return spool(in)
	}
	r.readsPipe()
	in.Discard(pipeHeaderSize)
	st := newStream(newStreamInput(in, pipeHeaderSize), r.order)
	st.live, st.promised = true, unbounded
	r.live = startSource(r, st, maxWaiting)
	if err := r.readHead(); err != nil {
		r.live.close()
		return nil, err
	}
	return r, nil
}

// spool keeps a stream in a file.
func spool(stream io.Reader) (*Reader, error) {
	f, err := os.CreateTemp("", "gorecord")
	if err != nil {
		return nil, fmt.Errorf("keep the stream: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, fmt.Errorf("keep the stream: %w", err)
	}
	size, err := io.Copy(f, stream)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) {
		err = nil // what was unpacked is told of by NewReader
	}
	var r *Reader
	if err == nil {
		r, err = NewReader(f, size)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	r.closer = f
	return r, nil
}
