package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Env is what printing needs beside the event: facts of the recording machine,
// and names that the raw data refer to. Its functions may be nil.
type Env struct {
	Order    binary.ByteOrder
	LongSize int
	// String gives the kernel's string at an address (printk_formats).
	String func(addr uint64) (string, bool)
	// Symbol gives the function at a kernel address, and the distance from its
	// start.
	Symbol func(addr uint64) (name string, offset uint64, ok bool)
}

// Printer prints samples of one event. It is for one goroutine: it reuses its
// room from sample to sample.
type Printer struct {
	event  *Event
	env    Env
	pieces []piece
	err    error
	m      machine
	conv   conversion // room for measured
}

// piece is a literal text, then a conversion.
type piece struct {
	literal string
	conv    conversion
	arg     *node
	width   *node // from *
	prec    *node
	quick   quick
}

// conversion is a printf conversion, such as %-08lx.
type conversion struct {
	verb        byte // 0 where there is none
	flags       flags
	width, prec int // -1 where not given
	size        int // bytes of the argument
	ext         string
}

// flags are those of a conversion: - + blank # 0.
type flags struct{ left, plus, blank, alternate, zeros bool }

// NewPrinter compiles the event's print format. A format that cannot be compiled
// is no failure: samples are then printed field by field, and Err says why.
func NewPrinter(e *Event, env Env) *Printer {
	if env.Order == nil {
		env.Order = binary.LittleEndian
	}
	if env.LongSize != 4 {
		env.LongSize = 8
	}
	p := &Printer{event: e, env: env, m: machine{order: env.Order, long: env.LongSize}}
	if p.err = p.compile(); p.err != nil {
		p.err = fmt.Errorf("print format of %s: %w", e.Name, p.err)
	}
	return p
}

// Err says why the print format could not be compiled; nil where it was.
func (p *Printer) Err() error { return p.err }

// Event is the event that the Printer prints.
func (p *Printer) Event() *Event { return p.event }

func (p *Printer) compile() error {
	tokens, err := lex(p.event.Print)
	if err != nil {
		return err
	}
	if tokens[0].kind != 's' {
		return errors.New("it does not begin with a string")
	}
	ps := &parser{event: p.event, tokens: tokens, at: 1, long: p.env.LongSize}
	var args []*node
	for ps.accept(",") {
		n, err := ps.expression()
		if err != nil {
			return err
		}
		args = append(args, n)
	}
	if t := ps.peek(); t.kind != 0 {
		return fmt.Errorf("%q behind the arguments", t.text)
	}
	return p.split(tokens[0].text, args)
}

// split cuts the format at its conversions and gives them their arguments.
func (p *Printer) split(format string, args []*node) error {
	take := func() (*node, error) {
		if len(args) == 0 {
			return nil, errors.New("more conversions than arguments")
		}
		n := args[0]
		args = args[1:]
		return n, nil
	}
	var literal strings.Builder
	for format != "" {
		at := strings.IndexByte(format, '%')
		if at < 0 || at == len(format)-1 {
			literal.WriteString(format)
			break
		}
		literal.WriteString(format[:at])
		format = format[at+1:]
		if format[0] == '%' {
			literal.WriteByte('%')
			format = format[1:]
			continue
		}
		pc := piece{literal: literal.String()}
		literal.Reset()
		var stars [2]bool
		var err error
		if pc.conv, stars, format, err = parseConversion(format, p.env.LongSize); err != nil {
			return err
		}
		if stars[0] {
			if pc.width, err = take(); err != nil {
				return err
			}
		}
		if stars[1] {
			if pc.prec, err = take(); err != nil {
				return err
			}
		}
		if pc.arg, err = take(); err != nil {
			return err
		}
		pc.quick = p.quicken(&pc)
		p.pieces = append(p.pieces, pc)
	}
	p.pieces = append(p.pieces, piece{literal: strings.TrimRight(literal.String(), "\n")})
	return nil
}

// parseConversion reads a conversion behind its percent sign. stars tells
// whether width and precision are arguments.
func parseConversion(s string, long int) (c conversion, stars [2]bool, rest string, err error) {
	c.width, c.prec, c.size = -1, -1, 4
	s = c.flags.parse(s)
	number := func() (int, bool) {
		if strings.HasPrefix(s, "*") {
			s = s[1:]
			return -1, true
		}
		v := 0
		for len(s) > 0 && s[0] >= '0' && s[0] <= '9' {
			v = min(v*10+int(s[0]-'0'), maxWidth)
			s = s[1:]
		}
		return v, false
	}
	if len(s) > 0 && (s[0] == '*' || s[0] >= '1' && s[0] <= '9') {
		c.width, stars[0] = number()
	}
	if strings.HasPrefix(s, ".") {
		s = s[1:]
		c.prec, stars[1] = number()
	}
	for len(s) > 0 && strings.IndexByte("hlLzjtq", s[0]) >= 0 {
		switch s[0] {
		case 'h':
			c.size /= 2
		case 'l', 'z', 't':
			if c.size == 8 || c.size == long {
				c.size = 8
			} else {
				c.size = long
			}
		default:
			c.size = 8
		}
		s = s[1:]
	}
	if s == "" {
		return c, stars, "", errors.New("a conversion without its letter")
	}
	c.verb, s = s[0], s[1:]
	if strings.IndexByte("diuxXocsp", c.verb) < 0 {
		return c, stars, "", fmt.Errorf("conversion %%%c", c.verb)
	}
	if c.verb == 'p' {
		n := 0
		for n < len(s) && n < 4 && (s[n] >= 'a' && s[n] <= 'z' || s[n] >= 'A' && s[n] <= 'Z' || n > 0 && (s[n] == '4' || s[n] == '6')) {
			n++
		}
		c.ext, s = pointerExtension(s[:n]), s[pointerLength(s[:n]):]
	}
	return c, stars, s, nil
}

// parse reads the flags at the front of s and gives the rest.
func (f *flags) parse(s string) string {
	for ; s != ""; s = s[1:] {
		switch s[0] {
		case '-':
			f.left = true
		case '+':
			f.plus = true
		case ' ':
			f.blank = true
		case '#':
			f.alternate = true
		case '0':
			f.zeros = true
		default:
			return s
		}
	}
	return s
}

// maxWidth bounds what a width or precision can ask for.
const maxWidth = 4096

// pointerExtensions are what may follow %p, longest first.
var pointerExtensions = []string{
	"ISpfsc", "ISpc", "ISp", "ISc", "IS", "I6c", "I4", "I6", "i4", "i6", "Ub", "Ul", "UB", "UL", "U", "MF", "MR", "M", "mR", "m",
	"SR", "S", "s", "F", "f", "B", "d", "D", "K", "x", "h",
}

func pointerExtension(s string) string {
	for _, e := range pointerExtensions {
		if strings.HasPrefix(s, e) {
			return e
		}
	}
	return ""
}

func pointerLength(s string) int { return len(pointerExtension(s)) }

// maxText bounds the text of one sample.
const maxText = 1 << 18

// Append appends the text of one sample's raw data. Data that end too early give
// zeros and empty texts.
func (p *Printer) Append(dst, raw []byte) []byte {
	if p.err != nil {
		return p.appendFields(append(dst, "[FAILED TO PARSE]"...), raw)
	}
	p.m.raw = raw
	start := len(dst)
	for i := range p.pieces {
		pc := &p.pieces[i]
		dst = append(dst, pc.literal...)
		if pc.conv.verb == 0 {
			continue
		}
		if pc.quick.kind != notQuick {
			var ok bool
			if dst, ok = pc.quick.append(dst, raw); ok {
				continue
			}
		}
		p.m.scratch = p.m.scratch[:0]
		dst = p.convert(dst, pc)
		if len(dst)-start > maxText {
			break
		}
	}
	return dst
}

func (p *Printer) convert(dst []byte, pc *piece) []byte {
	c := &pc.conv
	if pc.width != nil || pc.prec != nil {
		c = p.measured(pc)
	}
	start := len(dst)
	if n, ok := p.m.plain(pc.arg); ok && c.verb != 's' && c.verb != 'p' && c.verb != 'c' {
		return appendInteger(dst, c, n)
	}
	v := p.m.eval(pc.arg)
	switch c.verb {
	case 's':
		dst = p.str(dst, c, v)
	case 'p':
		dst = p.pointer(dst, c, v)
	case 'c':
		dst = append(dst, byte(v.num))
	default:
		return appendInteger(dst, c, v.num)
	}
	return justify(dst, start, c)
}

// measured is a conversion with the width and precision that its arguments give.
func (p *Printer) measured(pc *piece) *conversion {
	p.conv = pc.conv
	if pc.width != nil {
		w := int64(p.m.eval(pc.width).num)
		if w < 0 {
			p.conv.flags.left, w = true, -w
		}
		p.conv.width = int(min(max(w, 0), maxWidth))
	}
	if pc.prec != nil {
		p.conv.prec = int(min(p.m.eval(pc.prec).num, maxWidth))
	}
	return &p.conv
}

// str appends a text; the content of a pointer is one of the kernel's strings.
func (p *Printer) str(dst []byte, c *conversion, v value) []byte {
	start := len(dst)
	switch {
	case v.isText:
		dst = append(dst, untilNUL(v.bytes)...)
	case p.env.String != nil:
		if s, ok := p.env.String(v.num); ok {
			dst = append(dst, s...)
			break
		}
		fallthrough
	default:
		if v.num == 0 {
			dst = append(dst, "(null)"...)
		} else {
			dst = append(dst, "0x"...)
			dst = strconv.AppendUint(dst, v.num, 16)
		}
	}
	if c.prec >= 0 && len(dst)-start > c.prec {
		dst = dst[:start+c.prec]
	}
	return dst
}

func (p *Printer) pointer(dst []byte, c *conversion, v value) []byte {
	switch {
	case strings.HasPrefix(c.ext, "I") || strings.HasPrefix(c.ext, "i"):
		return appendIP(dst, v.bytes, c.ext)
	case strings.HasPrefix(c.ext, "M"):
		sep := byte(':')
		if c.ext == "MF" {
			sep = '-'
		}
		return appendMAC(dst, v.bytes, sep)
	case strings.HasPrefix(c.ext, "U"):
		return appendUUID(dst, v.bytes, c.ext == "Ul" || c.ext == "UL")
	case c.ext == "h":
		for i, b := range v.bytes[:min(len(v.bytes), max(c.width, 0))] {
			if i > 0 {
				dst = append(dst, ' ')
			}
			dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
		}
		return dst
	case c.ext != "" && strings.Contains("sSfFB", c.ext[:1]) && p.env.Symbol != nil:
		if name, offset, ok := p.env.Symbol(v.num); ok {
			dst = append(dst, name...)
			if c.ext[0] == 'S' || c.ext[0] == 'F' || c.ext[0] == 'B' {
				dst = append(dst, "+0x"...)
				dst = strconv.AppendUint(dst, offset, 16)
			}
			return dst
		}
	}
	if v.num == 0 && c.ext == "" {
		return append(dst, "(nil)"...)
	}
	dst = append(dst, "0x"...)
	return strconv.AppendUint(dst, v.num, 16)
}

func appendInteger(dst []byte, c *conversion, v uint64) []byte {
	start := len(dst)
	signed := c.verb == 'd' || c.verb == 'i'
	n := resize(v, max(1, c.size), signed)
	negative := signed && int64(n) < 0
	if negative {
		n = -n
	}
	base := 10
	switch c.verb {
	case 'x', 'X':
		base = 16
	case 'o':
		base = 8
	}
	var room [24]byte
	digits := strconv.AppendUint(room[:0], n, base)
	if c.verb == 'X' {
		for i, d := range digits {
			if d >= 'a' {
				digits[i] = d - 'a' + 'A'
			}
		}
	}
	switch {
	case negative:
		dst = append(dst, '-')
	case c.flags.plus:
		dst = append(dst, '+')
	case c.flags.blank:
		dst = append(dst, ' ')
	}
	if base == 16 && n != 0 && c.flags.alternate {
		dst = append(dst, '0', c.verb)
	}
	zeros := c.prec - len(digits)
	if c.prec < 0 && c.flags.zeros && !c.flags.left {
		zeros = c.width - (len(dst) - start) - len(digits)
	}
	for ; zeros > 0; zeros-- {
		dst = append(dst, '0')
	}
	dst = append(dst, digits...)
	return justify(dst, start, c)
}

// justify fills dst[start:] up to the width with blanks.
func justify(dst []byte, start int, c *conversion) []byte {
	const fill = ' '
	n := c.width - (len(dst) - start)
	if n <= 0 || c.ext == "h" {
		return dst
	}
	end := len(dst)
	for range n {
		dst = append(dst, fill)
	}
	if !c.flags.left {
		copy(dst[start+n:], dst[start:end])
		for i := range n {
			dst[start+i] = fill
		}
	}
	return dst
}

// appendFields prints the fields one by one, as libtraceevent does where it
// cannot print an event's own way.
func (p *Printer) appendFields(dst, raw []byte) []byte {
	for i := range p.event.Fields {
		f := &p.event.Fields[i]
		dst = append(dst, ' ')
		dst = append(dst, f.Name...)
		dst = append(dst, '=')
		data := f.Data(raw, p.env.Order)
		switch {
		case f.Kind == Text:
			dst = append(dst, untilNUL(data)...)
		case f.Kind == Array:
			dst = append(dst, "ARRAY["...)
			for j, b := range data {
				if j > 0 {
					dst = append(dst, ", "...)
				}
				dst = append(dst, hexDigits[b>>4], hexDigits[b&15])
			}
			dst = append(dst, ']')
		default:
			v, _ := f.Uint(raw, p.env.Order)
			if f.Signed {
				dst = strconv.AppendInt(dst, int64(v), 10)
			} else {
				dst = append(dst, "0x"...)
				dst = strconv.AppendUint(dst, v, 16)
			}
		}
	}
	return dst
}
