package probe

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gorecord/perfevent/tracefs"
	"gorecord/symbolize"
)

// Spec is a probe as a user describes it:
//
//	[[GROUP:]EVENT=]FUNC[+OFF|%return] [ARG…]
//	[[GROUP:]EVENT=]0xOFFSET[%return] [ARG…]    a position in the file
//	[[GROUP:]EVENT=]@0xADDR[%return] [ARG…]     an address as the ELF file states it
//
// FUNC may be mangled, or demangled without or with parameters.
type Spec struct {
	Group, Event string // "" where the user left it to us

	Kind     PlaceKind
	Function string // of AtFunction
	// Number is the offset in the function, the position in the file or the
	// ELF address, as Kind says; in bytes.
	Number uint64
	Return bool

	// Args are the kernel's fetch arguments, as they are written.
	Args []string
}

// PlaceKind says how a place is described.
type PlaceKind uint8

// The kinds of places.
const (
	AtFunction PlaceKind = iota
	AtFileOffset
	AtAddress
)

// SyntaxError says what is wrong with the text of a probe.
type SyntaxError struct{ Text, Reason string }

func (e *SyntaxError) Error() string { return fmt.Sprintf("probe %q: %s", e.Text, e.Reason) }

// Place is the place as the user wrote it, such as "callee%return".
func (s *Spec) Place() string {
	var place string
	switch s.Kind {
	case AtFunction:
		place = s.Function
		if s.Number != 0 {
			place += "+" + strconv.FormatUint(s.Number, 10)
		}
	case AtFileOffset:
		place = fmt.Sprintf("%#x", s.Number)
	case AtAddress:
		place = fmt.Sprintf("@%#x", s.Number)
	}
	if s.Return {
		place += "%return"
	}
	return place
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
	for _, arg := range strings.Fields(rest[end:]) {
		if !IsFetchArg(arg) {
			return fmt.Errorf("argument %q is not known; arguments by name are not supported yet: use registers and memory, such as a=%%di:s32, +8(%%sp) or $retval", arg)
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
// parameters and template arguments.
func placeEnd(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '(', '<', '[':
			depth++
		case ')', '>', ']':
			depth = max(0, depth-1)
		case ' ', '\t':
			if depth == 0 {
				return i
			}
		}
	}
	return len(s)
}

var (
	number     = `(0[xX][0-9a-fA-F]+|[0-9]+)`
	plainPlace = regexp.MustCompile(`^(0[xX][0-9a-fA-F]+)$`)
	addrPlace  = regexp.MustCompile(`^@` + number + `$`)
	funcOffset = regexp.MustCompile(`^(.+)\+` + number + `$`)
	linePlace  = regexp.MustCompile(`(^|[^:]):\+?[0-9]+$`)
)

func (s *Spec) parsePlace(place string) error {
	if before, suffix, ok := cutLast(place, "%"); ok {
		if suffix != "return" {
			return fmt.Errorf("%%%s is not known; only %%return is", suffix)
		}
		s.Return, place = true, before
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
	if reason := unsupportedPlace(place); reason != "" {
		return fmt.Errorf("%s", reason)
	}
	s.Function = place
	if m := funcOffset.FindStringSubmatch(place); m != nil {
		if s.Return {
			return fmt.Errorf("%%return stands for a whole function, without an offset")
		}
		if funcOffset.MatchString(m[1]) {
			return fmt.Errorf("more than one offset")
		}
		s.Function = m[1]
		if err := s.setNumber(AtFunction, m[2]); err != nil {
			return err
		}
	}
	switch {
	case strings.HasSuffix(s.Function, "+") && !strings.HasSuffix(s.Function, "operator+") && !strings.HasSuffix(s.Function, "operator++"):
		return fmt.Errorf("no offset stands behind the +")
	case s.Function[0] >= '0' && s.Function[0] <= '9':
		return fmt.Errorf("a function's name begins with no digit; a position in the file is written 0xOFFSET, an ELF address @0xADDRESS")
	}
	return nil
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
	case linePlace.MatchString(place):
		return "source lines are not supported yet; probe the function, FUNC+OFFSET or 0xFILEOFFSET"
	case strings.Contains(place, ";"):
		return "source patterns are not supported; probe the function or FUNC+OFFSET"
	case strings.HasPrefix(place, "@"):
		return "@ needs an ELF address, such as @0x401126"
	case strings.Contains(place, "@"):
		return "FUNC@FILE is not supported yet; where several functions have the name, use @0xADDRESS"
	case strings.ContainsAny(place, "*?") && !strings.ContainsAny(place, "(&"):
		return "patterns are not supported yet; name the functions one by one"
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
