package debuginfo

import (
	"encoding/binary"
	"fmt"

	"gorecord/symbolize"
)

// Operators of DWARF expressions.
const (
	opAddr            = 0x03
	opDeref           = 0x06
	opConst1u         = 0x08
	opConst1s         = 0x09
	opConst2u         = 0x0a
	opConst2s         = 0x0b
	opConst4u         = 0x0c
	opConst4s         = 0x0d
	opConstu          = 0x10
	opConsts          = 0x11
	opDup             = 0x12
	opDrop            = 0x13
	opOver            = 0x14
	opPick            = 0x15
	opSwap            = 0x16
	opAnd             = 0x1a
	opMinus           = 0x1c
	opMul             = 0x1e
	opNeg             = 0x1f
	opOr              = 0x21
	opPlus            = 0x22
	opPlusUconst      = 0x23
	opShl             = 0x24
	opShr             = 0x25
	opXor             = 0x27
	opLit0            = 0x30
	opReg0            = 0x50
	opBreg0           = 0x70
	opRegx            = 0x90
	opFbreg           = 0x91
	opBregx           = 0x92
	opPiece           = 0x93
	opDerefSize       = 0x94
	opNop             = 0x96
	opCallFrameCFA    = 0x9c
	opImplicitValue   = 0x9e
	opStackValue      = 0x9f
	opImplicitPointer = 0xa0
	opAddrx           = 0xa1
	opConstx          = 0xa2
	opEntryValue      = 0xa3
	opFormTLSAddress  = 0x9b
	opGNUPushTLS      = 0xe0
	opGNUImplicitPtr  = 0xf2
	opGNUEntryValue   = 0xf3
	opGNUParameterRef = 0xfa
	opGNUAddrIndex    = 0xfb
	opGNUConstIndex   = 0xfc
)

// operatorNames are those of operators that cannot be served.
var operatorNames = map[byte]string{
	0x17: "DW_OP_rot", 0x18: "DW_OP_xderef", 0x19: "DW_OP_abs", 0x1a: "DW_OP_and", 0x1b: "DW_OP_div", 0x1d: "DW_OP_mod",
	0x1e: "DW_OP_mul", 0x1f: "DW_OP_neg", 0x20: "DW_OP_not", 0x21: "DW_OP_or", 0x22: "DW_OP_plus", 0x1c: "DW_OP_minus",
	0x24: "DW_OP_shl", 0x25: "DW_OP_shr", 0x26: "DW_OP_shra", 0x27: "DW_OP_xor", 0x28: "DW_OP_bra", 0x29: "DW_OP_eq",
	0x2a: "DW_OP_ge", 0x2b: "DW_OP_gt", 0x2c: "DW_OP_le", 0x2d: "DW_OP_lt", 0x2e: "DW_OP_ne", 0x2f: "DW_OP_skip",
	0x94: "DW_OP_deref_size", 0x95: "DW_OP_xderef_size", 0x97: "DW_OP_push_object_address", 0x98: "DW_OP_call2",
	0x99: "DW_OP_call4", 0x9a: "DW_OP_call_ref", 0x9d: "DW_OP_bit_piece", 0xa4: "DW_OP_const_type",
	0xa5: "DW_OP_regval_type", 0xa6: "DW_OP_deref_type", 0xa7: "DW_OP_xderef_type", 0xa8: "DW_OP_convert",
	0xa9: "DW_OP_reinterpret", 0xf0: "DW_OP_GNU_uninit", 0xf1: "DW_OP_GNU_encoded_addr", 0xf4: "DW_OP_GNU_const_type",
	0xf5: "DW_OP_GNU_regval_type", 0xf6: "DW_OP_GNU_deref_type", 0xf7: "DW_OP_GNU_convert", 0xf9: "DW_OP_GNU_reinterpret",
	0xfd: "DW_OP_GNU_variable_value",
}

// Reasons why values cannot be had.
const (
	optimizedOut = "optimized out"
	threadLocal  = "thread-local"
	noPointee    = "only a pointer to what was optimized away"
)

// term is what an expression computes: an address, or a value.
type term struct {
	Address
	entry bool // Base is the register as it was at the function's entry
}

func (t term) isConst() bool { return t.Base < 0 && len(t.Steps) == 0 }

func (t term) add(n int64) term {
	switch {
	case n == 0:
	case len(t.Steps) > 0:
		steps := append([]Step(nil), t.Steps...)
		steps[len(steps)-1].Add += n
		t.Steps = steps
	case t.Base < 0:
		t.Static += symbolize.VirtAddr(n)
	default:
		t.Steps = []Step{{Add: n}}
	}
	return t
}

func (t term) deref() term {
	t.Steps = append(append([]Step(nil), t.Steps...), Step{Deref: true})
	return t
}

// context is what expressions may ask for.
type context struct {
	u    *unit
	code entry // whose DW_AT_frame_base counts
	pc   symbolize.VirtAddr
	// depth bounds expressions in expressions.
	depth int
}

// evaluator runs one location expression over symbolic terms.
type evaluator struct {
	context
	c      cursor
	stack  []term
	pieces []Piece
	// What the expression so far says of where the next piece lies.
	kind   PieceKind
	data   []byte
	reason string
	set    bool // kind, data and reason count
	reg    int
}

// Bounds of an expression: steps and pieces beyond have no use.
const (
	maxOperators = 4096
	maxStack     = 256
	maxPieces    = 256
	maxSteps     = 64
)

// evaluate gives where a value of size bytes (-1: not known) lies.
func (x context) evaluate(expr []byte, size int64) Location {
	if len(expr) == 0 {
		return missing(size, optimizedOut)
	}
	v := evaluator{context: x, c: cursor{b: expr}}
	for n := 0; v.c.left() > 0 && v.reason == ""; n++ {
		if n >= maxOperators || len(v.stack) > maxStack || len(v.pieces) > maxPieces {
			v.reason = "its location is too long"
			break
		}
		v.step(v.c.u8())
		if v.c.bad && v.reason == "" {
			v.reason = "its location is damaged"
		}
	}
	if v.reason != "" && len(v.pieces) == 0 {
		return missing(size, v.reason)
	}
	if len(v.pieces) == 0 {
		return Location{Pieces: []Piece{v.place(size)}}
	}
	if v.reason != "" {
		v.pieces = append(v.pieces, Piece{Kind: Missing, Size: max(0, size-sizeOf(v.pieces)), Reason: v.reason})
	}
	return Location{Pieces: v.pieces}
}

func sizeOf(pieces []Piece) int64 {
	var n int64
	for _, p := range pieces {
		n += p.Size
	}
	return n
}

func missing(size int64, reason string) Location {
	return Location{Pieces: []Piece{{Kind: Missing, Size: size, Reason: reason}}}
}

// place makes a piece of what the expression says so far, and starts afresh.
func (v *evaluator) place(size int64) Piece {
	p := Piece{Size: size, Kind: v.kind}
	set := v.set
	v.set, v.kind = false, 0
	stack := v.stack
	v.stack = nil
	switch {
	case !set && len(stack) == 0:
		return Piece{Kind: Missing, Size: size, Reason: optimizedOut}
	case !set:
		t := stack[len(stack)-1]
		p.Kind, p.Address, p.Entry = Memory, t.Address, t.entry
	case p.Kind == Register:
		p.Reg = v.reg
	case p.Kind == Constant:
		p.Const = v.data
	case len(stack) == 0:
		return Piece{Kind: Missing, Size: size, Reason: "its location is damaged"}
	default:
		return valuePiece(stack[len(stack)-1], size)
	}
	return p
}

// valuePiece is a value that was computed.
func valuePiece(t term, size int64) Piece {
	p := Piece{Kind: Value, Size: size, Address: t.Address, Entry: t.entry}
	switch {
	case t.Base >= 0 && len(t.Steps) == 0:
		return Piece{Kind: Register, Size: size, Reg: t.Base, Entry: t.entry}
	case t.isConst() && size <= 8:
		b := binary.LittleEndian.AppendUint64(nil, uint64(t.Static))
		if size >= 0 {
			b = b[:size]
		}
		return Piece{Kind: Constant, Size: size, Const: b}
	}
	return p
}

func (v *evaluator) push(t term) {
	if len(t.Steps) > maxSteps {
		v.reason = "its location is too long"
		return
	}
	v.stack = append(v.stack, t)
}

func (v *evaluator) pushConst(n uint64) {
	v.push(term{Address: Address{Base: -1, Static: symbolize.VirtAddr(n)}})
}

func (v *evaluator) pushReg(reg uint64, add int64) {
	if reg > maxRegister {
		v.reason = "its location is damaged"
		return
	}
	v.push(term{Address: Address{Base: int(reg)}}.add(add))
}

func (v *evaluator) inRegister(reg uint64) {
	if reg > maxRegister {
		v.reason = "its location is damaged"
		return
	}
	v.set, v.kind, v.reg = true, Register, int(reg)
}

// maxRegister is above all numbers of registers.
const maxRegister = 1 << 16

// peek is the term that lies n below the top.
func (v *evaluator) peek(n int) (term, bool) {
	if n < 0 || n >= len(v.stack) {
		v.reason = "its location is damaged"
		return term{}, false
	}
	return v.stack[len(v.stack)-1-n], true
}

func (v *evaluator) pop() (t term, ok bool) {
	if t, ok = v.peek(0); ok {
		v.stack = v.stack[:len(v.stack)-1]
	}
	return t, ok
}

func (v *evaluator) step(op byte) {
	switch {
	case op >= opLit0 && op < opLit0+32:
		v.pushConst(uint64(op - opLit0))
	case op >= opReg0 && op < opReg0+32:
		v.inRegister(uint64(op - opReg0))
	case op >= opBreg0 && op < opBreg0+32:
		v.pushReg(uint64(op-opBreg0), v.c.sleb())
	case op >= opConst1u && op <= opConsts:
		v.pushConst(v.constant(op))
	case op >= opDup && op <= opSwap:
		v.shuffle(op)
	default:
		v.other(op)
	}
}

func (v *evaluator) constant(op byte) uint64 {
	switch op {
	case opConst1u:
		return uint64(v.c.u8())
	case opConst1s:
		return uint64(int8(v.c.u8()))
	case opConst2u:
		return uint64(v.c.u16())
	case opConst2s:
		return uint64(int16(v.c.u16()))
	case opConst4u:
		return uint64(v.c.u32())
	case opConst4s:
		return uint64(int32(v.c.u32()))
	case opConstu:
		return v.c.uleb()
	case opConsts:
		return uint64(v.c.sleb())
	}
	return v.c.u64()
}

func (v *evaluator) shuffle(op byte) {
	n := 0
	switch op {
	case opDrop:
		v.pop()
		return
	case opOver:
		n = 1
	case opPick:
		n = int(v.c.u8())
	case opSwap:
		if _, ok := v.peek(1); ok {
			s := v.stack[len(v.stack)-2:]
			s[0], s[1] = s[1], s[0]
		}
		return
	}
	if t, ok := v.peek(n); ok {
		v.push(t)
	}
}

func (v *evaluator) other(op byte) {
	switch op {
	case opAddr:
		v.pushConst(v.c.uint(v.u.addrSize))
	case opAddrx, opGNUAddrIndex, opConstx, opGNUConstIndex:
		if addr, ok := v.u.indexed64(v.c.uleb()); ok {
			v.pushConst(addr)
		} else {
			v.reason = "its location is damaged"
		}
	case opRegx:
		v.inRegister(v.c.uleb())
	case opBregx:
		reg := v.c.uleb()
		v.pushReg(reg, v.c.sleb())
	case opFbreg:
		v.frameBase(v.c.sleb())
	case opCallFrameCFA:
		v.cfa()
	case opDeref:
		if t, ok := v.pop(); ok {
			v.push(t.deref())
		}
	case opDerefSize:
		if t, ok := v.pop(); ok && int(v.c.u8()) == 8 {
			v.push(t.deref())
		} else {
			v.unknown(op)
		}
	case opPlusUconst:
		if t, ok := v.pop(); ok {
			v.push(t.add(int64(v.c.uleb())))
		}
	case opPlus, opMinus, opAnd, opOr, opXor, opMul, opShl, opShr:
		v.binary(op)
	case opNeg:
		if t, ok := v.pop(); ok && t.isConst() {
			v.pushConst(-uint64(t.Static))
		} else {
			v.unknown(op)
		}
	case opNop:
	default:
		v.placing(op)
	}
}

func (v *evaluator) binary(op byte) {
	b, _ := v.pop()
	a, ok := v.pop()
	switch {
	case !ok:
	case op == opPlus && b.isConst():
		v.push(a.add(int64(b.Static)))
	case op == opPlus && a.isConst():
		v.push(b.add(int64(a.Static)))
	case op == opMinus && b.isConst():
		v.push(a.add(-int64(b.Static)))
	case a.isConst() && b.isConst():
		v.pushConst(arithmetic(op, uint64(a.Static), uint64(b.Static)))
	default:
		v.unknown(op)
	}
}

func arithmetic(op byte, a, b uint64) uint64 {
	switch op {
	case opAnd:
		return a & b
	case opOr:
		return a | b
	case opXor:
		return a ^ b
	case opShl:
		return a << b
	case opShr:
		return a >> b
	}
	return a * b
}

// placing handles operators that end a location or say what it is.
func (v *evaluator) placing(op byte) {
	switch op {
	case opStackValue:
		v.set, v.kind = true, Value
	case opImplicitValue:
		v.data = append([]byte(nil), v.c.bytes(v.c.uleb())...)
		v.set, v.kind = true, Constant
	case opPiece:
		v.pieces = append(v.pieces, v.place(int64(min(v.c.uleb(), 1<<40))))
	case opEntryValue, opGNUEntryValue:
		v.entryValue(v.c.bytes(v.c.uleb()))
	case opImplicitPointer, opGNUImplicitPtr:
		v.c.skip(uint64(v.u.offsetSize()))
		v.c.sleb()
		v.missingPiece(noPointee)
	case opGNUParameterRef: // only the callers' code tells
		v.c.skip(4)
		v.reason = optimizedOut
	case opFormTLSAddress, opGNUPushTLS:
		v.reason = threadLocal
	default:
		v.unknown(op)
	}
}

// missingPiece says that there is no such value; the pieces after it may be
// there.
func (v *evaluator) missingPiece(reason string) {
	if v.c.left() == 0 || v.c.b[v.c.pos] != opPiece {
		v.reason = reason
		return
	}
	v.c.u8()
	v.pieces = append(v.pieces, Piece{Kind: Missing, Size: int64(min(v.c.uleb(), 1<<40)), Reason: reason})
}

func (v *evaluator) unknown(op byte) {
	if v.reason != "" {
		return
	}
	name := operatorNames[op]
	if name == "" {
		name = fmt.Sprintf("DWARF operator %#x", op)
	}
	v.reason = "computed by " + name
}

// entryValue takes what a register held when the function was entered.
func (v *evaluator) entryValue(expr []byte) {
	c := cursor{b: expr}
	op := c.u8()
	reg := uint64(op) - opReg0
	switch {
	case op >= opReg0 && op < opReg0+32:
	case op == opRegx:
		reg = c.uleb()
	default:
		v.unknownEntry()
		return
	}
	if c.bad || c.left() > 0 || reg > maxRegister {
		v.unknownEntry()
		return
	}
	v.push(term{Address: Address{Base: int(reg)}, entry: true})
}

func (v *evaluator) unknownEntry() { v.reason = "computed by DW_OP_entry_value of an expression" }

// cfa pushes the address of the caller's frame.
func (v *evaluator) cfa() {
	t, reason := v.u.f.cfa(v.pc)
	if reason != "" {
		v.reason = reason
		return
	}
	v.push(t)
}

// frameBase pushes an address counted from the function's frame base.
func (v *evaluator) frameBase(add int64) {
	e, at := v.code.inherited(atFrameBase)
	if at == nil || v.depth > 2 {
		v.reason = "its function has no frame base"
		return
	}
	expr, reason := e.u.expression(at, v.pc)
	if reason != "" {
		v.reason = "the frame base is " + reason
		return
	}
	x := v.context
	x.u, x.depth = e.u, v.depth+1
	base := x.evaluate(expr, 8).Pieces[0]
	switch base.Kind {
	case Register: // its contents
		v.push(term{Address{Base: base.Reg}, base.Entry}.add(add))
	case Memory:
		v.push(term{base.Address, base.Entry}.add(add))
	case Value:
		v.push(term{base.Address, base.Entry}.add(add))
	case Missing:
		v.reason = base.Reason
	default:
		v.reason = "its function has no frame base"
	}
}
