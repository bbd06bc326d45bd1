package gobinary

import (
	"encoding/binary"
	"iter"
	"slices"
	"strings"

	"gorecord/symbolize"
)

// Itab is a table of methods, to which the first word of interface values points
// (of those with methods; the first word of others points to the type itself).
type Itab struct {
	Addr symbolize.VirtAddr
	// Type is the type of the values, Interface that of the interface, both as
	// reflect names them: the last element of a package's path only.
	Type, Interface string
	// TypeAddr is the descriptor of the type.
	TypeAddr symbolize.VirtAddr
}

// typeTables is what the linker lists.
type typeTables struct {
	base, end   uint64 // of type descriptors
	itabs       []Itab
	stringFirst map[string]bool // by the names of types in itabs
}

// Words of runtime.moduledata behind wordText that hold types, and the slice of
// itabs, by Go 1.N.
func moduleWords(minor int) (types, itablinks uint64, ok bool) {
	switch {
	case minor >= 16 && minor <= 17:
		return 35, 43, true
	case minor >= 18 && minor <= 19:
		return 35, 45, true
	case minor >= 20 && minor <= 25:
		return 37, 47, true
	case minor == 26:
		return 37, 48, true
	}
	return 0, 0, false
}

// Itabs yields the tables of methods that the linker made, which are those of
// conversions that the compiler saw; the runtime makes others as it goes. They are
// read from the linker's tables, of Go 1.16 to 1.26 and 64 bits, in stripped
// programs as well; for others, none.
func (f *File) Itabs() iter.Seq[Itab] { return slices.Values(f.types().itabs) }

// ErrorTypes yields those of Itabs whose interface is error.
func (f *File) ErrorTypes() iter.Seq[Itab] {
	return func(yield func(Itab) bool) {
		for i := range f.Itabs() {
			if i.Interface == "error" && !yield(i) {
				return
			}
		}
	}
}

// TypeName gives the name of the type whose descriptor lies at an address, as the
// first word of an empty interface has it; false where there is none.
func (f *File) TypeName(addr symbolize.VirtAddr) (name string, ok bool) {
	t, ok := f.descriptor(uint64(addr))
	return t.name, ok
}

// BeginsWithString reports whether the second word of interface values of a type,
// named as in Itab, points to a string, or to a struct that begins with one: for
// many errors it is their message.
func (f *File) BeginsWithString(typeName string) bool {
	if known, ok := f.types().stringFirst[typeName]; ok {
		return known
	}
	switch typeName {
	case "*errors.errorString", "*fmt.wrapError", "*fmt.wrapErrors":
		return true
	}
	return false
}

// maxItabs bounds what a damaged file may list.
const maxItabs = 1 << 16

func (f *File) findTypes() *typeTables {
	t := &typeTables{stringFirst: map[string]bool{}}
	typesWord, itabsWord, ok := moduleWords(f.minor)
	if !ok || f.program.Module == 0 || f.image.PtrSize != 8 {
		return t
	}
	word := func(i uint64) uint64 {
		v, _ := f.program.Memory.Word(f.program.Module + i*8)
		return v
	}
	t.base, t.end = word(typesWord), word(typesWord+1)
	f.readItabs(t, word(itabsWord), min(word(itabsWord+1), maxItabs))
	return t
}

// readItabs follows the slice of itabs.
func (f *File) readItabs(t *typeTables, addr, count uint64) {
	links := f.program.Memory.Bytes(addr, count*8)
	names := f.image.Size // how much more of them is believed
	for ; len(links) >= 8; links = links[8:] {
		itab := f.image.Order.Uint64(links)
		var parts [2]descriptor
		for i := range parts {
			at, ok := f.program.Memory.Word(itab + uint64(i)*8)
			if !ok {
				break
			}
			parts[i], _ = f.readDescriptor(t, at)
		}
		inter, typ := parts[0], parts[1]
		size := uint64(len(inter.name) + len(typ.name))
		if size > names {
			return
		}
		if names -= size; inter.name == "" || typ.name == "" {
			continue
		}
		t.itabs = append(t.itabs, Itab{symbolize.VirtAddr(itab), typ.name, inter.name, symbolize.VirtAddr(typ.addr)})
		if _, seen := t.stringFirst[typ.name]; !seen {
			t.stringFirst[typ.name] = f.beginsWithString(t, typ)
		}
	}
}

// descriptor is what is kept of an abi.Type.
type descriptor struct {
	addr uint64
	kind byte
	name string
}

// Parts of abi.Type, of 64 bits, and of what follows it.
const (
	typeFlags  = 20
	typeKind   = 23
	typeString = 40
	typeSize   = 48
	pointerTo  = 48 // abi.PtrType.Elem
	fieldList  = 56 // abi.StructType.Fields

	extraStar = 2 // of typeFlags: the name begins with a star too many

	kindMask    = 31
	kindPointer = 22
	kindString  = 24
	kindStruct  = 25
)

func (f *File) descriptor(addr uint64) (descriptor, bool) { return f.readDescriptor(f.types(), addr) }

func (f *File) readDescriptor(t *typeTables, addr uint64) (descriptor, bool) {
	if addr < t.base || addr >= t.end {
		return descriptor{}, false
	}
	b := f.program.Memory.Bytes(addr, typeSize)
	if len(b) < typeSize {
		return descriptor{}, false
	}
	name := f.typeName(t.base + uint64(f.image.Order.Uint32(b[typeString:])))
	if b[typeFlags]&extraStar != 0 {
		name = strings.TrimPrefix(name, "*")
	}
	return descriptor{addr, b[typeKind] & kindMask, name}, name != ""
}

// maxTypeName is longer than names of types are.
const maxTypeName = 4096

// typeName reads an abi.Name: a byte of flags, the length, the text. The length
// was in two bytes before Go 1.17.
func (f *File) typeName(addr uint64) string {
	b := f.program.Memory.Bytes(addr, maxTypeName)
	if len(b) < 3 {
		return ""
	}
	length, n := uint64(binary.BigEndian.Uint16(b[1:])), 2
	if f.minor >= 17 {
		if length, n = binary.Uvarint(b[1:]); n <= 0 {
			return ""
		}
	}
	if b = b[1+n:]; length > uint64(len(b)) {
		return ""
	}
	return string(b[:length])
}

// maxNesting bounds how deep structs begin with structs.
const maxNesting = 8

// beginsWithString looks at what the second word of an interface points to: the
// value, which is what the type points to where that is a pointer.
func (f *File) beginsWithString(t *typeTables, d descriptor) bool {
	memory := f.program.Memory
	ok := true
	if d.kind == kindPointer {
		elem, _ := memory.Word(d.addr + pointerTo)
		d, ok = f.readDescriptor(t, elem)
	}
	for range maxNesting {
		if !ok || d.kind != kindStruct {
			break
		}
		fields, _ := memory.Word(d.addr + fieldList)
		if count, _ := memory.Word(d.addr + fieldList + 8); count == 0 {
			return false
		}
		first, _ := memory.Word(fields + 8) // abi.StructField.Typ, behind its name
		d, ok = f.readDescriptor(t, first)
	}
	return ok && d.kind == kindString
}
