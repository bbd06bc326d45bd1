package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Kind says what a field's data are.
type Kind uint8

// Kinds of fields.
const (
	Integer Kind = iota // one integer, pointers included
	Array               // integers of ElemSize bytes
	Text                // bytes up to the first NUL
)

// Field is one field of an event's raw data.
type Field struct {
	Name, Type string
	Offset     int
	Size       int
	Signed     bool
	Kind       Kind
	// ElemSize is the size of an array's elements.
	ElemSize int
	// Dynamic fields hold, in 32 bits, place and length of data that lie
	// elsewhere in the sample; Relative ones count the place from their own
	// end.
	Dynamic, Relative bool
}

// maxRaw is the largest raw data that a record can hold.
const maxRaw = 1 << 16

// parseField reads a line such as
//
//	field:__data_loc char[] name;	offset:8;	size:4;	signed:0;
func parseField(line string) (Field, error) {
	var f Field
	decl, rest, ok := strings.Cut(strings.TrimPrefix(line, "field:"), ";")
	if !ok {
		return f, fmt.Errorf("field line %q: no semicolon", line)
	}
	for part := range strings.SplitSeq(rest, ";") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok {
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > maxRaw {
			if key == "offset" || key == "size" {
				return f, fmt.Errorf("field line %q: %s %q", line, key, value)
			}
			continue
		}
		switch key {
		case "offset":
			f.Offset = n
		case "size":
			f.Size = n
		case "signed":
			f.Signed = n != 0
		}
	}
	f.declare(strings.TrimSpace(decl))
	if f.Name == "" {
		return f, fmt.Errorf("field line %q: no name", line)
	}
	return f, nil
}

// declare takes type and name from a C declaration.
func (f *Field) declare(decl string) {
	count, isArray := 0, false
	if open := strings.LastIndexByte(decl, '['); open >= 0 && strings.HasSuffix(decl, "]") {
		count, _ = strconv.Atoi(decl[open+1 : len(decl)-1])
		isArray = true
		decl = strings.TrimSpace(decl[:open])
	}
	i := strings.LastIndexAny(decl, " *\t")
	f.Name, f.Type = decl[i+1:], strings.TrimSpace(decl[:i+1])
	f.Type, f.Dynamic = cutWord(f.Type, "__data_loc")
	if !f.Dynamic {
		f.Type, f.Relative = cutWord(f.Type, "__rel_loc")
		f.Dynamic = f.Relative
	}
	if f.Dynamic {
		f.Type, isArray = strings.TrimSpace(strings.TrimSuffix(f.Type, "[]")), true
	}
	if !isArray {
		return
	}
	f.Kind, f.ElemSize = Array, typeSize(f.Type)
	if !f.Dynamic && count > 0 && f.Size%count == 0 && f.Size > 0 {
		f.ElemSize = f.Size / count
	}
	if f.ElemSize == 1 && strings.HasSuffix(f.Type, "char") && f.Type != "unsigned char" {
		f.Kind = Text
	}
}

func cutWord(s, word string) (string, bool) {
	rest, ok := strings.CutPrefix(s, word)
	return strings.TrimSpace(rest), ok
}

// typeSize is the size of a C type's values, 1 where it is not known.
func typeSize(name string) int {
	size, _, ok := integerType(name, 8)
	if !ok {
		return 1
	}
	return size
}

// integerType knows the C types that print formats cast to.
func integerType(name string, long int) (size int, signed, ok bool) {
	if strings.HasSuffix(name, "*") {
		return long, false, true
	}
	words := strings.Fields(name)
	unsigned := false
	longs, base := 0, ""
	for _, w := range words {
		switch w {
		case "const", "volatile", "signed":
		case "unsigned":
			unsigned = true
		case "long":
			longs++
		default:
			if base != "" {
				return 0, false, false
			}
			base = w
		}
	}
	switch {
	case longs > 0 && (base == "" || base == "int"):
		if longs > 1 {
			long = 8
		}
		return long, !unsigned, true
	case base == "" && unsigned:
		return 4, false, true
	}
	t, ok := namedTypes[base]
	return t.size, t.signed && !unsigned, ok
}

var namedTypes = map[string]struct {
	size   int
	signed bool
}{
	"char": {1, true}, "short": {2, true}, "int": {4, true}, "bool": {1, false}, "_Bool": {1, false},
	"u8": {1, false}, "u16": {2, false}, "u32": {4, false}, "u64": {8, false},
	"s8": {1, true}, "s16": {2, true}, "s32": {4, true}, "s64": {8, true},
	"__u8": {1, false}, "__u16": {2, false}, "__u32": {4, false}, "__u64": {8, false},
	"__s8": {1, true}, "__s16": {2, true}, "__s32": {4, true}, "__s64": {8, true},
	"uint8_t": {1, false}, "uint16_t": {2, false}, "uint32_t": {4, false}, "uint64_t": {8, false},
	"__be16": {2, false}, "__be32": {4, false}, "__be64": {8, false}, "__le16": {2, false}, "__le32": {4, false}, "__le64": {8, false},
	"int8_t": {1, true}, "int16_t": {2, true}, "int32_t": {4, true}, "int64_t": {8, true},
	"uchar": {1, false}, "ushort": {2, false}, "uint": {4, false}, "ulong": {8, false},
	"pid_t": {4, true}, "uid_t": {4, false}, "gid_t": {4, false}, "dev_t": {4, false}, "umode_t": {2, false}, "mode_t": {4, false},
	"gfp_t": {4, false}, "size_t": {8, false}, "ssize_t": {8, true}, "loff_t": {8, true}, "sector_t": {8, false},
	"ino_t": {8, false}, "blkcnt_t": {8, false}, "ktime_t": {8, true}, "dma_addr_t": {8, false}, "phys_addr_t": {8, false},
	"pgoff_t": {8, false}, "uintptr_t": {8, false}, "atomic_t": {4, true}, "cputime_t": {8, false}, "isolate_mode_t": {4, false},
	"void": {1, false},
}

// Data gives the bytes of the field in a sample's raw data: for a dynamic field
// those that it points to. Bytes that the sample does not have are left out.
func (f *Field) Data(raw []byte, order binary.ByteOrder) []byte {
	if !f.Dynamic {
		return part(raw, f.Offset, f.Size)
	}
	b := part(raw, f.Offset, 4)
	if len(b) < 4 {
		return nil
	}
	loc := order.Uint32(b)
	at := int(loc & 0xffff)
	if f.Relative {
		at += f.Offset + 4
	}
	return part(raw, at, int(loc>>16))
}

// part is raw[at:at+n], as far as it exists.
func part(raw []byte, at, n int) []byte {
	if at > len(raw) {
		return nil
	}
	return raw[at:min(at+n, len(raw))]
}

// Uint gives an integer field, sign-extended to 64 bits where it is signed; ok
// is false where the sample is too short for it.
func (f *Field) Uint(raw []byte, order binary.ByteOrder) (v uint64, ok bool) {
	b := f.Data(raw, order)
	if len(b) < f.Size {
		return 0, false
	}
	return integer(b, f.Signed, order)
}

// Text gives the text of a field up to its first NUL.
func (f *Field) Text(raw []byte, order binary.ByteOrder) string {
	return string(untilNUL(f.Data(raw, order)))
}

// Len is the number of whole elements of an array.
func (f *Field) Len(raw []byte, order binary.ByteOrder) int {
	return len(f.Data(raw, order)) / max(1, f.ElemSize)
}

// Elem gives an element of an array as Uint gives an integer.
func (f *Field) Elem(raw []byte, order binary.ByteOrder, i int) (uint64, bool) {
	size := max(1, f.ElemSize)
	return integer(part(f.Data(raw, order), i*size, size), f.Signed, order)
}

// integer reads an integer of 1, 2, 4 or 8 bytes.
func integer(b []byte, signed bool, order binary.ByteOrder) (uint64, bool) {
	switch len(b) {
	case 1:
		if signed {
			return uint64(int8(b[0])), true
		}
		return uint64(b[0]), true
	case 2:
		if signed {
			return uint64(int16(order.Uint16(b))), true
		}
		return uint64(order.Uint16(b)), true
	case 4:
		if signed {
			return uint64(int32(order.Uint32(b))), true
		}
		return uint64(order.Uint32(b)), true
	case 8:
		return order.Uint64(b), true
	}
	return 0, false
}

// untilNUL cuts a text at its first NUL.
func untilNUL(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}
