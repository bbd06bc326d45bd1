package debuginfo

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"gorecord/symbolize"
)

// implementation is what a Function keeps for questions about it.
type implementation struct {
	// e is the entry with the code, or the abstract one of a function that is
	// only inlined.
	e entry
}

// place is what a Variable keeps: its entry, and the function or copy of one
// that it was found in.
type place struct {
	e    entry // the zero entry where the compiler left none
	code entry // the function with code; the zero entry for global variables
}

// description is what identifies a function.
type description struct {
	name, linkage string
	// scoped is the name by the scopes that the function stands in. It differs
	// from name, which comes from the linkage name where there is one.
	scoped string
	file   string
	line   int
}

func (f *File) describe(e entry) description {
	var d description
	var own entry
	var ownName string
	for o := range e.origins {
		if ownName == "" {
			if ownName = o.str(atName); ownName != "" {
				own = *o
			}
		}
		// The entry that another one specifies stands in the right scope.
		if ownName != "" && o.str(atName) == ownName {
			own = *o
		}
		if d.linkage == "" {
			d.linkage = o.linkage()
		}
		if d.file == "" {
			d.file = o.fileName(atDeclFile)
		}
		if d.line == 0 {
			d.line = int(o.number(atDeclLine) & 0x7fffffff)
		}
	}
	if ownName != "" {
		d.scoped = own.u.scopedName(own.off, ownName)
	}
	d.name = d.scoped
	if name := symbolize.Demangle(d.linkage); name != d.linkage || d.name == "" {
		d.name = name
	}
	return d
}

// maxScopes bounds how deep a name may stand.
const maxScopes = 64

// scopedName puts the names of namespaces and classes before an entry's.
func (u *unit) scopedName(off uint64, name string) string {
	if u.language == Go || u.language == C {
		return name
	}
	parts := []string{name}
	scopes := u.scan().scopes
	i := u.scopeOf(off)
	for range maxScopes {
		if i < 0 {
			break
		}
		if e, ok := u.entry(uint64(scopes[i].off)); ok {
			switch {
			case e.tag == tagSubprogram:
			case e.tag == tagEnumerationType && !e.flag(atEnumClass):
			case e.str(atName) != "":
				parts = append(parts, e.str(atName))
			case e.tag == tagNamespace:
				parts = append(parts, "(anonymous namespace)")
			}
		}
		i = scopes[i].parent
	}
	slices.Reverse(parts)
	return strings.Join(parts, "::")
}

// named reports whether users call the function so.
func (d *description) named(name string) bool {
	return name == d.name || name == d.linkage || name == d.scoped ||
		strings.ContainsAny(name, "( <") && name == symbolize.DemangleAs(d.linkage, symbolize.DemangleFull)
}

// spelled reports whether name is that of a function of C++ that has no linkage
// name of its own in the debug information: gcc leaves out those of unnamed
// namespaces. The parameters may be there.
func (f *File) spelled(d *description, e entry, name string) bool {
	if d.linkage != "" || e.u.language != CPlusPlus {
		return false
	}
	if full := symbolize.DemangleAs(name, symbolize.DemangleFull); full != name {
		name = full
	}
	rest, ok := strings.CutPrefix(name, d.name)
	if !ok || !strings.HasPrefix(rest, "(") {
		return false
	}
	var list []string
	for _, p := range parametersOf(e).list {
		if o, v := p.abstract.inherited(atType); v != nil && !p.abstract.flag(atArtificial) {
			n := namer{f: f}
			list = append(list, n.elem(o, "", 0))
		}
	}
	tidy := strings.NewReplacer(" ", "", "(void)", "()").Replace
	return tidy(rest) == tidy("("+strings.Join(list, ", ")+")")
}

// Find gives the functions of a name, in the order of their entries: a name of
// the symbol table (mangled or not), or one of the source with its scopes, with
// the parameters or without (ns::T::f, ns::T::f(int), main.(*T).f). Several
// have one name where functions are overloaded, or local to their files. None
// is no error.
//
// The copies of one function's code in others are in Inlined of the first of
// those that are declared at the same place. The first call looks through the
// whole debug information: some 5 ms for each MB.
func (f *File) Find(name string) (list []*Function, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.rescue(&err)
	if f.closed {
		return nil, errClosed
	}
	w := f.indexAll()
	groups := map[description]*group{}
	var order []description
	for _, key := range keys(symbolize.Demangle(name)) {
		if key == "" && !strings.ContainsAny(name, "{<(") {
			continue
		}
		w.under(key, func(at functionAt) {
			e, ok := at.u.entry(uint64(at.off))
			if !ok {
				return
			}
			d := f.describe(e)
			if !d.named(name) && !f.spelled(&d, e, name) {
				return
			}
			id := d.identity(at.u.language)
			if groups[id] == nil {
				groups[id] = &group{description: d}
				order = append(order, id)
			}
			groups[id].add(d, at)
		})
	}
	for _, id := range order {
		list = append(list, f.functionsOf(groups[id])...)
	}
	slices.SortStableFunc(list, func(a, b *Function) int {
		x, hasX := a.Entry()
		y, hasY := b.Entry()
		if hasX != hasY {
			if hasX {
				return -1
			}
			return 1
		}
		return cmp.Compare(x, y)
	})
	return list, nil
}

// identity is what entries of one function of the source have in common. Go's
// names are enough, and its copies do not tell where they are declared.
func (d description) identity(language Language) description {
	if language == Go {
		return description{name: d.name}
	}
	return d
}

// group has the entries of one function of the source.
type group struct {
	description
	members []functionAt
}

func (g *group) add(d description, at functionAt) {
	if !slices.Contains(g.members, at) {
		g.members = append(g.members, at)
	}
	if g.file == "" {
		g.file = d.file
	}
	if g.line == 0 {
		g.line = d.line
	}
}

// functionsOf makes the functions of a group.
func (f *File) functionsOf(g *group) []*Function {
	var list []*Function
	var abstract entry
	origins := map[uint64]bool{}
	for _, at := range g.members {
		e, ok := at.u.entry(uint64(at.off))
		if !ok {
			continue
		}
		for o := range e.origins {
			origins[o.off] = true
		}
		ranges := e.codeRanges()
		if len(ranges) == 0 {
			abstract = e
			continue
		}
		if slices.ContainsFunc(list, func(fn *Function) bool { return fn.Ranges[0].Start == ranges[0].Start }) {
			continue
		}
		list = append(list, f.function(e, g.description, ranges))
	}
	copies := f.inlinedCopies(origins)
	if len(list) == 0 {
		if len(copies) == 0 || abstract.u == nil {
			return nil
		}
		fn := f.function(abstract, g.description, nil)
		fn.File = cmp.Or(fn.File, f.fileOfCopy(copies[0]))
		list = append(list, fn)
	}
	first := slices.MinFunc(list, func(a, b *Function) int { return cmp.Compare(startOf(a), startOf(b)) })
	first.Inlined = copies
	return list
}

// fileOfCopy is the file that the code of a copy belongs to: Go does not say
// otherwise where a function is declared that is only inlined.
func (f *File) fileOfCopy(c InlinedCopy) string {
	holder, ok := f.entryOf(c.Entry)
	if !ok {
		return ""
	}
	r, ok := holder.u.rowOf(c.Entry)
	if !ok {
		return ""
	}
	return strings.Clone(holder.u.lines.file(uint64(r.file)))
}

func startOf(fn *Function) symbolize.VirtAddr {
	addr, _ := fn.Entry()
	return addr
}

// codeRanges are the ranges of a function's code, the one with the entry first.
func (e *entry) codeRanges() []Range {
	ranges := e.ranges(maxRanges)
	if len(ranges) == 0 {
		return nil
	}
	entry, ok := e.entryPC(ranges)
	if !ok {
		return ranges
	}
	for i, r := range ranges {
		if entry >= r.Start && entry < r.End && i > 0 {
			ranges[0], ranges[i] = ranges[i], ranges[0]
			break
		}
	}
	return ranges
}

// entryPC is what DW_AT_entry_pc says: an address, or a distance from where the
// code begins.
func (e *entry) entryPC(ranges []Range) (symbolize.VirtAddr, bool) {
	v := e.get(atEntrypc)
	if v == nil {
		return 0, false
	}
	if addr, ok := e.u.addr(v); ok {
		return symbolize.VirtAddr(addr), true
	}
	base := ranges[0].Start
	if low, ok := e.addr(atLowpc); ok {
		base = symbolize.VirtAddr(low)
	}
	return base + symbolize.VirtAddr(v.n), v.isNumber()
}

func (f *File) function(e entry, d description, ranges []Range) *Function {
	fn := &Function{
		Name: strings.Clone(d.name), Language: e.language(), Ranges: ranges,
		File: strings.Clone(d.file), Line: d.line, unit: &implementation{e: e},
	}
	fn.Dir = strings.Clone(e.u.compDir)
	if d.linkage != d.name {
		fn.LinkageName = strings.Clone(d.linkage)
	}
	params := parametersOf(e)
	for _, p := range params.list {
		v := f.variable(p, e)
		if p.result {
			// Go's compiler (1.26) writes results twice that closures change.
			if n := len(fn.Results); n == 0 || v.Name == "_" || fn.Results[n-1].Name != v.Name {
				fn.Results = append(fn.Results, v)
			}
		} else {
			fn.Params = append(fn.Params, v)
		}
	}
	if fn.File == "" && fn.Line > 0 && len(ranges) > 0 {
		// Go's copies of inlined functions do not tell; their code does.
		if r, ok := e.u.rowOf(ranges[0].Start); ok {
			fn.File = strings.Clone(e.u.lines.file(uint64(r.file)))
		}
	}
	fn.Variadic = params.variadic
	fn.Return = f.typeOf(e)
	fn.Optimized = f.isOptimized(e, params)
	return fn
}

// parameter is a parameter's entry in a function or copy, and the one in the
// abstract function that it completes; either may be missing.
type parameter struct {
	own, abstract entry
	result        bool
}

type parameters struct {
	list     []parameter
	variadic bool
}

// maxParameters bounds what a function can have; Go's and C++'s generated code
// has hundreds.
const maxParameters = 4096

// parametersOf lists the parameters of a function or of an inlined copy, in the
// order of the source. Copies lack those that were optimized away.
func parametersOf(e entry) parameters {
	var result parameters
	own := formals(e, &result.variadic)
	var full []entry
	for o := range e.origins {
		if o.off != e.off && len(full) == 0 {
			full = formals(*o, &result.variadic)
		}
	}
	taken := map[uint64]entry{}
	for _, p := range own {
		to, ok := p.ref(atAbstractOrigin)
		if !ok {
			to = p.off
		}
		taken[to] = p
	}
	if e.get(atAbstractOrigin) == nil || len(full) == 0 {
		// A definition names its parameters itself.
		if full = own; len(own) == 0 {
			return result
		}
	}
	for _, p := range full {
		q := parameter{own: taken[p.off], abstract: p}
		if _, v := p.inherited(atVariableParam); v != nil && e.u.language == Go {
			q.result = v.n != 0
		}
		result.list = append(result.list, q)
	}
	// What is only in the copy: the abstract function's entry is elsewhere.
	if !slices.ContainsFunc(result.list, func(q parameter) bool { return q.own.u != nil }) && len(own) == len(full) {
		for i := range own {
			result.list[i].own = own[i]
		}
	}
	return result
}

// formals are the entries of a function's parameters.
func formals(e entry, variadic *bool) []entry {
	var list []entry
	for c := range e.eachChild {
		switch c.tag {
		case tagFormalParameter:
			list = append(list, *c)
		case tagUnspecifiedParams:
			*variadic = true
		case tagFormalParamPack:
			for p := range c.eachChild {
				if p.tag == tagFormalParameter && len(list) < maxParameters {
					list = append(list, *p)
				}
			}
		}
		if len(list) >= maxParameters {
			break
		}
	}
	return list
}

// variable makes a Variable of a parameter that lies in a function's code.
func (f *File) variable(p parameter, code entry) Variable {
	e := p.own
	if e.u == nil {
		e = p.abstract
	}
	v := f.describeVariable(e)
	v.where = &place{e: p.own, code: code}
	return v
}

func (f *File) describeVariable(e entry) Variable {
	var v Variable
	for o := range e.origins {
		if v.Name == "" {
			v.Name = strings.Clone(o.str(atName))
		}
		if v.File == "" {
			v.File = strings.Clone(o.fileName(atDeclFile))
		}
		if v.Line == 0 {
			v.Line = int(o.number(atDeclLine) & 0x7fffffff)
		}
	}
	v.Type = f.typeOf(e)
	return v
}

// language is that of the source: a link-time optimizer's units have another one.
func (e entry) language() Language {
	l := OtherLanguage
	for o := range e.origins {
		l = o.u.language
	}
	return l
}

// inlinedCopies are the copies of the functions at offsets, by address.
func (f *File) inlinedCopies(origins map[uint64]bool) []InlinedCopy {
	var list []InlinedCopy
	for off := range origins {
		for _, at := range f.whole.copies(off) {
			if c, ok := f.inlinedCopy(at); ok {
				list = append(list, c)
			}
		}
	}
	slices.SortFunc(list, func(a, b InlinedCopy) int {
		return cmp.Or(cmp.Compare(a.Entry, b.Entry), cmp.Compare(a.Line, b.Line))
	})
	return list
}

func (f *File) inlinedCopy(at inlinedAt) (InlinedCopy, bool) {
	e, ok := at.u.entry(uint64(at.off))
	if !ok {
		return InlinedCopy{}, false
	}
	ranges := e.codeRanges()
	holder, ok := at.u.entry(uint64(at.holder))
	if !ok || len(ranges) == 0 {
		return InlinedCopy{}, false
	}
	c := InlinedCopy{Ranges: ranges, File: strings.Clone(e.fileName(atCallFile)), Line: int(e.number(atCallLine) & 0x7fffffff)}
	c.Into = strings.Clone(f.describe(holder).name)
	if c.Entry, ok = e.entryPC(ranges); !ok {
		c.Entry = slices.MinFunc(ranges, func(a, b Range) int { return cmp.Compare(a.Start, b.Start) }).Start
	}
	for _, p := range parametersOf(e).list {
		if !p.result {
			c.Params = append(c.Params, f.variable(p, holder))
		}
	}
	return c, true
}

// At gives the function whose code holds an address, with the parts that
// compilers split off, nil where the debug information knows none. What was
// inlined there is not looked at, and Inlined stays empty. Only the unit of the
// address is read.
func (f *File) At(addr symbolize.VirtAddr) (fn *Function, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.rescue(&err)
	if f.closed {
		return nil, errClosed
	}
	if e, ok := f.entryOf(addr); ok {
		return f.function(e, f.describe(e), e.codeRanges()), nil
	}
	return nil, nil
}

// entryOf finds the entry of the function whose code holds an address.
func (f *File) entryOf(addr symbolize.VirtAddr) (entry, bool) {
	var found entry
	f.unitSpans().at(addr, func(u *unit) bool {
		if off, ok := u.functionAt(addr); ok {
			found, _ = u.entry(off)
		}
		return found.u == nil
	})
	return found, found.u != nil
}

// Names gives the name of each function that Find finds, once and in no
// particular order. It reads all of the debug information.
func (f *File) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, name := range f.allNames() {
			if !yield(name) {
				return
			}
		}
	}
}

func (f *File) allNames() (names []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	var err error
	defer f.rescue(&err) // what was read before damage is given
	w := f.indexAll()
	seen := map[string]bool{}
	for _, at := range w.functions {
		e, ok := at.u.entry(uint64(at.off))
		if !ok || len(e.ranges(1)) == 0 && len(w.copies(e.off)) == 0 {
			continue
		}
		d := f.describe(e)
		if !seen[d.name] {
			name := strings.Clone(d.name)
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// isOptimized reports whether a function's variables may lie in registers.
// Where the compiler does not write its flags down (clang, rustc), the function
// tells: optimized code has its calls described, other code has parameters in
// the frame.
func (f *File) isOptimized(e entry, params parameters) bool {
	if yes, known := e.u.optimized(); known {
		return yes
	}
	if e.flag(atCallAllCalls) || e.flag(atGNUAllCallSites) {
		return true
	}
	for _, p := range params.list {
		if v := p.own.get(atLocation); v != nil && len(v.b) > 0 && v.b[0] == opFbreg {
			return false
		}
	}
	return len(params.list) > 0
}
