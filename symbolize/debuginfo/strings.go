package debuginfo

import "strings"

// special recognizes the structs that stand for strings, slices and enums of
// several languages.
func (b *typeBuilder) special() {
	t := b.t
	switch b.e.u.language {
	case Go:
		switch b.e.number(atGoKind) & 0x1f {
		case goString:
			t.Kind = GoString
		case goSlice:
			t.Kind = GoSlice
			if off, ok := b.e.ref(atGoElem); ok {
				t.Elem = b.f.refer(off)
			}
		}
	case Rust:
		b.rust()
	case CPlusPlus:
		b.cppString()
	}
}

// cppString recognizes std::string, std::wstring and the like, of both ABIs of
// libstdc++, and std::string_view.
func (b *typeBuilder) cppString() {
	t := b.t
	// In units of their own, types may lack the namespace.
	if !strings.HasPrefix(b.e.str(atName), "basic_string") {
		return
	}
	if m := t.member("_M_dataplus"); m != nil {
		if p := m.Type.member("_M_p"); p != nil {
			t.Kind, t.Elem = CPPString, p.Type.Elem
		}
	}
	if m := t.member("_M_str"); m != nil && t.member("_M_len") != nil {
		t.Kind, t.Elem = CPPString, m.Type.Elem
	}
}

func (b *typeBuilder) rust() {
	t := b.t
	name := b.e.str(atName)
	switch data := t.member("data_ptr"); {
	case data != nil && t.member("length") != nil:
		t.Kind, t.Elem = RustSlice, data.Type.Elem
		if isStr(name) {
			t.Kind = RustStr
		}
	case name == "String" && strings.HasSuffix(t.Name, "alloc::string::String"):
		t.Kind = RustString
	case strings.HasPrefix(name, "Vec<") && strings.Contains(t.Name, "alloc::vec::Vec<"):
		t.Kind = RustSlice
		for c := range b.e.eachChild {
			if off, ok := c.ref(atType); ok && c.tag == tagTemplateType && c.str(atName) == "T" {
				t.Elem = b.f.refer(off)
			}
		}
	}
}

// isStr reports whether a fat pointer points to a str: &str, &mut str, *const
// str, alloc::boxed::Box<str, ...>.
func isStr(name string) bool {
	_, inside, _ := strings.Cut(name, "<")
	return strings.HasSuffix(name, "str") || strings.HasPrefix(inside, "str,") || strings.HasPrefix(inside, "str>")
}

// member finds a member of the type by name, nil where there is none.
func (t *Type) member(name string) *Member {
	if t == nil {
		return nil
	}
	for i := range t.Members {
		if t.Members[i].Name == name {
			return &t.Members[i]
		}
	}
	return nil
}

// Path is the way from the address of a value to that of a part of it, to be
// added to an Address.
type Path []Step

// Offset is the part's distance in bytes from the value's beginning; ok is false
// where memory has to be read on the way.
func (p Path) Offset() (bytes int64, ok bool) {
	for _, s := range p {
		if s.Deref {
			return 0, false
		}
		bytes += s.Add
	}
	return bytes, true
}

// StringParts says where strings and slices (GoString, GoSlice, CPPString,
// RustStr, RustString, RustSlice) have the address of their data, and how many
// elements they have: words of 8 bytes (4 in 32-bit programs), each at the end
// of its path. ok is false for other types, and where the layout is not known.
func (t *Type) StringParts() (data, length Path, ok bool) {
	switch t.Kind {
	case GoString:
		return t.pair("str", "len")
	case GoSlice:
		return t.pair("array", "len")
	case RustStr:
		return t.pair("data_ptr", "length")
	case RustString:
		if vec := t.member("vec"); vec != nil {
			data, length, ok = vec.Type.vector()
			return data.after(vec.Offset), length.after(vec.Offset), ok
		}
	case RustSlice:
		if t.member("data_ptr") != nil {
			return t.pair("data_ptr", "length")
		}
		return t.vector()
	case CPPString:
		return t.cppParts()
	}
	return nil, nil, false
}

func (p Path) after(offset int64) Path {
	if len(p) == 0 {
		return nil
	}
	q := append(Path(nil), p...)
	q[0].Add += offset
	return q
}

func (t *Type) pair(data, length string) (Path, Path, bool) {
	d, n := t.member(data), t.member(length)
	if d == nil || n == nil {
		return nil, nil, false
	}
	return Path{{Add: d.Offset}}, Path{{Add: n.Offset}}, true
}

// vector finds the parts of Rust's Vec: the pointer lies several structs deep,
// in other ones with each version of the library.
func (t *Type) vector() (Path, Path, bool) {
	buf, length := t.member("buf"), t.member("len")
	if buf == nil || length == nil {
		return nil, nil, false
	}
	off, ok := buf.Type.firstPointer(0)
	if !ok {
		return nil, nil, false
	}
	return Path{{Add: buf.Offset + off}}, Path{{Add: length.Offset}}, true
}

// firstPointer is the offset of the first pointer in a struct of structs.
func (t *Type) firstPointer(depth int) (int64, bool) {
	if t.Kind == Pointer {
		return 0, true
	}
	if t.Kind != Struct || depth > 10 {
		return 0, false
	}
	for _, m := range t.Members {
		if off, ok := m.Type.firstPointer(depth + 1); ok {
			return m.Offset + off, true
		}
	}
	return 0, false
}

func (t *Type) cppParts() (Path, Path, bool) {
	if t.member("_M_str") != nil {
		return t.pair("_M_str", "_M_len")
	}
	data := t.member("_M_dataplus")
	if data == nil {
		return nil, nil, false
	}
	p := data.Type.member("_M_p")
	if p == nil {
		return nil, nil, false
	}
	off := data.Offset + p.Offset
	if n := t.member("_M_string_length"); n != nil {
		return Path{{Add: off}}, Path{{Add: n.Offset}}, true
	}
	// Before GCC 5, length, capacity and count of owners lie before the data.
	return Path{{Add: off}}, Path{{Add: off}, {Deref: true, Add: -24}}, true
}

// variants reads a Rust enum: a part of the struct that is one of several.
func (b *typeBuilder) variants(part *entry) {
	t := b.t
	t.Kind = RustEnum
	if d, ok := part.follow(atDiscr); ok {
		if m, ok := b.member(&d); ok {
			t.Discriminant = &m
		}
	}
	for c := range part.eachChild {
		if c.tag != tagVariant || len(t.Variants) >= maxMembers {
			continue
		}
		v := Variant{Default: true}
		if at := c.get(atDiscrValue); at != nil && at.isNumber() {
			v.Value, v.Default = int64(at.n), false
		}
		for m := range c.eachChild {
			if m.tag == tagMember {
				v.Member, _ = b.member(m)
				break
			}
		}
		t.Variants = append(t.Variants, v)
	}
}
