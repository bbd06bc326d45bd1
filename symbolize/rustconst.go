package symbolize

import (
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"
)

// constant reads a constant: a value by its type, or a tree of such.
func (r *rustReader) constant() {
	defer func() { r.depth-- }()
	if !r.enter() {
		return
	}
	switch tag := r.next(); tag {
	case 'p':
		r.print("_")
	case 'h', 't', 'm', 'y', 'o', 'j':
		r.integer()
	case 'a', 's', 'l', 'x', 'n', 'i':
		if r.take('n') {
			r.print("-")
		}
		r.integer()
	case 'b':
		r.boolean()
	case 'c':
		r.character()
	case 'e':
		r.print("*")
		r.text8()
	case 'R', 'Q':
		if tag == 'R' && r.take('e') {
			r.text8()
			return
		}
		r.print("&")
		if tag == 'Q' {
			r.print("mut ")
		}
		r.constant()
	case 'A':
		r.print("[")
		r.list(", ", r.constant)
		r.print("]")
	case 'T':
		r.print("(")
		r.closeTuple(r.list(", ", r.constant))
	case 'V':
		r.variant()
	case 'B':
		r.backref(r.constant)
	default:
		r.fail()
	}
}

// variant reads a value of a struct or enum: its path, then its fields.
func (r *rustReader) variant() {
	r.path(true)
	switch r.next() {
	case 'U':
	case 'T':
		r.print("(")
		r.list(", ", r.constant)
		r.print(")")
	case 'S':
		r.print(" { ")
		r.list(", ", func() {
			r.disambiguator()
			r.print(r.identifier() + ": ")
			r.constant()
		})
		r.print(" }")
	default:
		r.fail()
	}
}

// hexDigits reads lower-case hexadecimal digits up to "_".
func (r *rustReader) hexDigits() string {
	start := r.at
	for {
		switch c := r.next(); {
		case c == '_':
			return r.text[start : r.at-1]
		case isDigit(c) || 'a' <= c && c <= 'f':
		default:
			r.fail()
			return ""
		}
	}
}

func (r *rustReader) integer() {
	digits := strings.TrimLeft(r.hexDigits(), "0")
	if len(digits) > 16 {
		r.print("0x" + digits)
		return
	}
	v, _ := parseHex([]byte(digits))
	r.print(strconv.FormatUint(v, 10))
}

func (r *rustReader) boolean() {
	switch r.hexDigits() {
	case "0":
		r.print("false")
	case "1":
		r.print("true")
	default:
		r.fail()
	}
}

func (r *rustReader) character() {
	v, err := strconv.ParseUint("0"+r.hexDigits(), 16, 32)
	if r.failed || err != nil || !utf8.ValidRune(rune(v)) {
		r.fail()
		return
	}
	r.print(strconv.QuoteRune(rune(v)))
}

// text8 reads a string constant, the bytes of its UTF-8 form in hexadecimal.
func (r *rustReader) text8() {
	b, err := hex.DecodeString(r.hexDigits())
	if r.failed || err != nil || !utf8.Valid(b) {
		r.fail()
		return
	}
	r.print(strconv.Quote(string(b)))
}
