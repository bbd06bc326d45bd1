package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"gorecord/perfevent/tracefs"
)

// KernelGroup is the group of probes on the kernel's functions.
const KernelGroup = "probe"

// GroupName is the group of probes on a file: probe_ and the file's name, cut
// at its first character that is not a letter, a digit or _.
func GroupName(path string) string {
	base := filepath.Base(path)
	end := strings.IndexFunc(base, func(c rune) bool { return !isWord(c) })
	if end >= 0 {
		base = base[:end]
	}
	return truncate(KernelGroup + "_" + base)
}

func isWord(c rune) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func truncate(name string) string { return name[:min(len(name), tracefs.MaxNameLength)] }

const returnSuffix = "__return"

// EventName is the event of a probe at a place: the function's name without
// what follows a dot or an @ (as in f.isra.0), and __return for a return. Names
// that are no identifiers of C (main.(*T).f, ns::f) keep all their words,
// joined by _.
func EventName(s *Spec) string {
	var name string
	switch s.Kind {
	case AtFunction, AtMarker:
		name = functionEvent(s.Function)
	case AtFunctionLine:
		name = fmt.Sprintf("%s_L%d", functionEvent(s.Function), s.Number)
	default:
		name = fmt.Sprintf("abs_%x", s.Number)
	}
	if s.Return {
		return name[:min(len(name), tracefs.MaxNameLength-len(returnSuffix))] + returnSuffix
	}
	return truncate(name)
}

func functionEvent(function string) string {
	if end := strings.IndexAny(function, ".@"); end > 0 && tracefs.IsIdentifier(function[:end]) && isSuffix(function[end:]) {
		return function[:end]
	}
	if i := strings.IndexByte(function, '('); i > 0 && strings.HasSuffix(function, ")") && !strings.Contains(function, "(*") {
		function = function[:i] // parameters
	}
	words := strings.FieldsFunc(function, func(c rune) bool { return !isWord(c) })
	name := strings.Join(words, "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

// isSuffix reports whether what follows a name is a compiler's mark (.isra.0,
// .constprop.1, .cold) or a version (@@V1), and not a Go function's name.
func isSuffix(s string) bool {
	if s[0] == '@' {
		return true
	}
	for _, mark := range []string{".isra", ".constprop", ".part", ".cold", ".lto_priv", ".llvm", ".localalias", ".const", ".clone"} {
		if strings.HasPrefix(s, mark) {
			return true
		}
	}
	return strings.Trim(s, ".0123456789") == ""
}

// ErrTooManyNames says that a name is taken, with all the numbers that perf
// tries behind it. It matches fs.ErrExist.
var ErrTooManyNames = fmt.Errorf("names with numbers up to %d are taken: %w", maxIndex, fs.ErrExist)

// maxIndex bounds the numbers behind names, as in perf.
const maxIndex = 1024

// Unique gives the name itself, or where it is taken the first free one of
// name_1, name_2 and so on; a return's __return is left out then, as in perf.
func Unique(name string, taken func(name string) bool) (string, error) {
	if !taken(name) {
		return name, nil
	}
	base := strings.TrimSuffix(name, returnSuffix)
	for i := 1; i <= maxIndex; i++ {
		suffix := fmt.Sprintf("_%d", i)
		next := base[:min(len(base), tracefs.MaxNameLength-len(suffix))] + suffix
		if !taken(next) {
			return next, nil
		}
	}
	return "", fmt.Errorf("event %s: %w", name, ErrTooManyNames)
}

// NotFoundError says that a file, or the kernel, has no such function. It
// matches fs.ErrNotExist.
type NotFoundError struct {
	Function string
	Path     string // "" for the kernel
	Near     []string
	Hint     string // what to do about it, may be empty
}

func (e *NotFoundError) Error() string {
	where := e.Path
	if where == "" {
		where = "the kernel"
	}
	return fmt.Sprintf("probe %s: %s has no such function%s", e.Function, where, e.Hint)
}

// Is makes errors.Is(err, fs.ErrNotExist) true.
func (e *NotFoundError) Is(target error) bool { return target == fs.ErrNotExist }

// ErrGoReturn says why a return probe on a Go program is refused.
var ErrGoReturn = errors.New("a return probe would crash a Go program: it changes the return address on the stack, which Go's runtime reads and moves; probe the function's entry")
