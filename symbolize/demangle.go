package symbolize

import (
	"strings"

	"github.com/ianlancetaylor/demangle"
)

// DemangleStyle says how much of a demangled name to show.
type DemangleStyle uint8

const (
	// DemangleShort leaves the parameters of C++ functions and the hashes of
	// Rust out: what perf shows.
	DemangleShort DemangleStyle = iota
	// DemangleFull has parameters, return types and clone suffixes.
	DemangleFull
	// DemangleNone gives the name of the symbol table.
	DemangleNone
)

// A demangled name is bounded to 16 KiB; the longest in libLLVM has 8 KiB. A
// mangled one is read up to 64 KiB, since demanglers recurse with its length.
const (
	maxDemangledBits = 14
	maxDemangled     = 1 << maxDemangledBits
	maxMangled       = 64 << 10
)

// Demangle gives a C++ or Rust (legacy and v0) function name as perf report
// shows it: no parameters, template arguments kept. A name that is not mangled,
// that cannot be read or has over 64 KiB comes back as it is; so the result is
// never empty unless name is. The result has at most 16 KiB, or the length of name if that
// is more. It costs microseconds: remember results.
func Demangle(name string) string { return DemangleAs(name, DemangleShort) }

// DemangleAs is [Demangle] with a choice of style. A suffix "@plt" stays.
func DemangleAs(name string, style DemangleStyle) string {
	if style == DemangleNone || len(name) > maxMangled || !mangled(name) {
		return name
	}
	base, plt := strings.CutSuffix(name, "@plt")
	if text, ok := demangleBase(base, style); ok {
		if plt {
			return text + "@plt"
		}
		return text
	}
	return name
}

// mangled reports whether a name may be mangled: C++ (_Z), Rust v0 (_R), and
// the constructors of C++ globals.
func mangled(name string) bool {
	return strings.HasPrefix(name, "_Z") || strings.HasPrefix(name, "_R") || strings.HasPrefix(name, "_GLOBAL_")
}

// demangleBase tries Rust first: its legacy names look like those of C++.
func demangleBase(name string, style DemangleStyle) (string, bool) {
	if text, ok := demangleRustV0(name); ok {
		return text, true
	}
	if text, ok := demangleRustLegacy(name); ok {
		return text, true
	}
	if text, ok := demangleCPlusPlus(name, style); ok {
		return text, true
	}
	// A symbol version (foo@@VERS_1) that the linker left in .symtab.
	if base, _, versioned := strings.Cut(name, "@"); versioned {
		return demangleBase(base, style)
	}
	return "", false
}

func demangleCPlusPlus(name string, style DemangleStyle) (text string, ok bool) {
	if strings.HasPrefix(name, "_R") {
		return "", false
	}
	defer func() {
		if recover() != nil { // a name that the library trips over keeps its spelling
			text, ok = "", false
		}
	}()
	options := []demangle.Option{demangle.MaxLength(maxDemangledBits), demangle.NoRust, demangle.NoParams}
	if style == DemangleFull {
		options = options[:2]
	}
	text, err := demangle.ToString(name, options...)
	return text, err == nil && text != ""
}
