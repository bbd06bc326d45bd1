package symbolize

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

// The names of PLT entries stand in no symbol table. They are made here as
// perf does since 6.3 (dso__synthesize_plt_symbols in symbol-elf.c; 6.1 knows
// .plt alone):
//
//  1. .plt starts with a header named ".plt", unless its size says that there
//     is none; where a .plt.sec follows, .plt is nothing but headers;
//  2. the entries of .plt.sec, or of .plt, are those of .rela.plt, on x86
//     in the order of the GOT slots that they fill;
//  3. the entries of .plt.got (x86-64) jump through GOT slots that .rela.dyn fills.
//
// Each is named after the symbol of its relocation, "puts@plt", after the
// indirect function that its addend points to, or "offset_0x1030@plt".
type pltReader struct {
	file    *elfFile
	index   *symbolIndex
	names   []byte
	entries []entry
}

// readPLT returns entries for the PLT of f and the string table of their names.
// index must hold the symbols of f already.
func readPLT(f *elfFile, index *symbolIndex) ([]entry, string, error) {
	plt := f.section(".plt")
	if plt == nil || plt.typ != elf.SHT_PROGBITS {
		return nil, "", nil
	}
	header, size := pltSizes(f.machine, plt)
	if size == 0 {
		return nil, "", nil
	}
	r := &pltReader{file: f, index: index, names: []byte{0}}
	if err := r.readGOT(); err != nil {
		return nil, "", err
	}
	rel := f.section(".rela.plt")
	if rel == nil {
		rel = f.section(".rel.plt")
	}
	relocs, err := r.relocations(rel)
	if err != nil {
		return nil, "", err
	}
	if isX86(f.machine) {
		slices.SortStableFunc(relocs, func(a, b relocation) int { return cmp.Compare(a.offset, b.offset) })
	}
	if sec := f.section(".plt.sec"); isX86(f.machine) && sec != nil {
		r.add(plt.addr, plt.size, ".plt")
		_, size = pltSizes(f.machine, sec)
		plt, header = sec, 0
	} else if uint64(len(relocs)) == plt.size/size && plt.size%size == 0 {
		header = 0
	} else {
		r.add(plt.addr, min(header, plt.size), ".plt")
	}
	return r.entries, string(r.names), r.addRelocated(plt, header, size, relocs, rel)
}

// pltSizes gives the bytes of the header and of each entry; 0 entry bytes mean
// that the layout is not known.
func pltSizes(m elf.Machine, s *section) (header, entry uint64) {
	switch m {
	case elf.EM_ARM:
		return 20, 12
	case elf.EM_AARCH64:
		if s.size > 32 && (s.size-32)%24 == 0 && s.entsize == 24 {
			return 32, 24 // -z force-bti
		}
		return 32, 16
	case elf.EM_LOONGARCH, elf.EM_RISCV:
		return 32, 16
	case elf.EM_SPARC, elf.EM_SPARC32PLUS:
		return 48, 12
	case elf.EM_SPARCV9:
		return 128, 32
	case elf.EM_386, elf.EM_X86_64:
		if s.entsize == 8 || s.entsize == 16 {
			return s.entsize, s.entsize
		}
		if s.addralign == 8 {
			return 8, 8
		}
		return 16, 16
	}
	return s.entsize, s.entsize
}

func isX86(m elf.Machine) bool { return m == elf.EM_386 || m == elf.EM_X86_64 }

func (r *pltReader) add(addr, size uint64, name string) {
	if uint64(len(r.names))+uint64(len(name)) > math.MaxUint32 {
		return // more names than a string table of the format can hold
	}
	r.entries = append(r.entries, entry{
		addr: addr, end: addr + size, name: uint32(len(r.names)),
		info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC), table: tablePLT,
	})
	r.names = append(append(r.names, name...), 0)
}

// addRelocated names the entries of plt behind its header, one per relocation.
func (r *pltReader) addRelocated(plt *section, header, size uint64, relocs []relocation, rel *section) error {
	if len(relocs) == 0 {
		return nil
	}
	names, err := r.symbolNames(rel.link)
	if err != nil {
		return err
	}
	off := header
	for _, rc := range relocs {
		if off > plt.size || plt.size-off < size {
			break
		}
		name := names.of(rc.symbol)
		if name == "" {
			name = r.indirectFunction(rc)
		}
		if name == "" {
			name = fmt.Sprintf("offset_%#x", plt.off+off)
		}
		r.add(plt.addr+off, size, name+"@plt")
		off += size
	}
	return nil
}

// indirectFunction names the STT_GNU_IFUNC symbol that an IRELATIVE relocation
// resolves, or one at the same address as such.
func (r *pltReader) indirectFunction(rc relocation) string {
	if rc.symbol != 0 || rc.addend == 0 {
		return ""
	}
	name, indirect := "", false
	for e := range r.index.at(rc.addend) {
		if name == "" {
			name = r.index.name(e)
		}
		indirect = indirect || e.typ() == elf.STT_GNU_IFUNC
	}
	if !indirect {
		return ""
	}
	return name
}

// readGOT names the entries of .plt.got.
func (r *pltReader) readGOT() error {
	s := r.file.section(".plt.got")
	if s == nil || s.typ != elf.SHT_PROGBITS || !isX86(r.file.machine) || s.entsize == 0 {
		return nil
	}
	code, err := r.file.data(s)
	if err != nil {
		return err
	}
	slots := map[uint64]string{}
	if r.file.machine == elf.EM_X86_64 {
		for off := uint64(0); off < s.size; off += s.entsize {
			if slot, ok := jumpSlot(code[off:], s.addr+off); ok {
				slots[slot] = ""
			}
		}
		if err := r.fillSlots(slots); err != nil {
			return err
		}
	}
	for off := uint64(0); off < s.size; off += s.entsize {
		slot, _ := jumpSlot(code[off:], s.addr+off)
		name := slots[slot]
		if name == "" {
			name = fmt.Sprintf("offset_%#x", s.off+off)
		}
		r.add(s.addr+off, min(s.entsize, s.size-off), name+"@plt")
	}
	return nil
}

// fillSlots gives each GOT slot the name of the symbol that .rela.dyn puts there.
func (r *pltReader) fillSlots(slots map[uint64]string) error {
	rel := r.file.section(".rela.dyn")
	if rel == nil || len(slots) == 0 {
		return nil
	}
	relocs, err := r.relocations(rel)
	if err != nil {
		return err
	}
	names, err := r.symbolNames(rel.link)
	if err != nil {
		return err
	}
	for _, rc := range relocs {
		if _, wanted := slots[rc.offset]; wanted && rc.symbol != 0 {
			slots[rc.offset] = names.of(rc.symbol)
		}
	}
	return nil
}

// jumpSlot decodes "jmp *disp(%rip)" at addr, behind an optional endbr64 and
// bnd prefix, and gives the address that it reads.
func jumpSlot(code []byte, addr uint64) (uint64, bool) {
	rest := bytes.TrimPrefix(code, []byte{0xf3, 0x0f, 0x1e, 0xfa})
	rest = bytes.TrimPrefix(rest, []byte{0xf2})
	if len(rest) < 6 || rest[0] != 0xff || rest[1] != 0x25 {
		return 0, false
	}
	next := addr + uint64(len(code)-len(rest)) + 6
	return next + uint64(int64(int32(binary.LittleEndian.Uint32(rest[2:])))), true
}

// relocation is Elf{32,64}_Rel and _Rela alike.
type relocation struct {
	offset uint64
	symbol uint32
	addend uint64
}

// relocations decodes a section of either form; none for nil.
func (r *pltReader) relocations(s *section) ([]relocation, error) {
	if s == nil || s.typ != elf.SHT_REL && s.typ != elf.SHT_RELA {
		return nil, nil
	}
	f, word := r.file, uint64(4)
	if f.is64 {
		word = 8
	}
	size := 2 * word
	if s.typ == elf.SHT_RELA {
		size += word
	}
	if s.entsize != size {
		return nil, fmt.Errorf("read section %s: entries of %d bytes, want %d", s.name, s.entsize, size)
	}
	b, err := f.data(s)
	if err != nil {
		return nil, err
	}
	list := make([]relocation, 0, s.size/size)
	for ; uint64(len(b)) >= size; b = b[size:] {
		list = append(list, f.decodeRelocation(b[:size]))
	}
	return list, nil
}

func (f *elfFile) decodeRelocation(b []byte) relocation {
	var rc relocation
	if f.is64 {
		rc.offset, rc.symbol = f.order.Uint64(b), uint32(f.order.Uint64(b[8:])>>32)
		if len(b) > 16 {
			rc.addend = f.order.Uint64(b[16:])
		}
		return rc
	}
	rc.offset, rc.symbol = uint64(f.order.Uint32(b)), f.order.Uint32(b[4:])>>8
	if len(b) > 8 {
		rc.addend = uint64(f.order.Uint32(b[8:]))
	}
	return rc
}

// symbolNames gives the names of a symbol table by index.
type symbolNames struct {
	file  *elfFile
	size  uint64
	data  []byte
	names string
}

// symbolNames opens the table that a relocation section links to. A section
// that links to none (a static program's) has no names.
func (r *pltReader) symbolNames(link uint32) (symbolNames, error) {
	f := r.file
	if link == 0 || uint64(link) >= uint64(len(f.sections)) {
		return symbolNames{}, nil
	}
	s := &f.sections[link]
	if s.typ != elf.SHT_DYNSYM && s.typ != elf.SHT_SYMTAB || s.entsize < symSize32 {
		return symbolNames{}, nil
	}
	names, err := f.linkedNames(s)
	if err != nil {
		return symbolNames{}, err
	}
	data, err := f.data(s)
	if err != nil {
		return symbolNames{}, err
	}
	return symbolNames{f, s.entsize, data, names}, nil
}

func (n symbolNames) of(symbol uint32) string {
	if n.size == 0 || uint64(symbol) >= uint64(len(n.data))/n.size {
		return ""
	}
	// Some linkers write the version into the name (memcpy@@GLIBC_2.14).
	name, _, _ := strings.Cut(stringAt(n.names, n.file.order.Uint32(n.data[uint64(symbol)*n.size:])), "@")
	return name
}
