package debuginfo

import "strings"

// VarRanges gives the addresses at which a variable of VarsAt, or a parameter,
// has a location: those of its list, in the list's order, or those of the
// block that it belongs to. None is given for what the compiler left out
// altogether.
func (f *File) VarRanges(v *Variable) (list []Range) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	defer f.rescue(&err) // what was read before damage is given
	p, ok := v.where.(*place)
	if !ok || f.closed || p.e.u == nil {
		return nil
	}
	e, at := p.e.inherited(atLocation)
	if at == nil {
		return nil
	}
	switch at.form {
	case formExprloc, formBlock, formBlock1, formBlock2, formBlock4:
		return p.scope()
	}
	e.u.locationList(at, func(r Range, _ []byte) bool {
		list = append(list, r)
		return len(list) < maxRanges
	})
	return list
}

// scope gives the ranges of the innermost block that a variable belongs to.
func (p *place) scope() []Range {
	if p.code.u == nil {
		return nil
	}
	scope := p.code
	p.code.walk(func(c *entry) bool {
		if c.tag == tagLexicalBlock && hasCode(c) && c.u == p.e.u && c.off < p.e.off && p.e.off < c.after() {
			scope = *c
		}
		return c.tag == tagLexicalBlock
	})
	return scope.codeRanges()
}

// UnitGlobals gives the variables outside of functions that the unit of a
// function defines, where they have one place in the program. Names have their
// scopes.
func (f *File) UnitGlobals(fn *Function) (list []Variable, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.rescue(&err)
	im, ours := fn.unit.(*implementation)
	if f.closed || !ours {
		return nil, errClosed
	}
	return f.unitGlobals(nil, im.e.u, func(string) bool { return true }), nil
}

// unitGlobals adds those of a unit whose own names are wanted.
func (f *File) unitGlobals(list []Variable, u *unit, wanted func(name string) bool) []Variable {
	for _, off := range u.scan().globals {
		e, ok := u.entry(uint64(off))
		if !ok {
			continue
		}
		name := ""
		var named entry
		for o := range e.origins {
			if s := o.str(atName); s != "" {
				name, named = s, *o // the last one stands in the right scope
			}
		}
		if name == "" || !wanted(name) {
			continue
		}
		v := f.describeVariable(e)
		v.Name = strings.Clone(named.u.scopedName(named.off, name))
		v.where = &place{e: e}
		list = append(list, v)
	}
	return list
}
