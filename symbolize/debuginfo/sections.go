package debuginfo

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"gorecord/symbolize"
)

// object is an open ELF file whose sections are read when they are first asked
// for.
type object struct {
	file     *os.File
	size     int64
	elf      *elf.File
	sections map[string][]byte
}

// openObject opens a regular ELF file for a little-endian machine.
func openObject(path string) (o *object, err error) {
	// Opening a pipe must not block, and a device may act on it.
	fi, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read debug information: %w", err)
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("read debug information of %s: not a regular file", path)
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("read debug information: %w", err)
	}
	defer func() {
		if r := recover(); r != nil { // debug/elf trips over some damaged files
			err = fmt.Errorf("damaged ELF file")
		}
		if err != nil {
			file.Close()
			o, err = nil, fmt.Errorf("read debug information of %s: %w", path, err)
		}
	}()
	return newObject(file, fi.Size())
}

func newObject(file *os.File, size int64) (*object, error) {
	var magic [4]byte
	if n, _ := file.ReadAt(magic[:], 0); string(magic[:n]) != elf.ELFMAG {
		return nil, symbolize.ErrNotELF
	}
	f, err := elf.NewFile(io.NewSectionReader(file, 0, size))
	if err != nil {
		return nil, err
	}
	if f.ByteOrder != binary.LittleEndian {
		return nil, fmt.Errorf("a big-endian machine's file: %w", errors.ErrUnsupported)
	}
	return &object{file: file, size: size, elf: f, sections: map[string][]byte{}}, nil
}

func (o *object) close() error { return o.file.Close() }

// has reports whether a section has bytes in the file. The name comes without
// the leading dot.
func (o *object) has(name string) bool {
	s, _ := o.find(name)
	return s != nil
}

func (o *object) find(name string) (s *elf.Section, gnuCompressed bool) {
	for _, s := range o.elf.Sections {
		if s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL || s.FileSize == 0 {
			continue
		}
		if s.Name == "."+name {
			return s, false
		}
		if rest, ok := strings.CutPrefix(name, "debug_"); ok && s.Name == ".zdebug_"+rest {
			return s, true
		}
	}
	return nil, false
}

// section gives the bytes of a section, nil where it is missing or damaged.
func (o *object) section(name string) []byte {
	if b, known := o.sections[name]; known {
		return b
	}
	b := o.read(name)
	o.sections[name] = b
	return b
}

func (o *object) read(name string) (b []byte) {
	defer func() {
		if recover() != nil {
			b = nil
		}
	}()
	s, gnu := o.find(name)
	if s == nil || s.Offset > uint64(o.size) || s.FileSize > uint64(o.size)-s.Offset {
		return nil
	}
	switch {
	case gnu:
		raw := make([]byte, s.FileSize)
		if _, err := o.file.ReadAt(raw, int64(s.Offset)); err != nil {
			return nil
		}
		return unpackGNU(raw)
	case s.Flags&elf.SHF_COMPRESSED != 0:
		return readBounded(s.Open(), s.FileSize, s.Size)
	}
	b = make([]byte, s.FileSize)
	if _, err := o.file.ReadAt(b, int64(s.Offset)); err != nil {
		return nil
	}
	return b
}

// unpackGNU reads a .zdebug section: "ZLIB", the size, zlib data.
func unpackGNU(raw []byte) []byte {
	if len(raw) < 12 || string(raw[:4]) != "ZLIB" {
		return nil
	}
	z, err := zlib.NewReader(bytes.NewReader(raw[12:]))
	if err != nil {
		return nil
	}
	return readBounded(z, uint64(len(raw)), binary.BigEndian.Uint64(raw[4:]))
}

// maxRatio is how many bytes one compressed byte may stand for. Debug
// information shrinks to a third or a tenth.
const maxRatio = 256

// readBounded reads the size bytes that compressed data promise, and gives nil
// where there are fewer, or out of proportion more than went in.
func readBounded(r io.Reader, packed, size uint64) []byte {
	if size > packed*maxRatio {
		return nil
	}
	// The size is only a promise: the buffer grows with what comes.
	var b bytes.Buffer
	b.Grow(int(min(size, packed*8)))
	n, err := io.Copy(&b, io.LimitReader(r, int64(size)))
	if err != nil || uint64(n) != size {
		return nil
	}
	return b.Bytes()
}

// code are the address ranges of the loaded segments that may be executed.
func (o *object) code() []Range {
	var list []Range
	for _, p := range o.elf.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && p.Memsz > 0 && p.Vaddr+p.Memsz > p.Vaddr {
			list = append(list, Range{symbolize.VirtAddr(p.Vaddr), symbolize.VirtAddr(p.Vaddr + p.Memsz)})
		}
	}
	return list
}
