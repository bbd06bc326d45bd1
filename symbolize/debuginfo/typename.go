package debuginfo

import (
	"fmt"
	"strings"
)

// typeName spells the type of an entry as the source does.
func (f *File) typeName(e entry) string {
	n := namer{f: f}
	return strings.Clone(n.name(e, "", 0))
}

// namer spells types. Damaged ones may be deep, or refer to themselves.
type namer struct {
	f     *File
	steps int
}

// maxNameSteps bounds how many types a name is made of.
const maxNameSteps = 200

// name puts the name of a type around that of what has it, as declarations in C
// do: int (*inner)[3].
func (n *namer) name(e entry, inner string, depth int) string {
	if n.steps++; n.steps > maxNameSteps || depth > 32 {
		return "?"
	}
	if name := e.str(atName); name != "" && e.tag != tagSubroutineType {
		if e.u.language == Go && strings.HasPrefix(name, ".param") { // a type parameter
			return n.elem(e, inner, depth)
		}
		return spaced(n.own(e, name), inner)
	}
	switch e.tag {
	case tagPointerType:
		return n.pointer(e, "*"+inner, depth)
	case tagReferenceType:
		return n.pointer(e, "&"+inner, depth)
	case tagRvalueReference:
		return n.pointer(e, "&&"+inner, depth)
	case tagConstType:
		return n.qualified(e, "const", inner, depth)
	case tagVolatileType:
		return n.qualified(e, "volatile", inner, depth)
	case tagRestrictType:
		return n.qualified(e, "restrict", inner, depth)
	case tagAtomicType:
		return n.qualified(e, "_Atomic", inner, depth)
	case tagArrayType:
		return n.elem(e, inner+dimensions(e), depth)
	case tagSubroutineType:
		if name := e.str(atName); name != "" {
			return spaced(name, inner)
		}
		return n.elem(e, inner+n.arguments(e, depth), depth)
	case tagPtrToMemberType:
		class := "?"
		if c, ok := e.follow(0x1d); ok { // DW_AT_containing_type
			class = n.name(c, "", depth+1)
		}
		return n.pointer(e, class+"::*"+inner, depth)
	case tagStructType, tagClassType:
		return anonymous(e, "struct", inner)
	case tagUnionType:
		return anonymous(e, "union", inner)
	case tagEnumerationType:
		return anonymous(e, "enum", inner)
	}
	return inner
}

func anonymous(e entry, word, inner string) string {
	if inner == "" {
		return ""
	}
	return spaced(word+" {...}", inner)
}

// own is a type's own name with the scopes or, in C, the word before it.
func (n *namer) own(e entry, name string) string {
	if e.u.language == C || e.u.language == OtherLanguage {
		switch e.tag {
		case tagStructType:
			return "struct " + name
		case tagUnionType:
			return "union " + name
		case tagEnumerationType:
			return "enum " + name
		}
		return name
	}
	switch e.tag {
	case tagBaseType, tagPointerType, tagSubroutineType, tagUnspecifiedType:
		return name
	}
	if e.u.language == Rust && !identifier(name[0]) { // &str, [u8], (A, B)
		return name
	}
	return e.u.scopedName(e.off, name)
}

func spaced(name, inner string) string {
	switch {
	case inner == "":
		return name
	case strings.HasPrefix(inner, "["):
		return name + " " + inner
	}
	return name + " " + inner
}

func (n *namer) elem(e entry, inner string, depth int) string {
	elem, ok := e.follow(atType)
	if !ok {
		return spaced("void", inner)
	}
	return n.name(elem, inner, depth+1)
}

func (n *namer) pointer(e entry, inner string, depth int) string {
	if elem, ok := e.follow(atType); ok && (elem.tag == tagArrayType || elem.tag == tagSubroutineType && elem.str(atName) == "") {
		inner = "(" + inner + ")"
	}
	return n.elem(e, inner, depth)
}

// qualified puts a qualifier before a type's name, or behind a pointer's star.
func (n *namer) qualified(e entry, word, inner string, depth int) string {
	elem, ok := e.follow(atType)
	if ok && elem.str(atName) == "" {
		switch elem.tag {
		case tagPointerType, tagReferenceType, tagRvalueReference:
			if inner != "" && inner[0] != '[' && inner[0] != '(' && inner[0] != ' ' {
				inner = " " + inner
			}
			return n.elem(e, " "+word+inner, depth)
		}
	}
	return word + " " + n.elem(e, inner, depth)
}

func dimensions(e entry) string {
	var b strings.Builder
	for c := range e.eachChild {
		if c.tag != tagSubrangeType {
			continue
		}
		if n := countOf(c); n >= 0 {
			fmt.Fprintf(&b, "[%d]", n)
		} else {
			b.WriteString("[]")
		}
		if b.Len() > 200 {
			break
		}
	}
	if b.Len() == 0 {
		return "[]"
	}
	return b.String()
}

func (n *namer) arguments(e entry, depth int) string {
	var list []string
	for c := range e.eachChild {
		switch c.tag {
		case tagFormalParameter:
			list = append(list, n.elem(*c, "", depth))
		case tagUnspecifiedParams:
			list = append(list, "...")
		}
		if len(list) > maxNameSteps {
			break
		}
	}
	if len(list) == 0 && (e.u.language == C) {
		list = []string{"void"}
	}
	return "(" + strings.Join(list, ", ") + ")"
}
