package symbolize

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// demangleRustLegacy reads the mangling that rustc used by default before 1.95
// and that looks like a C++ nested name: _ZN, length-prefixed components, the
// last of them "h" and 16 hexadecimal digits of a hash, then E and perhaps a
// suffix that starts with a dot (".llvm.1234"), which is dropped like the hash.
func demangleRustLegacy(name string) (string, bool) {
	rest, ok := strings.CutPrefix(name, "_ZN")
	if !ok {
		return "", false
	}
	var parts []string
	for rest != "" && rest[0] != 'E' {
		part, after, ok := lengthPrefixed(rest)
		if !ok {
			return "", false
		}
		parts, rest = append(parts, part), after
	}
	if len(parts) < 2 || !rustHash(parts[len(parts)-1]) || rest == "" || len(rest) > 1 && rest[1] != '.' {
		return "", false
	}
	var b strings.Builder
	for i, part := range parts[:len(parts)-1] {
		if i > 0 {
			b.WriteString("::")
		}
		writeLegacyPart(&b, part)
	}
	return b.String(), b.Len() <= maxDemangled
}

// lengthPrefixed cuts "3foo" off the front of s.
func lengthPrefixed(s string) (part, rest string, ok bool) {
	n, i := 0, 0
	for ; i < len(s) && isDigit(s[i]); i++ {
		if n = n*10 + int(s[i]-'0'); n > len(s) {
			return "", "", false
		}
	}
	if i == 0 || n == 0 || n > len(s)-i {
		return "", "", false
	}
	return s[i : i+n], s[i+n:], true
}

// rustHash reports whether a component is the hash: random enough (five
// different digits) not to be a C++ name that looks like one.
func rustHash(part string) bool {
	if len(part) != 17 || part[0] != 'h' {
		return false
	}
	seen, different := [16]bool{}, 0
	for i := 1; i < len(part); i++ {
		c := part[i]
		if !isDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
		v, _ := parseHex([]byte{c})
		if !seen[v] {
			seen[v] = true
			different++
		}
	}
	return different >= 5
}

var legacyEscapes = map[string]string{
	"SP": "@", "BP": "*", "RF": "&", "LT": "<", "GT": ">", "LP": "(", "RP": ")", "C": ",",
}

// writeLegacyPart turns $LT$ into "<", $u7e$ into "~", ".." into "::". From an
// escape that is not known on, the text stays as it is.
func writeLegacyPart(b *strings.Builder, s string) {
	if strings.HasPrefix(s, "_$") {
		s = s[1:] // put there since an identifier cannot start with '$'
	}
	for s != "" {
		switch {
		case strings.HasPrefix(s, ".."):
			b.WriteString("::")
			s = s[2:]
		case s[0] == '$':
			code, after, closed := strings.Cut(s[1:], "$")
			text, known := legacyEscape(code)
			if !closed || !known {
				b.WriteString(s)
				return
			}
			b.WriteString(text)
			s = after
		default:
			b.WriteByte(s[0])
			s = s[1:]
		}
	}
}

func legacyEscape(code string) (string, bool) {
	if text, ok := legacyEscapes[code]; ok {
		return text, true
	}
	digits, ok := strings.CutPrefix(code, "u")
	if !ok {
		return "", false
	}
	v, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || v < 0x20 || v == 0x7f || !utf8.ValidRune(rune(v)) {
		return "", false
	}
	return string(rune(v)), true
}
