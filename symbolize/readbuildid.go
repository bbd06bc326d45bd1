package symbolize

import (
	"debug/elf"
	"fmt"
	"io"
	"sync"
)

// maxNotes bounds the bytes of all notes that are read of a file, which may
// claim the same ones many times; vmlinux has a few hundred bytes.
const maxNotes = 1 << 20

// headBytes is what ReadBuildID fetches at once: file header, program headers
// and notes of a usual file lie in it, so one read is enough.
const headBytes = 4096

// ReadBuildID returns the GNU build id of an ELF file, reading its headers and
// notes only: the PT_NOTE segments as the kernel does (lib/buildid.c), and the
// note sections for a file without such (a kernel module). r is not used after
// the call. The error is, possibly wrapped, [ErrNotELF] or [ErrNoBuildID] where
// that is the cause.
func ReadBuildID(r io.ReaderAt, size int64) (BuildID, error) {
	head := headPool.Get().(*headReader)
	defer head.release()
	if err := head.fill(r, size); err != nil {
		return "", err
	}
	f, err := newELFFile(head, size)
	if err != nil {
		return "", err
	}
	return f.buildID()
}

// ReadBuildIDFile is [ReadBuildID] of a regular file; anything else (devices,
// pipes) is refused without being opened.
func ReadBuildIDFile(path string) (BuildID, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	id, err := ReadBuildID(f, size)
	if err != nil {
		return "", fmt.Errorf("read build id of %s: %w", path, err)
	}
	return id, nil
}

// buildID looks through note segments, then note sections.
func (f *elfFile) buildID() (BuildID, error) {
	budget := uint64(maxNotes)
	for _, s := range f.segments {
		if s.typ != elf.PT_NOTE {
			continue
		}
		if b, err := f.readNotes(s.off, s.filesz, &budget); err != nil {
			return "", err
		} else if id := buildIDNote(b, f.order, s.align); id != "" {
			return id, nil
		}
	}
	if err := f.loadSections(); err != nil {
		return "", err
	}
	for _, s := range f.sections {
		if s.typ != elf.SHT_NOTE {
			continue
		}
		if b, err := f.readNotes(s.off, s.size, &budget); err != nil {
			return "", err
		} else if id := buildIDNote(b, f.order, s.addralign); id != "" {
			return id, nil
		}
	}
	return "", ErrNoBuildID
}

// readNotes reads a note segment or section, and takes its size off the budget.
func (f *elfFile) readNotes(off, size uint64, budget *uint64) ([]byte, error) {
	if size > *budget {
		return nil, fmt.Errorf("read notes: over %d bytes of them", maxNotes)
	}
	*budget -= size
	return f.readRange("notes", off, size)
}

var headPool = sync.Pool{New: func() any { return new(headReader) }}

// headReader serves the first bytes of a file from memory.
type headReader struct {
	r   io.ReaderAt
	n   int
	buf [headBytes]byte
}

func (h *headReader) fill(r io.ReaderAt, size int64) error {
	n, err := r.ReadAt(h.buf[:max(0, min(size, headBytes))], 0)
	if err != nil && err != io.EOF {
		return fmt.Errorf("read ELF header: %w", err)
	}
	h.r, h.n = r, n
	return nil
}

func (h *headReader) ReadAt(p []byte, off int64) (int, error) {
	if off >= 0 && off+int64(len(p)) <= int64(h.n) {
		return copy(p, h.buf[off:]), nil
	}
	return h.r.ReadAt(p, off)
}

func (h *headReader) release() {
	h.r, h.n = nil, 0
	headPool.Put(h)
}
