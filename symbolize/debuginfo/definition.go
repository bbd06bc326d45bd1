package debuginfo

// definition finds the whole type that an entry only declares, as C's "struct
// s;" does: in the same unit first.
func (f *File) definition(e *entry) (entry, bool) {
	name := e.str(atName)
	if name == "" {
		if off, ok := e.ref(atSignature); ok { // a type unit has it
			return f.entryAt(off)
		}
		return entry{}, false
	}
	if off, ok := e.ref(atSignature); ok {
		return f.entryAt(off)
	}
	scoped := e.u.scopedName(e.off, name)
	for _, at := range f.definitions()[name] {
		whole, ok := at.u.entry(uint64(at.off))
		if ok && whole.tag == e.tag && at.u.language == e.u.language && at.u.scopedName(whole.off, name) == scoped {
			return whole, true
		}
	}
	return entry{}, false
}

// definitions are all structs, classes and unions that are defined, by name.
func (f *File) definitions() map[string][]functionAt {
	if f.defined != nil {
		return f.defined
	}
	f.defined = map[string][]functionAt{}
	for _, u := range f.units {
		for _, sc := range u.scan().scopes {
			e, ok := u.entry(uint64(sc.off))
			if !ok || e.tag == tagNamespace || e.tag == tagSubprogram || e.flag(atDeclaration) {
				continue
			}
			// One is enough in a unit, and one of each unit would be too many.
			if name := e.str(atName); name != "" && len(f.defined[name]) < 8 {
				f.defined[name] = append(f.defined[name], functionAt{u, sc.off})
			}
		}
	}
	return f.defined
}
