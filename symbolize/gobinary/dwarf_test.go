package gobinary

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"gorecord/symbolize/debuginfo"
)

// debugProgram is the debug information of a Go program, as far as tests need it.
type debugProgram struct {
	data     *dwarf.Data
	order    binary.ByteOrder
	loclists []byte
	addrs    []byte
	types    map[dwarf.Type]*debuginfo.Type
}

// debugFunction is a function of debug information.
type debugFunction struct {
	name            string
	entry           uint64
	params, results []debugParam
}

type debugParam struct {
	name string
	typ  *debuginfo.Type
	// expr is where it lies at the function's entry, nil where that is not said.
	expr []byte
}

func openDebug(t *testing.T, path string) *debugProgram {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := f.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	p := &debugProgram{data: data, order: f.ByteOrder, types: map[dwarf.Type]*debuginfo.Type{}}
	for name, b := range map[string]*[]byte{".debug_loclists": &p.loclists, ".debug_addr": &p.addrs} {
		if s := f.Section(name); s == nil {
			t.Skipf("the compiler writes no %s", name)
		} else if *b, err = s.Data(); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// functions gives those with code of their own.
func (p *debugProgram) functions(t *testing.T) (list []*debugFunction) {
	t.Helper()
	var addrBase int64
	for r := p.data.Reader(); ; {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e == nil {
			return list
		}
		switch e.Tag {
		case dwarf.TagCompileUnit:
			addrBase, _ = e.Val(dwarf.AttrAddrBase).(int64)
		case dwarf.TagSubprogram:
			entry, ok := e.Val(dwarf.AttrLowpc).(uint64)
			if !ok || !e.Children {
				r.SkipChildren()
				continue
			}
			f := &debugFunction{name: p.attr(t, e, dwarf.AttrName).(string), entry: entry}
			p.params(t, r, f, addrBase)
			list = append(list, f)
		}
	}
}

// attr looks at a DIE, and then at the one that it is a copy of.
func (p *debugProgram) attr(t *testing.T, e *dwarf.Entry, a dwarf.Attr) any {
	t.Helper()
	if v := e.Val(a); v != nil {
		return v
	}
	origin, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
	if !ok {
		return nil
	}
	r := p.data.Reader()
	r.Seek(origin)
	o, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	return o.Val(a)
}

func (p *debugProgram) params(t *testing.T, r *dwarf.Reader, f *debugFunction, addrBase int64) {
	t.Helper()
	for {
		e, err := r.Next()
		if err != nil || e == nil {
			t.Fatal("children of a function end early", err)
		}
		if e.Tag == 0 {
			return
		}
		if e.Children {
			r.SkipChildren()
		}
		if e.Tag != dwarf.TagFormalParameter {
			continue
		}
		typ, err := p.data.Type(p.attr(t, e, dwarf.AttrType).(dwarf.Offset))
		if err != nil {
			t.Fatal(err)
		}
		param := debugParam{typ: p.typ(typ), expr: p.atEntry(t, e, f.entry, addrBase)}
		param.name, _ = p.attr(t, e, dwarf.AttrName).(string)
		if isResult, _ := p.attr(t, e, dwarf.AttrVarParam).(bool); isResult {
			f.results = append(f.results, param)
		} else {
			f.params = append(f.params, param)
		}
	}
}

// atEntry gives the expression that holds at an address.
func (p *debugProgram) atEntry(t *testing.T, e *dwarf.Entry, pc uint64, addrBase int64) []byte {
	t.Helper()
	switch v := e.Val(dwarf.AttrLocation).(type) {
	case []byte:
		return v
	case int64:
		return p.fromList(t, p.loclists[v:], pc, addrBase)
	}
	return nil
}

func (p *debugProgram) fromList(t *testing.T, b []byte, pc uint64, addrBase int64) []byte {
	t.Helper()
	uleb := func() uint64 {
		v, n := binary.Uvarint(b)
		b = b[n:]
		return v
	}
	var base uint64
	for {
		kind := b[0]
		b = b[1:]
		var from, to uint64
		switch kind {
		case 0: // DW_LLE_end_of_list
			return nil
		case 1: // DW_LLE_base_addressx
			base = p.order.Uint64(p.addrs[addrBase+int64(uleb())*8:])
			continue
		case 3: // DW_LLE_startx_length
			from = p.order.Uint64(p.addrs[addrBase+int64(uleb())*8:])
			to = from + uleb()
		case 4: // DW_LLE_offset_pair
			from, to = base+uleb(), base+uleb()
		default:
			t.Fatalf("location list entry %d", kind)
		}
		n := uleb()
		expr := b[:n]
		b = b[n:]
		if pc >= from && pc < to {
			return expr
		}
	}
}

// typ turns what debug/dwarf knows into types of debuginfo.
func (p *debugProgram) typ(t dwarf.Type) *debuginfo.Type {
	if known := p.types[t]; known != nil {
		return known
	}
	out := &debuginfo.Type{Name: t.String(), Size: t.Size()}
	p.types[t] = out
	switch t := t.(type) {
	case *dwarf.TypedefType:
		if inner := p.typ(t.Type); t.Type.Size() == 16 && isInterface(t) {
			out.Kind, out.Size = debuginfo.GoInterface, 16
		} else {
			*out = *inner
		}
	case *dwarf.BoolType:
		out.Kind = debuginfo.Bool
	case *dwarf.IntType, *dwarf.CharType:
		out.Kind = debuginfo.Int
	case *dwarf.UintType, *dwarf.UcharType:
		out.Kind = debuginfo.Uint
	case *dwarf.FloatType:
		out.Kind = debuginfo.Float
	case *dwarf.ComplexType:
		out.Kind = debuginfo.Complex
	case *dwarf.PtrType, *dwarf.FuncType:
		out.Kind, out.Size = debuginfo.Pointer, 8
	case *dwarf.ArrayType:
		out.Kind, out.Elem, out.Count = debuginfo.Array, p.typ(t.Type), t.Count
	case *dwarf.StructType:
		out.Kind = debuginfo.Struct
		for _, f := range t.Field {
			out.Members = append(out.Members, debuginfo.Member{Name: f.Name, Type: p.typ(f.Type), Offset: f.ByteOffset})
		}
	default:
		panic(fmt.Sprintf("%T", t))
	}
	return out
}

func isInterface(t *dwarf.TypedefType) bool {
	s, ok := t.Type.(*dwarf.StructType)
	return ok && (s.StructName == "runtime.iface" || s.StructName == "runtime.eface")
}

// place is one piece of a location, in words that can be compared.
type place struct {
	reg  int   // -1 on the stack
	off  int64 // from the stack pointer at the entry
	size int64
}

// places reads an expression of registers, pieces and stack slots, the only ones
// that the compiler makes of parameters; ok is false where a part is missing.
func places(t *testing.T, expr []byte, size, cfa int64) (list []place, ok bool) {
	t.Helper()
	current, seen := place{}, false
	for len(expr) > 0 {
		op := expr[0]
		expr = expr[1:]
		switch {
		case op >= 0x50 && op <= 0x6f: // DW_OP_regN
			current, seen = place{reg: int(op - 0x50)}, true
		case op == 0x90: // DW_OP_regx
			reg, n := binary.Uvarint(expr)
			expr = expr[n:]
			current, seen = place{reg: int(reg)}, true
		case op == 0x9c: // DW_OP_call_frame_cfa
			current, seen = place{reg: -1, off: cfa}, true
		case op == 0x91: // DW_OP_fbreg
			off, n := sleb(expr)
			expr = expr[n:]
			current, seen = place{reg: -1, off: cfa + off}, true
		case op == 0x23: // DW_OP_plus_uconst
			off, n := binary.Uvarint(expr)
			expr = expr[n:]
			current.off += int64(off)
		case op == 0x11: // DW_OP_consts
			off, n := sleb(expr)
			expr = expr[n:]
			current.off += off
		case op == 0x22: // DW_OP_plus
		case op == 0x93: // DW_OP_piece
			n, used := binary.Uvarint(expr)
			expr = expr[used:]
			if !seen {
				return nil, false
			}
			current.size = int64(n)
			list, seen = append(list, current), false
		default:
			t.Fatalf("operation %#x", op)
		}
	}
	if seen {
		current.size = size
		list = append(list, current)
	}
	return list, true
}

func sleb(b []byte) (v int64, n int) {
	var shift uint
	for {
		c := b[n]
		n++
		v |= int64(c&0x7f) << shift
		shift += 7
		if c&0x80 == 0 {
			if c&0x40 != 0 && shift < 64 {
				v |= math.MaxInt64<<shift | math.MinInt64
			}
			return v, n
		}
	}
}
