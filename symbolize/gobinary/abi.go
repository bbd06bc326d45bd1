package gobinary

import (
	"debug/elf"
	"errors"
	"fmt"

	"gorecord/symbolize/debuginfo"
)

// abi is how a machine passes arguments: registers by their DWARF numbers, in the
// order of their use.
type abi struct {
	ints, floats []int
	sp           int
	// firstArgument is how far above the stack pointer the arguments on the
	// stack begin, as a function is entered and as it returns.
	firstArgument int64
}

// abis are ABIInternal of amd64 (AX, BX, CX, DI, SI, R8 to R11; X0 to X14) and of
// arm64 (R0 to R15; F0 to F15), by cmd/compile/abi-internal.md.
var abis = map[elf.Machine]abi{
	elf.EM_X86_64:  {ints: []int{0, 3, 2, 5, 4, 8, 9, 10, 11}, floats: sequence(17, 15), sp: 7, firstArgument: 8},
	elf.EM_AARCH64: {ints: sequence(0, 16), floats: sequence(64, 16), sp: 31, firstArgument: 8},
}

func sequence(first, n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = first + i
	}
	return list
}

const wordSize = 8

// Assign gives where a function takes parameters, the receiver first, and leaves
// results, by Go's register-based calling convention (ABIInternal): parameters at
// its first instruction, results at each of its return instructions. Every
// location covers its type; bytes between fields, which have no place, are
// constant zeros. The error names a type whose layout is not known, and wraps
// errors.ErrUnsupported for machines other than amd64 and arm64.
func Assign(machine elf.Machine, params, results []*debuginfo.Type) (in, out []debuginfo.Location, err error) {
	a, ok := abis[machine]
	if !ok {
		return nil, nil, errNoABI(machine)
	}
	return a.assign(params, results)
}

// AssignStack is Assign for functions that pass everything on the stack: those in
// assembly, and all of programs built before the register-based convention (see
// File.RegisterABI).
func AssignStack(machine elf.Machine, params, results []*debuginfo.Type) (in, out []debuginfo.Location, err error) {
	a, ok := abis[machine]
	if !ok {
		return nil, nil, errNoABI(machine)
	}
	a.ints, a.floats = nil, nil
	return a.assign(params, results)
}

func errNoABI(m elf.Machine) error {
	return fmt.Errorf("place Go parameters: %w for %v (amd64 and arm64 are known)", errors.ErrUnsupported, m)
}

func (a abi) assign(params, results []*debuginfo.Type) (in, out []debuginfo.Location, err error) {
	s := assignment{abi: a}
	if in, err = s.all(params); err != nil {
		return nil, nil, err
	}
	s.ints, s.floats, s.stack = 0, 0, aligned(s.stack, wordSize)
	if out, err = s.all(results); err != nil {
		return nil, nil, err
	}
	return in, out, nil
}

// assignment is what was given away so far.
type assignment struct {
	abi
	ints, floats int   // registers
	stack        int64 // bytes
	pieces       []debuginfo.Piece
	end          int64 // of the value's bytes that pieces cover
}

func (s *assignment) all(types []*debuginfo.Type) ([]debuginfo.Location, error) {
	locations := make([]debuginfo.Location, len(types))
	for i, t := range types {
		parts := 0
		if err := checkType(t, &parts); err != nil {
			return nil, err
		}
		locations[i].Pieces = s.value(t)
	}
	return locations, nil
}

// value puts a whole value into registers, or all of it onto the stack.
func (s *assignment) value(t *debuginfo.Type) []debuginfo.Piece {
	ints, floats := s.ints, s.floats
	s.pieces, s.end = nil, 0
	if t.Size > 0 && s.registers(t, 0) {
		s.padTo(t.Size)
		return s.pieces
	}
	s.ints, s.floats = ints, floats
	offset := aligned(s.stack, alignment(t))
	s.stack = offset + t.Size
	return []debuginfo.Piece{{
		Kind: debuginfo.Memory, Size: t.Size,
		Address: debuginfo.Address{Base: s.sp, Steps: []debuginfo.Step{{Add: s.firstArgument + offset}}},
	}}
}

// registers takes registers for the part of a value at an offset; false when
// they do not suffice.
func (s *assignment) registers(t *debuginfo.Type, at int64) bool {
	switch t.Kind {
	case debuginfo.Float:
		return s.register(&s.floats, s.abi.floats, at, t.Size)
	case debuginfo.Complex:
		half := t.Size / 2
		return s.register(&s.floats, s.abi.floats, at, half) && s.register(&s.floats, s.abi.floats, at+half, half)
	case debuginfo.Struct:
		for _, m := range t.Members {
			if !s.registers(m.Type, at+m.Offset) {
				return false
			}
		}
		return true
	case debuginfo.Array:
		return t.Count == 0 || t.Count == 1 && s.registers(t.Elem, at)
	}
	for word := range words(t) {
		if !s.register(&s.ints, s.abi.ints, at+word*wordSize, min(t.Size, wordSize)) {
			return false
		}
	}
	return true
}

// words is how many integer registers a value without fields takes.
func words(t *debuginfo.Type) int64 {
	switch t.Kind {
	case debuginfo.GoString, debuginfo.GoInterface:
		return 2
	case debuginfo.GoSlice:
		return 3
	}
	return 1
}

func (s *assignment) register(used *int, of []int, at, size int64) bool {
	if *used >= len(of) {
		return false
	}
	s.padTo(at)
	s.pieces = append(s.pieces, debuginfo.Piece{Kind: debuginfo.Register, Size: size, Reg: of[*used]})
	s.end = at + size
	*used++
	return true
}

// padTo covers bytes between fields.
func (s *assignment) padTo(at int64) {
	if n := at - s.end; n > 0 {
		s.pieces = append(s.pieces, debuginfo.Piece{Kind: debuginfo.Constant, Size: n, Const: make([]byte, n)})
		s.end = at
	}
}

func aligned(n, alignment int64) int64 { return (n + alignment - 1) &^ (alignment - 1) }

// alignment is that of Go types, whose words are of 8 bytes.
func alignment(t *debuginfo.Type) int64 {
	switch t.Kind {
	case debuginfo.Struct:
		most := int64(1)
		for _, m := range t.Members {
			most = max(most, alignment(m.Type))
		}
		return most
	case debuginfo.Array:
		return alignment(t.Elem)
	case debuginfo.Complex:
		return t.Size / 2
	}
	return min(max(t.Size, 1), wordSize)
}

// Bounds of types, for damaged debug information.
const (
	maxTypeParts = 4096
	maxTypeSize  = 1 << 30
)

// checkType makes sure that assignment can lay out a type. parts counts the types
// that it is made of, over and over where they are the same.
func checkType(t *debuginfo.Type, parts *int) error {
	if *parts++; t == nil || *parts > maxTypeParts {
		return errors.New("place Go parameters: a type is not known (debug information damaged?)")
	}
	fits := t.Size >= 0 && t.Size <= maxTypeSize
	switch t.Kind {
	case debuginfo.Struct:
		end := int64(0)
		for _, m := range t.Members {
			if err := checkType(m.Type, parts); err != nil {
				return err
			}
			fits = fits && m.Offset >= end && m.Offset <= t.Size-m.Type.Size
			end = m.Offset + m.Type.Size
		}
	case debuginfo.Array:
		if err := checkType(t.Elem, parts); err != nil {
			return err
		}
		fits = fits && t.Count >= 0
	case debuginfo.GoString, debuginfo.GoSlice, debuginfo.GoInterface:
		fits = t.Size == words(t)*wordSize
	case debuginfo.Complex:
		fits = t.Size == 8 || t.Size == 16
	case debuginfo.Bool, debuginfo.Int, debuginfo.Uint, debuginfo.Char, debuginfo.Float, debuginfo.Enum,
		debuginfo.Pointer, debuginfo.Func, debuginfo.GoMap, debuginfo.GoChan:
		fits = t.Size == 1 || t.Size == 2 || t.Size == 4 || t.Size == 8
	default:
		return fmt.Errorf("place Go parameters: what type %s is made of is not known", t.Name)
	}
	if !fits {
		return fmt.Errorf("place Go parameters: type %s has a layout that Go does not make (%d bytes)", t.Name, t.Size)
	}
	return nil
}
