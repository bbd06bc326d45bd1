package probe

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strconv"

	"gorecord/perfevent"
	"gorecord/symbolize"
	"gorecord/symbolize/debuginfo"
)

// part is a piece of a value, from its byte skip on.
type part struct {
	debuginfo.Piece
	skip int64
}

// place is where the bytes of a value lie: one part after the other.
type place []part

func placeOf(l debuginfo.Location) place {
	v := make(place, len(l.Pieces))
	for i, p := range l.Pieces {
		v[i].Piece = p
	}
	return v
}

func missing(format string, args ...any) place {
	return place{{Piece: debuginfo.Piece{Kind: debuginfo.Missing, Reason: fmt.Sprintf(format, args...)}}}
}

// inMemory is the place of a value at an address.
func inMemory(a debuginfo.Address) place {
	return place{{Piece: debuginfo.Piece{Kind: debuginfo.Memory, Address: a}}}
}

// cut is the place of size bytes that begin off bytes into the value.
func (v place) cut(off, size int64) place {
	if len(v) == 1 {
		return place{v[0].from(off, size)}
	}
	for i, p := range v {
		if off < p.Size {
			return v.gather(i, off, size)
		}
		off -= p.Size
	}
	return missing("it lies behind the end of what is known of the value")
}

// gather takes bytes that begin in piece i, and may go on in the next ones.
func (v place) gather(i int, off, size int64) place {
	var out place
	for ; i < len(v) && size > 0; i++ {
		n := min(v[i].Size-off, size)
		out = append(out, v[i].from(off, n))
		size -= n
		off = 0
	}
	return out
}

func (p part) from(off, size int64) part {
	p.Size = size
	switch p.Kind {
	case debuginfo.Memory:
		p.Address = p.Address.Plus(off)
	case debuginfo.Constant:
		p.Const = p.Const[min(off, int64(len(p.Const))):]
	default:
		p.skip += off
	}
	return p
}

// pointee is the address that a pointer in this place holds.
func (v place) pointee() (debuginfo.Address, error) {
	if len(v) != 1 {
		return debuginfo.Address{}, fmt.Errorf("the pointer lies in %d pieces", len(v))
	}
	switch p := v[0]; p.Kind {
	case debuginfo.Register:
		if p.skip != 0 {
			return debuginfo.Address{}, fmt.Errorf("the pointer lies in the upper part of a register")
		}
		return debuginfo.Address{Base: p.Reg}, nil
	case debuginfo.Memory:
		return p.Address.At(), nil
	case debuginfo.Value:
		return p.Address, nil
	case debuginfo.Constant:
		if len(p.Const) >= 8 {
			return debuginfo.Address{Base: -1, Static: symbolize.VirtAddr(binary.LittleEndian.Uint64(p.Const))}, nil
		}
		return debuginfo.Address{}, fmt.Errorf("the pointer is a constant of %d bytes", len(p.Const))
	default:
		return debuginfo.Address{}, fmt.Errorf("%s", p.Reason)
	}
}

// along is the place of size bytes at the end of a path through the value.
func (v place) along(path debuginfo.Path, size int64) (place, error) {
	offset := int64(0)
	for _, s := range path {
		if s.Deref {
			a, err := v.cut(offset, 8).pointee()
			if err != nil {
				return nil, err
			}
			v, offset = inMemory(a), 0
		}
		offset += s.Add
	}
	return v.cut(offset, size), nil
}

// reader writes places in the language of the kernel's probes.
type reader struct {
	machine elf.Machine
	// At is where the probe stands, which static addresses are counted from.
	addr   symbolize.VirtAddr
	offset perfevent.FileOffset
	// entry says that the probe stands at a function's entry, where registers
	// are as they were on entry.
	entry bool
}

// fetch is the fetch argument, without a type, that gives the bytes in a place.
// typ is the type to read them by; it is changed where only some bits of a
// register are wanted.
func (r *reader) fetch(v place, typ string, size int64) (text, fetchType string, err error) {
	if len(v) != 1 {
		return "", "", fmt.Errorf("its bytes lie in %d places", len(v))
	}
	p := v[0]
	if p.Entry && !r.entry {
		return "", "", fmt.Errorf("it is known only as it was at the function's entry; probe the entry")
	}
	switch p.Kind {
	case debuginfo.Register:
		reg, err := r.register(p.Reg)
		if err == nil && p.skip > 0 {
			typ = fmt.Sprintf("b%d@%d/64", size*8, p.skip*8)
		}
		return reg, typ, err
	case debuginfo.Memory:
		text, err := r.memory(p.Address)
		return text, typ, err
	case debuginfo.Value:
		text, err := r.computed(p.Address)
		if err == nil && p.skip > 0 {
			typ = fmt.Sprintf("b%d@%d/64", size*8, p.skip*8)
		}
		return text, typ, err
	case debuginfo.Constant:
		var b [8]byte
		copy(b[:], p.Const)
		n := binary.LittleEndian.Uint64(b[:])
		if size < 8 {
			n &= 1<<(8*size) - 1
		}
		return "\\" + strconv.FormatUint(n, 10), typ, nil
	}
	return "", "", fmt.Errorf("%s", p.Reason)
}

// memory reads at an address.
func (r *reader) memory(a debuginfo.Address) (string, error) {
	text, add, err := r.address(a)
	if err != nil {
		return "", err
	}
	if a.Base < 0 && len(text) == 0 {
		// An offset counts from where the file's beginning would be, as the
		// probe's own place tells it.
		return fmt.Sprintf("@+%#x", uint64(add)-uint64(r.addr)+uint64(r.offset)), nil
	}
	return fmt.Sprintf("%+d(%s)", add, text), nil
}

// computed is the value of an address itself.
func (r *reader) computed(a debuginfo.Address) (string, error) {
	text, add, err := r.address(a)
	switch {
	case err != nil:
		return "", err
	case a.Base < 0 && text == "":
		return "\\" + strconv.FormatInt(add, 10), nil
	case add != 0:
		return "", fmt.Errorf("it is computed from other values")
	}
	return text, nil
}

// address writes an address as something to read from and a distance. The text
// is empty for a static one.
func (r *reader) address(a debuginfo.Address) (text string, add int64, err error) {
	if a.Base >= 0 {
		if text, err = r.register(a.Base); err != nil {
			return "", 0, err
		}
	} else {
		add = int64(a.Static)
	}
	for _, s := range a.Steps {
		if s.Deref {
			if text == "" {
				text = fmt.Sprintf("@+%#x", uint64(add)-uint64(r.addr)+uint64(r.offset))
			} else {
				text = fmt.Sprintf("%+d(%s)", add, text)
			}
			add = 0
		}
		add += s.Add
	}
	return text, add, nil
}

// register is the kernel's name of a register that DWARF counts.
func (r *reader) register(n int) (string, error) {
	if name := registerName(r.machine, n); name != "" {
		return "%" + name, nil
	}
	if r.machine == elf.EM_X86_64 && n >= 17 && n <= 32 {
		return "", fmt.Errorf("it is in %%xmm%d, and the kernel reads no vector registers in probes", n-17)
	}
	return "", fmt.Errorf("it is in register %d, which the kernel does not read in probes", n)
}

var x86Names = [...]string{"ax", "dx", "cx", "bx", "si", "di", "bp", "sp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}

func registerName(m elf.Machine, n int) string {
	switch {
	case m == elf.EM_X86_64 && n >= 0 && n < len(x86Names):
		return x86Names[n]
	case m == elf.EM_AARCH64 && n >= 0 && n <= 30:
		return "x" + strconv.Itoa(n)
	case m == elf.EM_AARCH64 && n == 31:
		return "sp"
	}
	return ""
}

// registerNumber is how DWARF counts a register that the kernel names; -1 where
// there is none of the name.
func registerNumber(m elf.Machine, name string) int {
	for n := range 32 {
		if registerName(m, n) == name && name != "" {
			return n
		}
	}
	return -1
}
