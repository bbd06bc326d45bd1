package pclntab

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"io"
	"slices"
	"sort"
)

// Image is an ELF file, as far as the linker's tables are concerned.
type Image struct {
	R       io.ReaderAt
	Size    uint64 // of the file
	Order   binary.ByteOrder
	PtrSize int // 4 or 8
	Machine elf.Machine
	// Sections may be missing.
	Sections []Section
	Segments []Segment
}

// Section is a section with bytes in the file.
type Section struct {
	Name            string
	Addr, Off, Size uint64
}

// Segment is a program header; Size is that in the file.
type Segment struct {
	Type            elf.ProgType
	Flags           elf.ProgFlag
	Addr, Off, Size uint64
}

// Memory reads what the loaded program has at an address, before it runs:
// pointers that the loader fills in are there.
type Memory struct {
	image Image
	moved []moved // in the order of addresses
}

// moved is a pointer that the loader fills in, and what it points to.
type moved struct{ at, to uint64 }

// maxSegments is more than any linker makes.
const maxSegments = 64

// NewMemory reads the file's relocations. Damaged ones are left out.
func NewMemory(im Image) *Memory {
	m := &Memory{image: im}
	m.image.Segments = nil
	for _, s := range im.Segments {
		if (s.Type == elf.PT_LOAD || s.Type == elf.PT_DYNAMIC) && len(m.image.Segments) < maxSegments {
			m.image.Segments = append(m.image.Segments, s)
		}
	}
	m.readRelocations()
	return m
}

// Bytes reads up to n bytes at addr: fewer where the file has no more there, none
// where it has nothing.
func (m *Memory) Bytes(addr, n uint64) []byte {
	b := m.fileBytes(addr, n)
	size := uint64(m.image.PtrSize)
	i := sort.Search(len(m.moved), func(i int) bool { return m.moved[i].at >= addr })
	for ; i < len(m.moved); i++ {
		off := m.moved[i].at - addr
		if off >= uint64(len(b)) || size > uint64(len(b))-off {
			break
		}
		m.putWord(b[off:], m.moved[i].to)
	}
	return b
}

func (m *Memory) putWord(b []byte, v uint64) {
	if m.image.PtrSize == 4 {
		m.image.Order.PutUint32(b, uint32(v))
		return
	}
	m.image.Order.PutUint64(b, v)
}

// fileBytes reads from the segment that holds addr.
func (m *Memory) fileBytes(addr, n uint64) []byte {
	for _, s := range m.image.Segments {
		if s.Type != elf.PT_LOAD || addr < s.Addr || addr-s.Addr >= s.Size {
			continue
		}
		return m.read(s.Off+(addr-s.Addr), min(n, s.Size-(addr-s.Addr)))
	}
	return nil
}

// read reads up to n bytes of the file.
func (m *Memory) read(off, n uint64) []byte {
	if off >= m.image.Size {
		return nil
	}
	b := make([]byte, min(n, m.image.Size-off))
	got, err := m.image.R.ReadAt(b, int64(off))
	if err != nil && err != io.EOF {
		return nil
	}
	return b[:got]
}

// Word reads a pointer; false where there is none.
func (m *Memory) Word(addr uint64) (uint64, bool) {
	size := m.image.PtrSize
	return bytesOf{m.Bytes(addr, uint64(size)), m.image.Order}.word(0, size)
}

// Uint32 reads a number of 32 bits.
func (m *Memory) Uint32(addr uint64) (uint32, bool) {
	return bytesOf{m.Bytes(addr, 4), m.image.Order}.uint32(0)
}

// section gives the section of a name.
func (m *Memory) section(name string) (Section, bool) {
	for _, s := range m.image.Sections {
		if s.Name == name {
			return s, true
		}
	}
	return Section{}, false
}

// relative is the relocation that adds where the file was loaded.
func relative(machine elf.Machine) (typ uint32, ok bool) {
	switch machine {
	case elf.EM_X86_64:
		return uint32(elf.R_X86_64_RELATIVE), true
	case elf.EM_AARCH64:
		return uint32(elf.R_AARCH64_RELATIVE), true
	}
	return 0, false
}

// relaSize is the size of an Elf64_Rela.
const relaSize = 24

// readRelocations gathers the pointers that lie in the relocations only, which
// the dynamic section leads to. Machines whose relocations have no addends leave
// them in the bytes.
func (m *Memory) readRelocations() {
	typ, ok := relative(m.image.Machine)
	if !ok || m.image.PtrSize != 8 {
		return
	}
	table := m.fileBytes(m.relocationTable())
	order := m.image.Order
	for b := table; len(b) >= relaSize; b = b[relaSize:] {
		if uint32(order.Uint64(b[8:])) == typ {
			m.moved = append(m.moved, moved{order.Uint64(b), order.Uint64(b[16:])})
		}
	}
	slices.SortFunc(m.moved, func(a, b moved) int { return cmp.Compare(a.at, b.at) })
}

// relocationTable gives address and size of the table that DT_RELA states.
func (m *Memory) relocationTable() (addr, size uint64) {
	for _, s := range m.image.Segments {
		if s.Type != elf.PT_DYNAMIC {
			continue
		}
		order := m.image.Order
		for b := m.read(s.Off, s.Size); len(b) >= 16; b = b[16:] {
			switch elf.DynTag(order.Uint64(b)) {
			case elf.DT_RELA:
				addr = order.Uint64(b[8:])
			case elf.DT_RELASZ:
				size = order.Uint64(b[8:])
			case elf.DT_NULL:
				return addr, size
			}
		}
	}
	return addr, size
}
