package probe

import (
	"debug/elf"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gorecord/perfevent/hit"
	"gorecord/symbolize/debuginfo"
)

var (
	tInt    = &debuginfo.Type{Kind: debuginfo.Int, Name: "int", Size: 4}
	tLong   = &debuginfo.Type{Kind: debuginfo.Int, Name: "long", Size: 8}
	tUchar  = &debuginfo.Type{Kind: debuginfo.Uint, Name: "uint8_t", Size: 1}
	tChar   = &debuginfo.Type{Kind: debuginfo.Char, Name: "char", Size: 1, Signed: true}
	tDouble = &debuginfo.Type{Kind: debuginfo.Float, Name: "double", Size: 8}
	tText   = &debuginfo.Type{Kind: debuginfo.Pointer, Name: "const char *", Size: 8, Elem: tChar}
	tColor  = &debuginfo.Type{Kind: debuginfo.Enum, Name: "enum color", Size: 4, Enumerators: []debuginfo.Enumerator{{Name: "RED", Value: 1}, {Name: "BLUE", Value: 3}}}
	tMode   = &debuginfo.Type{Kind: debuginfo.Enum, Name: "enum mode", Size: 4, Enumerators: []debuginfo.Enumerator{
		{Name: "NONE", Value: 0}, {Name: "READ", Value: 1}, {Name: "WRITE", Value: 2}, {Name: "EXEC", Value: 4}}}
	tPoint = &debuginfo.Type{Kind: debuginfo.Struct, Name: "struct point", Size: 8, Members: []debuginfo.Member{
		{Name: "x", Type: tInt}, {Name: "y", Type: tInt, Offset: 4}}}
	tFlags = &debuginfo.Type{Kind: debuginfo.Struct, Name: "struct flags", Size: 4, Members: []debuginfo.Member{
		{Name: "a", Type: tInt, BitSize: 3}, {Name: "b", Type: tInt, BitOffset: 3, BitSize: 5}}}
	tPointer  = &debuginfo.Type{Kind: debuginfo.Pointer, Name: "struct point *", Size: 8, Elem: tPoint}
	tRef      = &debuginfo.Type{Kind: debuginfo.Reference, Name: "point &", Size: 8, Elem: tPoint}
	tInts     = &debuginfo.Type{Kind: debuginfo.Array, Name: "int [4]", Size: 16, Count: 4, Elem: tInt}
	tName     = &debuginfo.Type{Kind: debuginfo.Array, Name: "char [16]", Size: 16, Count: 16, Elem: tChar}
	tGoString = &debuginfo.Type{Kind: debuginfo.GoString, Name: "string", Size: 16, Members: []debuginfo.Member{
		{Name: "str", Type: &debuginfo.Type{Kind: debuginfo.Pointer, Size: 8, Elem: tUchar}}, {Name: "len", Type: tLong, Offset: 8}}}
)

func inReg(n int, size int64) place {
	return place{{Piece: debuginfo.Piece{Kind: debuginfo.Register, Reg: n, Size: size}}}
}

func at(base int, steps ...debuginfo.Step) place {
	return inMemory(debuginfo.Address{Base: base, Steps: steps})
}

// TestValues: what is asked of the kernel for values of all kinds of types in
// all kinds of places.
func TestValues(t *testing.T) {
	for _, tt := range []struct {
		name  string
		typ   *debuginfo.Type
		at    place
		fetch string
		kind  hit.Kind
	}{
		{"int in a register", tInt, inReg(regDI, 4), "v=%di:s32", hit.Int},
		{"int on the stack", tInt, at(regBP, debuginfo.Step{Add: -20}), "v=-20(%bp):s32", hit.Int},
		{"byte", tUchar, inReg(regSI, 1), "v=%si:u8", hit.Uint},
		{"double in memory", tDouble, at(regSP, debuginfo.Step{Add: 8}), "v=+8(%sp):x64", hit.Float},
		{"text", tText, inReg(regDI, 8), "v=+0(%di):string", hit.Text},
		{"text by a pointer in memory", tText, at(regBP, debuginfo.Step{Add: -8}), "v=+0(-8(%bp)):string", hit.Text},
		{"enum", tColor, inReg(regDX, 4), "v=%dx:u32", hit.EnumKind},
		{"flags", tMode, inReg(regDX, 4), "v=%dx:u32", hit.Flags},
		{"pointer", tPointer, inReg(regDI, 8), "v=%di:x64", hit.Hex},
		{"struct in memory", tPoint, at(regDI), "v_x=+0(%di):s32 v_y=+4(%di):s32", hit.Struct},
		{"struct in a register", tPoint, inReg(regDI, 8), "v_x=%di:s32 v_y=%di:b32@32/64", hit.Struct},
		{"reference", tRef, inReg(regDI, 8), "v_x=+0(%di):s32 v_y=+4(%di):s32", hit.Struct},
		{"bit-fields", tFlags, at(regDI), "v_a=+0(%di):b3@0/32 v_b=+0(%di):b5@3/32", hit.Struct},
		{"array", tInts, at(regSP, debuginfo.Step{Add: 16}), "v=+16(%sp):s32[4]", hit.Array},
		{"characters", tName, at(regDI, debuginfo.Step{Add: 8}), "v=+8(%di):string", hit.Text},
		{"Go string in registers", tGoString, append(inReg(regAX, 8), inReg(regBX, 8)...), "v_len=%bx:s64 v=+0(%ax):x64[16]", hit.String},
		{"Go string in memory", tGoString, at(regAX), "v_len=+8(%ax):s64 v=+0(+0(%ax)):x64[16]", hit.String},
		{"constant", tInt, place{{Piece: debuginfo.Piece{Kind: debuginfo.Constant, Size: 4, Const: []byte{0xfe, 0xff, 0xff, 0xff}}}}, `v=\4294967294:s32`, hit.Int},
		{"global variable", tInt, inMemory(debuginfo.Address{Base: -1, Static: 0x404010}), "v=@+0x4010:s32", hit.Int},
		{"behind a global pointer", tPoint, inMemory(debuginfo.Address{Base: -1, Static: 0x404010}.At()), "v_x=+0(@+0x4010):s32 v_y=+4(@+0x4010):s32", hit.Struct},
	} {
		w := &values{reader: reader{machine: elf.EM_X86_64, addr: 0x401126, offset: 0x1126, entry: true}, fields: map[string]bool{}, left: maxValues}
		v := w.value("v", "v", tt.typ, tt.at, 0)
		if got := strings.Join(w.fetches, " "); got != tt.fetch || v.Kind != tt.kind {
			t.Errorf("%s: %q, %s (%s), want %q, %s", tt.name, got, v.Kind, v.Why, tt.fetch, tt.kind)
		}
	}
}

// TestLacking: what cannot be read says why.
func TestLacking(t *testing.T) {
	for _, tt := range []struct {
		name string
		typ  *debuginfo.Type
		at   place
		want string
	}{
		{"vector register", tDouble, inReg(regXMM0+2, 8), "it is in %xmm2, and the kernel reads no vector registers"},
		{"gone", tInt, missing("optimized out"), "optimized out"},
		{"on entry", tInt, place{{Piece: debuginfo.Piece{Kind: debuginfo.Register, Reg: regDI, Size: 4, Entry: true}}}, "only as it was at the function's entry"},
		{"computed", tInt, place{{Piece: debuginfo.Piece{Kind: debuginfo.Value, Address: debuginfo.Address{Base: regDI}.Plus(4), Size: 4}}}, "computed from other values"},
		{"unknown type", &debuginfo.Type{Name: "__int128", Kind: debuginfo.Int, Size: 16}, inReg(regDI, 16), "values of type __int128 cannot be shown"},
	} {
		w := &values{reader: reader{machine: elf.EM_X86_64}, fields: map[string]bool{}, left: maxValues}
		if v := w.value("v", "v", tt.typ, tt.at, 0); v.Kind != hit.Missing || !strings.Contains(v.Why, tt.want) || len(w.fetches) > 0 {
			t.Errorf("%s: %+v, %q, want %q", tt.name, v, w.fetches, tt.want)
		}
	}
}

// TestInRegisters: without tracefs, registers are all there is.
func TestInRegisters(t *testing.T) {
	w := &values{reader: reader{machine: elf.EM_X86_64}, registers: true, fields: map[string]bool{}, left: 100}
	if v := w.value("a", "a", tInt, inReg(regDI, 4), 0); v.Source != "di" || v.Kind != hit.Int || v.Size != 4 {
		t.Errorf("int: %+v", v)
	}
	v := w.value("p", "p", tPoint, inReg(regSI, 8), 0)
	if len(v.Members) != 2 || v.Members[1].Source != "si" || v.Members[1].Offset != 4 {
		t.Errorf("struct: %+v", v)
	}
	if v := w.value("m", "m", tInt, at(regBP), 0); v.Kind != hit.Missing || !strings.Contains(v.Why, "without tracefs") {
		t.Errorf("memory: %+v", v)
	}
}

// TestFree: names of fields are identifiers, short enough, and no two are equal.
func TestFree(t *testing.T) {
	w := &values{fields: map[string]bool{}}
	var got []string
	for _, name := range []string{"a", "a", "~r0", "this->x", "0", "__probe_ip", "größe", strings.Repeat("n", 40), strings.Repeat("n", 40)} {
		got = append(got, w.free(name))
	}
	want := []string{"a", "a_1", "r0", "this_x", "v0", "__probe_ip_1", "gr_e", strings.Repeat("n", 31), strings.Repeat("n", 29) + "_1"}
	want[5] = "probe_ip"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestConvention: System V's rules for parameters and results.
func TestConvention(t *testing.T) {
	big := &debuginfo.Type{Kind: debuginfo.Struct, Name: "big", Size: 24}
	mixed := &debuginfo.Type{Kind: debuginfo.Struct, Name: "mixed", Size: 16, Members: []debuginfo.Member{{Name: "l", Type: tLong}, {Name: "d", Type: tDouble, Offset: 8}}}
	params := func(types ...*debuginfo.Type) (vars []debuginfo.Variable) {
		for _, t := range types {
			vars = append(vars, debuginfo.Variable{Type: t})
		}
		return vars
	}
	f := &debuginfo.Function{Language: debuginfo.C, Params: params(tInt, tDouble, big, mixed, tPointer, tLong, tLong, tLong, tLong)}
	text := func(p place) string {
		var out []string
		for _, x := range p {
			switch x.Kind {
			case debuginfo.Register:
				if x.Reg >= regXMM0 {
					out = append(out, "xmm")
				} else {
					out = append(out, x86Names[x.Reg])
				}
			case debuginfo.Memory:
				r := reader{machine: elf.EM_X86_64}
				m, _ := r.memory(x.Address)
				out = append(out, m)
			default:
				out = append(out, x.Reason)
			}
		}
		return strings.Join(out, "+")
	}
	var got []string
	for _, p := range entryPlaces(elf.EM_X86_64, f) {
		got = append(got, text(p))
	}
	if diff := cmp.Diff([]string{"di", "xmm", "+8(%sp)", "si+xmm", "dx", "cx", "r8", "r9", "+32(%sp)"}, got); diff != "" {
		t.Error(diff)
	}
	for _, tt := range []struct {
		t    *debuginfo.Type
		want string
	}{{tInt, "ax"}, {tDouble, "xmm"}, {mixed, "ax+xmm"}, {tPoint, "ax"}, {big, "+0(%ax)"}} {
		if got := text(returnPlace(elf.EM_X86_64, &debuginfo.Function{Return: tt.t})); got != tt.want {
			t.Errorf("result of type %s: %s, want %s", tt.t.Name, got, tt.want)
		}
	}
	f = &debuginfo.Function{Language: debuginfo.C, Return: big, Params: params(tInt)}
	if got := text(entryPlaces(elf.EM_X86_64, f)[0]); got != "si" {
		t.Errorf("behind the address of the result: %s", got)
	}
}
