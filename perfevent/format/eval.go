package format

import (
	"encoding/binary"
	"math/bits"
	"strconv"
)

// value is the result of an expression: a number, or bytes.
type value struct {
	num    uint64
	bytes  []byte
	isText bool // bytes are meant; num is 0
	elem   int  // size of the elements of bytes
	signed bool
	// pointer says that num is the content of a pointer.
	pointer bool
}

// machine evaluates expressions over one sample's raw data.
type machine struct {
	raw     []byte
	order   binary.ByteOrder
	long    int
	scratch []byte // texts made while one sample is printed
}

func number(v uint64) value { return value{num: v} }

func truth(b bool) value {
	if b {
		return number(1)
	}
	return number(0)
}

func (m *machine) eval(n *node) value {
	switch n.op {
	case opNumber:
		return value{num: n.num, signed: n.signed}
	case opString:
		start := len(m.scratch)
		m.scratch = append(m.scratch, n.text...)
		return m.text(start)
	case opField:
		return m.field(n.field)
	case opIndex:
		return m.index(m.eval(n.kids[0]), m.eval(n.kids[1]).num)
	case opUnary:
		return m.unary(n)
	case opBinary:
		return m.binary(n)
	case opChoose:
		if v := m.eval(n.kids[0]); v.num != 0 || len(v.bytes) > 0 {
			return m.eval(n.kids[1])
		}
		return m.eval(n.kids[2])
	case opCast:
		return cast(m.eval(n.kids[0]), n.size, n.signed)
	case opDynamic:
		return value{bytes: n.field.Data(m.raw, m.order), isText: true, elem: max(1, n.field.ElemSize), signed: n.field.Signed}
	case opDynamicLen:
		return number(uint64(len(n.field.Data(m.raw, m.order))))
	case opSymbolic:
		return m.symbolic(n)
	case opFlags:
		return m.flags(n)
	case opHex:
		return m.hex(n)
	case opArray:
		return m.array(n)
	case opBitmask:
		return m.bitmask(n.field.Data(m.raw, m.order))
	case opNsToSecs:
		return number(m.eval(n.kids[0]).num / 1e9)
	case opNsRest:
		return number(m.eval(n.kids[0]).num % 1e9)
	case opSockaddr:
		start := len(m.scratch)
		m.scratch = appendSockaddr(m.scratch, n.field.Data(m.raw, m.order))
		return m.text(start)
	}
	return value{}
}

// plain evaluates the commonest arguments: an integer field, and an element of
// an array by a number.
func (m *machine) plain(n *node) (v uint64, ok bool) {
	switch {
	case n.op == opField && n.field.Kind == Integer:
		return n.field.Uint(m.raw, m.order)
	case n.op == opIndex && n.kids[0].op == opField && n.kids[0].field.Kind == Array && n.kids[1].op == opNumber && n.kids[1].num < maxRaw:
		return n.kids[0].field.Elem(m.raw, m.order, int(n.kids[1].num))
	}
	return 0, false
}

// text is what was appended to scratch since start.
func (m *machine) text(start int) value {
	return value{bytes: m.scratch[start:len(m.scratch):len(m.scratch)], isText: true, elem: 1}
}

func (m *machine) field(f *Field) value {
	if f.Kind != Integer {
		return value{bytes: f.Data(m.raw, m.order), isText: true, elem: max(1, f.ElemSize), signed: f.Signed}
	}
	v, ok := f.Uint(m.raw, m.order)
	if !ok {
		// An integer of unusual size, such as a struct: its bytes.
		if b := f.Data(m.raw, m.order); f.Size > 8 {
			return value{bytes: b, isText: true, elem: 1}
		}
	}
	pointer := len(f.Type) > 0 && f.Type[len(f.Type)-1] == '*'
	return value{num: v, signed: f.Signed, pointer: pointer}
}

func (m *machine) index(v value, i uint64) value {
	size := uint64(max(1, v.elem))
	if !v.isText || i > maxRaw || (i+1)*size > uint64(len(v.bytes)) {
		return number(0)
	}
	n, _ := integer(v.bytes[i*size:(i+1)*size], v.signed, m.order)
	return value{num: n, signed: v.signed}
}

func (m *machine) unary(n *node) value {
	v := m.eval(n.kids[0])
	switch n.text {
	case "!":
		return truth(v.num == 0 && len(v.bytes) == 0)
	case "~":
		return value{num: ^v.num, signed: v.signed}
	}
	return value{num: -v.num, signed: true}
}

func (m *machine) binary(n *node) value {
	left := m.eval(n.kids[0])
	switch n.text {
	case "&&":
		return truth(left.num != 0 && m.eval(n.kids[1]).num != 0)
	case "||":
		return truth(left.num != 0 || m.eval(n.kids[1]).num != 0)
	}
	right := m.eval(n.kids[1])
	a, b := left.num, right.num
	signed := left.signed && right.signed
	less := a < b
	if signed {
		less = int64(a) < int64(b)
	}
	switch n.text {
	case "|":
		a |= b
	case "^":
		a ^= b
	case "&":
		a &= b
	case "==":
		return truth(a == b)
	case "!=":
		return truth(a != b)
	case "<":
		return truth(less)
	case ">=":
		return truth(!less)
	case ">":
		return truth(!less && a != b)
	case "<=":
		return truth(less || a == b)
	case "<<":
		a <<= b & 63
	case ">>":
		if left.signed {
			a = uint64(int64(a) >> (b & 63))
		} else {
			a >>= b & 63
		}
	case "+":
		a += b
	case "-":
		a -= b
	case "*":
		a *= b
	case "/", "%":
		a = divide(a, b, n.text, signed)
	}
	return value{num: a, signed: signed}
}

// divide gives 0 where C would stop the program.
func divide(a, b uint64, op string, signed bool) uint64 {
	switch {
	case b == 0:
		return 0
	case signed && int64(b) == -1:
		if op == "%" {
			return 0
		}
		return -a
	case signed && op == "/":
		return uint64(int64(a) / int64(b))
	case signed:
		return uint64(int64(a) % int64(b))
	case op == "/":
		return a / b
	}
	return a % b
}

// cast cuts a number to a type's size.
func cast(v value, size int, signed bool) value {
	if v.isText {
		return v
	}
	v.num, v.signed = resize(v.num, size, signed), signed
	return v
}

// resize cuts a number to a size in bytes and extends it again.
func resize(n uint64, size int, signed bool) uint64 {
	shift := 64 - 8*size
	if signed {
		return uint64(int64(n<<shift) >> shift)
	}
	return n << shift >> shift
}

func (m *machine) symbolic(n *node) value {
	v := m.eval(n.kids[0]).num
	start := len(m.scratch)
	for _, e := range n.list {
		if e.value == v {
			m.scratch = append(m.scratch, e.name...)
			return m.text(start)
		}
	}
	m.scratch = append(m.scratch, "0x"...)
	m.scratch = strconv.AppendUint(m.scratch, v, 16)
	return m.text(start)
}

func (m *machine) flags(n *node) value {
	v := m.eval(n.kids[0]).num
	start := len(m.scratch)
	for _, e := range n.list {
		if v == 0 && e.value == 0 && len(m.scratch) == start {
			m.scratch = append(m.scratch, e.name...)
			return m.text(start)
		}
		if e.value != 0 && v&e.value == e.value {
			v &^= e.value
			if len(m.scratch) > start {
				m.scratch = append(m.scratch, n.text...)
			}
			m.scratch = append(m.scratch, e.name...)
		}
	}
	if v != 0 {
		if len(m.scratch) > start {
			m.scratch = append(m.scratch, n.text...)
		}
		m.scratch = append(m.scratch, "0x"...)
		m.scratch = strconv.AppendUint(m.scratch, v, 16)
	}
	return m.text(start)
}

const hexDigits = "0123456789abcdef"

func (m *machine) hex(n *node) value {
	data := m.eval(n.kids[0]).bytes
	if size := m.eval(n.kids[1]).num; size < uint64(len(data)) {
		data = data[:size]
	}
	start := len(m.scratch)
	for i, b := range data {
		if i > 0 {
			m.scratch = append(m.scratch, n.text...)
		}
		m.scratch = append(m.scratch, hexDigits[b>>4], hexDigits[b&15])
	}
	return m.text(start)
}

func (m *machine) array(n *node) value {
	data := m.eval(n.kids[0]).bytes
	count, size := m.eval(n.kids[1]).num, m.eval(n.kids[2]).num
	start := len(m.scratch)
	m.scratch = append(m.scratch, '{')
	if size == 1 || size == 2 || size == 4 || size == 8 {
		for i := uint64(0); i < count && (i+1)*size <= uint64(len(data)); i++ {
			if i > 0 {
				m.scratch = append(m.scratch, ',')
			}
			v, _ := integer(data[i*size:(i+1)*size], false, m.order)
			m.scratch = append(m.scratch, "0x"...)
			m.scratch = strconv.AppendUint(m.scratch, v, 16)
		}
	}
	m.scratch = append(m.scratch, '}')
	return m.text(start)
}

// bitmask shows the longs of a mask, highest first, as eight digits groups
// parted by commas; leading zeros of the first group are left out.
func (m *machine) bitmask(data []byte) value {
	start := len(m.scratch)
	long := max(4, m.long)
	for i := len(data)/long - 1; i >= 0; i-- {
		v, _ := integer(data[i*long:(i+1)*long], false, m.order)
		for shift := 8*long - 32; shift >= 0; shift -= 32 {
			group := uint32(v >> shift)
			if len(m.scratch) == start {
				if group == 0 && (shift > 0 || i > 0) {
					continue
				}
				m.scratch = strconv.AppendUint(m.scratch, uint64(group), 16)
				continue
			}
			m.scratch = append(m.scratch, ',')
			for zeros := bits.LeadingZeros32(group) / 4; zeros > 0 && group != 0; zeros-- {
				m.scratch = append(m.scratch, '0')
			}
			if group == 0 {
				m.scratch = append(m.scratch, "0000000"...)
			}
			m.scratch = strconv.AppendUint(m.scratch, uint64(group), 16)
		}
	}
	return m.text(start)
}
