package main

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// lineRange is what --line is asked for.
type lineRange struct {
	// name is a function, or a source file where no function is called so. file
	// is the source file that a function must be declared in, "" for any.
	name, file string
	// start and end are lines, the last one included: those of a function are
	// counted from its declaration, which has 0. end is math.MaxInt32 where none
	// is given.
	start, end int
}

var rangeEnd = regexp.MustCompile(`^([0-9]+)(?:([+-])([0-9]+))?$`)

// parseLineRange reads FUNC[@FILE] or FILE, and :START, :START+COUNT or
// :START-END behind it.
func parseLineRange(text string) (lineRange, error) {
	r := lineRange{name: text, end: math.MaxInt32}
	if i := strings.LastIndexByte(text, ':'); i > 0 && text[i-1] != ':' {
		if err := r.setLines(text[i+1:]); err != nil {
			return lineRange{}, fmt.Errorf("lines %q: %w", text, err)
		}
		r.name = text[:i]
	}
	if name, file, ok := strings.Cut(r.name, "@"); ok {
		if file == "" {
			return lineRange{}, fmt.Errorf("lines %q: no file stands behind the @", text)
		}
		r.name, r.file = name, file
	}
	if r.name == "" {
		return lineRange{}, fmt.Errorf("lines %q: it names no function and no file", text)
	}
	return r, nil
}

func (r *lineRange) setLines(text string) error {
	m := rangeEnd.FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("%q is not START, START+COUNT or START-END, in numbers of lines", text)
	}
	var err error
	if r.start, err = lineNumber(m[1]); err != nil || m[2] == "" {
		return err
	}
	if r.end, err = lineNumber(m[3]); err != nil {
		return err
	}
	if m[2] == "+" {
		r.end = min(r.start+r.end-1, math.MaxInt32)
	}
	if r.start > r.end {
		return fmt.Errorf("it ends before it begins")
	}
	return nil
}

func lineNumber(text string) (int, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%s is no line's number", text)
	}
	return int(n), nil
}

// shift adds to both ends of the range.
func (r *lineRange) shift(n int) (start, end int) {
	return min(r.start+n, math.MaxInt32), min(r.end+n, math.MaxInt32)
}
