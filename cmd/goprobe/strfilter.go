package main

import (
	"fmt"
	"strings"
)

// filter tells which names are wanted.
type filter func(name string) bool

// filterError says where a filter cannot be understood.
type filterError struct {
	text   string
	column int // counted from 1
	reason string
}

func (e *filterError) Error() string {
	return fmt.Sprintf("filter %q, column %d: %s", e.text, e.column, e.reason)
}

// parseFilter reads a filter as perf probe has them (tools/perf/util/strfilter.c):
// globs, ! for not, & for and, | for or, in this order of strength, and
// parentheses. A backslash takes the next character as it is. Errors are of
// type *filterError.
func parseFilter(text string) (filter, error) {
	p := filterParser{text: text}
	f, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.peek() != end {
		return nil, p.errorf("nothing was expected here; & or | stands between patterns")
	}
	return f, nil
}

type filterParser struct {
	text string
	pos  int
}

func (p *filterParser) errorf(format string, args ...any) error {
	return &filterError{p.text, p.pos + 1, fmt.Sprintf(format, args...)}
}

// end is what follows the last character.
const end = -1

// peek passes over white space and gives the character that follows.
func (p *filterParser) peek() int {
	for p.pos < len(p.text) && isSpace(p.text[p.pos]) {
		p.pos++
	}
	if p.pos == len(p.text) {
		return end
	}
	return int(p.text[p.pos])
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func (p *filterParser) or() (filter, error) {
	left, err := p.and()
	for err == nil && p.peek() == '|' {
		p.pos++
		var right filter
		first := left
		right, err = p.and()
		left = func(name string) bool { return first(name) || right(name) }
	}
	return left, err
}

func (p *filterParser) and() (filter, error) {
	left, err := p.not()
	for err == nil && p.peek() == '&' {
		p.pos++
		var right filter
		first := left
		right, err = p.not()
		left = func(name string) bool { return first(name) && right(name) }
	}
	return left, err
}

func (p *filterParser) not() (filter, error) {
	negative := false
	for p.peek() == '!' {
		p.pos++
		negative = !negative
	}
	f, err := p.leaf()
	if err != nil || !negative {
		return f, err
	}
	return func(name string) bool { return !f(name) }, nil
}

func (p *filterParser) leaf() (filter, error) {
	switch p.peek() {
	case end:
		return nil, p.errorf("a pattern is missing")
	case '&', '|', ')':
		return nil, p.errorf("a pattern is missing before the %c", p.text[p.pos])
	case '(':
		p.pos++
		f, err := p.or()
		if err == nil && p.peek() != ')' {
			return nil, p.errorf("a ) is missing; write \\( for a parenthesis of a name")
		}
		p.pos++
		return f, err
	}
	start := p.pos
	for p.pos < len(p.text) && !p.ends(start) {
		if p.text[p.pos] == '\\' {
			p.pos++
		}
		p.pos++
	}
	pattern := p.text[start:min(p.pos, len(p.text))]
	if reason := globProblem(pattern); reason != "" {
		p.pos = start
		return nil, p.errorf("%s", reason)
	}
	return func(name string) bool { return glob(pattern, name) }, nil
}

// ends reports whether the character at pos ends the pattern that began at
// start: ! does not behind [, where it belongs to the pattern.
func (p *filterParser) ends(start int) bool {
	c := p.text[p.pos]
	if c == '!' && p.pos > start && p.text[p.pos-1] == '[' {
		return false
	}
	return isSpace(c) || strings.IndexByte("&|!()", c) >= 0
}

// globProblem says why a pattern is not whole, "" where it is.
func globProblem(pattern string) string {
	for i := 0; i < len(pattern); {
		n, _ := globStep(pattern[i:], 0)
		switch {
		case n == 0 && pattern[i] == '[':
			return "[ has no ] behind it; write \\[ for a bracket of a name"
		case n == 0:
			return "nothing follows the backslash"
		}
		i += n
	}
	return ""
}

// glob reports whether a whole name matches a pattern of *, ?, [a-z], [!a-z] and
// \c. Unlike those of paths, * matches a slash as well: names of Go functions
// contain them.
func glob(pattern, name string) bool {
	p, n := 0, 0
	star, retry := -1, 0 // the last *, and where the rest of the name begins for it
	for n < len(name) || p < len(pattern) {
		if p < len(pattern) && pattern[p] == '*' {
			star, retry = p, n
			p++
			continue
		}
		if p < len(pattern) && n < len(name) {
			if size, ok := globStep(pattern[p:], name[n]); ok {
				p, n = p+size, n+1
				continue
			}
		}
		if star < 0 || retry == len(name) {
			return false
		}
		retry++
		p, n = star+1, retry
	}
	return true
}

// globStep gives the length of a pattern's first element, 0 for one that is not
// whole, and whether it matches a character.
func globStep(pattern string, c byte) (size int, ok bool) {
	switch pattern[0] {
	case '*', '?':
		return 1, true
	case '\\':
		if len(pattern) == 1 {
			return 0, false
		}
		return 2, pattern[1] == c
	case '[':
		return classStep(pattern, c)
	}
	return 1, pattern[0] == c
}

// classStep is globStep for [a-z]. The first character of a class stands for
// itself, even ] and -.
func classStep(pattern string, c byte) (size int, ok bool) {
	i := 1
	negative := i < len(pattern) && pattern[i] == '!'
	if negative {
		i++
	}
	found := false
	for first := i; i < len(pattern); i++ {
		if pattern[i] == ']' && i > first {
			return i + 1, found != negative
		}
		if pattern[i] == '-' && i > first && i+1 < len(pattern) && pattern[i+1] != ']' {
			found = found || pattern[i-1] <= c && c <= pattern[i+1]
			i++
			continue
		}
		found = found || pattern[i] == c
	}
	return 0, false
}
