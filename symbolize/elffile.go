package symbolize

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// ErrNotELF says that a file does not start as an ELF file does.
var ErrNotELF = errors.New("not an ELF file")

// segment is a program header.
type segment struct {
	typ    elf.ProgType
	flags  elf.ProgFlag
	off    uint64
	vaddr  uint64
	filesz uint64
	memsz  uint64
	align  uint64
}

// section is a section header with its name.
type section struct {
	name      string
	typ       elf.SectionType
	flags     elf.SectionFlag
	addr      uint64
	off       uint64
	size      uint64
	link      uint32
	addralign uint64
	entsize   uint64
	nameOff   uint32
}

// elfFile is the skeleton of an ELF file of either class and byte order: its
// headers, decoded by our own code since debug/elf may panic on hostile input.
// Everything it allocates is bounded by the size of the file.
type elfFile struct {
	r       io.ReaderAt
	size    uint64
	order   binary.ByteOrder
	is64    bool
	typ     elf.Type
	machine elf.Machine

	phoff, shoff         uint64
	phentsize, phnum     uint64
	shentsize, shnum     uint64
	shstrndx             uint64
	segments             []segment
	sections             []section
	sectionHeadersLoaded bool
	stringTables         map[uint32]string // read so far, by section
}

// newELFFile reads the file header and the program headers; the section
// headers, which often lie at the far end of the file, wait for loadSections.
func newELFFile(r io.ReaderAt, size int64) (*elfFile, error) {
	if size < 0 {
		return nil, fmt.Errorf("read ELF header: file size %d is negative", size)
	}
	f := &elfFile{r: r, size: uint64(size)}
	if err := f.readHeader(); err != nil {
		return nil, err
	}
	if err := f.readSegments(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *elfFile) readHeader() error {
	var buf [64]byte
	h := buf[:min(f.size, 64)]
	if _, err := f.r.ReadAt(h, 0); err != nil && err != io.EOF {
		return fmt.Errorf("read ELF header: %w", err)
	}
	if len(h) < 16 || string(h[:4]) != elf.ELFMAG {
		return ErrNotELF
	}
	switch elf.Data(h[elf.EI_DATA]) {
	case elf.ELFDATA2LSB:
		f.order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		f.order = binary.BigEndian
	default:
		return fmt.Errorf("read ELF header: byte order %d is neither little nor big endian", h[elf.EI_DATA])
	}
	switch elf.Class(h[elf.EI_CLASS]) {
	case elf.ELFCLASS64:
		f.is64 = true
	case elf.ELFCLASS32:
	default:
		return fmt.Errorf("read ELF header: class %d is neither 32 nor 64 bits", h[elf.EI_CLASS])
	}
	headerSize := 52
	if f.is64 {
		headerSize = 64
	}
	if len(h) < headerSize {
		return fmt.Errorf("read ELF header: %d of %d bytes (file cut off?)", len(h), headerSize)
	}
	f.decodeHeader(h)
	return f.extendedCounts()
}

func (f *elfFile) decodeHeader(h []byte) {
	f.typ = elf.Type(f.order.Uint16(h[16:]))
	f.machine = elf.Machine(f.order.Uint16(h[18:]))
	rest := h[40:]
	if f.is64 {
		f.phoff = f.order.Uint64(h[32:])
		f.shoff = f.order.Uint64(h[40:])
		rest = h[52:]
	} else {
		f.phoff = uint64(f.order.Uint32(h[28:]))
		f.shoff = uint64(f.order.Uint32(h[32:]))
	}
	// e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx
	f.phentsize = uint64(f.order.Uint16(rest[2:]))
	f.phnum = uint64(f.order.Uint16(rest[4:]))
	f.shentsize = uint64(f.order.Uint16(rest[6:]))
	f.shnum = uint64(f.order.Uint16(rest[8:]))
	f.shstrndx = uint64(f.order.Uint16(rest[10:]))
	if f.shoff == 0 {
		f.shnum = 0
	}
}

// extendedCounts resolves the escapes of the gABI for counts that do not fit
// 16 bits: they stand in section header 0.
func (f *elfFile) extendedCounts() error {
	const escape = 0xffff // PN_XNUM and SHN_XINDEX alike
	if f.shoff == 0 || (f.shnum != 0 && f.phnum != escape && f.shstrndx != escape) {
		return nil
	}
	hs, err := f.readTable("section header 0", f.shoff, 1, f.shentsize, f.sectionHeaderSize())
	if err != nil {
		return err
	}
	s := f.decodeSection(hs)
	if f.shnum == 0 {
		f.shnum = s.size
	}
	if f.shstrndx == escape {
		f.shstrndx = uint64(s.link)
	}
	if f.phnum == escape {
		info := hs[28:]
		if f.is64 {
			info = hs[44:]
		}
		f.phnum = uint64(f.order.Uint32(info))
	}
	return nil
}

func (f *elfFile) sectionHeaderSize() uint64 {
	if f.is64 {
		return 64
	}
	return 40
}

func (f *elfFile) segmentHeaderSize() uint64 {
	if f.is64 {
		return 56
	}
	return 32
}

// readTable reads count entries of entsize bytes, each at least minSize long.
func (f *elfFile) readTable(what string, off, count, entsize, minSize uint64) ([]byte, error) {
	if count == 0 {
		return nil, nil
	}
	if entsize < minSize {
		return nil, fmt.Errorf("read %s: entries of %d bytes, want at least %d", what, entsize, minSize)
	}
	if off > f.size || count > (f.size-off)/entsize {
		return nil, fmt.Errorf("read %s: %d entries of %d bytes at offset %#x go past the end of the file (%d bytes; cut off?)",
			what, count, entsize, off, f.size)
	}
	return f.readRange(what, off, count*entsize)
}

// readRange reads bytes that must lie within the file.
func (f *elfFile) readRange(what string, off, size uint64) ([]byte, error) {
	if err := f.checkRange(what, off, size); err != nil {
		return nil, err
	}
	b := make([]byte, size)
	if err := f.readFull(b, off); err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return b, nil
}

func (f *elfFile) readFull(b []byte, off uint64) error {
	n, err := f.r.ReadAt(b, int64(off))
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func (f *elfFile) checkRange(what string, off, size uint64) error {
	if off > f.size || size > f.size-off {
		return fmt.Errorf("read %s: %d bytes at offset %#x go past the end of the file (%d bytes; cut off?)", what, size, off, f.size)
	}
	if size > math.MaxInt {
		return fmt.Errorf("read %s: %d bytes are more than a 32-bit system can hold", what, size)
	}
	return nil
}

func (f *elfFile) readSegments() error {
	if f.phoff == 0 {
		return nil
	}
	b, err := f.readTable("program headers", f.phoff, f.phnum, f.phentsize, f.segmentHeaderSize())
	if err != nil {
		return err
	}
	f.segments = make([]segment, 0, f.phnum)
	for ; len(b) > 0; b = b[f.phentsize:] {
		f.segments = append(f.segments, f.decodeSegment(b))
	}
	return nil
}

func (f *elfFile) decodeSegment(b []byte) segment {
	o := f.order
	if f.is64 {
		return segment{
			typ: elf.ProgType(o.Uint32(b)), flags: elf.ProgFlag(o.Uint32(b[4:])),
			off: o.Uint64(b[8:]), vaddr: o.Uint64(b[16:]),
			filesz: o.Uint64(b[32:]), memsz: o.Uint64(b[40:]), align: o.Uint64(b[48:]),
		}
	}
	return segment{
		typ: elf.ProgType(o.Uint32(b)), flags: elf.ProgFlag(o.Uint32(b[24:])),
		off: uint64(o.Uint32(b[4:])), vaddr: uint64(o.Uint32(b[8:])),
		filesz: uint64(o.Uint32(b[16:])), memsz: uint64(o.Uint32(b[20:])), align: uint64(o.Uint32(b[28:])),
	}
}

func (f *elfFile) decodeSection(b []byte) section {
	o := f.order
	if f.is64 {
		return section{
			nameOff: o.Uint32(b), typ: elf.SectionType(o.Uint32(b[4:])), flags: elf.SectionFlag(o.Uint64(b[8:])),
			addr: o.Uint64(b[16:]), off: o.Uint64(b[24:]), size: o.Uint64(b[32:]),
			link: o.Uint32(b[40:]), addralign: o.Uint64(b[48:]), entsize: o.Uint64(b[56:]),
		}
	}
	return section{
		nameOff: o.Uint32(b), typ: elf.SectionType(o.Uint32(b[4:])), flags: elf.SectionFlag(o.Uint32(b[8:])),
		addr: uint64(o.Uint32(b[12:])), off: uint64(o.Uint32(b[16:])), size: uint64(o.Uint32(b[20:])),
		link: o.Uint32(b[24:]), addralign: uint64(o.Uint32(b[32:])), entsize: uint64(o.Uint32(b[36:])),
	}
}

// loadSections reads the section headers and their names, once.
func (f *elfFile) loadSections() error {
	if f.sectionHeadersLoaded {
		return nil
	}
	b, err := f.readTable("section headers", f.shoff, f.shnum, f.shentsize, f.sectionHeaderSize())
	if err != nil {
		return err
	}
	sections := make([]section, 0, f.shnum)
	for ; len(b) > 0; b = b[f.shentsize:] {
		sections = append(sections, f.decodeSection(b))
	}
	if f.shstrndx != 0 && f.shstrndx < uint64(len(sections)) && sections[f.shstrndx].typ != elf.SHT_NOBITS {
		names, err := f.readString("section names", sections[f.shstrndx])
		if err != nil {
			return err
		}
		for i := range sections {
			sections[i].name = stringAt(names, sections[i].nameOff)
		}
	}
	f.sections, f.sectionHeadersLoaded = sections, true
	return nil
}

// section returns the first section of that name, or nil. Sections must be loaded.
func (f *elfFile) section(name string) *section {
	for i := range f.sections {
		if f.sections[i].name == name {
			return &f.sections[i]
		}
	}
	return nil
}

// data reads a whole section, which must have its bytes in the file.
func (f *elfFile) data(s *section) ([]byte, error) {
	return f.readRange("section "+s.name, s.off, s.size)
}

// readString reads a string table without keeping a second copy of it.
func (f *elfFile) readString(what string, s section) (string, error) {
	if err := f.checkRange(what, s.off, s.size); err != nil {
		return "", err
	}
	var b strings.Builder
	b.Grow(int(s.size))
	n, err := io.Copy(&b, io.NewSectionReader(f.r, int64(s.off), int64(s.size)))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", what, err)
	}
	if uint64(n) != s.size {
		return "", fmt.Errorf("read %s: %w", what, io.ErrUnexpectedEOF)
	}
	return b.String(), nil
}

// maxName bounds a name, so that a table of one endless string costs no more
// than any other; the longest that compilers make are far below.
const maxName = 64 << 10

// stringAt returns the zero-terminated string at off, empty when off lies
// outside of the table.
func stringAt(table string, off uint32) string {
	if uint64(off) >= uint64(len(table)) {
		return ""
	}
	s := table[off:]
	s = s[:min(len(s), maxName)]
	if i := strings.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	return s
}
