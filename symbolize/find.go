package symbolize

import "strings"

// Find returns the symbols of a name, one for each address, in address order:
// those whose entry in the symbol table is the name; if there are none, those
// that demangle to it without parameters ("ns::f"); if there are none either,
// those that demangle to it in full ("ns::f(int)"). Unlike Lookup it also
// considers the names that came second at their address. It scans the
// whole table.
//
// A name may stand for several functions (overloads, static functions of
// several files) and, since tables name variables too, for data: see
// [Symbol.IsFunction].
func (m *Module) Find(name string) []Symbol {
	if name == "" {
		return nil
	}
	if found := m.collect(func(s string) bool { return s == name }); len(found) > 0 {
		return found
	}
	part := distinctivePart(name)
	for _, style := range []DemangleStyle{DemangleShort, DemangleFull} {
		found := m.collect(func(s string) bool {
			return mangled(s) && strings.Contains(s, part) && DemangleAs(s, style) == name
		})
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

func (m *Module) collect(match func(name string) bool) []Symbol {
	var found []Symbol
	seen := map[uint64]bool{}
	for e := range m.everySymbol() {
		if !seen[e.addr] && match(m.index.name(e)) {
			seen[e.addr] = true
			found = append(found, m.index.symbol(e))
		}
	}
	sortByAddr(found)
	return found
}

// distinctivePart returns an identifier that every mangled spelling of a
// demangled name contains, so that the others need no demangling; empty if
// none is certain. Mangling keeps identifiers as they are, except those of
// namespace std, of operators and of unnamed things, and those in Rust that
// have bytes beyond ASCII.
func distinctivePart(name string) string {
	if strings.Contains(name, "std::") || strings.Contains(name, "operator") || strings.ContainsAny(name, "{'\"") {
		return ""
	}
	name = strings.ReplaceAll(name, "(anonymous namespace)", "")
	end := strings.IndexAny(name, "(<[")
	if end < 0 {
		end = len(name)
	}
	part := name[strings.LastIndexByte(name[:end], ' ')+1 : end] // behind a return type
	if i := strings.LastIndexByte(part, ':'); i >= 0 {
		part = part[i+1:]
	}
	if part == "decltype" {
		return ""
	}
	part = strings.TrimPrefix(part, "~")
	for i := range len(part) {
		if c := part[i]; c != '_' && !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') {
			return ""
		}
	}
	return part
}
