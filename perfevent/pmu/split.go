package pmu

import (
	"fmt"
	"strings"
)

// SplitEvents splits the value of -e into events at commas outside (), {},
// quotes, and the terms of a PMU's event (PMU/TERM,TERM/). A slash of anything
// else, such as a path, protects nothing. White space around an event is taken
// off. Empty events are errors, as is a bracket or quote that is not closed.
func SplitEvents(list string) ([]string, error) {
	var out []string
	for rest, more := list, true; more; {
		n, err := eventEnd(rest)
		if err != nil {
			return nil, fmt.Errorf("events %q: %w", list, err)
		}
		event := strings.TrimSpace(rest[:n])
		if event == "" {
			return nil, fmt.Errorf("events %q: an empty name", list)
		}
		out = append(out, event)
		if more = n < len(rest); more {
			rest = rest[n+1:]
		}
	}
	return out, nil
}

// eventEnd finds the comma behind the first event, or the end.
func eventEnd(s string) (int, error) {
	_, body := CutName(strings.TrimLeft(s, " \t"))
	from := len(s) - len(body) + termsEnd(body)
	n, err := outside(s[from:], ',', `'"({`)
	return from + n, err
}

// CutName splits NAME= or GROUP:NAME= off the front of an event. name is "" and
// rest all of it where there is none. Names are letters, digits and _.
func CutName(event string) (name, rest string) {
	name, rest, ok := strings.Cut(event, "=")
	group, last, grouped := strings.Cut(name, ":")
	if ok && isIdentifier(group) && (!grouped || isIdentifier(last)) {
		return name, rest
	}
	return "", event
}

func isIdentifier(s string) bool {
	return plainName(s) && !strings.ContainsAny(s, "-.") && (s[0] < '0' || s[0] > '9')
}

// cutTerms splits NAME/TERMS/MODIFIERS. perf takes the modifiers without a
// colon; with one they are as clear.
func cutTerms(spec string) (name, terms, mods string, ok bool) {
	n := termsEnd(spec)
	if n == 0 {
		return "", "", "", false
	}
	name, terms, _ = strings.Cut(spec[:n-1], "/")
	mods = strings.TrimPrefix(spec[n:], ":")
	return name, terms, mods, !strings.ContainsAny(mods, "/:, ")
}

// termsEnd is the length of NAME/TERMS/ at the front of s, 0 where s is
// something else. Terms hold no colon, slash or white space outside quotes,
// and only modifiers or a comma follow: this tells them from a path, where a
// colon follows before the last slash or a name behind it.
func termsEnd(s string) int {
	slash := strings.IndexByte(s, '/')
	if slash <= 0 || !plainName(s[:slash]) {
		return 0
	}
	n, err := outside(s[slash+1:], '/', `'"`)
	end := slash + 1 + n
	if err != nil || end == len(s) {
		return 0
	}
	for _, part := range unquoted(s[slash+1 : end]) {
		if strings.ContainsAny(part, ": \t(") {
			return 0
		}
	}
	tail, _, _ := strings.Cut(s[end+1:], ",")
	if strings.TrimLeft(strings.TrimSpace(strings.TrimPrefix(tail, ":")), "ukhGHIpPDSWeb") != "" {
		return 0
	}
	return end + 1
}

// unquoted gives the parts of s that are outside quotes.
func unquoted(s string) []string {
	var out []string
	for {
		i := strings.IndexAny(s, `'"`)
		if i < 0 {
			return append(out, s)
		}
		out = append(out, s[:i])
		_, after, ok := strings.Cut(s[i+1:], s[i:i+1])
		if !ok {
			return out
		}
		s = after
	}
}

// splitOutside splits at every sep that is not inside the given brackets.
func splitOutside(s string, sep byte, open string) ([]string, error) {
	var out []string
	for {
		n, err := outside(s, sep, open)
		if err != nil {
			return nil, err
		}
		out = append(out, s[:n])
		if n == len(s) {
			return out, nil
		}
		s = s[n+1:]
	}
}

// outside finds the first sep outside quotes and brackets, or the end. open
// holds the brackets that count, of ' " ( {.
func outside(s string, sep byte, open string) (int, error) {
	closing := map[byte]byte{'(': ')', '{': '}', '\'': '\'', '"': '"'}
	var stack []byte
	for i := range len(s) {
		c := s[i]
		inQuote := len(stack) > 0 && (stack[len(stack)-1] == '\'' || stack[len(stack)-1] == '"')
		switch {
		case len(stack) > 0 && c == stack[len(stack)-1]:
			stack = stack[:len(stack)-1]
		case inQuote:
		case strings.IndexByte(open, c) >= 0:
			stack = append(stack, closing[c])
		case c == sep && len(stack) == 0:
			return i, nil
		}
	}
	if len(stack) > 0 {
		return 0, fmt.Errorf("%q is missing", stack[len(stack)-1])
	}
	return len(s), nil
}
