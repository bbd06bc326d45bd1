package symbolize

// Frame is one function at an address. Where inlining put several functions at
// one address, there is a frame for each.
type Frame struct {
	// Function is the name to show, demangled as the Store was told to.
	Function string
	// SystemName is the name in the symbol table.
	SystemName string
	// Offset is how far into the function's symbol the address lies, in bytes.
	Offset uint64
	// File and Line are the source position, empty and zero when not known.
	File string
	Line int
	// Inlined says that this function was inlined into the next frame's.
	Inlined bool
}

// Frames names the functions at an address of a module, innermost first; nil
// if no symbol holds it. For a return address pass one byte less, the call.
// Symbols alone know no inlining: one frame, without a source position.
func (s *Store) Frames(m *Module, a VirtAddr) []Frame {
	sym, ok := m.Lookup(a)
	if !ok {
		return nil
	}
	return []Frame{{
		Function:   s.display(sym.Name),
		SystemName: sym.Name,
		Offset:     uint64(a - sym.Addr),
	}}
}

// display demangles a name once.
func (s *Store) display(name string) string {
	if s.options.Demangle == DemangleNone || !mangled(name) {
		return name
	}
	if text, ok := s.demangled.Load(name); ok {
		return text.(string)
	}
	text := DemangleAs(name, s.options.Demangle)
	s.demangled.Store(name, text)
	return text
}
