package probe

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gorecord/perfevent/tracefs"
)

// Arg is an argument of a probe as a user writes it: a fetch argument of the
// kernel's own language, all parameters, or
//
//	[NAME=]EXPR[:TYPE]
//
// where EXPR is a parameter or variable, with .MEMBER, ->MEMBER and [INDEX]
// behind it and * before it, and TYPE one of the kernel's.
type Arg struct {
	Text string // as it was written
	Kind ArgKind
	Name string // given by NAME=, or ""
	// Derefs is the number of * before the expression, Root its variable, Path
	// what follows.
	Derefs int
	Root   string
	Path   []Access
	Type   string // given behind a colon, or ""
}

// ArgKind says what an argument is.
type ArgKind uint8

// Kinds of arguments.
const (
	Fetch     ArgKind = iota // the kernel's language, as it is
	Named                    // an expression
	AllParams                // $args, $params
	AllVars                  // $vars: parameters and local variables
	RetVal                   // $retval
)

// Access is one step from a value to a part of it.
type Access struct {
	Member string // "" for an index
	Index  int64
}

var (
	argName   = regexp.MustCompile(`^[\pL_~][\pL\pN_]*`)
	fetchType = regexp.MustCompile(`^(u8|u16|u32|u64|s8|s16|s32|s64|x8|x16|x32|x64|char|string|ustring)$`)
)

// parseArg reads an argument.
func parseArg(word string) (Arg, error) {
	a := Arg{Text: word}
	rest := word
	if name, value, ok := strings.Cut(word, "="); ok && tracefs.IsIdentifier(name) {
		a.Name, rest = name, value
	}
	value, typ := cutType(rest)
	switch value {
	case "$args", "$params":
		a.Kind = AllParams
	case "$vars":
		a.Kind = AllVars
	case "$retval":
		a.Kind, a.Type = RetVal, typ
		return a, nil
	}
	if a.Kind != Fetch {
		if a.Name != "" || typ != "" {
			return a, fmt.Errorf("argument %q: %s stands for several values, and takes no name and no type", word, value)
		}
		return a, nil
	}
	if IsFetchArg(word) {
		return a, nil
	}
	if err := a.parseExpr(rest); err != nil {
		return a, fmt.Errorf("argument %q: %w", word, err)
	}
	a.Kind = Named
	return a, nil
}

// cutType takes a :TYPE off.
func cutType(s string) (value, typ string) {
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s[:i], ":") {
		return s[:i], s[i+1:]
	}
	return s, ""
}

func (a *Arg) parseExpr(s string) error {
	s, a.Type = cutType(s)
	if a.Type != "" && !fetchType.MatchString(a.Type) {
		return fmt.Errorf("%q is no type; types are u8 to u64, s8 to s64, x8 to x64, char, string and ustring", a.Type)
	}
	for strings.HasPrefix(s, "*") {
		a.Derefs++
		s = s[1:]
	}
	if strings.HasPrefix(s, "&") {
		return fmt.Errorf("addresses of variables cannot be taken; name the variable")
	}
	a.Root = argName.FindString(s)
	if a.Root == "" {
		return fmt.Errorf("it is no name of a parameter, and no fetch argument such as a=%%di:s32, +8(%%sp) or $retval")
	}
	for s = s[len(a.Root):]; s != ""; {
		step, rest, err := parseAccess(s)
		if err != nil {
			return err
		}
		a.Path = append(a.Path, step)
		s = rest
	}
	return nil
}

// parseAccess reads one .MEMBER, ->MEMBER or [INDEX].
func parseAccess(s string) (step Access, rest string, err error) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		index, rest, ok := strings.Cut(inner, "]")
		n, err := strconv.ParseInt(index, 0, 32)
		if !ok || err != nil || n < 0 {
			return step, "", fmt.Errorf("an index is a number, as in [3]")
		}
		return Access{Index: n}, rest, nil
	}
	member, ok := strings.CutPrefix(s, "->")
	if !ok {
		member, ok = strings.CutPrefix(s, ".")
	}
	name := argName.FindString(member)
	if digits := strings.TrimLeft(member, "0123456789"); name == "" { // members of Rust's tuples
		name = member[:len(member)-len(digits)]
	}
	if !ok || name == "" {
		return step, "", fmt.Errorf("%q makes no sense; parts of values are .MEMBER, ->MEMBER and [INDEX]", s)
	}
	return Access{Member: name}, member[len(name):], nil
}

// label is how the value is called: as the user says, or as the last member on
// the way.
func (a *Arg) label() string {
	if a.Name != "" {
		return a.Name
	}
	for i := len(a.Path) - 1; i >= 0; i-- { // as perf does
		if a.Path[i].Member != "" {
			return a.Path[i].Member
		}
	}
	return a.Root
}
