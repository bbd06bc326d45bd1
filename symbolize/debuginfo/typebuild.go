package debuginfo

import (
	"strings"
)

// typeCache has the types that were made, by the offset of their entries.
type typeCache struct {
	nodes map[uint64]*typeNode
	queue []uint64 // referred to by pointers, to be filled
}

type typeNode struct {
	t     *Type
	state typeState
}

type typeState uint8

const (
	empty typeState = iota
	filling
	filled
)

// maxTypes bounds how many types are made because one was asked for: those that
// are reached through pointers only after so many others stay Unknown.
const maxTypes = 1 << 17

// maxNesting bounds types in types in types.
const maxNesting = 100

// typeOf is the type that an entry's DW_AT_type names, nil for none (void). The
// types that it refers to are there, too; nothing of them changes later.
func (f *File) typeOf(e entry) *Type {
	o, v := e.inherited(atType)
	if v == nil {
		return nil
	}
	off, ok := o.ref(atType)
	if !ok {
		return &Type{Size: -1}
	}
	if f.types.nodes == nil {
		f.types.nodes = map[uint64]*typeNode{}
	}
	t := f.need(off, 0)
	for n := 0; len(f.types.queue) > 0; n++ {
		next := f.types.queue[0]
		f.types.queue = f.types.queue[1:]
		if n < maxTypes {
			f.need(next, 0)
		} else if f.types.nodes[next].state == empty {
			// What callers have must not change under them.
			delete(f.types.nodes, next)
		}
	}
	f.types.queue = nil
	return t
}

// refer gives the type at an offset, which is filled later.
func (f *File) refer(off uint64) *Type { return f.node(off, true).t }

func (f *File) node(off uint64, queue bool) *typeNode {
	n := f.types.nodes[off]
	if n == nil {
		n = &typeNode{t: &Type{Size: -1}}
		f.types.nodes[off] = n
		if queue {
			f.types.queue = append(f.types.queue, off)
		}
	}
	return n
}

// need gives the type at an offset, filled unless it contains itself, as only
// damaged ones do.
func (f *File) need(off uint64, depth int) *Type {
	n := f.node(off, false)
	if n.state == empty && depth < maxNesting {
		n.state = filling
		if e, ok := f.entryAt(off); ok {
			b := typeBuilder{f: f, e: e, t: n.t, depth: depth}
			b.fill()
		}
		n.state = filled
	}
	return n.t
}

// typeBuilder fills one type.
type typeBuilder struct {
	f     *File
	e     entry
	t     *Type
	depth int
}

// elem is the type that the entry refers to, nil for none.
func (b *typeBuilder) elem() *Type {
	off, ok := b.e.ref(atType)
	if !ok {
		return nil
	}
	return b.f.need(off, b.depth+1)
}

// target is the type that a pointer points to, nil for void.
func (b *typeBuilder) target() *Type {
	e := b.e
	for range maxNesting {
		next, ok := e.follow(atType)
		if !ok {
			return nil
		}
		switch next.tag {
		case tagConstType, tagVolatileType, tagRestrictType, tagAtomicType:
			e = next
			continue
		case tagUnspecifiedType:
			return nil
		}
		off, _ := b.e.ref(atType)
		return b.f.refer(off)
	}
	return nil
}

func (b *typeBuilder) size(otherwise int64) int64 {
	v := b.e.get(atByteSize)
	if v == nil || !v.isNumber() || int64(v.n) < 0 {
		return otherwise
	}
	return int64(v.n)
}

func (b *typeBuilder) fill() {
	t := b.t
	t.Name = b.f.typeName(b.e)
	switch b.e.tag {
	case tagBaseType:
		b.base()
	case tagUnspecifiedType:
		t.Kind, t.Size = Pointer, int64(b.e.u.addrSize) // decltype(nullptr)
	case tagPointerType:
		t.Kind, t.Size, t.Elem = Pointer, b.size(int64(b.e.u.addrSize)), b.target()
	case tagReferenceType, tagRvalueReference:
		t.Kind, t.Size, t.Elem = Reference, b.size(int64(b.e.u.addrSize)), b.target()
	case tagPtrToMemberType:
		b.pointerToMember()
	case tagTypedef, tagConstType, tagVolatileType, tagRestrictType, tagAtomicType:
		b.alias()
	case tagStructType, tagClassType, tagInterfaceType:
		b.structure(Struct)
	case tagUnionType:
		b.structure(Union)
	case tagEnumerationType:
		b.enum()
	case tagArrayType:
		b.array()
	case tagSubroutineType:
		t.Kind = Func
		if b.e.u.language == Go { // values are pointers to closures
			t.Kind, t.Size, t.Elem = Pointer, int64(b.e.u.addrSize), &Type{Kind: Func, Name: t.Name, Size: -1}
		}
	case tagStringType:
		t.Size = b.size(-1)
	}
}

// Encodings of base types.
const (
	encBoolean      = 0x02
	encComplex      = 0x03
	encFloat        = 0x04
	encSigned       = 0x05
	encSignedChar   = 0x06
	encUnsigned     = 0x07
	encUnsignedChar = 0x08
	encUTF          = 0x10
	encASCII        = 0x12
)

func (b *typeBuilder) base() {
	t := b.t
	t.Size = b.size(-1)
	switch b.e.number(atEncoding) {
	case encBoolean:
		t.Kind = Bool
	case encComplex:
		t.Kind = Complex
	case encFloat:
		t.Kind = Float
	case encSigned:
		t.Kind = Int
	case encUnsigned, 0x01:
		t.Kind = Uint
	case encSignedChar:
		t.Kind, t.Signed = Char, true
	case encUnsignedChar, encUTF, encASCII:
		t.Kind = Char
	}
	if t.Size == 0 && t.Kind == Uint { // Rust's ()
		t.Kind = Struct
	}
}

func (b *typeBuilder) pointerToMember() {
	b.t.Kind, b.t.Size = Uint, int64(b.e.u.addrSize)
	if target, ok := b.e.follow(atType); ok && target.tag == tagSubroutineType {
		b.t.Size *= 2 // and what to add to the object's address
	}
	b.t.Size = b.size(b.t.Size)
}

// alias takes the underlying type over.
func (b *typeBuilder) alias() {
	name := b.t.Name
	switch elem := b.elem(); {
	case elem != nil:
		*b.t = *elem
	case b.e.get(atType) == nil:
		*b.t = Type{Kind: Void}
	}
	b.t.Name = name
	b.goAlias()
}

// Kinds of Go types, as DW_AT_go_kind and package reflect number them.
const (
	goChan      = 18
	goInterface = 20
	goMap       = 21
	goSlice     = 23
	goString    = 24
)

func (b *typeBuilder) goAlias() {
	if b.e.u.language != Go {
		return
	}
	t := b.t
	switch b.e.number(atGoKind) & 0x1f {
	case goChan:
		t.Kind = GoChan
	case goMap:
		t.Kind = GoMap
	case goInterface:
		t.Kind = GoInterface
		e, _ := b.e.follow(atType)
		for range maxOrigins { // typedef of runtime.eface or runtime.iface
			if e.u == nil || e.tag != tagTypedef {
				break
			}
			e, _ = e.follow(atType)
		}
		t.Empty = e.u != nil && e.str(atName) == "runtime.eface"
	}
}

// maxMembers bounds the members of one type.
const maxMembers = 1 << 16

func (b *typeBuilder) structure(kind Kind) {
	t := b.t
	t.Kind, t.Size = kind, b.size(-1)
	if b.e.flag(atDeclaration) {
		if whole, ok := b.f.definition(&b.e); ok {
			b.e = whole
			t.Size = b.size(-1)
		}
	}
	if v := b.e.get(atCallingConvention); v != nil && v.isNumber() && v.n == passByReference {
		t.ByReference = true
	}
	var bases []Member
	for c := range b.e.eachChild {
		switch c.tag {
		case tagInheritance:
			if m, ok := b.member(c); ok {
				m.Embedded = true
				if m.Name == "" && m.Type != nil {
					m.Name = m.Type.Name
				}
				bases = append(bases, m)
			}
		case tagMember:
			if m, ok := b.member(c); ok {
				t.Members = append(t.Members, m)
			}
		case tagVariantPart:
			b.variants(c)
		}
		if len(t.Members)+len(bases) >= maxMembers {
			break
		}
	}
	t.Members = append(bases, t.Members...)
	b.special()
}

// member makes a Member; it is false for static ones, and for virtual bases,
// which lie elsewhere in each class.
func (b *typeBuilder) member(c *entry) (Member, bool) {
	m := Member{Name: strings.Clone(c.str(atName))}
	at := c.get(atDataMemberLoc)
	if at == nil && (c.flag(atExternal) || c.flag(atDeclaration) || c.get(atConstValue) != nil) {
		return m, false
	}
	if at != nil {
		off, ok := memberOffset(at)
		if !ok {
			return m, false
		}
		m.Offset = off
	}
	if off, ok := c.ref(atType); ok {
		m.Type = b.f.need(off, b.depth+1)
	} else {
		m.Type = &Type{Size: -1}
	}
	if c.u.language == Go && c.number(0x2903) != 0 { // DW_AT_go_embedded_field
		m.Embedded = true
	}
	b.bits(c, &m)
	return m, true
}

func memberOffset(v *value) (int64, bool) {
	if v.isNumber() {
		return int64(v.n), int64(v.n) >= 0
	}
	c := cursor{b: v.b}
	op := c.u8()
	off := c.uleb()
	return int64(off), op == opPlusUconst && !c.bad && c.left() == 0 && int64(off) >= 0
}

// bits fills in what concerns a bit-field.
func (b *typeBuilder) bits(c *entry, m *Member) {
	width := c.number(atBitSize)
	if width == 0 || width > 64 {
		return
	}
	size := m.Type.Size
	if v := c.get(atByteSize); v != nil && v.isNumber() {
		size = int64(v.n)
	}
	if size <= 0 || size > 16 {
		return
	}
	m.BitSize = int(width)
	if v := c.get(atDataBitOffset); v != nil && v.isNumber() && v.n < 1<<40 {
		bit := int64(v.n)
		m.Offset = bit / (size * 8) * size
		if bit-m.Offset*8+int64(width) > size*8 { // packed, across the border
			m.Offset = bit / 8
		}
		m.BitOffset = int(bit - m.Offset*8)
		return
	}
	if v := c.get(atBitOffset); v != nil && v.isNumber() { // counted from the highest bit
		m.BitOffset = max(0, int(size*8-int64(v.signed())-int64(width)))
	}
}

func (b *typeBuilder) enum() {
	t := b.t
	t.Kind, t.Size = Enum, b.size(-1)
	if elem := b.elem(); elem != nil {
		t.Signed = elem.Kind == Int || elem.Kind == Char && elem.Signed
		if t.Size < 0 {
			t.Size = elem.Size
		}
	}
	known := b.e.get(atType) != nil
	for c := range b.e.eachChild {
		if c.tag != tagEnumerator {
			continue
		}
		v := c.get(atConstValue)
		if v == nil || !v.isNumber() {
			continue
		}
		// Constants of a fixed size do not tell their sign.
		n := int64(v.n)
		if v.form == formSdata || v.form == formImplicit {
			t.Signed = t.Signed || !known && n < 0
		} else if t.Signed {
			n = v.signed()
		}
		t.Enumerators = append(t.Enumerators, Enumerator{strings.Clone(c.str(atName)), n})
		if len(t.Enumerators) >= maxMembers {
			break
		}
	}
}

func (b *typeBuilder) array() {
	t := b.t
	elem := b.elem()
	var counts []int64
	for c := range b.e.eachChild {
		if c.tag == tagSubrangeType && len(counts) < 16 {
			counts = append(counts, countOf(c))
		}
	}
	if len(counts) == 0 {
		counts = []int64{-1}
	}
	name := ""
	if elem != nil {
		name = elem.Name
	}
	// int a[2][3] is two times an array of three.
	for i := len(counts) - 1; i > 0; i-- {
		inner := &Type{Kind: Array, Elem: elem, Count: counts[i], Size: arraySize(elem, counts[i]), Name: name}
		elem = inner
	}
	*t = Type{Kind: Array, Name: t.Name, Elem: elem, Count: counts[0], Size: b.size(arraySize(elem, counts[0]))}
}

func countOf(c *entry) int64 {
	if v := c.get(atCount); v != nil && v.isNumber() && int64(v.n) >= 0 {
		return int64(v.n)
	}
	v := c.get(atUpperBound)
	if v == nil || !v.isNumber() {
		return -1
	}
	switch n := v.signed(); {
	case v.form == formData1:
		return int64(uint8(n)) + 1
	case v.form == formData2:
		return int64(uint16(n)) + 1
	case v.form == formData4 && uint32(n) != 0xffffffff:
		return int64(uint32(n)) + 1
	case n >= -1 && n < 1<<62:
		return n + 1
	}
	return -1
}

func arraySize(elem *Type, count int64) int64 {
	if elem == nil || elem.Size < 0 || count < 0 || elem.Size > 0 && count > (1<<62)/elem.Size {
		return -1
	}
	return elem.Size * count
}
