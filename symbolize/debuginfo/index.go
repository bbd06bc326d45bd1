package debuginfo

import (
	"cmp"
	"slices"
	"sort"
	"strings"

	"gorecord/symbolize"
)

// unitIndex is what one pass over a unit's entries finds.
type unitIndex struct {
	functions []functionRef
	inlined   []inlinedRef
	globals   []uint32 // variables outside of functions that have a location
	scopes    []scope  // in the order of their offsets
	spans     []span   // of functions, by address; made when it is asked for
	spanned   bool
}

// functionRef is a function with code, or one that is only inlined.
type functionRef struct {
	off     uint32
	hasCode bool
}

// inlinedRef is a copy of a function's code in another one.
type inlinedRef struct {
	origin, off uint32
	holder      uint32 // the function with code that it is part of
}

// scope is an entry whose children have its name before theirs.
type scope struct {
	off, end uint32
	parent   int32 // -1 for none
}

// span says which function's code lies at addresses.
type span struct {
	Range
	off uint32
}

// scan makes the unit's index. What lies behind damage is left out.
func (u *unit) scan() *unitIndex {
	if u.indexed {
		return &u.index
	}
	u.indexed = true
	if u.load() != nil {
		return &u.index
	}
	s := scanner{u: u, c: cursor{b: u.f.data[:u.end], pos: int(u.first)}}
	s.run()
	s.closeScopes(0)
	return &u.index
}

// level is an entry whose children are being scanned.
type level struct {
	scope  int32  // the innermost scope, -1 for none
	holder uint32 // the function with code, 0 for none
	inside bool   // of any function
	opened bool   // the level is a scope itself
}

type scanner struct {
	u     *unit
	c     cursor
	stack []level
}

func (s *scanner) run() {
	at := level{scope: -1}
	for !s.c.bad && s.c.pos < len(s.c.b) {
		off := uint32(s.c.pos)
		code := s.c.uleb()
		if code == 0 {
			if len(s.stack) == 0 {
				return
			}
			if at.opened {
				s.u.index.scopes[at.scope].end = uint32(s.c.pos)
			}
			at = s.stack[len(s.stack)-1]
			s.stack = s.stack[:len(s.stack)-1]
			if len(s.stack) == 0 {
				return
			}
			continue
		}
		a := s.u.abbrevs.get(code)
		if a == nil {
			return
		}
		inner := s.visit(a, off, at)
		if a.children {
			s.stack = append(s.stack, at)
			at = inner
		} else if len(s.stack) == 0 {
			return
		}
	}
}

// closeScopes ends the scopes that damage left open.
func (s *scanner) closeScopes(from int) {
	for i := from; i < len(s.u.index.scopes); i++ {
		if sc := &s.u.index.scopes[i]; sc.end == 0 {
			sc.end = uint32(s.u.end)
		}
	}
}

// visit notes an entry and gives the level of its children.
func (s *scanner) visit(a *abbrev, off uint32, at level) level {
	index := &s.u.index
	at.opened = false
	switch a.tag {
	case tagSubprogram:
		return s.function(a, off, at)
	case tagInlinedSubroutine:
		s.inlined(a, off, at)
		return at
	case tagVariable:
		if !at.inside && has(a, atLocation) {
			index.globals = append(index.globals, off)
		}
	case tagNamespace, tagStructType, tagClassType, tagUnionType, tagEnumerationType, tagModule, tagInterfaceType:
		if a.children {
			at = s.open(off, at)
		}
	}
	s.skip(a)
	return at
}

func (s *scanner) open(off uint32, at level) level {
	s.u.index.scopes = append(s.u.index.scopes, scope{off: off, parent: at.scope})
	at.scope, at.opened = int32(len(s.u.index.scopes)-1), true
	return at
}

func has(a *abbrev, at uint16) bool {
	for i := range a.attrs {
		if a.attrs[i].at == at {
			return true
		}
	}
	return false
}

func (s *scanner) skip(a *abbrev) {
	if a.fixed >= 0 {
		s.c.skip(uint64(a.fixed))
		return
	}
	for i := range a.attrs {
		s.u.skipForm(&s.c, a.attrs[i].form)
	}
}

func (s *scanner) function(a *abbrev, off uint32, at level) level {
	// What has no code may be only inlined: compilers do not say so of all
	// such functions (DW_AT_inline is missing in link-time optimized programs).
	hasCode := has(a, atLowpc) || has(a, atRanges)
	declaration := false
	if !hasCode && has(a, atDeclaration) {
		for i := range a.attrs {
			if v := s.u.value(&s.c, a.attrs[i]); v.at == atDeclaration {
				declaration = v.n != 0
			}
		}
	} else {
		s.skip(a)
	}
	if hasCode || !declaration {
		s.u.index.functions = append(s.u.index.functions, functionRef{off, hasCode})
	}
	if a.children {
		at = s.open(off, at)
	}
	at.inside = true
	at.holder = 0
	if hasCode {
		at.holder = off
	}
	return at
}

func (s *scanner) inlined(a *abbrev, off uint32, at level) {
	if at.holder == 0 || !(has(a, atLowpc) || has(a, atRanges)) {
		s.skip(a)
		return
	}
	var origin value
	for i := range a.attrs {
		if a.attrs[i].at == atAbstractOrigin {
			origin = s.u.value(&s.c, a.attrs[i])
		} else {
			s.u.skipForm(&s.c, a.attrs[i].form)
		}
	}
	if to, ok := s.u.ref(&origin); ok && to < 1<<32 {
		s.u.index.inlined = append(s.u.index.inlined, inlinedRef{origin: uint32(to), off: off, holder: at.holder})
	}
}

// scopeOf is the innermost scope around an entry, -1 for none.
func (u *unit) scopeOf(off uint64) int32 {
	scopes := u.scan().scopes
	i := int32(sort.Search(len(scopes), func(i int) bool { return uint64(scopes[i].off) >= off })) - 1
	for i >= 0 && uint64(scopes[i].end) <= off {
		i = scopes[i].parent
	}
	return i
}

// wholeIndex is the index over all units.
type wholeIndex struct {
	functions []functionAt
	// byKey gives the last function whose plain name begins with an
	// identifier, and linked the one before that, or -1.
	byKey   map[string]int32
	linked  []int32
	at      []int32     // what functions the links stand for
	inlined []inlinedAt // by origin
}

type functionAt struct {
	u   *unit
	off uint32
}

type inlinedAt struct {
	u *unit
	inlinedRef
}

// indexAll makes the index over all units, once.
func (f *File) indexAll() *wholeIndex {
	if f.whole != nil {
		return f.whole
	}
	w := &wholeIndex{byKey: map[string]int32{}}
	for _, u := range f.units {
		index := u.scan()
		for _, fn := range index.functions {
			w.functions = append(w.functions, functionAt{u, fn.off})
			name, linkage := f.plainNames(u, uint64(fn.off))
			key := keyOf(u.language, name)
			w.put(key)
			if linkage != "" && linkage != name {
				w.putLinkage(linkage, key)
			}
		}
		for _, in := range index.inlined {
			w.inlined = append(w.inlined, inlinedAt{u, in})
		}
	}
	slices.SortFunc(w.inlined, func(a, b inlinedAt) int {
		return cmp.Or(cmp.Compare(a.origin, b.origin), cmp.Compare(a.off, b.off))
	})
	f.whole = w
	return w
}

// put has the last function found under a key.
func (w *wholeIndex) put(key string) {
	before, known := w.byKey[key]
	if !known {
		before = -1
	}
	w.byKey[key] = int32(len(w.linked))
	w.linked = append(w.linked, before)
	w.at = append(w.at, int32(len(w.functions)-1))
}

// putLinkage has the last function found by a linkage name that its plain name
// does not lead to: names that the source sets aside from the function's.
func (w *wholeIndex) putLinkage(linkage, key string) {
	switch {
	case !strings.HasPrefix(linkage, "_Z") && !strings.HasPrefix(linkage, "_R"):
		w.put(linkage)
	case key != "" && key != "operator" && key[0] != '~' && !strings.Contains(linkage, key):
		for _, other := range keys(symbolize.Demangle(linkage)) {
			if other != "" && other != key {
				w.put(other)
			}
		}
	}
}

// under gives the functions of a key.
func (w *wholeIndex) under(key string, yield func(functionAt)) {
	i, known := w.byKey[key]
	if !known {
		return
	}
	for ; i >= 0; i = w.linked[i] {
		yield(w.functions[w.at[i]])
	}
}

// copies are the places where the code of the function at an offset was copied
// to.
func (w *wholeIndex) copies(origin uint64) []inlinedAt {
	start := sort.Search(len(w.inlined), func(i int) bool { return uint64(w.inlined[i].origin) >= origin })
	end := start
	for end < len(w.inlined) && uint64(w.inlined[end].origin) == origin {
		end++
	}
	return w.inlined[start:end]
}

// plainNames are DW_AT_name and the linkage name of a function.
func (f *File) plainNames(u *unit, off uint64) (name, linkage string) {
	for range maxOrigins {
		n, l, next := u.names(off)
		if name == "" {
			name = n
		}
		if linkage == "" {
			linkage = l
		}
		if next == 0 || name != "" && linkage != "" {
			break
		}
		off = next
		if off < u.first || off >= u.end {
			if u = f.unitAt(off); u == nil || u.load() != nil {
				break
			}
		}
	}
	return name, linkage
}

// names reads what an entry says of its name, and which one completes it (0 for
// none). It is what entry does, without memory of its own.
func (u *unit) names(off uint64) (name, linkage string, next uint64) {
	if off < u.first || off >= u.end {
		return "", "", 0
	}
	c := cursor{b: u.f.data[:u.end], pos: int(off)}
	a := u.abbrevs.get(c.uleb())
	if a == nil {
		return "", "", 0
	}
	for i := range a.attrs {
		switch at := a.attrs[i].at; at {
		case atName, atLinkageName, atMIPSLinkageName:
			v := u.value(&c, a.attrs[i])
			if at == atName {
				name = u.string(&v)
			} else {
				linkage = u.string(&v)
			}
		case atAbstractOrigin, atSpecification:
			v := u.value(&c, a.attrs[i])
			if to, ok := u.ref(&v); ok && (next == 0 || at == atAbstractOrigin) {
				next = to
			}
		default:
			u.skipForm(&c, a.attrs[i].form)
		}
	}
	return name, linkage, next
}

func (e *entry) linkage() string {
	if s := e.str(atLinkageName); s != "" {
		return s
	}
	return e.str(atMIPSLinkageName)
}

// keyOf is what the index has a function's plain name under: the identifier at
// its start, so that f<int> is found as f; "" for names without one. Go's names
// are whole.
func keyOf(language Language, name string) string {
	if language == Go {
		return name
	}
	n := 0
	for n < len(name) && identifier(name[n]) {
		n++
	}
	return name[:n]
}

func identifier(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c == '~' || c == '.' || c >= 0x80
}

// keys are all keys that a function may have which users call name: its own
// name follows the start, a "::" or a space (after a return type).
func keys(name string) []string {
	list := []string{name, ""}
	seen := map[string]bool{name: true, "": true}
	for i := range len(name) {
		if i > 0 && name[i-1] != ' ' && name[i-1] != ':' && name[i-1] != '*' && name[i-1] != '&' {
			continue
		}
		if key := keyOf(C, name[i:]); !seen[key] {
			seen[key] = true
			list = append(list, key)
		}
	}
	return list
}

// unitSpans says which units have code at addresses.
type unitSpans struct {
	spans []unitSpan // by start
	// unknown are units that do not say.
	unknown []*unit
}

type unitSpan struct {
	Range
	u *unit
	// most is the highest end of this and all spans before.
	most symbolize.VirtAddr
}

func (f *File) unitSpans() *unitSpans {
	if f.spans != nil {
		return f.spans
	}
	s := &unitSpans{}
	for _, u := range f.units {
		if u.load() != nil || u.kind == unitType || u.root.tag == tagPartialUnit || u.root.tag == tagTypeUnit {
			continue
		}
		if len(u.ranges) == 0 && u.root.get(atRanges) == nil && u.root.get(atHighpc) == nil {
			s.unknown = append(s.unknown, u)
		}
		for _, r := range u.ranges {
			s.spans = append(s.spans, unitSpan{Range: r, u: u})
		}
	}
	sort.SliceStable(s.spans, func(i, j int) bool { return s.spans[i].Start < s.spans[j].Start })
	var most symbolize.VirtAddr
	for i := range s.spans {
		most = max(most, s.spans[i].End)
		s.spans[i].most = most
	}
	f.spans = s
	return s
}

// at gives the units that may have code at an address.
func (s *unitSpans) at(addr symbolize.VirtAddr, yield func(*unit) bool) {
	i := sort.Search(len(s.spans), func(i int) bool { return s.spans[i].Start > addr }) - 1
	for ; i >= 0 && s.spans[i].most > addr; i-- {
		if s.spans[i].End > addr && !yield(s.spans[i].u) {
			return
		}
	}
	for _, u := range s.unknown {
		if !yield(u) {
			return
		}
	}
}

// functionAt is the innermost function of the unit whose code holds an address;
// ok is false where there is none.
func (u *unit) functionAt(addr symbolize.VirtAddr) (off uint64, ok bool) {
	index := u.scan()
	if !index.spanned {
		index.spanned = true
		for _, fn := range index.functions {
			if !fn.hasCode {
				continue
			}
			if e, ok := u.entry(uint64(fn.off)); ok {
				for _, r := range e.ranges(maxRanges) {
					index.spans = append(index.spans, span{r, fn.off})
				}
			}
		}
		sort.SliceStable(index.spans, func(i, j int) bool { return index.spans[i].Start < index.spans[j].Start })
	}
	i := sort.Search(len(index.spans), func(i int) bool { return index.spans[i].Start > addr }) - 1
	if i < 0 || index.spans[i].End <= addr {
		return 0, false
	}
	return uint64(index.spans[i].off), true
}
