package format

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strconv"
)

// quick is a conversion that needs no evaluation: an integer at a fixed place of
// the raw data, as %d, %u or %x without width or flags, or a text field as %s.
// Most conversions of most events are such.
type quick struct {
	kind         quickKind
	offset, size int  // of the integer
	signed       bool // the integer
	bytes        int  // of the argument that the conversion takes
	field        *Field
}

type quickKind uint8

const (
	notQuick quickKind = iota
	quickSigned
	quickUnsigned
	quickHex
	quickText
)

// quicken finds out whether a piece is quick.
func (p *Printer) quicken(pc *piece) quick {
	c := &pc.conv
	if p.env.Order != binary.ByteOrder(binary.LittleEndian) || pc.width != nil || pc.prec != nil ||
		c.width >= 0 || c.prec >= 0 || c.flags != (flags{}) {
		return quick{}
	}
	arg := pc.arg
	for arg.op == opCast && arg.size == 8 && c.verb != 's' {
		arg = arg.kids[0]
	}
	if c.verb == 's' {
		if (arg.op == opField || arg.op == opDynamic) && arg.field.Kind == Text {
			return quick{kind: quickText, field: arg.field}
		}
		return quick{}
	}
	q := quick{bytes: max(1, c.size)}
	switch c.verb {
	case 'd', 'i':
		q.kind = quickSigned
	case 'u':
		q.kind = quickUnsigned
	case 'x':
		q.kind = quickHex
	default:
		return quick{}
	}
	switch {
	case arg.op == opField && arg.field.Kind == Integer:
		q.offset, q.size, q.signed = arg.field.Offset, arg.field.Size, arg.field.Signed
	case arg.op == opIndex && arg.kids[0].op == opField && arg.kids[1].op == opNumber:
		f, i := arg.kids[0].field, arg.kids[1].num
		if f.Kind != Array || f.Dynamic || f.ElemSize <= 0 || i >= uint64(f.Size/f.ElemSize) {
			return quick{}
		}
		q.offset, q.size, q.signed = f.Offset+int(i)*f.ElemSize, f.ElemSize, f.Signed
	default:
		return quick{}
	}
	if q.size != 1 && q.size != 2 && q.size != 4 && q.size != 8 || q.bytes > 8 || bits.OnesCount(uint(q.bytes)) != 1 {
		return quick{}
	}
	return q
}

// append appends the conversion; ok is false where the raw data end too early.
func (q *quick) append(dst, raw []byte) (_ []byte, ok bool) {
	if q.kind == quickText {
		data := q.field.Data(raw, binary.LittleEndian)
		if i := bytes.IndexByte(data, 0); i >= 0 {
			data = data[:i]
		}
		return append(dst, data...), true
	}
	if q.offset+q.size > len(raw) {
		return dst, false
	}
	v := load(raw[q.offset:], q.size, q.signed)
	shift := 64 - 8*q.bytes
	switch q.kind {
	case quickSigned:
		return strconv.AppendInt(dst, int64(v<<shift)>>shift, 10), true
	case quickUnsigned:
		return strconv.AppendUint(dst, v<<shift>>shift, 10), true
	}
	return appendHex(dst, v<<shift>>shift), true
}

// load takes a little-endian integer of 1, 2, 4 or 8 bytes.
func load(b []byte, size int, signed bool) uint64 {
	switch size {
	case 8:
		return binary.LittleEndian.Uint64(b)
	case 4:
		v := binary.LittleEndian.Uint32(b)
		if signed {
			return uint64(int32(v))
		}
		return uint64(v)
	case 2:
		v := binary.LittleEndian.Uint16(b)
		if signed {
			return uint64(int16(v))
		}
		return uint64(v)
	}
	if signed {
		return uint64(int8(b[0]))
	}
	return uint64(b[0])
}

// appendHex appends v in hexadecimal digits.
func appendHex(dst []byte, v uint64) []byte {
	var room [16]byte
	i := len(room)
	for v >= 16 {
		i--
		room[i] = hexDigits[v&15]
		v >>= 4
	}
	i--
	room[i] = hexDigits[v]
	return append(dst, room[i:]...)
}
