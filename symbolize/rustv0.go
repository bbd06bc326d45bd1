package symbolize

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// demangleRustV0 reads the mangling of RFC 2603 ("_R…"), the default of rustc
// since 1.95, by the grammar of the rustc book (chapter "v0 Symbol Format"), and
// prints what libiberty, and so perf, prints: no crate hashes, no types of
// constants. A suffix that starts with a dot is dropped.
//
// One pass over the text prints while it reads; a back reference moves the
// reader and returns. Depth and output are bounded, and what is read without
// being printed follows no back references, so work is bounded too.
func demangleRustV0(name string) (string, bool) {
	text, ok := strings.CutPrefix(name, "_R")
	if !ok || text == "" || text[0] < 'A' || text[0] > 'Z' { // a digit: a later version
		return "", false
	}
	text, _, _ = strings.Cut(text, ".")
	r := rustReader{text: text}
	r.path(true)
	if r.at < len(r.text) && !r.failed {
		r.muted++
		r.path(false) // the crate that instantiated it
	}
	if r.failed || r.at != len(r.text) || r.out.Len() == 0 {
		return "", false
	}
	return r.out.String(), true
}

// maxRustDepth is how deep paths and types may nest (libiberty has 1024).
const maxRustDepth = 300

type rustReader struct {
	text      string
	at        int
	out       strings.Builder
	muted     int // reading without printing while over 0
	depth     int
	lifetimes uint64 // bound by the binders around
	failed    bool
}

func (r *rustReader) fail() { r.failed = true }

func (r *rustReader) print(s string) {
	if r.muted > 0 || r.failed {
		return
	}
	if r.out.Len()+len(s) > maxDemangled {
		r.fail()
		return
	}
	r.out.WriteString(s)
}

// peek gives the next byte, 0 at the end and after a failure.
func (r *rustReader) peek() byte {
	if r.failed || r.at >= len(r.text) {
		return 0
	}
	return r.text[r.at]
}

func (r *rustReader) next() byte {
	c := r.peek()
	if c == 0 {
		r.fail()
		return 0
	}
	r.at++
	return c
}

func (r *rustReader) take(c byte) bool {
	if r.peek() != c {
		return false
	}
	r.at++
	return true
}

func (r *rustReader) enter() bool {
	if r.depth++; r.depth > maxRustDepth {
		r.fail()
	}
	return !r.failed
}

// base62 reads digits 0-9a-zA-Z and "_": "_" is 0, "0_" is 1.
func (r *rustReader) base62() uint64 {
	if r.take('_') {
		return 0
	}
	var v uint64
	for {
		c := r.next()
		var d byte
		switch {
		case c == '_':
			if v == math.MaxUint64 {
				r.fail()
			}
			return v + 1
		case isDigit(c):
			d = c - '0'
		case 'a' <= c && c <= 'z':
			d = c - 'a' + 10
		case 'A' <= c && c <= 'Z':
			d = c - 'A' + 36
		default:
			r.fail()
			return 0
		}
		if v > (math.MaxUint64-uint64(d))/62 {
			r.fail()
			return 0
		}
		v = v*62 + uint64(d)
	}
}

// tagged62 reads a number behind a tag: 0 if the tag is not there.
func (r *rustReader) tagged62(tag byte) uint64 {
	if !r.take(tag) {
		return 0
	}
	v := r.base62()
	if v == math.MaxUint64 {
		r.fail()
		return 0
	}
	return v + 1
}

func (r *rustReader) disambiguator() uint64 { return r.tagged62('s') }

// decimal reads "0" or a number that starts with another digit.
func (r *rustReader) decimal() int {
	c := r.next()
	if !isDigit(c) {
		r.fail()
		return 0
	}
	n := int(c - '0')
	for n > 0 && isDigit(r.peek()) {
		if n = n*10 + int(r.next()-'0'); n > len(r.text) {
			r.fail()
			return 0
		}
	}
	return n
}

// identifier reads ["u"] length ["_"] bytes.
func (r *rustReader) identifier() string {
	punycode := r.take('u')
	n := r.decimal()
	r.take('_')
	if r.failed || n > len(r.text)-r.at {
		r.fail()
		return ""
	}
	s := r.text[r.at : r.at+n]
	r.at += n
	if !punycode {
		return s
	}
	decoded, ok := decodePunycode(s)
	if !ok {
		return "punycode{" + s + "}"
	}
	return decoded
}

// backref runs f where a back reference points to, strictly before itself.
func (r *rustReader) backref(f func()) {
	start := r.at - 1
	to := r.base62()
	if r.failed || to >= uint64(start) {
		r.fail()
		return
	}
	if r.muted > 0 {
		return
	}
	back := r.at
	r.at = int(to)
	f()
	r.at = back
}

// list reads elements up to "E", prints separators between them, and says how
// many there were.
func (r *rustReader) list(separator string, element func()) int {
	n := 0
	for ; !r.failed && !r.take('E'); n++ {
		if n > 0 {
			r.print(separator)
		}
		element()
	}
	return n
}

// path reads a path; inValue says that it names a value, so that its generic
// arguments need "::" before them.
func (r *rustReader) path(inValue bool) {
	defer func() { r.depth-- }()
	if !r.enter() {
		return
	}
	switch tag := r.next(); tag {
	case 'C':
		r.disambiguator()
		r.print(r.identifier())
	case 'N':
		r.nested(inValue)
	case 'M', 'X':
		r.disambiguator()
		r.muted++ // where the impl stands, which its type and trait tell better
		r.path(inValue)
		r.muted--
		r.qualified(tag == 'X')
	case 'Y':
		r.qualified(true)
	case 'I':
		r.path(inValue)
		if inValue {
			r.print("::")
		}
		r.print("<")
		r.list(", ", r.genericArg)
		r.print(">")
	case 'B':
		r.backref(func() { r.path(inValue) })
	default:
		r.fail()
	}
}

// qualified prints <Type> or <Type as Trait>.
func (r *rustReader) qualified(trait bool) {
	r.print("<")
	r.typ()
	if trait {
		r.print(" as ")
		r.path(false)
	}
	r.print(">")
}

func (r *rustReader) nested(inValue bool) {
	space := r.next()
	if (space|0x20) < 'a' || (space|0x20) > 'z' {
		r.fail()
		return
	}
	r.path(inValue)
	number := r.disambiguator()
	name := r.identifier()
	if 'a' <= space && space <= 'z' { // namespaces of the compiler's own
		if name != "" {
			r.print("::")
			r.print(name)
		}
		return
	}
	r.print("::{")
	switch space {
	case 'C':
		r.print("closure")
	case 'S':
		r.print("shim")
	default:
		r.print(string(rune(space)))
	}
	if name != "" {
		r.print(":" + name)
	}
	r.print("#" + strconv.FormatUint(number, 10) + "}")
}

func (r *rustReader) genericArg() {
	switch {
	case r.take('L'):
		r.lifetime(r.base62())
	case r.take('K'):
		r.constant()
	default:
		r.typ()
	}
}

// lifetime prints the lifetime of an index, which counts from the innermost
// binder outwards; 0 is erased.
func (r *rustReader) lifetime(index uint64) {
	if index > r.lifetimes {
		r.fail()
		return
	}
	r.print("'" + lifetimeName(index, r.lifetimes))
}

func lifetimeName(index, bound uint64) string {
	if index == 0 {
		return "_"
	}
	if depth := bound - index; depth < 26 {
		return string(rune('a' + depth))
	}
	return "_" + strconv.FormatUint(bound-index, 10)
}

// binder reads "for<'a, 'b> " and runs f with these lifetimes bound.
func (r *rustReader) binder(f func()) {
	n := r.tagged62('G')
	if n > maxRustDepth {
		r.fail()
		return
	}
	if n > 0 {
		r.print("for<")
		for i := range n {
			if i > 0 {
				r.print(", ")
			}
			r.lifetimes++
			r.lifetime(1)
		}
		r.print("> ")
	}
	f()
	r.lifetimes -= n
}

// rustBasicTypes are the types of one lower-case letter, from a to z.
var rustBasicTypes = [26]string{
	"i8", "bool", "char", "f64", "str", "f32", "", "u8", "isize", "usize", "", "i32", "u32",
	"i128", "u128", "_", "", "", "i16", "u16", "()", "...", "", "i64", "u64", "!",
}

func (r *rustReader) typ() {
	defer func() { r.depth-- }()
	if !r.enter() {
		return
	}
	tag := r.next()
	if 'a' <= tag && tag <= 'z' {
		if name := rustBasicTypes[tag-'a']; name != "" {
			r.print(name)
		} else {
			r.fail()
		}
		return
	}
	switch tag {
	case 'R', 'Q':
		r.reference(tag == 'Q')
	case 'P':
		r.print("*const ")
		r.typ()
	case 'O':
		r.print("*mut ")
		r.typ()
	case 'A', 'S':
		r.print("[")
		r.typ()
		if tag == 'A' {
			r.print("; ")
			r.constant()
		}
		r.print("]")
	case 'T':
		r.print("(")
		r.closeTuple(r.list(", ", r.typ))
	case 'F':
		r.binder(r.function)
	case 'D':
		r.dyn()
	case 'B':
		r.backref(r.typ)
	default:
		r.at--
		r.path(false)
	}
}

func (r *rustReader) closeTuple(n int) {
	if n == 1 {
		r.print(",")
	}
	r.print(")")
}

func (r *rustReader) reference(mutable bool) {
	r.print("&")
	if r.take('L') {
		if index := r.base62(); index != 0 {
			r.lifetime(index)
			r.print(" ")
		}
	}
	if mutable {
		r.print("mut ")
	}
	r.typ()
}

// function reads a function type behind its binder.
func (r *rustReader) function() {
	if r.take('U') {
		r.print("unsafe ")
	}
	if r.take('K') {
		abi := "C"
		if !r.take('C') {
			abi = strings.ReplaceAll(r.identifier(), "_", "-")
		}
		r.print(`extern "` + abi + `" `)
	}
	r.print("fn(")
	r.list(", ", r.typ)
	r.print(")")
	if !r.take('u') {
		r.print(" -> ")
		r.typ()
	}
}

func (r *rustReader) dyn() {
	r.print("dyn ")
	r.binder(func() { r.list(" + ", r.dynTrait) })
	if !r.take('L') {
		r.fail()
		return
	}
	if index := r.base62(); index != 0 {
		r.print(" + ")
		r.lifetime(index)
	}
}

// dynTrait reads a trait and its associated types, which share the angle
// brackets of its generic arguments.
func (r *rustReader) dynTrait() {
	open := r.openPath()
	for r.take('p') {
		if open {
			r.print(", ")
		} else {
			r.print("<")
			open = true
		}
		r.print(r.identifier())
		r.print(" = ")
		r.typ()
	}
	if open {
		r.print(">")
	}
}

// openPath reads a path and leaves the angle bracket of its generic arguments
// open, if it has such.
func (r *rustReader) openPath() (open bool) {
	defer func() { r.depth-- }()
	if !r.enter() {
		return false
	}
	switch {
	case r.take('B'):
		r.backref(func() { open = r.openPath() })
	case r.take('I'):
		r.path(false)
		r.print("<")
		r.list(", ", r.genericArg)
		open = true
	default:
		r.path(false)
	}
	return open
}

// decodePunycode decodes RFC 3492 with "_" in the place of its "-".
func decodePunycode(s string) (string, bool) {
	const base, tMin, tMax, skew, damp, firstBias, firstRune = 36, 1, 26, 38, 700, 72, 0x80
	var out []rune
	if i := strings.LastIndexByte(s, '_'); i >= 0 {
		out, s = []rune(s[:i]), s[i+1:]
	}
	if s == "" {
		return "", false
	}
	n, i, bias := firstRune, 0, firstBias
	for s != "" {
		before, weight := i, 1
		for k := base; ; k += base {
			if s == "" {
				return "", false
			}
			d := 0
			switch c := s[0]; {
			case 'a' <= c && c <= 'z':
				d = int(c - 'a')
			case isDigit(c):
				d = int(c-'0') + 26
			default:
				return "", false
			}
			s = s[1:]
			if i += d * weight; i > math.MaxInt32 {
				return "", false
			}
			t := min(max(k-bias, tMin), tMax)
			if d < t {
				break
			}
			if weight *= base - t; weight > math.MaxInt32 {
				return "", false
			}
		}
		delta, size := i-before, len(out)+1
		if before == 0 {
			delta /= damp
		} else {
			delta /= 2
		}
		delta += delta / size
		k := 0
		for ; delta > (base-tMin)*tMax/2; k += base {
			delta /= base - tMin
		}
		bias = k + (base-tMin+1)*delta/(delta+skew)
		n += i / size
		i %= size
		if n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
			return "", false
		}
		out = append(out[:i], append([]rune{rune(n)}, out[i:]...)...)
		i++
	}
	return string(out), true
}
