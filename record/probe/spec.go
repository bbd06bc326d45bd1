package probe

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"gorecord/perfevent/tracefs"
	"gorecord/symbolize"
)

// Spec is a probe as a user describes it:
//
//	[[GROUP:]EVENT=]PLACE[%return|%returns] [ARG…]
//
// where PLACE is
//
//	FUNC[@FILE][+OFF]    a function's entry, or an instruction OFF bytes behind it
//	FUNC[@FILE]:[+]LINE  a line of the function, counted from where it begins
//	FILE:LINE            a line of a source file
//	0xOFFSET             a position in the file
//	@0xADDR              an address as the ELF file states it
//	GLOB, {GLOB,!GLOB}   all functions that match, without those behind a !
//	sdt:PROVIDER:NAME    a static marker
//
// FUNC may be mangled, or demangled without or with parameters. %return is the
// function's return; %returns is the same by probes on its returning
// instructions, which count recursion of any depth.
type Spec struct {
	Group, Event string // "" where the user left it to us

	Kind     PlaceKind
	Function string // of AtFunction and AtFunctionLine; NAME of AtMarker
	// File is the source file of AtFileLine, and the one that FUNC is in; ""
	// for any. Provider is that of AtMarker.
	File, Provider string
	// Number is the offset in the function, the position in the file, the
	// ELF address or the line, as Kind says; in bytes where it is no line.
	Number uint64
	// Globs and Except are the patterns of AtGlob, of * and ?.
	Globs, Except []string
	Return        bool
	// AtReturns asks for probes on the instructions that return; with Return.
	AtReturns bool

	Args []Arg
}

// PlaceKind says how a place is described.
type PlaceKind uint8

// The kinds of places.
const (
	AtFunction PlaceKind = iota
	AtFileOffset
	AtAddress
	AtFunctionLine
	AtFileLine
	AtGlob
	AtMarker
)

// SyntaxError says what is wrong with the text of a probe.
type SyntaxError struct{ Text, Reason string }

func (e *SyntaxError) Error() string { return fmt.Sprintf("probe %q: %s", e.Text, e.Reason) }

// Place is the place as the user wrote it, such as "callee%return".
func (s *Spec) Place() string {
	place := s.Function
	if s.File != "" && s.Kind != AtFileLine {
		place += "@" + s.File
	}
	switch s.Kind {
	case AtFunction:
		if s.Number != 0 {
			place += "+" + strconv.FormatUint(s.Number, 10)
		}
	case AtFunctionLine:
		place += ":" + strconv.FormatUint(s.Number, 10)
	case AtFileLine:
		place = s.File + ":" + strconv.FormatUint(s.Number, 10)
	case AtFileOffset:
		place = fmt.Sprintf("%#x", s.Number)
	case AtAddress:
		place = fmt.Sprintf("@%#x", s.Number)
	case AtGlob:
		place = s.patterns()
	case AtMarker:
		place = "sdt:" + s.Provider + ":" + s.Function
	}
	switch {
	case s.AtReturns:
		place += "%returns"
	case s.Return:
		place += "%return"
	}
	return place
}

func (s *Spec) patterns() string {
	if len(s.Globs) == 1 && len(s.Except) == 0 {
		return s.Globs[0]
	}
	all := slices.Clone(s.Globs)
	for _, g := range s.Except {
		all = append(all, "!"+g)
	}
	return "{" + strings.Join(all, ",") + "}"
}

// Address is the ELF address of a place of kind AtAddress.
func (s *Spec) Address() symbolize.VirtAddr { return symbolize.VirtAddr(s.Number) }

// Offset is the position in the file of a place of kind AtFileOffset.
func (s *Spec) Offset() symbolize.FileOffset { return symbolize.FileOffset(s.Number) }

// ParseSpec reads a probe. Errors are of type *SyntaxError and say what to
// write instead.
func ParseSpec(text string) (Spec, error) {
	s := Spec{}
	if err := s.parse(strings.TrimSpace(text)); err != nil {
		return Spec{}, &SyntaxError{text, err.Error()}
	}
	return s, nil
}

func (s *Spec) parse(text string) error {
	name, rest := cutEventName(text)
	if rest != text {
		if err := s.setName(name); err != nil {
			return err
		}
	}
	end := placeEnd(rest)
	if err := s.parsePlace(rest[:end]); err != nil {
		return err
	}
	for _, word := range strings.Fields(rest[end:]) {
		if s.Kind == AtGlob && word[0] == '!' {
			if err := s.addPattern(word); err != nil {
				return err
			}
			continue
		}
		arg, err := parseArg(word)
		if err != nil {
			return err
		}
		s.Args = append(s.Args, arg)
	}
	return nil
}

// cutEventName splits NAME= off the front. Only a = before anything that
// begins a place counts.
func cutEventName(text string) (name, rest string) {
	i := strings.IndexAny(text, "=@+%;( ")
	if i < 0 || text[i] != '=' || strings.HasSuffix(text[:i], "operator") {
		return "", text
	}
	return text[:i], text[i+1:]
}

func (s *Spec) setName(name string) error {
	group, event, grouped := strings.Cut(name, ":")
	if !grouped {
		group, event = "", name
	}
	for i, part := range []string{group, event} {
		if tracefs.IsIdentifier(part) || i == 0 && !grouped {
			continue
		}
		return fmt.Errorf("%q cannot be a name: letters, digits and _, no digit first, at most %d", part, tracefs.MaxNameLength)
	}
	s.Group, s.Event = group, event
	return nil
}

// placeEnd is where the place ends: at white space outside the brackets of
// parameters, template arguments and lists of patterns.
func placeEnd(s string) int {
	depth := 0
	for i, c := range s {
		switch {
		case strings.ContainsRune("(<[{", c):
			depth++
		case strings.ContainsRune(")>]}", c):
			depth = max(0, depth-1)
		case unicode.IsSpace(c) && depth == 0:
			return i
		}
	}
	return len(s)
}

var (
	number     = `(0[xX][0-9a-fA-F]+|[0-9]+)`
	plainPlace = regexp.MustCompile(`^(0[xX][0-9a-fA-F]+)$`)
	addrPlace  = regexp.MustCompile(`^@` + number + `$`)
	funcOffset = regexp.MustCompile(`^(.+)\+` + number + `$`)
	linePlace  = regexp.MustCompile(`^(.*[^:]):(\+?)([0-9]+)$`)
	marker     = regexp.MustCompile(`^sdt[:_]([^:]+):([^:]+)$`)
)

func (s *Spec) parsePlace(place string) error {
	if before, suffix, ok := cutLast(place, "%"); ok {
		if suffix != "return" && suffix != "returns" {
			return fmt.Errorf("%%%s is not known; only %%return is, and %%returns", suffix)
		}
		s.Return, s.AtReturns, place = true, suffix == "returns", before
	}
	if place == "" {
		return fmt.Errorf("it names no function")
	}
	if m := plainPlace.FindStringSubmatch(place); m != nil {
		return s.setNumber(AtFileOffset, m[1])
	}
	if m := addrPlace.FindStringSubmatch(place); m != nil {
		return s.setNumber(AtAddress, m[1])
	}
	if m := marker.FindStringSubmatch(place); m != nil {
		s.Kind, s.Provider, s.Function = AtMarker, m[1], m[2]
		return s.noReturn("a marker")
	}
	if strings.Contains(place, ";") {
		return fmt.Errorf("source patterns are not supported; probe the line, FUNC:LINE or FILE:LINE")
	}
	if isPattern(place) {
		return s.parsePatterns(place)
	}
	if m := linePlace.FindStringSubmatch(place); m != nil {
		return s.parseLine(m[1], m[2], m[3])
	}
	if reason := unsupportedPlace(place); reason != "" {
		return fmt.Errorf("%s", reason)
	}
	s.Function = place
	if m := funcOffset.FindStringSubmatch(place); m != nil {
		if s.Return {
			return fmt.Errorf("%%return stands for a whole function, without an offset")
		}
		s.Function = strings.TrimSpace(m[1])
		if funcOffset.MatchString(s.Function) {
			return fmt.Errorf("more than one offset")
		}
		if err := s.setNumber(AtFunction, m[2]); err != nil {
			return err
		}
	}
	s.cutFile()
	return s.checkFunction()
}

func (s *Spec) checkFunction() error {
	s.Function = strings.TrimSpace(s.Function)
	switch {
	case s.Function == "":
		return fmt.Errorf("it names no function")
	case strings.HasSuffix(s.Function, "+") && !strings.HasSuffix(s.Function, "operator+") && !strings.HasSuffix(s.Function, "operator++"):
		return fmt.Errorf("no offset stands behind the +")
	case s.Function[0] >= '0' && s.Function[0] <= '9':
		return fmt.Errorf("a function's name begins with no digit; a position in the file is written 0xOFFSET, an ELF address @0xADDRESS")
	}
	return nil
}

// cutFile takes the @FILE off a function's name. What stands behind the @ of a
// symbol with a version is no file.
func (s *Spec) cutFile() {
	i := strings.LastIndexByte(s.Function, '@')
	if i <= 0 || s.Function[i-1] == '@' || !strings.Contains(s.Function[i:], ".") || strings.Contains(s.Function[i:], "_") && !strings.Contains(s.Function[i:], "/") && strings.ToUpper(s.Function[i:]) == s.Function[i:] {
		return
	}
	s.Function, s.File = s.Function[:i], s.Function[i+1:]
}

func (s *Spec) noReturn(what string) error {
	if s.Return {
		return fmt.Errorf("%%return stands for a whole function, not for %s", what)
	}
	return nil
}

// parseLine reads FUNC:LINE and FILE:LINE: what has a dot or a slash is a file,
// unless a + stands before the line.
func (s *Spec) parseLine(name, plus, line string) error {
	if err := s.noReturn("a line"); err != nil {
		return err
	}
	if plus == "" && strings.ContainsAny(name, "./") && !strings.ContainsAny(name, "(@") {
		s.File = name
		return s.setNumber(AtFileLine, line)
	}
	s.Function = name
	s.cutFile()
	if err := s.setNumber(AtFunctionLine, line); err != nil {
		return err
	}
	if s.Number == 0 {
		s.Kind = AtFunction // where the function begins, as in perf
	}
	return s.checkFunction()
}

// isPattern reports whether a place holds a * or ? that belongs to no type, or
// is a list.
func isPattern(place string) bool {
	if place[0] == '{' || place[0] == '!' {
		return true
	}
	depth := 0
	for i := range len(place) {
		switch place[i] {
		case '(', '<', '[':
			depth++
		case ')', '>', ']':
			depth--
		case '*', '?':
			if depth <= 0 && !strings.HasSuffix(strings.TrimRight(place[:i], "->*="), "operator") {
				return true
			}
		}
	}
	return false
}

func (s *Spec) parsePatterns(place string) error {
	s.Kind = AtGlob
	list := []string{place}
	if inner, ok := strings.CutPrefix(place, "{"); ok {
		if inner, ok = strings.CutSuffix(inner, "}"); !ok {
			return fmt.Errorf("the list of patterns has no end: a } is missing")
		}
		list = splitOutside(inner)
	}
	for _, pattern := range list {
		if err := s.addPattern(strings.TrimSpace(pattern)); err != nil {
			return err
		}
	}
	if len(s.Globs) == 0 {
		return fmt.Errorf("the patterns only leave functions out; name those to probe, such as {*,%s}", place)
	}
	return nil
}

func (s *Spec) addPattern(pattern string) error {
	except, isExcept := strings.CutPrefix(pattern, "!")
	switch {
	case except == "":
		return fmt.Errorf("the list of patterns has an empty one")
	case strings.ContainsAny(except, "{}!"):
		return fmt.Errorf("%q is no pattern of a function's name", pattern)
	case isExcept:
		s.Except = append(s.Except, except)
	default:
		s.Globs = append(s.Globs, pattern)
	}
	return nil
}

// splitOutside splits at commas outside of brackets.
func splitOutside(s string) []string {
	var out []string
	depth, from := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '(', '<', '[':
			depth++
		case ')', '>', ']':
			depth = max(0, depth-1)
		case ',':
			if depth == 0 {
				out = append(out, s[from:i])
				from = i + 1
			}
		}
	}
	return append(out, s[from:])
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 && !strings.HasSuffix(s[:i], "operator") {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

func (s *Spec) setNumber(kind PlaceKind, text string) error {
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		return fmt.Errorf("%q is no number of bytes", text)
	}
	s.Kind, s.Number = kind, n
	return nil
}

// unsupportedPlace explains forms of perf that cannot be served, or "".
func unsupportedPlace(place string) string {
	base, after, _ := strings.Cut(place, ":")
	switch {
	case strings.HasPrefix(place, "@"):
		return "@ needs an ELF address, such as @0x401126"
	case after != "" && !strings.HasPrefix(after, ":") && tracefs.IsIdentifier(base) && tracefs.IsIdentifier(after):
		return fmt.Sprintf("to give the event a name write %s=FUNC, here %s=%s", place, place, after)
	}
	return ""
}

// IsFetchArg reports whether a word is an argument in the language of the
// kernel's probes (Documentation/trace/kprobetrace.rst): [NAME=] and a
// register, a variable, memory or an immediate value. $args, $params and $vars
// are perf's and ours, not the kernel's.
func IsFetchArg(word string) bool {
	if name, value, ok := strings.Cut(word, "="); ok && tracefs.IsIdentifier(name) {
		word = value
	}
	if len(word) < 2 {
		return false
	}
	switch word[0] {
	case '%', '\\':
		return true
	case '$':
		return word != "$args" && word != "$params" && word != "$vars"
	case '@':
		return word[1] != ':'
	case '+', '-':
		return strings.Contains(word, "(")
	}
	return false
}

// ParseEvent reads an -e that describes a probe for one run:
// [NAME=]PATH:PLACE [ARG…], where PATH has a slash, or [NAME=]k:PLACE [ARG…]
// for the kernel, whose path is "". ok is false where text is neither. isFile
// decides which colon ends a PATH that has several: the first that leaves the
// name of a file.
func ParseEvent(text string, isFile func(path string) bool) (path string, spec Spec, ok bool, err error) {
	text = strings.TrimSpace(text)
	name, rest := cutEventName(text)
	prefix := text[:len(text)-len(rest)]
	if prefix != "" && strings.Contains(name, "/") {
		prefix, rest = "", text // the = of an argument
	}
	if place, kernel := strings.CutPrefix(rest, "k:"); kernel {
		spec, err = ParseKernelSpec(prefix + place)
		return "", spec, true, err
	}
	colon := pathEnd(rest, isFile)
	if colon < 0 {
		return "", Spec{}, false, nil
	}
	spec, err = ParseSpec(prefix + rest[colon+1:])
	return rest[:colon], spec, true, err
}

// pathEnd finds the colon behind a path, -1 where there is none.
func pathEnd(s string, isFile func(path string) bool) int {
	first := -1
	for i := range len(s) {
		if s[i] != ':' || !strings.Contains(s[:i], "/") {
			continue
		}
		if isFile(s[:i]) {
			return i
		}
		if first < 0 {
			first = i
		}
	}
	return first
}
