package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable makes a name from a recording or a binary safe to show: control
// characters, invisible characters that change the direction or form of text,
// and bytes that are no UTF-8 become question marks.
func Printable(s string) string {
	plain := true
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}
