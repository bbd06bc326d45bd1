package symbolize

import (
	"debug/elf"
	"fmt"
	"io"
	"iter"
	"slices"

	"gorecord/symbolize/pclntab"
)

// Module is what is kept of one ELF file: its build id, its loadable segments
// and its symbols. It is immutable until Close and safe for concurrent use
// before that.
//
// A relocatable file (ET_REL, a kernel module on disk) has no addresses yet:
// the file offsets of its sections stand in for them, as in perf.
type Module struct {
	path    string
	size    uint64
	buildID BuildID
	machine elf.Machine
	typ     elf.Type
	isGo    bool
	loads   []segment // PT_LOAD with bytes in the file
	index   symbolIndex
}

// OpenModule reads the ELF file at path. The file is not held open; the memory
// is the caller's, who gives it back with Close.
func OpenModule(path string) (*Module, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := NewModule(f, size)
	if err != nil {
		return nil, fmt.Errorf("load module %s: %w", path, err)
	}
	m.path = path
	return m, nil
}

// NewModule reads an ELF file of size bytes. r is borrowed for the call only.
// A file without symbols is no error: look-ups then find nothing. The error
// wraps [ErrNotELF] when r holds something else.
func NewModule(r io.ReaderAt, size int64) (*Module, error) {
	f, err := newELFFile(r, size)
	if err != nil {
		return nil, err
	}
	return newModule(f, nil)
}

// newModule builds a module from a file and, if not nil, the debug file that
// has its symbols.
func newModule(f, debug *elfFile) (*Module, error) {
	if err := f.loadSections(); err != nil {
		return nil, err
	}
	id, err := f.buildID()
	if err != nil && err != ErrNoBuildID {
		return nil, err
	}
	m := &Module{size: f.size, buildID: id, machine: f.machine, typ: f.typ, isGo: f.isGo()}
	for _, s := range f.segments {
		if s.typ == elf.PT_LOAD && s.filesz > 0 {
			m.loads = append(m.loads, s)
		}
	}
	if err := m.index.load(f, debug, m.isGo); err != nil {
		return nil, err
	}
	return m, nil
}

// load fills the index: .symtab, then .dynsym, then the PLT of the file itself.
// A debug file stands in for the symbol tables of f when it has a .symtab, else
// .gnu_debugdata for its .symtab. Where there is none at all, a Go program's own table of functions stands in.
func (x *symbolIndex) load(f, debug *elfFile, isGo bool) error {
	source := f
	if debug != nil {
		if err := debug.loadSections(); err != nil {
			return err
		}
		if debug.table(elf.SHT_SYMTAB) != nil {
			source = debug
		}
	}
	functions := source
	if source.table(elf.SHT_SYMTAB) == nil {
		if mini := f.miniDebug(); mini != nil {
			functions = mini
		}
	}
	for _, t := range []struct {
		typ    elf.SectionType
		table  table
		source *elfFile
	}{{elf.SHT_SYMTAB, tableSym, functions}, {elf.SHT_DYNSYM, tableDyn, source}} {
		source := t.source
		s := source.table(t.typ)
		if s == nil {
			continue
		}
		names, err := source.linkedNames(s)
		if err != nil {
			return err
		}
		entries, err := source.readSymbols(s, names, t.table)
		if err != nil {
			return err
		}
		x.names[t.table] = names
		x.add(entries)
	}
	plt, names, err := readPLT(f, x)
	if err != nil {
		return err
	}
	if len(plt) > 0 {
		x.names[tablePLT] = names
		x.add(plt)
	}
	if isGo && source.table(elf.SHT_SYMTAB) == nil {
		x.addGoFunctions(f)
	}
	x.finish()
	return nil
}

// addGoFunctions adds what .gopclntab names. A table that is damaged adds less, or
// nothing: symbols are not what it is for.
func (x *symbolIndex) addGoFunctions(f *elfFile) {
	p, err := pclntab.Find(f.image())
	if err != nil {
		return
	}
	x.names[tableGo] = p.Names()
	entries := make([]entry, 0, p.Len())
	for i := range p.Len() {
		if fn, ok := p.Func(i); ok && x.names[tableGo][fn.NameOffset] != 0 {
			entries = append(entries, entry{
				addr: fn.Entry, end: fn.End, name: fn.NameOffset,
				info: elf.ST_INFO(elf.STB_GLOBAL, elf.STT_FUNC), table: tableGo,
			})
		}
	}
	x.add(entries)
}

// table returns the first section of a symbol table type, or nil. Debug files
// turn the tables they leave out into SHT_NOBITS.
func (f *elfFile) table(typ elf.SectionType) *section {
	for i := range f.sections {
		if f.sections[i].typ == typ {
			return &f.sections[i]
		}
	}
	return nil
}

// linkedNames reads the string table that a symbol table refers to, once.
func (f *elfFile) linkedNames(s *section) (string, error) {
	if uint64(s.link) >= uint64(len(f.sections)) || f.sections[s.link].typ != elf.SHT_STRTAB {
		return "", fmt.Errorf("read symbol table %s: its sh_link %d is no string table", s.name, s.link)
	}
	if names, ok := f.stringTables[s.link]; ok {
		return names, nil
	}
	names, err := f.readString("string table of "+s.name, f.sections[s.link])
	if err != nil {
		return "", err
	}
	if f.stringTables == nil {
		f.stringTables = map[uint32]string{}
	}
	f.stringTables[s.link] = names
	return names, nil
}

func (f *elfFile) isGo() bool {
	if f.section(".go.buildinfo") != nil || f.section(".note.go.buildid") != nil {
		return true
	}
	budget := uint64(maxNotes)
	for _, s := range f.segments {
		if s.typ != elf.PT_NOTE {
			continue
		}
		b, err := f.readNotes(s.off, s.filesz, &budget)
		if err != nil {
			return false // buildID has read the same segments and reported
		}
		for n := range notes(b, f.order, s.align) {
			if n.name == "Go" && n.typ == noteGoBuildID {
				return true
			}
		}
	}
	return false
}

// Close drops the symbols; look-ups then find nothing. It may be called again.
func (m *Module) Close() error {
	m.index = symbolIndex{}
	return nil
}

// Path is where OpenModule or a Store found the file, empty for NewModule.
func (m *Module) Path() string { return m.path }

// BuildID is the GNU build id, empty if the file has none.
func (m *Module) BuildID() BuildID { return m.buildID }

// Machine is the processor that the file is for.
func (m *Module) Machine() elf.Machine { return m.machine }

// Type is ET_EXEC, ET_DYN, ET_REL or ET_CORE.
func (m *Module) Type() elf.Type { return m.typ }

// IsGo reports whether the Go toolchain linked the file.
func (m *Module) IsGo() bool { return m.isGo }

// VirtAddr gives the address of a byte of the file: that of the PT_LOAD whose
// file bytes hold it, an executable one where two do. False if none does.
func (m *Module) VirtAddr(off FileOffset) (VirtAddr, bool) {
	o := uint64(off)
	if m.typ == elf.ET_REL {
		return VirtAddr(o), o < m.size
	}
	var found *segment
	for i := range m.loads {
		s := &m.loads[i]
		if o < s.off || o-s.off >= s.filesz {
			continue
		}
		if found == nil || found.flags&elf.PF_X == 0 && s.flags&elf.PF_X != 0 {
			found = s
		}
	}
	if found == nil {
		return 0, false
	}
	return VirtAddr(found.vaddr + (o - found.off)), true
}

// FileOffset gives where in the file the byte of an address lies; false if it
// lies nowhere, as that of a zeroed variable.
func (m *Module) FileOffset(a VirtAddr) (FileOffset, bool) {
	v := uint64(a)
	if m.typ == elf.ET_REL {
		return FileOffset(v), v < m.size
	}
	for i := range m.loads {
		if s := &m.loads[i]; v >= s.vaddr && v-s.vaddr < s.filesz {
			return FileOffset(s.off + (v - s.vaddr)), true
		}
	}
	return 0, false
}

// Lookup returns the symbol that holds a, the innermost if several do. It does
// not allocate.
func (m *Module) Lookup(a VirtAddr) (Symbol, bool) {
	e, ok := m.index.lookup(uint64(a))
	if !ok {
		return Symbol{}, false
	}
	return m.index.symbol(e), true
}

// Len is the number of symbols that Symbols yields.
func (m *Module) Len() int { return len(m.index.entries) }

// Symbols yields the symbols that Lookup can return, in address order, one for
// each address.
func (m *Module) Symbols() iter.Seq[Symbol] {
	entries := m.index.entries
	return func(yield func(Symbol) bool) {
		for i := range entries {
			if !yield(m.index.symbol(&entries[i])) {
				return
			}
		}
	}
}

// everySymbol is Symbols together with the names that lost at their address.
func (m *Module) everySymbol() iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for _, list := range [][]entry{m.index.entries, m.index.aliases} {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

func sortByAddr(symbols []Symbol) {
	slices.SortStableFunc(symbols, func(a, b Symbol) int {
		switch {
		case a.Addr < b.Addr:
			return -1
		case a.Addr > b.Addr:
			return 1
		}
		return 0
	})
}
