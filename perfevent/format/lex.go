package format

import (
	"fmt"
	"strconv"
	"strings"
)

// token is a piece of a print format's arguments.
type token struct {
	kind byte // 'n' number, 's' string, 'i' identifier, 'o' operator, 0 end
	text string
	num  uint64
}

// maxTokens bounds a print format; the kernel's largest has a few thousand.
const maxTokens = 1 << 16

var operators = []string{"->", "||", "&&", "==", "!=", "<=", ">=", "<<", ">>"}

// lex splits the text. Neighbouring strings become one.
func lex(s string) ([]token, error) {
	var out []token
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		if s == "" {
			return append(out, token{}), nil
		}
		if len(out) == maxTokens {
			return nil, fmt.Errorf("more than %d tokens", maxTokens)
		}
		t, n, err := next(s)
		if err != nil {
			return nil, err
		}
		s = s[n:]
		if last := len(out) - 1; t.kind == 's' && last >= 0 && out[last].kind == 's' {
			out[last].text += t.text
			continue
		}
		out = append(out, t)
	}
}

func next(s string) (token, int, error) {
	c := s[0]
	switch {
	case c == '"':
		return lexString(s)
	case c == '\'':
		text, n, err := lexQuoted(s, '\'')
		if err != nil || len(text) == 0 {
			return token{}, 0, fmt.Errorf("character constant %.10q", s)
		}
		return token{kind: 'n', num: uint64(text[0]), text: text}, n, nil
	case c >= '0' && c <= '9':
		n := 1
		for n < len(s) && isWord(s[n]) {
			n++
		}
		digits := strings.TrimRight(s[:n], "uUlL")
		v, err := strconv.ParseUint(digits, 0, 64)
		if err != nil {
			return token{}, 0, fmt.Errorf("number %q", s[:n])
		}
		return token{kind: 'n', num: v, text: s[:n]}, n, nil
	case isWord(c):
		n := 1
		for n < len(s) && isWord(s[n]) {
			n++
		}
		return token{kind: 'i', text: s[:n]}, n, nil
	}
	for _, op := range operators {
		if strings.HasPrefix(s, op) {
			return token{kind: 'o', text: op}, len(op), nil
		}
	}
	return token{kind: 'o', text: s[:1]}, 1, nil
}

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func lexString(s string) (token, int, error) {
	text, n, err := lexQuoted(s, '"')
	return token{kind: 's', text: text}, n, err
}

// lexQuoted reads up to the closing quote and undoes escapes.
func lexQuoted(s string, quote byte) (string, int, error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == quote:
			return b.String(), i + 1, nil
		case s[i] == '\\' && i+1 < len(s):
			i++
			switch s[i] {
			case 'n':
				b.WriteByte('\n')
			case 't':
				b.WriteByte('\t')
			case 'r':
				b.WriteByte('\r')
			default:
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return "", 0, fmt.Errorf("string %.20q is not closed", s)
}
