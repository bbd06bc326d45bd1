package gobinary

import (
	"strings"

	"gorecord/symbolize/debuginfo"
)

// DictionaryType is the type of the hidden parameter by which generic functions
// learn of their type arguments.
var DictionaryType = &debuginfo.Type{Kind: debuginfo.Pointer, Name: ".dict", Size: wordSize}

// DictionaryIndex tells which parameter, counted with the receiver, is the
// dictionary of a generic function; debug information does not list it. name is
// that of debug information or of the symbol table: only code that is shared
// between type arguments ("[go.shape.int]") takes one, and no closures do.
func DictionaryIndex(name string) (index int, ok bool) {
	before, rest, ok := strings.Cut(name, "[go.shape.")
	if !ok || strings.HasPrefix(name, "type:") || strings.HasPrefix(name, "go:") {
		return 0, false
	}
	depth, end := 1, 0
	for ; end < len(rest) && depth > 0; end++ {
		switch rest[end] {
		case '[':
			depth++
		case ']':
			depth--
		}
	}
	behind := rest[end:]
	if depth > 0 || strings.Contains(behind, "-") {
		return 0, false // a method value or the body of a loop
	}
	if behind == "" {
		return 0, true
	}
	pointer := strings.Contains(before[strings.LastIndex(before, "/")+1:], ".(*")
	if pointer {
		behind, ok = strings.CutPrefix(behind, ")")
	}
	method, isMethod := strings.CutPrefix(behind, ".")
	if !ok || !isMethod || strings.Contains(method, ".") || isClosure(method) {
		return 0, false
	}
	return 1, true
}

// isClosure knows the names that the compiler gives to function literals and to
// calls in go and defer statements.
func isClosure(name string) bool {
	for _, prefix := range []string{"func", "gowrap", "deferwrap"} {
		if number, ok := strings.CutPrefix(name, prefix); ok && number != "" && strings.Trim(number, "0123456789") == "" {
			return true
		}
	}
	return false
}
