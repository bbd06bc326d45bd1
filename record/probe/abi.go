package probe

import (
	"debug/elf"

	"gorecord/symbolize/debuginfo"
)

// Registers of the System V ABI of x86-64, as DWARF counts them.
const (
	regAX, regDX, regCX, regBX, regSI, regDI, regBP, regSP = 0, 1, 2, 3, 4, 5, 6, 7
	regR8, regR9                                           = 8, 9
	regXMM0                                                = 17
)

// returnPlace is where a function leaves its result (System V ABI of x86-64 3.2,
// AAPCS64 6.9), for languages that follow it. Rust's own ABI is not written
// down: for values that need more than two registers nothing is said.
func returnPlace(m elf.Machine, f *debuginfo.Function) place {
	t := f.Return
	var ints, floats []int
	switch m {
	case elf.EM_X86_64:
		ints, floats = []int{regAX, regDX}, []int{regXMM0, regXMM0 + 1}
	case elf.EM_AARCH64:
		ints, floats = []int{0, 1}, []int{64, 65}
	default:
		return missing("the calling convention of %v is not known", m)
	}
	if inMemoryClass(t) {
		switch {
		case f.Language == debuginfo.Rust:
			return missing("where Rust leaves values of %d bytes is not fixed", t.Size)
		case m == elf.EM_X86_64:
			return inMemory(debuginfo.Address{Base: regAX})
		}
		return missing("the address of the result is known only at the entry")
	}
	p, ok := assign(t, &ints, &floats)
	if !ok {
		return missing("its place is not known")
	}
	return p
}

// inMemoryClass reports whether values of a type are passed by their address.
func inMemoryClass(t *debuginfo.Type) bool {
	switch t.Kind {
	case debuginfo.CPPString: // 16 bytes are a string_view
		return t.Size != 16
	case debuginfo.RustString:
		return true
	case debuginfo.Struct, debuginfo.Union, debuginfo.Array, debuginfo.RustEnum, debuginfo.Complex:
		return t.Size > 16 || t.ByReference
	}
	return false
}

// assign takes the registers that a value of at most 16 bytes needs.
func assign(t *debuginfo.Type, ints, floats *[]int) (place, bool) {
	size := t.Size
	if size <= 0 || size > 16 || t.Kind == debuginfo.Float && size > 8 {
		return nil, false
	}
	var p place
	needInts, needFloats := 0, 0
	for at := int64(0); at < size; at += 8 {
		n := min(size-at, 8)
		piece := debuginfo.Piece{Kind: debuginfo.Register, Size: n}
		if onlyFloats(t, at, at+8) {
			if needFloats >= len(*floats) {
				return nil, false
			}
			piece.Reg = (*floats)[needFloats]
			needFloats++
		} else {
			if needInts >= len(*ints) {
				return nil, false
			}
			piece.Reg = (*ints)[needInts]
			needInts++
		}
		p = append(p, part{Piece: piece})
	}
	*ints, *floats = (*ints)[needInts:], (*floats)[needFloats:]
	return p, true
}

// onlyFloats reports whether the bytes from low to high of a value belong to
// floating-point numbers alone.
func onlyFloats(t *debuginfo.Type, low, high int64) bool {
	found, only := false, true
	var walk func(t *debuginfo.Type, at int64, depth int)
	walk = func(t *debuginfo.Type, at int64, depth int) {
		if depth > 8 || at >= high || at+max(t.Size, 1) <= low {
			return
		}
		switch t.Kind {
		case debuginfo.Struct, debuginfo.Union:
			for _, m := range t.Members {
				walk(m.Type, at+m.Offset, depth+1)
			}
		case debuginfo.Array:
			for i := int64(0); t.Elem != nil && i < t.Count && i < 16; i++ {
				walk(t.Elem, at+i*t.Elem.Size, depth+1)
			}
		case debuginfo.Float, debuginfo.Complex:
			found = true
		default:
			found, only = true, false
		}
	}
	walk(t, 0, 0)
	return found && only
}

// entryPlaces are where the parameters of a function lie when it is entered, by
// the calling convention; nil where it is not known.
func entryPlaces(m elf.Machine, f *debuginfo.Function) []place {
	var ints, floats []int
	switch m {
	case elf.EM_X86_64:
		ints = []int{regDI, regSI, regDX, regCX, regR8, regR9}
		for i := range 8 {
			floats = append(floats, regXMM0+i)
		}
		if f.Return != nil && inMemoryClass(f.Return) {
			ints = ints[1:]
		}
	case elf.EM_AARCH64:
		for i := range 8 {
			ints, floats = append(ints, i), append(floats, 64+i)
		}
	default:
		return nil
	}
	stack := int64(8) // behind the return address
	if m == elf.EM_AARCH64 {
		stack = 0
	}
	var out []place
	for i := range f.Params {
		t := f.Params[i].Type
		if t == nil || t.Size < 0 {
			return nil
		}
		if (t.ByReference || t.Kind == debuginfo.CPPString && t.Size != 16) && len(ints) > 0 {
			out = append(out, inMemory(debuginfo.Address{Base: ints[0]}))
			ints = ints[1:]
			continue
		}
		if p, ok := assign(t, &ints, &floats); ok && !inMemoryClass(t) {
			out = append(out, p)
			continue
		}
		sp := regSP
		if m == elf.EM_AARCH64 {
			sp = 31
		}
		out = append(out, inMemory(debuginfo.Address{Base: sp}.Plus(stack)))
		stack += (t.Size + 7) &^ 7
	}
	return out
}
