package symbolize

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// elfImage lays out an ELF file by hand, for what no linker at hand makes.
type elfImage struct {
	order    binary.AppendByteOrder
	is64     bool
	machine  elf.Machine
	typ      elf.Type
	loads    []segment
	sections []imageSection
	// escapes puts all counts into section header 0.
	escapes bool
}

type imageSection struct {
	section
	data []byte
}

func (e *elfImage) word(b []byte, v uint64) []byte {
	if e.is64 {
		return e.order.AppendUint64(b, v)
	}
	return e.order.AppendUint32(b, uint32(v))
}

// symbolTable returns .symtab and .strtab, to stand at index and index+1.
func (e *elfImage) symbolTable(index int, symbols []rawSymbol, names []string) []imageSection {
	table, strtab := make([]byte, symSize32), []byte{0}
	if e.is64 {
		table = make([]byte, symSize64)
	}
	for i, s := range symbols {
		s.name = uint32(len(strtab))
		strtab = append(append(strtab, names[i]...), 0)
		table = e.order.AppendUint32(table, s.name)
		if e.is64 {
			table = append(table, s.info, s.other)
			table = e.order.AppendUint16(table, s.shndx)
			table = e.word(e.word(table, s.value), s.size)
			continue
		}
		table = e.word(e.word(table, s.value), s.size)
		table = append(table, s.info, s.other)
		table = e.order.AppendUint16(table, s.shndx)
	}
	size := uint64(symSize32)
	if e.is64 {
		size = symSize64
	}
	return []imageSection{
		{section{name: ".symtab", typ: elf.SHT_SYMTAB, link: uint32(index + 1), entsize: size}, table},
		{section{name: ".strtab", typ: elf.SHT_STRTAB}, strtab},
	}
}

// bytes lays out header, program headers, section data, section headers.
func (e *elfImage) bytes() []byte {
	headerSize, phentsize, shentsize := 52, 32, 40
	if e.is64 {
		headerSize, phentsize, shentsize = 64, 56, 64
	}
	names := []byte{0}
	sections := append([]imageSection{{}}, e.sections...)
	sections = append(sections, imageSection{section: section{name: ".shstrtab", typ: elf.SHT_STRTAB}})
	for i := range sections[1:] {
		sections[i+1].nameOff = uint32(len(names))
		names = append(append(names, sections[i+1].name...), 0)
	}
	sections[len(sections)-1].data = names

	body := make([]byte, 0)
	at := uint64(headerSize + phentsize*len(e.loads))
	for i := range sections {
		s := &sections[i]
		if i == 0 || s.typ == elf.SHT_NOBITS {
			continue
		}
		if s.off == 0 {
			s.off = at + uint64(len(body))
		}
		s.size = uint64(len(s.data))
		body = append(body, s.data...)
	}
	shoff := at + uint64(len(body))
	phnum, shnum, shstrndx := uint16(len(e.loads)), uint16(len(sections)), uint16(len(sections)-1)
	info := uint32(0)
	if e.escapes {
		sections[0].size, sections[0].link, info = uint64(shnum), uint32(shstrndx), uint32(phnum)
		phnum, shnum, shstrndx = 0xffff, 0, 0xffff
	}

	var b []byte
	class, data := elf.ELFCLASS32, elf.ELFDATA2LSB
	if e.is64 {
		class = elf.ELFCLASS64
	}
	if e.order.String() == binary.BigEndian.String() {
		data = elf.ELFDATA2MSB
	}
	b = append(b, elf.ELFMAG...)
	b = append(b, byte(class), byte(data), 1)
	b = append(b, make([]byte, 16-len(b))...)
	b = e.order.AppendUint16(b, uint16(e.typ))
	b = e.order.AppendUint16(b, uint16(e.machine))
	b = e.order.AppendUint32(b, 1)
	b = e.word(e.word(e.word(b, 0), uint64(headerSize)), shoff)
	b = e.order.AppendUint32(b, 0)
	for _, v := range []uint16{uint16(headerSize), uint16(phentsize), phnum, uint16(shentsize), shnum, shstrndx} {
		b = e.order.AppendUint16(b, v)
	}
	for _, s := range e.loads {
		b = e.appendSegment(b, s)
	}
	b = append(b, body...)
	for i := range sections {
		extra := uint32(0)
		if i == 0 {
			extra = info
		}
		b = e.appendSection(b, sections[i].section, extra)
	}
	return b
}

func (e *elfImage) appendSegment(b []byte, s segment) []byte {
	b = e.order.AppendUint32(b, uint32(elf.PT_LOAD))
	if e.is64 {
		b = e.order.AppendUint32(b, uint32(s.flags))
	}
	for _, v := range []uint64{s.off, s.vaddr, s.vaddr, s.filesz, s.memsz} {
		b = e.word(b, v)
	}
	if !e.is64 {
		b = e.order.AppendUint32(b, uint32(s.flags))
	}
	return e.word(b, s.align)
}

func (e *elfImage) appendSection(b []byte, s section, info uint32) []byte {
	b = e.order.AppendUint32(b, s.nameOff)
	b = e.order.AppendUint32(b, uint32(s.typ))
	for _, v := range []uint64{uint64(s.flags), s.addr, s.off, s.size} {
		b = e.word(b, v)
	}
	b = e.order.AppendUint32(b, s.link)
	b = e.order.AppendUint32(b, info)
	return e.word(e.word(b, s.addralign), s.entsize)
}

func (e *elfImage) module() (*Module, error) {
	b := e.bytes()
	return NewModule(bytes.NewReader(b), int64(len(b)))
}
