package symbolize

import (
	"debug/elf"
	"fmt"
	"strings"
)

// Symbol is one entry of a symbol table. Its name is as the table spells it,
// see [Demangle]; it shares the module's memory, so keep a copy
// (strings.Clone) of one that outlives the module.
type Symbol struct {
	Name string
	Addr VirtAddr
	// Size in bytes; for a symbol that states none, up to the next symbol.
	Size uint64
	Type elf.SymType
	Bind elf.SymBind
}

// IsFunction reports whether the symbol table calls this a function.
// Labels of assembly code (STT_NOTYPE) name code as well, but do not say so.
func (s Symbol) IsFunction() bool { return s.Type == elf.STT_FUNC || s.Type == elf.STT_GNU_IFUNC }

// entry is a symbol in 24 bytes. end equals addr while the size is not known.
type entry struct {
	addr, end uint64
	name      uint32 // offset in its string table
	info      uint8  // st_info
	table     table
}

func (e entry) typ() elf.SymType  { return elf.ST_TYPE(e.info) }
func (e entry) bind() elf.SymBind { return elf.ST_BIND(e.info) }

// table tells where the name of an entry stands.
type table uint8

const (
	tableSym table = iota // .strtab
	tableDyn              // .dynstr
	tablePLT              // names made here, "puts@plt"
	tableGo               // runtime.funcnametab
	tableCount
)

// What the section of a symbol makes of it.
const (
	sectionAlloc  = 1 << iota // is part of the running program
	sectionLabels             // its STT_NOTYPE symbols count
)

const (
	symSize64 = 24
	symSize32 = 16
	// symChunk is how many symbols are read at a time.
	symChunk = 4096
)

// symbolReader decodes a symbol table. Which symbols count follows
// elf_sym__filter, elf_sym__is_label and dso__load_sym_internal of
// tools/perf/util/symbol-elf.c.
type symbolReader struct {
	file     *elfFile
	names    string
	table    table
	sections []uint8  // by section index
	opd      *section // function descriptors of 64-bit PowerPC ELFv1
	opdData  []byte
}

// readSymbols decodes every symbol of the table s that counts. A symbol whose
// name or section does not exist is left out, as is one with a reserved section
// index: neither names code of a linked file.
func (f *elfFile) readSymbols(s *section, names string, t table) ([]entry, error) {
	size := uint64(symSize32)
	if f.is64 {
		size = symSize64
	}
	what := "symbol table " + s.name
	if s.entsize != size {
		return nil, fmt.Errorf("read %s: entries of %d bytes, want %d", what, s.entsize, size)
	}
	if err := f.checkRange(what, s.off, s.size); err != nil {
		return nil, err
	}
	r := symbolReader{file: f, names: names, table: t, sections: f.sectionKinds()}
	if err := r.loadDescriptors(); err != nil {
		return nil, err
	}
	count := s.size / size
	entries := make([]entry, 0, count)
	buf := make([]byte, min(count, symChunk)*size)
	for off := s.off; count > 0; {
		n := min(count, symChunk)
		chunk := buf[:n*size]
		if err := f.readFull(chunk, off); err != nil {
			return nil, fmt.Errorf("read %s: %w", what, err)
		}
		entries = r.decode(entries, chunk)
		count, off = count-n, off+n*size
	}
	return entries, nil
}

func (f *elfFile) sectionKinds() []uint8 {
	kinds := make([]uint8, len(f.sections))
	for i, s := range f.sections {
		if s.flags&elf.SHF_ALLOC == 0 {
			continue
		}
		kinds[i] = sectionAlloc
		if strings.Contains(s.name, "text") || strings.Contains(s.name, "data") {
			kinds[i] |= sectionLabels
		}
	}
	return kinds
}

// loadDescriptors finds the .opd section, whose symbols stand for functions
// that lie where the descriptor points to.
func (r *symbolReader) loadDescriptors() error {
	if r.file.machine != elf.EM_PPC64 {
		return nil
	}
	s := r.file.section(".opd")
	if s == nil || s.typ != elf.SHT_PROGBITS {
		return nil
	}
	data, err := r.file.data(s)
	if err != nil {
		return err
	}
	r.opd, r.opdData = s, data
	return nil
}

// rawSymbol is Elf32_Sym and Elf64_Sym alike.
type rawSymbol struct {
	name        uint32
	info, other uint8
	shndx       uint16
	value, size uint64
}

func (r *symbolReader) decode(entries []entry, b []byte) []entry {
	o := r.file.order
	if r.file.is64 {
		for ; len(b) >= symSize64; b = b[symSize64:] {
			entries = r.add(entries, rawSymbol{
				name: o.Uint32(b), info: b[4], other: b[5], shndx: o.Uint16(b[6:]),
				value: o.Uint64(b[8:]), size: o.Uint64(b[16:]),
			})
		}
		return entries
	}
	for ; len(b) >= symSize32; b = b[symSize32:] {
		entries = r.add(entries, rawSymbol{
			name: o.Uint32(b), value: uint64(o.Uint32(b[4:])), size: uint64(o.Uint32(b[8:])),
			info: b[12], other: b[13], shndx: o.Uint16(b[14:]),
		})
	}
	return entries
}

func (r *symbolReader) add(entries []entry, s rawSymbol) []entry {
	if s.name == 0 || uint64(s.name) >= uint64(len(r.names)) || r.names[s.name] == 0 ||
		s.shndx == uint16(elf.SHN_UNDEF) || int(s.shndx) >= len(r.sections) {
		return entries
	}
	kind := r.sections[s.shndx]
	switch elf.ST_TYPE(s.info) {
	case elf.STT_FUNC, elf.STT_GNU_IFUNC, elf.STT_OBJECT:
		if kind&sectionAlloc == 0 {
			return entries
		}
	case elf.STT_NOTYPE:
		visibility := elf.ST_VISIBILITY(s.other)
		if kind&sectionLabels == 0 || visibility == elf.STV_HIDDEN || visibility == elf.STV_INTERNAL {
			return entries
		}
	default:
		return entries
	}
	if mappingSymbol(r.file.machine, r.names[s.name:]) {
		return entries
	}
	addr := r.address(s)
	end := addr + s.size
	if end < addr {
		end = ^uint64(0)
	}
	return append(entries, entry{addr: addr, end: end, name: s.name, info: s.info, table: r.table})
}

func (r *symbolReader) address(s rawSymbol) uint64 {
	sec := &r.file.sections[s.shndx]
	switch {
	case r.file.typ == elf.ET_REL:
		return sec.off + s.value // see Module: file offsets stand in for addresses
	case sec == r.opd:
		if off := s.value - sec.addr; off < uint64(len(r.opdData)) && uint64(len(r.opdData))-off >= 8 {
			return r.file.order.Uint64(r.opdData[off:])
		}
	case r.file.machine == elf.EM_ARM && elf.ST_TYPE(s.info) == elf.STT_FUNC:
		return s.value &^ 1 // bit 0 says Thumb code
	}
	return s.value
}

// mappingSymbol reports whether a name marks what follows as code or data
// ($a, $t, $d, $x of the Arm ELF ABIs, $d and $x of RISC-V) and names nothing.
func mappingSymbol(m elf.Machine, name string) bool {
	if name[0] != '$' || len(name) < 2 {
		return false
	}
	switch m {
	case elf.EM_ARM, elf.EM_AARCH64:
		return strings.IndexByte("adtx", name[1]) >= 0 && (len(name) == 2 || name[2] == 0 || name[2] == '.')
	case elf.EM_RISCV:
		return name[1] == 'd' || name[1] == 'x'
	}
	return false
}
