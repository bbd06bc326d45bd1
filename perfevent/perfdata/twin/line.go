package twin

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// line is one part of a recording as text: a place, a word, and fields.
type line struct {
	no     int   // of the text, from 1; 0 where the line was made by printing
	at     int64 // -1 without a place
	plus   bool  // belongs to the COMPRESSED record above
	verb   string
	fields []field
}

// field is a name with its values, as tokens of the text. Values before the
// first name are those of a field without a name.
type field struct {
	name   string
	values []string
	used   bool
	fold   bool // printing: starts a line of its own
}

const (
	hexWidth  = 32 // bytes on a line of hex
	listWidth = 8  // values on a line of a longer list
	noPlace   = -1
)

// usualFields is how many fields a line has room for from the start.
const usualFields = 12

func newLine(at int64, verb string) *line {
	return &line{at: at, verb: verb, fields: make([]field, 0, usualFields)}
}

func (l *line) add(name string, values ...string) {
	l.fields = append(l.fields, field{name: name, values: values})
}

func (l *line) addHex(name string, b []byte) { l.add(name, hexTokens(b)...) }

// find gives the first field of that name that nobody has used yet, or nil.
func (l *line) find(name string) *field {
	for i := range l.fields {
		if f := &l.fields[i]; !f.used && f.name == name {
			return f
		}
	}
	return nil
}

// unused is an error that names the first field that nobody used.
func (l *line) unused() error {
	for i := range l.fields {
		if f := &l.fields[i]; !f.used {
			if f.name == "" {
				return fmt.Errorf("%s: value %s without a field", l.verb, f.values[0])
			}
			return fmt.Errorf("%s: field %q is unknown or stands in the wrong place", l.verb, f.name)
		}
	}
	return nil
}

// appendText appends the text of the line. Each line of it starts with the
// prefix.
func (l *line) appendText(dst []byte, prefix string) []byte {
	dst = append(dst, prefix...)
	if l.at >= 0 {
		dst = fmt.Appendf(dst, "@%#x ", l.at)
	}
	dst = append(dst, l.verb...)
	folded := false
	for i := range l.fields {
		f := &l.fields[i]
		if folded || f.fold {
			dst = append(append(dst, '\n'), prefix...)
			dst = append(dst, ' ')
		}
		if f.name != "" {
			dst = append(append(append(dst, ' '), f.name...), '=')
		} else if !f.long() {
			dst = append(dst, ' ')
		}
		dst, folded = f.appendValues(dst, prefix)
	}
	return append(dst, '\n')
}

func (f *field) appendValues(dst []byte, prefix string) (_ []byte, folded bool) {
	if !f.long() {
		return append(dst, strings.Join(f.values, " ")...), false
	}
	width := 0
	for i, v := range f.values {
		if width == 0 || i%listWidth == 0 || width+len(v) > 2*hexWidth+10 {
			dst = append(append(dst, '\n'), prefix...)
			dst = append(dst, "   "...)
			width = 0
		}
		dst = append(append(dst, ' '), v...)
		width += 1 + len(v)
	}
	return dst, true
}

func (f *field) long() bool {
	total := 0
	for _, v := range f.values {
		total += len(v)
	}
	return len(f.values) > listWidth || len(f.values) > 1 && total > 2*hexWidth
}

// lex reads the tokens of one line of text behind what it has already.
func (l *line) lex(text string) error {
	for {
		text = strings.TrimLeft(text, " \t\r")
		if text == "" || text[0] == '#' {
			return nil
		}
		n, err := tokenEnd(text)
		if err != nil {
			return err
		}
		if err := l.token(text[:n]); err != nil {
			return err
		}
		text = text[n:]
	}
}

// tokenEnd is the length of the token at the start of the text: up to a space
// outside of quotes.
func tokenEnd(text string) (int, error) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t' || c == '\r'):
			return i, nil
		}
	}
	if quoted {
		return 0, errors.New("string without an end")
	}
	return len(text), nil
}

func (l *line) token(tok string) error {
	switch {
	case l.verb == "" && l.at < 0 && tok[0] == '@':
		at, err := parseNumber(tok[1:], 8)
		if err != nil || at > 1<<62 {
			return fmt.Errorf("place %s is no number", tok)
		}
		l.at = int64(at)
	case l.verb == "":
		l.verb = tok
	default:
		l.value(tok)
	}
	return nil
}

func (l *line) value(tok string) {
	name, v, ok := strings.Cut(tok, "=")
	if ok && isName(name) {
		l.fields = append(l.fields, field{name: name})
		if tok = v; tok == "" {
			return
		}
	}
	if len(l.fields) == 0 {
		l.fields = append(l.fields, field{})
	}
	f := &l.fields[len(l.fields)-1]
	f.values = append(f.values, tok)
}

func isName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '.':
		default:
			return false
		}
	}
	return s != ""
}

// parseNumber reads a decimal number, or one with 0x, that fits into so many
// bytes; negative ones stand for their two's complement.
func parseNumber(s string, size int) (uint64, error) {
	digits, negative := strings.CutPrefix(s, "-")
	base := 10
	if rest, ok := strings.CutPrefix(digits, "0x"); ok {
		digits, base = rest, 16
	}
	bits := 8 * size
	if negative {
		bits--
	}
	v, err := strconv.ParseUint(digits, base, bits)
	if err != nil || digits == "" || digits[0] == '+' {
		return 0, fmt.Errorf("%s is no number of %d bytes", s, size)
	}
	if negative {
		v = -v
		if size < 8 {
			v &= 1<<(8*size) - 1
		}
	}
	return v, nil
}

func hexTokens(b []byte) []string {
	toks := make([]string, 0, len(b)/hexWidth+1)
	for len(b) > hexWidth {
		toks = append(toks, hex.EncodeToString(b[:hexWidth]))
		b = b[hexWidth:]
	}
	if len(b) > 0 {
		toks = append(toks, hex.EncodeToString(b))
	}
	return toks
}

// appendBytes appends what tokens of hex digits and quoted strings stand for.
func appendBytes(dst []byte, toks []string) ([]byte, error) {
	for _, tok := range toks {
		if strings.HasPrefix(tok, `"`) {
			s, err := strconv.Unquote(tok)
			if err != nil {
				return dst, fmt.Errorf("%s is no string", tok)
			}
			dst = append(dst, s...)
			continue
		}
		var err error
		if dst, err = hex.AppendDecode(dst, []byte(tok)); err != nil {
			return dst, fmt.Errorf("%s is no row of bytes in hex", tok)
		}
	}
	return dst, nil
}
