package debuginfo

import (
	"fmt"
	"slices"
	"strings"

	"gorecord/symbolize"
)

// VarsAt gives the parameters and local variables that the source sees at an
// instruction of a function: of the innermost block first, so that the first
// of a name is the one that counts. Those of functions that were inlined there
// are left out, as are variables without a name.
func (f *File) VarsAt(fn *Function, pc symbolize.VirtAddr) (list []Variable) {
	f.mu.Lock()
	defer f.mu.Unlock()
	im, ours := fn.unit.(*implementation)
	if !ours || f.closed {
		return nil
	}
	var err error
	defer f.rescue(&err) // what was read before damage is given
	var blocks []entry
	im.e.walk(func(c *entry) bool {
		if c.tag != tagLexicalBlock || !contains(c.ranges(maxRanges), pc) && hasCode(c) {
			return false
		}
		blocks = append(blocks, *c)
		return true
	})
	slices.Reverse(blocks)
	for _, b := range append(blocks, im.e) {
		for c := range b.eachChild {
			if c.tag != tagVariable || len(list) >= maxParameters {
				continue
			}
			v := f.describeVariable(*c)
			v.where = &place{e: *c, code: im.e}
			if v.Name != "" {
				list = append(list, v)
			}
		}
	}
	return append(append(list, fn.Params...), fn.Results...)
}

// hasCode reports whether an entry says where its code lies.
func hasCode(e *entry) bool { return e.get(atRanges) != nil || e.get(atLowpc) != nil }

// Globals gives the variables that have one place in the program, those that
// are local to a file or a class as well. Names have their scopes.
func (f *File) Globals() ([]Variable, error) {
	return f.globals(func(string) bool { return true })
}

// Global finds a variable that has one place in the program, by its name with
// scopes, or by the symbol table's. The error says that there is none; where
// several files have one, it is the first that has an address.
func (f *File) Global(name string) (Variable, Location, error) {
	plain := name[strings.LastIndexAny(name, ":.")+1:]
	list, err := f.globals(func(own string) bool { return own == plain || own == name || strings.HasPrefix(name, "_Z") })
	if err != nil {
		return Variable{}, Location{}, err
	}
	for _, v := range list {
		if v.Name != name && v.where.(*place).e.linkageName() != name {
			continue
		}
		loc := f.Locate(nil, &v, 0)
		if loc.Pieces[0].Kind != Missing {
			return v, loc, nil
		}
	}
	return Variable{}, Location{}, fmt.Errorf("%s has no global variable %s that the debug information knows", f.path, name)
}

// linkageName is the symbol table's name of a variable or function.
func (e entry) linkageName() string {
	for o := range e.origins {
		if s := o.linkage(); s != "" {
			return s
		}
	}
	return ""
}

// globals gives the global variables whose own names are wanted.
func (f *File) globals(wanted func(name string) bool) (list []Variable, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.rescue(&err)
	if f.closed {
		return nil, errClosed
	}
	for _, u := range f.units {
		list = f.unitGlobals(list, u, wanted)
	}
	return list, nil
}
