package hit

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"gorecord/perfevent"
	"gorecord/perfevent/format"
)

// maxParts bounds how many parts of values a description may ask to show, and
// maxNesting how deep they may lie in each other.
const (
	maxParts   = 4096
	maxNesting = 16
)

// Values shows the values that hits of one event carry. It is for one goroutine
// at a time; showing allocates nothing but what the text needs.
type Values struct {
	event *Event
	order binary.ByteOrder
	nodes []node
	goid  *format.Field
	types map[uint64]*GoType
	// Where the probe stands, or for returns of the kernel's own the function
	// and where it returns to; nil where the format lacks them.
	ip, function, returned *format.Field
}

// Sample is what a hit carries: raw data, or registers with the address.
type Sample struct {
	Raw []byte
	IP  uint64
	// Regs are the user registers, Mask says which: perf_event_attr's
	// sample_regs_user.
	Regs []uint64
	Mask uint64
}

// node is a value whose source was looked up.
type node struct {
	*Value
	field    *format.Field // nil where the value has no field of its own
	register int           // a bit of the mask, -1 for none
	names    []EnumName
	length   *node
	members  []node
	scratch  [8]byte
}

// NewValues joins an event's description with its format, which is nil for
// events that carry registers; arch is that of the recording, as uname -m says.
// What the format lacks is shown as missing.
func NewValues(d *Description, e *Event, f *format.Event, order binary.ByteOrder, arch string) *Values {
	v := &Values{event: e, order: order, types: map[uint64]*GoType{}}
	b := builder{d: d, f: f, arch: arch, left: maxParts, registers: e.Registers}
	v.nodes = b.nodes(e.Values, 0)
	if f != nil {
		v.ip, v.function, v.returned = f.Field("__probe_ip"), f.Field("__probe_func"), f.Field("__probe_ret_ip")
		if e.Goid != "" {
			v.goid = f.Field(e.Goid)
		}
	}
	for i := range d.GoTypes {
		v.types[d.GoTypes[i].Addr] = &d.GoTypes[i]
	}
	return v
}

type builder struct {
	d         *Description
	f         *format.Event
	arch      string
	left      int
	registers bool
}

func (b *builder) nodes(values []Value, depth int) []node {
	if depth > maxNesting {
		return nil
	}
	var out []node
	for i := range values {
		if b.left--; b.left < 0 {
			break
		}
		out = append(out, b.node(&values[i], depth))
	}
	return out
}

func (b *builder) node(v *Value, depth int) node {
	n := node{Value: v, register: -1}
	if v.Source != "" {
		if b.registers {
			n.register = perfevent.RegisterBit(b.arch, v.Source)
		} else if b.f != nil {
			n.field = b.f.Field(v.Source)
		}
	}
	if i := v.Names - 1; i >= 0 && i < len(b.d.Enums) {
		n.names = b.d.Enums[i].Names
	}
	if v.Length != nil && depth < maxNesting {
		length := b.node(v.Length, depth+1)
		n.length = &length
	}
	n.members = b.nodes(v.Members, depth+1)
	return n
}

// Event is the description of the event.
func (v *Values) Event() *Event { return v.event }

// Goroutine gives the number of the goroutine that was hit; ok is false where
// the hit does not tell.
func (v *Values) Goroutine(s *Sample) (goid uint64, ok bool) {
	if v.goid == nil {
		return 0, false
	}
	return v.goid.Uint(s.Raw, v.order)
}

// Address is where the probe stands that was hit; for returns of the kernel's own
// it is the function's entry.
func (v *Values) Address(s *Sample) (addr uint64, ok bool) {
	switch {
	case v.event.Registers:
		return s.IP, !v.event.Return
	case v.function != nil:
		return v.function.Uint(s.Raw, v.order)
	case v.ip != nil:
		return v.ip.Uint(s.Raw, v.order)
	}
	return 0, false
}

// AppendHit appends the text of a hit as perf begins it, "(ADDRESS)" or for
// returns "(FUNCTION <- ADDRESS)", and then as AppendText does.
func (v *Values) AppendHit(dst []byte, s *Sample) []byte {
	addr, ok := v.Address(s)
	if !ok {
		addr = s.IP
	}
	dst = strconv.AppendUint(append(dst, '('), addr, 16)
	if v.returned != nil {
		if to, ok := v.returned.Uint(s.Raw, v.order); ok {
			dst = strconv.AppendUint(append(dst, " <- "...), to, 16)
		}
	}
	return v.AppendText(append(dst, ')'), s)
}

// AppendText appends " goid=N" where the hit tells it, and " NAME=VALUE" for each
// value.
func (v *Values) AppendText(dst []byte, s *Sample) []byte {
	if goid, ok := v.Goroutine(s); ok {
		dst = strconv.AppendUint(append(dst, " goid="...), goid, 10)
	}
	p := printer{Values: v, s: s}
	for i := range v.nodes {
		dst = append(dst, ' ')
		dst = appendPrintable(dst, v.nodes[i].Name)
		dst = append(dst, '=')
		dst = p.text(dst, &v.nodes[i])
	}
	return dst
}

// AppendJSON appends members of a JSON object, "goid" and the values by their
// names, with commas between them.
func (v *Values) AppendJSON(dst []byte, s *Sample) []byte {
	comma := false
	if goid, ok := v.Goroutine(s); ok {
		dst = strconv.AppendUint(append(dst, `"goid":`...), goid, 10)
		comma = true
	}
	p := printer{Values: v, s: s}
	for i := range v.nodes {
		if comma {
			dst = append(dst, ',')
		}
		comma = true
		dst = appendJSONString(dst, v.nodes[i].Name)
		dst = append(dst, ':')
		dst = p.json(dst, &v.nodes[i])
	}
	return dst
}

// printer shows the values of one sample.
type printer struct {
	*Values
	s *Sample
}

// bytes are those that a value's source holds, from where the value begins; nil
// where they were not recorded.
func (p *printer) bytes(n *node) []byte {
	var b []byte
	switch {
	case n.register >= 0:
		x, ok := p.s.register(n.register)
		if !ok {
			return nil
		}
		p.order.PutUint64(n.scratch[:], x)
		b = n.scratch[:]
	case n.field != nil && (n.field.Kind != format.Integer || n.field.Dynamic):
		b = n.field.Data(p.s.Raw, p.order)
	case n.field != nil:
		end := n.field.Offset + n.field.Size
		if n.field.Offset < 0 || end > len(p.s.Raw) || end < n.field.Offset {
			return nil
		}
		b = p.s.Raw[n.field.Offset:end]
	}
	if n.Offset < 0 || n.Offset > len(b) {
		return nil
	}
	return b[n.Offset:]
}

func (s *Sample) register(bit int) (uint64, bool) {
	i := 0
	for b := range 64 {
		if s.Mask>>b&1 == 0 {
			continue
		}
		if b == bit {
			if i < len(s.Regs) {
				return s.Regs[i], true
			}
			return 0, false
		}
		i++
	}
	return 0, false
}

// number reads an integer of the value's size, bit-fields cut out.
func (p *printer) number(n *node) (u uint64, ok bool) {
	return p.numberIn(n, p.bytes(n))
}

func (p *printer) numberIn(n *node, b []byte) (u uint64, ok bool) {
	if n.Size <= 0 || n.Size > 8 || n.Size > len(b) {
		return 0, false
	}
	b = b[:n.Size]
	switch n.Size {
	case 1:
		u = uint64(b[0])
	case 2:
		u = uint64(p.order.Uint16(b))
	case 4:
		u = uint64(p.order.Uint32(b))
	case 8:
		u = p.order.Uint64(b)
	default:
		return 0, false
	}
	bits := n.Size * 8
	if n.BitSize > 0 && n.BitOffset >= 0 && n.BitOffset+n.BitSize <= bits {
		u >>= n.BitOffset
		bits = n.BitSize
	}
	if bits < 64 {
		u &= 1<<bits - 1
	}
	return u, true
}

// signed extends the sign of a number that number gave.
func (n *node) signed(u uint64) int64 {
	bits := n.Size * 8
	if n.BitSize > 0 && n.BitSize <= bits {
		bits = n.BitSize
	}
	return int64(u<<(64-bits)) >> (64 - bits)
}

const notRecorded = "not recorded"

// lacking says why a value cannot be shown; "" where it can.
func (p *printer) lacking(n *node) string {
	switch n.Kind {
	case Missing:
		return n.Why
	case Struct, Array, Interface:
		if n.Source == "" {
			return ""
		}
	}
	if n.field == nil && n.register < 0 {
		return notRecorded
	}
	return ""
}

func appendMissing(dst []byte, why string) []byte {
	if why == "" {
		why = notRecorded
	}
	dst = append(dst, '<')
	dst = appendPrintable(dst, why)
	return append(dst, '>')
}

func (p *printer) text(dst []byte, n *node) []byte {
	if why := p.lacking(n); why != "" || n.Kind == Missing {
		return appendMissing(dst, why)
	}
	switch n.Kind {
	case Text:
		return p.kernelText(dst, n)
	case String:
		b, cut, ok := p.counted(n)
		if !ok {
			return appendMissing(dst, "")
		}
		dst = appendQuoted(dst, b)
		if cut {
			dst = append(dst, "..."...)
		}
		return dst
	case Struct:
		dst = append(dst, '{')
		for i := range n.members {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = appendPrintable(dst, n.members[i].Name)
			dst = append(dst, '=')
			dst = p.text(dst, &n.members[i])
		}
		return append(dst, '}')
	case Array:
		return p.list(dst, n, ", ", p.text, p.scalarText)
	case Interface:
		return p.iface(dst, n)
	}
	return p.scalarText(dst, n, p.bytes(n))
}

// scalarText shows a scalar whose bytes are given.
func (p *printer) scalarText(dst []byte, n *node, b []byte) []byte {
	u, ok := p.numberIn(n, b)
	if !ok {
		return appendMissing(dst, "")
	}
	switch n.Kind {
	case Int:
		return strconv.AppendInt(dst, n.signed(u), 10)
	case Hex:
		if u == 0 && isGoPointer(n.Type) {
			return append(dst, "nil"...)
		}
		return strconv.AppendUint(append(dst, "0x"...), u, 16)
	case Bool:
		return strconv.AppendBool(dst, u != 0)
	case Char:
		return appendChar(dst, u)
	case Float:
		return appendFloat(dst, n, u)
	case EnumKind:
		if name := n.enumName(u); name != "" {
			return appendPrintable(dst, name)
		}
		return strconv.AppendInt(dst, n.signed(u), 10)
	case Flags:
		return n.appendFlags(dst, u)
	}
	return strconv.AppendUint(dst, u, 10)
}

func isGoPointer(typ string) bool {
	if strings.HasPrefix(typ, "*const ") || strings.HasPrefix(typ, "*mut ") { // Rust's
		return false
	}
	return strings.HasPrefix(typ, "*") || strings.HasPrefix(typ, "map[") || strings.HasPrefix(typ, "chan ") || strings.HasPrefix(typ, "func(")
}

func appendFloat(dst []byte, n *node, u uint64) []byte {
	f, bits := math.Float64frombits(u), 64
	if n.Size == 4 {
		f, bits = float64(math.Float32frombits(uint32(u))), 32
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits)
}

// appendChar shows a character as gdb does: its number, then itself.
func appendChar(dst []byte, u uint64) []byte {
	dst = strconv.AppendUint(dst, u, 10)
	if u < utf8.RuneSelf || u > 0xff && u <= utf8.MaxRune {
		dst = append(dst, ' ')
		dst = strconv.AppendQuoteRune(dst, rune(u))
	}
	return dst
}

func (n *node) enumName(u uint64) string {
	s := n.signed(u)
	for i := range n.names {
		if v := n.names[i].Value; v == s || v == int64(u) {
			return n.names[i].Name
		}
	}
	return ""
}

// appendFlags shows the names of the bits that are set, then what has no name.
func (n *node) appendFlags(dst []byte, u uint64) []byte {
	if name := n.enumName(u); name != "" {
		return appendPrintable(dst, name)
	}
	first := true
	for i := range n.names {
		if v := uint64(n.names[i].Value); v != 0 && u&v == v {
			if !first {
				dst = append(dst, '|')
			}
			first = false
			dst = appendPrintable(dst, n.names[i].Name)
			u &^= v
		}
	}
	if u != 0 || first {
		if !first {
			dst = append(dst, '|')
		}
		dst = strconv.AppendUint(append(dst, "0x"...), u, 16)
	}
	return dst
}

// fault is what the kernel writes where it could not read a string.
const fault = "(fault)"

func (p *printer) kernelText(dst []byte, n *node) []byte {
	text := cstring(p.bytes(n))
	if string(text) == fault {
		return append(dst, fault...)
	}
	return appendQuoted(dst, text)
}

// cstring is what stands before the first NUL.
func cstring(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}

// counted are the bytes of a string that has a length; cut says that it is longer
// than what was recorded.
func (p *printer) counted(n *node) (b []byte, cut, ok bool) {
	b = p.bytes(n)
	if n.Size > 0 && n.Size < len(b) {
		b = b[:n.Size]
	}
	if n.length == nil {
		return b, false, b != nil
	}
	u, ok := p.number(n.length)
	length := n.length.signed(u)
	if !ok || length < 0 {
		return nil, false, false
	}
	if length <= int64(len(b)) {
		return b[:length], false, true
	}
	return b, true, true
}

// list shows an array or slice: its members, or elements like its one member.
func (p *printer) list(dst []byte, n *node, comma string, member func([]byte, *node) []byte, elem func([]byte, *node, []byte) []byte) []byte {
	dst = append(dst, '[')
	if n.Source == "" {
		for i := range n.members {
			if i > 0 {
				dst = append(dst, comma...)
			}
			dst = member(dst, &n.members[i])
		}
		return append(dst, ']')
	}
	data, count, cut := p.elements(n)
	for i := range count {
		if i > 0 {
			dst = append(dst, comma...)
		}
		dst = elem(dst, &n.members[0], data[i*n.members[0].Size:])
	}
	if cut && elem != nil && comma == ", " {
		if count > 0 {
			dst = append(dst, comma...)
		}
		dst = append(dst, "..."...)
	}
	return append(dst, ']')
}

// elements are the bytes of the recorded elements, and how many these are.
func (p *printer) elements(n *node) (data []byte, count int, cut bool) {
	data = p.bytes(n)
	if len(n.members) == 0 || n.members[0].Size <= 0 {
		return nil, 0, false
	}
	if n.Size > 0 && n.Size < len(data) {
		data = data[:n.Size]
	}
	count = len(data) / n.members[0].Size
	if n.length != nil {
		u, ok := p.number(n.length)
		length := n.length.signed(u)
		switch {
		case !ok || length < 0:
			return nil, 0, true
		case length <= int64(count):
			count = int(length)
		default:
			cut = true
		}
	}
	return data, count, cut
}

// iface shows an interface of Go: nil, or its dynamic type, with the text of
// errors that have one.
func (p *printer) iface(dst []byte, n *node) []byte {
	table, t, ok := p.dynamicType(n)
	switch {
	case !ok:
		return appendMissing(dst, "")
	case table == 0:
		return append(dst, "nil"...)
	case t == nil:
		return strconv.AppendUint(append(dst, "0x"...), table, 16)
	}
	dst = appendPrintable(dst, t.Name)
	if t.Text && len(n.members) > 2 {
		dst = append(dst, '(')
		dst = p.text(dst, &n.members[2])
		dst = append(dst, ')')
	}
	return dst
}

func (p *printer) dynamicType(n *node) (table uint64, t *GoType, ok bool) {
	if len(n.members) < 2 {
		return 0, nil, false
	}
	if table, ok = p.number(&n.members[0]); !ok || table == 0 {
		return table, nil, ok
	}
	var bias uint64
	if addr, ok := p.Address(p.s); ok {
		_, bias, _ = p.event.PointAt(addr)
	}
	return table, p.types[table-bias], true
}

func (p *printer) json(dst []byte, n *node) []byte {
	if p.lacking(n) != "" || n.Kind == Missing {
		return append(dst, "null"...)
	}
	switch n.Kind {
	case Text:
		if text := cstring(p.bytes(n)); string(text) != fault {
			return appendJSONString(dst, string(text))
		}
		return append(dst, "null"...)
	case String:
		b, _, ok := p.counted(n)
		if !ok {
			return append(dst, "null"...)
		}
		return appendJSONString(dst, string(b))
	case Struct:
		dst = append(dst, '{')
		for i := range n.members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSONString(dst, n.members[i].Name)
			dst = append(dst, ':')
			dst = p.json(dst, &n.members[i])
		}
		return append(dst, '}')
	case Array:
		return p.list(dst, n, ",", p.json, p.scalarJSON)
	case Interface:
		return p.ifaceJSON(dst, n)
	}
	return p.scalarJSON(dst, n, p.bytes(n))
}

func (p *printer) scalarJSON(dst []byte, n *node, b []byte) []byte {
	u, ok := p.numberIn(n, b)
	if !ok {
		return append(dst, "null"...)
	}
	switch n.Kind {
	case Int, Uint, Bool:
		return p.scalarText(dst, n, b)
	case Char:
		return strconv.AppendUint(dst, u, 10)
	case Float:
		start := len(dst)
		dst = appendFloat(dst, n, u)
		if c := dst[len(dst)-1]; c == 'f' || c == 'N' { // no numbers of JSON's
			return appendJSONString(dst[:start], string(dst[start:]))
		}
		return dst
	case EnumKind:
		if n.enumName(u) == "" {
			return strconv.AppendInt(dst, n.signed(u), 10)
		}
	}
	return appendJSONString(dst, string(p.scalarText(nil, n, b)))
}

func (p *printer) ifaceJSON(dst []byte, n *node) []byte {
	table, t, ok := p.dynamicType(n)
	if !ok || table == 0 {
		return append(dst, "null"...)
	}
	name := ""
	if t != nil {
		name = t.Name
	}
	if name == "" {
		name = "0x" + strconv.FormatUint(table, 16)
	}
	dst = append(dst, `{"type":`...)
	dst = appendJSONString(dst, name)
	if t != nil && t.Text && len(n.members) > 2 {
		dst = append(dst, `,"text":`...)
		dst = p.json(dst, &n.members[2])
	}
	return append(dst, '}')
}
