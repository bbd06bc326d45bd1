package validate

import "bytes"

// fields reads a feature field by field. Reading past the end gives zero and
// makes short true for good.
type fields struct {
	b     []byte
	short bool
	text  string // what is wrong with a string, "" for nothing
}

func (f *fields) take(n uint64) []byte {
	if f.short || n > uint64(len(f.b)) {
		f.short, f.b = true, nil
		return nil
	}
	b := f.b[:n:n]
	f.b = f.b[n:]
	return b
}

func (f *fields) u8() byte {
	if b := f.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (f *fields) u32() uint32 {
	if b := f.take(4); b != nil {
		return le.Uint32(b)
	}
	return 0
}

func (f *fields) u64() uint64 {
	if b := f.take(8); b != nil {
		return le.Uint64(b)
	}
	return 0
}

// count reads a number of entries of at least size bytes each.
func (f *fields) count(size int) int {
	n := uint64(f.u32())
	if n*uint64(size) > uint64(len(f.b)) {
		f.short, f.b = true, nil
		return 0
	}
	return int(n)
}

// str reads a string with its length in front: NUL-terminated and padded with
// zeros to four bytes at least.
func (f *fields) str() string {
	n := f.u32()
	b := f.take(uint64(n))
	if f.short {
		return ""
	}
	s, pad, ok := bytes.Cut(b, []byte{0})
	switch {
	case !ok:
		f.complain("string without NUL")
	case !zero(pad):
		f.complain("string padded with something else than zeros")
	case n%4 != 0:
		f.complain("string not padded to four bytes")
	}
	return string(s)
}

// line reads bytes up to a NUL.
func (f *fields) line() string {
	i := bytes.IndexByte(f.b, 0)
	if f.short || i < 0 {
		f.short, f.b = true, nil
		return ""
	}
	s := string(f.b[:i])
	f.b = f.b[i+1:]
	return s
}

func (f *fields) complain(text string) {
	if f.text == "" {
		f.text = text
	}
}
