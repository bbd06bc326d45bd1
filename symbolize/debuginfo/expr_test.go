package debuginfo

import (
	"reflect"
	"testing"

	"gorecord/symbolize"
)

// TestExpressions: what each kind of location expression means, and why others
// cannot be served.
func TestExpressions(t *testing.T) {
	d, err := Open("testdata/programs/small-5-O0")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	list, err := d.Find("callee")
	if err != nil || len(list) != 1 {
		t.Fatal(len(list), err)
	}
	im := list[0].unit.(*implementation)
	pc, _ := list[0].Entry()
	static := func(n uint64) Address { return Address{Base: -1, Static: symbolize.VirtAddr(n)} }
	reg := func(n int, steps ...Step) Address { return Address{Base: n, Steps: steps} }
	one := func(p Piece) []Piece { p.Size = 8; return []Piece{p} }
	for _, tt := range []struct {
		name string
		expr []byte
		want []Piece
	}{
		{"nothing", nil, one(Piece{Reason: "optimized out"})},
		{"register", []byte{opReg0 + 5}, one(Piece{Kind: Register, Reg: 5})},
		{"regx", []byte{opRegx, 40}, one(Piece{Kind: Register, Reg: 40})},
		{"memory at a register", []byte{opBreg0 + 7, 8}, one(Piece{Kind: Memory, Address: reg(7, Step{Add: 8})})},
		{"frame: the CFA is rsp+8 at the entry", []byte{opFbreg, 0x70}, one(Piece{Kind: Memory, Address: reg(7, Step{Add: -8})})},
		{"pointer in memory", []byte{opBreg0 + 7, 8, opDeref, opPlusUconst, 16}, one(Piece{Kind: Memory, Address: reg(7, Step{Add: 8}, Step{Deref: true, Add: 16})})},
		{"static", []byte{opAddr, 0, 16, 0, 0, 0, 0, 0, 0}, one(Piece{Kind: Memory, Address: static(0x1000)})},
		{"computed", []byte{opBreg0 + 3, 1, opLit0 + 2, opMinus, opStackValue}, one(Piece{Kind: Value, Address: reg(3, Step{Add: -1})})},
		{"a register's value", []byte{opBreg0 + 3, 0, opStackValue}, one(Piece{Kind: Register, Reg: 3})},
		{"constant", []byte{opConst1s, 0xfe, opStackValue}, one(Piece{Kind: Constant, Const: []byte{0xfe, 255, 255, 255, 255, 255, 255, 255}})},
		{"bytes", []byte{opImplicitValue, 2, 1, 2}, one(Piece{Kind: Constant, Const: []byte{1, 2}})},
		{"value at the entry", []byte{opEntryValue, 1, opReg0 + 5, opStackValue}, one(Piece{Kind: Register, Reg: 5, Entry: true})},
		{"behind a pointer at the entry", []byte{opGNUEntryValue, 1, opReg0 + 5, opPlusUconst, 4}, one(Piece{Kind: Memory, Address: reg(5, Step{Add: 4}), Entry: true})},
		{"pieces", []byte{opReg0, opPiece, 4, opPiece, 4}, []Piece{{Kind: Register, Size: 4}, {Size: 4, Reason: "optimized out"}}},
		{"pointee gone, and a register", []byte{opImplicitPointer, 0, 0, 0, 0, 0, opPiece, 4, opReg0 + 1, opPiece, 4},
			[]Piece{{Size: 4, Reason: noPointee}, {Kind: Register, Reg: 1, Size: 4}}},
		{"two registers", []byte{opBreg0, 0, opBreg0 + 1, 0, opPlus, opStackValue}, one(Piece{Reason: "computed by DW_OP_plus"})},
		{"entry value of memory", []byte{opEntryValue, 2, opBreg0 + 5, 0, opStackValue}, one(Piece{Reason: "computed by DW_OP_entry_value of an expression"})},
		{"typed", []byte{0xa8, 0}, one(Piece{Reason: "computed by DW_OP_convert"})},
		{"an operator of tomorrow", []byte{0xef}, one(Piece{Reason: "computed by DWARF operator 0xef"})},
		{"thread-local", []byte{opConst1u, 4, opGNUPushTLS}, one(Piece{Reason: "thread-local"})},
		{"empty stack", []byte{opDeref}, one(Piece{Reason: "its location is damaged"})},
		{"cut off", []byte{opAddr, 1, 2}, one(Piece{Reason: "its location is damaged"})},
	} {
		got := context{u: im.e.u, code: im.e, pc: pc}.evaluate(tt.expr, 8)
		if !reflect.DeepEqual(got.Pieces, tt.want) {
			t.Errorf("%s: %+v, want %+v", tt.name, got.Pieces, tt.want)
		}
	}
}
