package debuginfo

import (
	"encoding/binary"

	"gorecord/symbolize"
)

// value is an attribute's value as it stands in the entry.
type value struct {
	at, form uint16
	n        uint64 // number, offset, index, or reference
	b        []byte // of a block or string
}

// entry is a debugging information entry. The zero entry has no attributes.
type entry struct {
	u        *unit
	off      uint64
	next     uint64 // behind the attributes: the first child, or what follows
	tag      uint16
	children bool
	attrs    []value
}

// entry reads the entry at an offset of .debug_info, which must lie in the unit.
// It is false for the mark that ends a list of children, and for damage.
func (u *unit) entry(off uint64) (e entry, ok bool) {
	if u.abbrevs == nil || off < u.first || off >= u.end {
		return entry{}, false
	}
	c := cursor{b: u.f.data[:u.end], pos: int(off)}
	a := u.abbrevs.get(c.uleb())
	if a == nil {
		return entry{}, false
	}
	e = entry{u: u, off: off, tag: a.tag, children: a.children, attrs: make([]value, len(a.attrs))}
	for i := range a.attrs {
		e.attrs[i] = u.value(&c, a.attrs[i])
	}
	e.next = uint64(c.pos)
	return e, !c.bad
}

func (u *unit) value(c *cursor, spec attrSpec) value {
	v := value{at: spec.at, form: spec.form}
	if v.form == formIndirect {
		v.form = narrow(c.uleb())
		if v.form == formIndirect || v.form == formImplicit {
			c.fail()
			return v
		}
	}
	switch v.form {
	case formFlagPresent:
		v.n = 1
	case formImplicit:
		v.n = uint64(spec.implicit)
	case formUdata, formRefUdata, formStrx, formAddrx, formLoclistx, formRnglistx, formGNUAddrIndex, formGNUStrIndex:
		v.n = c.uleb()
	case formSdata:
		v.n = uint64(c.sleb())
	case formStrx3, formAddrx3:
		v.n = uint64(c.u24())
	case formString:
		start := c.pos
		c.string()
		if !c.bad {
			v.b = c.b[start : c.pos-1]
		}
	case formBlock, formExprloc:
		v.b = c.bytes(c.uleb())
	case formBlock1:
		v.b = c.bytes(uint64(c.u8()))
	case formBlock2:
		v.b = c.bytes(uint64(c.u16()))
	case formBlock4:
		v.b = c.bytes(uint64(c.u32()))
	case formData16:
		v.b = c.bytes(16)
	default:
		size := u.formSize(v.form)
		if size <= 0 {
			c.fail()
			return v
		}
		v.n = c.uint(size)
	}
	return v
}

func (e *entry) get(at uint16) *value {
	for i := range e.attrs {
		if e.attrs[i].at == at {
			return &e.attrs[i]
		}
	}
	return nil
}

// str is a string attribute, "" where there is none.
func (e *entry) str(at uint16) string {
	if v := e.get(at); v != nil {
		return e.u.string(v)
	}
	return ""
}

func (u *unit) string(v *value) string {
	switch v.form {
	case formString:
		return view(v.b)
	case formStrp:
		return stringAt(u.f.info.section("debug_str"), v.n)
	case formLineStrp:
		return stringAt(u.f.info.section("debug_line_str"), v.n)
	case formStrx, formStrx1, formStrx2, formStrx3, formStrx4, formGNUStrIndex:
		if v.n >= 1<<40 {
			return ""
		}
		c := at(u.f.info.section("debug_str_offsets"), u.strBase+v.n*uint64(u.offsetSize()))
		if off := c.offset(u.dwarf64); !c.bad {
			return stringAt(u.f.info.section("debug_str"), off)
		}
	}
	return ""
}

// at is a cursor at an offset of a section.
func at(section []byte, off uint64) cursor {
	if off > uint64(len(section)) {
		return cursor{bad: true}
	}
	return cursor{b: section, pos: int(off)}
}

// isNumber reports whether the value is a constant.
func (v *value) isNumber() bool {
	switch v.form {
	case formData1, formData2, formData4, formData8, formUdata, formSdata, formImplicit, formFlag, formFlagPresent:
		return true
	}
	return false
}

// number is a constant attribute, 0 where there is none.
func (e *entry) number(at uint16) uint64 {
	if v := e.get(at); v != nil && v.isNumber() {
		return v.n
	}
	return 0
}

// signed is a constant with its sign: constants of a fixed size do not tell
// whether they have one.
func (v *value) signed() int64 {
	switch v.form {
	case formData1:
		return int64(int8(v.n))
	case formData2:
		return int64(int16(v.n))
	case formData4:
		return int64(int32(v.n))
	}
	return int64(v.n)
}

func (e *entry) flag(at uint16) bool { return e.number(at) != 0 }

// addr is an attribute of the address class.
func (e *entry) addr(at uint16) (uint64, bool) {
	if v := e.get(at); v != nil {
		return e.u.addr(v)
	}
	return 0, false
}

func (u *unit) addr(v *value) (uint64, bool) {
	switch v.form {
	case formAddr:
		return v.n, true
	case formAddrx, formAddrx1, formAddrx2, formAddrx3, formAddrx4, formGNUAddrIndex:
		return u.indexed64(v.n)
	}
	return 0, false
}

// indexed64 is an address of the unit's part of .debug_addr.
func (u *unit) indexed64(index uint64) (uint64, bool) {
	if index >= 1<<40 {
		return 0, false
	}
	c := at(u.f.info.section("debug_addr"), u.addrBase+index*uint64(u.addrSize))
	v := c.uint(u.addrSize)
	return v, !c.bad
}

// ref is the offset in .debug_info that an attribute refers to.
func (e *entry) ref(at uint16) (uint64, bool) {
	if v := e.get(at); v != nil {
		return e.u.ref(v)
	}
	return 0, false
}

func (u *unit) ref(v *value) (uint64, bool) {
	switch v.form {
	case formRef1, formRef2, formRef4, formRef8, formRefUdata:
		if v.n > u.end {
			return 0, false
		}
		return u.off + v.n, true
	case formRefAddr:
		return v.n, true
	case formRefSig8:
		if to := u.f.signatures[v.n]; to != nil {
			return to.typeOff, true
		}
	}
	return 0, false
}

// entryAt reads the entry at an offset anywhere in .debug_info.
func (f *File) entryAt(off uint64) (entry, bool) {
	u := f.unitAt(off)
	if u == nil || u.load() != nil {
		return entry{}, false
	}
	return u.entry(off)
}

// follow reads the entry that an attribute refers to.
func (e *entry) follow(at uint16) (entry, bool) {
	if off, ok := e.ref(at); ok {
		return e.u.f.entryAt(off)
	}
	return entry{}, false
}

// maxOrigins is how many entries complete each other: a copy, its abstract
// function, that one's declaration, and what a link-time optimizer adds.
const maxOrigins = 6

// origins gives the entry and those that complete it, in this order: what the
// nearer one says counts.
func (e entry) origins(yield func(*entry) bool) {
	for range maxOrigins {
		if !yield(&e) {
			return
		}
		next, ok := e.follow(atAbstractOrigin)
		if !ok {
			next, ok = e.follow(atSpecification)
		}
		if !ok {
			return
		}
		e = next
	}
}

// inherited is an attribute of the entry or of those that complete it, with the
// entry that has it.
func (e entry) inherited(at uint16) (entry, *value) {
	for o := range e.origins {
		if v := o.get(at); v != nil {
			return *o, v
		}
	}
	return entry{}, nil
}

// eachChild gives the children, until yield returns false.
func (e entry) eachChild(yield func(*entry) bool) {
	if !e.children {
		return
	}
	for off := e.next; ; {
		child, ok := e.u.entry(off)
		if !ok || !yield(&child) {
			return
		}
		off = child.after()
	}
}

// after is the offset behind the entry and its children.
func (e *entry) after() uint64 {
	if !e.children {
		return e.next
	}
	if sibling, ok := e.ref(atSibling); ok && sibling > e.off && sibling <= e.u.end {
		return sibling
	}
	c := cursor{b: e.u.f.data[:e.u.end], pos: int(e.next)}
	for depth := 1; depth > 0; {
		a := e.u.skipEntry(&c)
		switch {
		case c.bad:
			return e.u.end
		case a == nil:
			depth--
		case a.children:
			depth++
		}
	}
	return uint64(c.pos)
}

// skipEntry steps over one entry and gives its abbreviation, nil for the end of
// a list of children.
func (u *unit) skipEntry(c *cursor) *abbrev {
	code := c.uleb()
	if code == 0 {
		return nil
	}
	a := u.abbrevs.get(code)
	if a == nil {
		c.fail()
		return nil
	}
	if a.fixed >= 0 {
		c.skip(uint64(a.fixed))
		return a
	}
	for i := range a.attrs {
		u.skipForm(c, a.attrs[i].form)
	}
	return a
}

// constant gives the bytes of a block or number, as they lie in memory.
func (v *value) constant() []byte {
	if v.isNumber() {
		return binary.LittleEndian.AppendUint64(nil, uint64(v.signed()))
	}
	return v.b
}

// ranges are the addresses of an entry's code, in the order of the debug
// information; those of code that the linker dropped are left out. There are at
// most limit.
func (e *entry) ranges(limit int) []Range {
	if v := e.get(atRanges); v != nil {
		return e.u.rangeList(v, limit)
	}
	low, ok := e.addr(atLowpc)
	if !ok {
		return nil
	}
	v := e.get(atHighpc)
	if v == nil {
		return nil
	}
	high, isAddr := e.u.addr(v)
	if !isAddr {
		high = low + v.n
	}
	return e.u.f.appendRange(nil, low, high)
}

// maxRanges bounds the parts of a function. Lists may be shared by many entries
// of hostile files.
const maxRanges = 4096

func (f *File) appendRange(list []Range, low, high uint64) []Range {
	if high <= low || !f.live(low) {
		return list
	}
	return append(list, Range{symbolize.VirtAddr(low), symbolize.VirtAddr(high)})
}
