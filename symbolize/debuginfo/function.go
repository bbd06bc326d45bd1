package debuginfo

import "gorecord/symbolize"

// Language is the language of a unit.
type Language uint8

// The languages that make a difference.
const (
	OtherLanguage Language = iota
	C
	CPlusPlus
	Rust
	Go
)

// Function is a function with code of its own, or one that is only inlined (then
// Ranges is empty and Inlined is not).
type Function struct {
	// Name is the name as the source calls it, with its namespaces, classes or
	// package, without parameters: ns::T::f, main.(*T).f, alloc::vec::f.
	Name string
	// LinkageName is the symbol table's name where it is another one.
	LinkageName string
	Language    Language
	// Ranges are the addresses of its code, the one with the entry first; End
	// excluded.
	Ranges []Range
	// File and Line are where it is declared, as the debug information names
	// the file; "" and 0 where that is not known.
	File string
	Line int
	// Dir is the folder of the compilation: a relative File counts from it.
	Dir string
	// Params are the parameters in their order, with this or self in front
	// (named so). Results are those of a Go function. Return is the type of
	// the value that other languages return, nil for none.
	Params, Results []Variable
	Return          *Type
	// Variadic says that there may be more arguments than Params.
	Variadic bool
	// Inlined are the places where the compiler copied its code to.
	Inlined []InlinedCopy
	// Optimized says that the compiler may have left variables in registers.
	// Otherwise parameters lie in memory, once the prologue has put them there
	// (see File.PrologueEnd).
	Optimized bool

	unit any // the implementation's
}

// Entry is where calls of the function go to; ok is false where it has no code of
// its own.
func (f *Function) Entry() (addr symbolize.VirtAddr, ok bool) {
	if len(f.Ranges) == 0 {
		return 0, false
	}
	return f.Ranges[0].Start, true
}

// Range is a range of addresses, End excluded.
type Range struct{ Start, End symbolize.VirtAddr }

// InlinedCopy is a place where a function's code was copied to.
type InlinedCopy struct {
	// Entry is the first instruction of the copy.
	Entry  symbolize.VirtAddr
	Ranges []Range
	// Into is the function that holds the code, Name as in Function.
	Into string
	// File and Line are those of the call that was replaced.
	File string
	Line int
	// Params are the function's parameters, to be located in this copy.
	Params []Variable
}

// Variable is a parameter or a variable.
type Variable struct {
	Name string
	Type *Type
	// File and Line are where it is declared.
	File string
	Line int

	where any // the implementation's
}
