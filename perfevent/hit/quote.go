package hit

import (
	"strconv"
	"unicode"
	"unicode/utf8"
)

// appendPrintable appends a name with what is no printable character replaced.
func appendPrintable(dst []byte, s string) []byte {
	for _, r := range s {
		if !unicode.IsPrint(r) {
			r = '?'
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// appendQuoted appends text in quotes, escaped as in Go and C.
func appendQuoted(dst, text []byte) []byte {
	return strconv.AppendQuote(dst, string(text))
}

// appendJSONString appends a JSON string (RFC 8259); bytes that are no UTF-8
// become U+FFFD.
func appendJSONString(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < ' ' || r == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', digits[r>>4], digits[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
