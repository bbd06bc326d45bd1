package twin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// walker goes through a structure of the file, field by field, in either
// direction: from bytes to the fields of a line, or from those to bytes. So one
// description of each structure serves printing and parsing. Printing stops at
// the first field that the bytes do not hold, parsing at the first field
// that is wrong; a caller looks at err once, at the end.
type walker struct {
	order binary.ByteOrder
	l     *line
	enc   bool
	b     []byte // enc: written so far; else: not read yet
	from  int    // enc: fields of the line from here on,
	limit int    // and before here, are looked at
	fold  bool   // the next field that is printed starts a line
	autos []auto
	err   error
}

// auto is a place in the file that follows from where a section of the text
// comes to stand.
type auto struct {
	at      int64 // of offset and size, 16 bytes
	section string
	order   binary.ByteOrder
	line    int
}

func printing(b []byte, l *line, order binary.ByteOrder) *walker {
	return &walker{order: order, l: l, b: b}
}

func parsing(l *line, order binary.ByteOrder) *walker {
	return &walker{order: order, l: l, enc: true, limit: len(l.fields)}
}

func (w *walker) fail(err error) {
	if w.err == nil {
		w.err = err
	}
	if !w.enc {
		w.b = nil
	}
}

// peek finds the next field of a name.
func (w *walker) peek(name string) *field {
	for i := w.from; i < w.limit; i++ {
		if f := &w.l.fields[i]; !f.used && f.name == name {
			return f
		}
	}
	return nil
}

func (w *walker) take(name string) *field {
	f := w.peek(name)
	if f == nil {
		return nil
	}
	f.used = true
	for w.from < w.limit && w.l.fields[w.from].used {
		w.from++
	}
	return f
}

// single is the one value of a field; "" where the field is missing.
func (w *walker) single(name string) string {
	f := w.take(name)
	switch {
	case f == nil:
		return ""
	case len(f.values) != 1:
		w.fail(fmt.Errorf("%s: %d values, want one", name, len(f.values)))
		return ""
	}
	return f.values[0]
}

func (w *walker) put(name string, values ...string) {
	if w.err != nil {
		return
	}
	w.l.add(name, values...)
	w.l.fields[len(w.l.fields)-1].fold = w.fold
	w.fold = false
}

func (w *walker) read(n int) []byte {
	if n < 0 || n > len(w.b) {
		w.fail(io.ErrUnexpectedEOF)
		return nil
	}
	b := w.b[:n:n]
	w.b = w.b[n:]
	return b
}

func (w *walker) readNumber(size int) uint64 {
	b := w.read(size)
	switch {
	case b == nil:
		return 0
	case size == 1:
		return uint64(b[0])
	case size == 2:
		return uint64(w.order.Uint16(b))
	case size == 4:
		return uint64(w.order.Uint32(b))
	}
	return w.order.Uint64(b)
}

func (w *walker) appendNumber(v uint64, size int) {
	var b [8]byte
	switch size {
	case 1:
		b[0] = byte(v)
	case 2:
		w.order.PutUint16(b[:], uint16(v))
	case 4:
		w.order.PutUint32(b[:], uint32(v))
	default:
		w.order.PutUint64(b[:], v)
	}
	w.b = append(w.b, b[:size]...)
}

// style is how a number is printed; every style parses as every other.
type style int

const (
	decimal style = iota
	signed
	hexadecimal
)

func (s style) text(v uint64, size int) string {
	switch {
	case s == hexadecimal && v != 0:
		return "0x" + strconv.FormatUint(v, 16)
	case s == signed:
		shift := 64 - 8*size
		return strconv.FormatInt(int64(v)<<shift>>shift, 10)
	}
	return strconv.FormatUint(v, 10)
}

// number codes a number of so many bytes, and gives it.
func (w *walker) number(name string, size int, s style) uint64 {
	if !w.enc {
		v := w.readNumber(size)
		w.put(name, s.text(v, size))
		return v
	}
	v := w.parse(name, w.single(name), size)
	w.appendNumber(v, size)
	return v
}

// terse codes a number that is not printed where it is zero.
func (w *walker) terse(name string, size int, s style) {
	if w.enc {
		w.number(name, size, s)
	} else if v := w.readNumber(size); v != 0 {
		w.put(name, s.text(v, size))
	}
}

func (w *walker) parse(name, text string, size int) uint64 {
	if text == "" {
		return 0
	}
	v, err := parseNumber(text, size)
	if err != nil {
		w.fail(fmt.Errorf("%s: %w", name, err))
	}
	return v
}

func (w *walker) u16(name string) uint64 { return w.number(name, 2, decimal) }
func (w *walker) u32(name string) uint64 { return w.number(name, 4, decimal) }
func (w *walker) u64(name string) uint64 { return w.number(name, 8, decimal) }
func (w *walker) x64(name string)        { w.number(name, 8, hexadecimal) }
func (w *walker) pid(name string)        { w.number(name, 4, signed) }

// numbers codes n numbers, or with n < 0 all that follow.
func (w *walker) numbers(name string, n, size int, s style) {
	if w.enc {
		for _, text := range w.list(name) {
			w.appendNumber(w.parse(name, text, size), size)
		}
		return
	}
	if n < 0 {
		n = len(w.b) / size
	}
	if n > len(w.b)/size {
		w.fail(io.ErrUnexpectedEOF)
		return
	}
	values := make([]string, n)
	for i := range values {
		values[i] = s.text(w.readNumber(size), size)
	}
	if n > 0 {
		w.put(name, values...)
	}
}

// list is the values of a field, none where it is missing.
func (w *walker) list(name string) []string {
	if f := w.take(name); f != nil {
		return f.values
	}
	return nil
}

// length codes the number of values that a field further on has.
func (w *walker) length(name string, size int) int {
	if w.enc {
		n := 0
		if f := w.peek(name); f != nil {
			n = len(f.values)
		}
		w.appendNumber(uint64(n), size)
		return n
	}
	return w.bounded(size)
}

// bounded reads a number of things, which cannot be more than bytes.
func (w *walker) bounded(size int) int {
	n := w.readNumber(size)
	if n > uint64(len(w.b)) {
		w.fail(io.ErrUnexpectedEOF)
		return 0
	}
	return int(n)
}

// groups codes a number of groups of fields, and the groups. Each group starts
// with the field named first.
func (w *walker) groups(first string, size int, group func()) {
	if !w.enc {
		for range w.bounded(size) {
			if w.err != nil {
				return
			}
			w.fold = true
			group()
		}
		return
	}
	n := 0
	for i := w.from; i < w.limit; i++ {
		if w.l.fields[i].name == first {
			n++
		}
	}
	w.appendNumber(uint64(n), size)
	w.each(first, group)
}

// each codes groups of fields up to the end, without their number.
func (w *walker) each(first string, group func()) {
	if !w.enc {
		for len(w.b) > 0 && w.err == nil {
			w.fold = true
			group()
		}
		return
	}
	limit := w.limit
	for w.err == nil {
		start := w.nextGroup(w.from, limit, first)
		if start == limit {
			break
		}
		w.from, w.limit = start, w.nextGroup(start+1, limit, first)
		group()
		w.from = w.limit
	}
	w.limit = limit
}

func (w *walker) nextGroup(i, limit int, first string) int {
	for i < limit && (w.l.fields[i].used || w.l.fields[i].name != first) {
		i++
	}
	return i
}

// hex codes n bytes; where the text has fewer, zeros follow them. With n < 0
// it codes all that follow.
func (w *walker) hex(name string, n int) {
	if !w.enc {
		if n < 0 {
			n = len(w.b)
		}
		if b := w.read(n); len(b) > 0 {
			w.put(name, blobTokens(b)...)
		}
		return
	}
	at := len(w.b)
	var err error
	if w.b, err = appendBytes(w.b, w.list(name)); err != nil {
		w.fail(fmt.Errorf("%s: %w", name, err))
	}
	if n < 0 {
		return
	}
	if have := len(w.b) - at; have <= n {
		w.b = append(w.b, make([]byte, n-have)...)
	} else {
		w.fail(fmt.Errorf("%s: %d bytes, want at most %d", name, have, n))
	}
}

// zeros writes a number of zeros that the text gives.
func (w *walker) zeros(name string) {
	n := w.parse(name, w.single(name), 4)
	if n > maxRoom {
		w.fail(fmt.Errorf("%s: %d bytes, want at most %d", name, n, maxRoom))
		return
	}
	w.b = append(w.b, make([]byte, n)...)
}

// bits codes words of 64 bits whose bits have names.
func (w *walker) bits(name string, names *bitNames, turn func(uint64) uint64) {
	words := make([]uint64, names.bits/64)
	if w.enc {
		if text := w.single(name); text != "" {
			if err := names.parse(text, words); err != nil {
				w.fail(fmt.Errorf("%s: %w", name, err))
			}
		}
		for _, v := range words {
			w.appendNumber(turn(v), 8)
		}
		return
	}
	for i := range words {
		words[i] = turn(w.readNumber(8))
	}
	w.put(name, names.text(words...))
}

func asIs(v uint64) uint64 { return v }

var errPlace = errors.New("is no place: want offset+size, or auto")

// place codes offset and size of a section of the text.
func (w *walker) place(name, section string) {
	if !w.enc {
		offset, size := w.readNumber(8), w.readNumber(8)
		w.put(name, hexadecimal.text(offset, 8)+"+"+hexadecimal.text(size, 8))
		return
	}
	text := w.single(name)
	var offset, size uint64
	switch {
	case text == "":
	case text == "auto":
		w.autos = append(w.autos, auto{at: int64(len(w.b)), section: section, order: w.order, line: w.l.no})
	default:
		left, right, ok := strings.Cut(text, "+")
		if !ok {
			w.fail(fmt.Errorf("%s: %s %w", name, text, errPlace))
		}
		offset, size = w.parse(name, left, 8), w.parse(name, right, 8)
	}
	w.appendNumber(offset, 8)
	w.appendNumber(size, 8)
}
