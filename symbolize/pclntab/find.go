package pclntab

import (
	"bytes"
	"debug/elf"
	"fmt"
)

// Program is what the linker left in a program.
type Program struct {
	*Table
	Memory *Memory
	// Addr is where the table lies.
	Addr uint64
	// Module is where runtime.firstmoduledata lies, 0 where it was not found
	// (before Go 1.16).
	Module uint64
}

// Find finds the table of an ELF file: in the section of its name, else by its
// first bytes in what the file loads. The error wraps [ErrNone] where there is
// none.
func Find(im Image) (*Program, error) {
	m := NewMemory(im)
	for _, name := range []string{".gopclntab", ".data.rel.ro.gopclntab"} {
		if s, ok := m.section(name); ok {
			return m.program(s.Addr, s.Size)
		}
	}
	if p := m.scan(); p != nil {
		return p, nil
	}
	return nil, ErrNone
}

// program reads the table at addr.
func (m *Memory) program(addr, size uint64) (*Program, error) {
	data := m.Bytes(addr, size)
	t, err := Parse(data, 0)
	if err != nil {
		return nil, err
	}
	if t.ptrSize != m.image.PtrSize || t.data.order != m.image.Order {
		return nil, fmt.Errorf("%w: the one at %#x is for another machine than the file", ErrNone, addr)
	}
	p := &Program{Table: t, Memory: m, Addr: addr}
	p.Module = p.findModule()
	if !t.Relative() {
		return p, nil
	}
	return p, p.findText()
}

// findText finds runtime.text. Where moduledata is not found, functions begin
// where code does, as the Go linker lays it out when no other linker helps.
func (p *Program) findText() error {
	if p.Module != 0 {
		p.text, _ = p.Memory.Word(p.Module + wordText*p.word())
		return nil
	}
	if p.text != 0 {
		return nil
	}
	if s, ok := p.Memory.section(".text"); ok {
		p.text = s.Addr
		return nil
	}
	return fmt.Errorf("read .gopclntab: where the functions begin is not known: neither moduledata nor a section .text (file stripped of both?)")
}

func (p *Program) word() uint64 { return uint64(p.ptrSize) }

// Words of runtime.moduledata, the same from Go 1.16 to 1.26.
const (
	wordNames = 1 // of slices, their first word
	wordMinPC = 20
	wordText  = 22
)

// findModule finds runtime.firstmoduledata: it begins with the address of the
// table, and of the names in it.
func (p *Program) findModule() uint64 {
	if p.version < go116 {
		return 0
	}
	m := p.Memory
	if s, ok := m.section(".go.module"); ok && p.isModule(s.Addr) {
		return s.Addr
	}
	for _, r := range m.moved {
		if r.to == p.Addr && p.isModule(r.at) {
			return r.at
		}
	}
	needle := make([]byte, p.ptrSize)
	m.putWord(needle, p.Addr)
	var found uint64
	m.Search(elf.PF_W, needle, func(addr uint64) bool {
		if addr%p.word() == 0 && p.isModule(addr) {
			found = addr
		}
		return found != 0
	})
	return found
}

// isModule reports whether moduledata lies at addr.
func (p *Program) isModule(addr uint64) bool {
	word := func(i uint64) uint64 {
		v, _ := p.Memory.Word(addr + i*p.word())
		return v
	}
	first := uint64(2)
	if p.version >= go118 {
		first = 3
	}
	names, _ := p.header(int(first))
	if word(0) != p.Addr || word(wordNames) != p.Addr+names {
		return false
	}
	entry, _ := p.functab.word(0, p.field())
	if p.version >= go118 {
		entry += word(wordText)
	}
	return p.count == 0 || word(wordMinPC) == entry
}

// searchChunk is how much of a segment is looked through at a time.
const searchChunk = 1 << 20

// Search calls found with the address of each place where needle stands in the
// bytes of loaded segments that have the flags, until it returns true. Segments
// that overlap are not all looked through.
func (m *Memory) Search(flags elf.ProgFlag, needle []byte, found func(addr uint64) bool) {
	budget := 2 * m.image.Size
	for _, s := range m.image.Segments {
		if s.Type != elf.PT_LOAD || s.Flags&flags != flags {
			continue
		}
		for off := uint64(0); off < s.Size; off += searchChunk {
			b := m.read(s.Off+off, min(s.Size-off, searchChunk+uint64(len(needle))-1))
			if len(b) == 0 || uint64(len(b)) > budget {
				break
			}
			budget -= uint64(len(b))
			for i := 0; ; i++ {
				n := bytes.Index(b[i:], needle)
				if n < 0 {
					break
				}
				i += n
				if found(s.Addr + off + uint64(i)) {
					return
				}
			}
		}
	}
}

// maxCandidates bounds how many places that look like a table are tried.
const maxCandidates = 16

// scan looks for the first bytes of a table, and takes the first that is one.
func (m *Memory) scan() *Program {
	for _, magic := range magics {
		head := make([]byte, 6) // two zeros follow
		m.image.Order.PutUint32(head, magic)
		var found *Program
		tried := 0
		m.Search(0, head, func(addr uint64) bool {
			if addr%uint64(m.image.PtrSize) != 0 {
				return false
			}
			if _, err := parseHeader(m.Bytes(addr, headerSize)); err != nil {
				return false
			}
			tried++
			found = m.candidate(addr)
			return found != nil || tried >= maxCandidates
		})
		if found != nil {
			return found
		}
	}
	return nil
}

// candidate takes the table at addr if it is one with functions that have names.
func (m *Memory) candidate(addr uint64) *Program {
	p, err := m.program(addr, ^uint64(0))
	if err != nil || p.Len() == 0 {
		return nil
	}
	if f, ok := p.Func(0); !ok || p.Name(f) == "" {
		return nil
	}
	return p
}
