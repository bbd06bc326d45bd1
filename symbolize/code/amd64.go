package code

import (
	"encoding/binary"
	"fmt"

	"gorecord/symbolize"
)

// flow is what an instruction does to the flow of control.
type flow uint8

const (
	goesOn flow = iota
	returns
	jumps    // to target, always
	branches // to target, or goes on
	calls    // target
	jumpsFar // to an address that is computed
)

// instruction is what decoding needs to know of one.
type instruction struct {
	len  int
	flow flow
	// rel is where jumps, branches and calls go, from the end of the
	// instruction.
	rel int64
	// lock says that the first byte is a lock prefix: code of old C libraries
	// jumps over it where there is only one thread.
	lock bool
}

// maxLength is the longest instruction that processors take.
const maxLength = 15

// Opcode maps, one letter for each opcode, by Intel's manual (volume 2,
// appendix A) and AMD's (volume 3, appendix A) for 64-bit mode. What follows the
// opcode:
//
//	.  nothing             m  ModRM               r  ModRM that names a register
//	b  8 bits              B  ModRM, 8 bits       w  16 bits   e  16 bits, 8 bits
//	z  16 or 32 bits       Z  ModRM, 16 or 32     v  16, 32 or 64 bits
//	o  an address          j  branch, 8 bits      J  branch, 32 bits
//	t  ModRM; 8 bits if it says test              T  ModRM; 16 or 32 if test
//	x  no instruction      p  a prefix, or the way to another map
const oneByte = "" +
	"mmmmbzxxmmmmbzxp" + // 0
	"mmmmbzxxmmmmbzxx" + // 1
	"mmmmbzpxmmmmbzpx" + // 2
	"mmmmbzpxmmmmbzpx" + // 3
	"pppppppppppppppp" + // 4
	"................" + // 5
	"xxpmppppzZbB...." + // 6
	"jjjjjjjjjjjjjjjj" + // 7
	"BZxBmmmmmmmmmmmm" + // 8
	"..........x....." + // 9
	"oooo....bz......" + // a
	"bbbbbbbbvvvvvvvv" + // b
	"BBw.ppBZe.w..bx." + // c
	"mmmmxxx.mmmmmmmm" + // d
	"jjjjbbbbJJxj...." + // e
	"p.pp..tT......mm" //   f

const twoByte = "" + // 0f
	"mmmmx.....x.xm.B" + // 0
	"mmmmmmmmmmmmmmmm" + // 1
	"rrrrxxxxmmmmmmmm" + // 2
	"......x.pxpxxxxx" + // 3
	"mmmmmmmmmmmmmmmm" + // 4
	"mmmmmmmmmmmmmmmm" + // 5
	"mmmmmmmmmmmmmmmm" + // 6
	"BBBBmmm.mmxxmmmm" + // 7
	"JJJJJJJJJJJJJJJJ" + // 8
	"mmmmmmmmmmmmmmmm" + // 9
	"...mBmrr...mBmmm" + // a
	"mmmmmmmmmmBmmmmm" + // b
	"mmBmBBBm........" + // c
	"mmmmmmmmmmmmmmmm" + // d
	"mmmmmmmmmmmmmmmm" + // e
	"mmmmmmmmmmmmmmmm" //   f

const threeByte38 = "" + // 0f 38
	"mmmmmmmmmmmmxxxx" + // 0
	"mxxxmmxmxxxxmmmx" + // 1
	"mmmmmmxxmmmmxxxx" + // 2
	"mmmmmmmmmmmmmmmm" + // 3
	"mmxxxxxxxxxxxxxx" + // 4
	"xxxxxxxxxxxxxxxx" + // 5
	"xxxxxxxxxxxxxxxx" + // 6
	"xxxxxxxxxxxxxxxx" + // 7
	"mmmxxxxxxxxxxxxx" + // 8
	"xxxxxxxxxxxxxxxx" + // 9
	"xxxxxxxxxxxxxxxx" + // a
	"xxxxxxxxxxxxxxxx" + // b
	"xxxxxxxxmmmmmmxm" + // c
	"xxxxxxxxmxxmmmmm" + // d
	"xxxxxxxxxxxxxxxx" + // e
	"mmxxxmmxmmmmmxxx" //   f

const threeByte3A = "" + // 0f 3a
	"xxxxxxxxBBBBBBBB" + // 0
	"xxxxBBBBxxxxxxxx" + // 1
	"BBBxxxxxxxxxxxxx" + // 2
	"xxxxxxxxxxxxxxxx" + // 3
	"BBBxBxxxxxxxxxxx" + // 4
	"xxxxxxxxxxxxxxxx" + // 5
	"BBBBxxxxxxxxxxxx" + // 6
	"xxxxxxxxxxxxxxxx" + // 7
	"xxxxxxxxxxxxxxxx" + // 8
	"xxxxxxxxxxxxxxxx" + // 9
	"xxxxxxxxxxxxxxxx" + // a
	"xxxxxxxxxxxxxxxx" + // b
	"xxxxxxxxxxxxBxBB" + // c
	"xxxxxxxxxxxxxxxB" + // d
	"xxxxxxxxxxxxxxxx" + // e
	"Bxxxxxxxxxxxxxxx" //   f

// amd64 decodes one instruction, prefixes first.
type amd64 struct {
	b       []byte
	n       int  // bytes taken
	prefix  byte // f2 or f3, the last one
	modRM   byte
	size16  bool // 66: operands of 16 bits
	addr32  bool // 67: addresses of 32 bits
	wide    bool // REX.W
	lock    bool
	problem string
}

const cutOff = "the instruction goes past the end of the code"

// decodeAMD64 decodes the instruction at the start of b. problem says why it is
// none, and is empty for one.
func decodeAMD64(b []byte) (in instruction, problem string) {
	d := amd64{b: b}
	in = d.instruction()
	in.len, in.lock = d.n, len(b) > 0 && b[0] == 0xf0
	if d.problem == "" && d.n > maxLength {
		d.problem = "an instruction of more than 15 bytes"
	}
	return in, d.problem
}

func (d *amd64) fail(reason string) {
	if d.problem == "" {
		d.problem = reason
	}
}

// byte takes one byte.
func (d *amd64) byte() byte {
	if d.n >= len(d.b) {
		d.fail(cutOff)
		return 0
	}
	d.n++
	return d.b[d.n-1]
}

// skip takes n bytes.
func (d *amd64) skip(n int) {
	if n > len(d.b)-d.n {
		d.fail(cutOff)
		n = len(d.b) - d.n
	}
	d.n += n
}

// relative takes the 8 or 32 bits of a branch.
func (d *amd64) relative(size int) int64 {
	from := d.n
	d.skip(size)
	switch {
	case d.problem != "":
		return 0
	case size == 1:
		return int64(int8(d.b[from]))
	}
	return int64(int32(binary.LittleEndian.Uint32(d.b[from:])))
}

// prefixes takes prefixes and gives the byte behind them.
func (d *amd64) prefixes() byte {
	for d.problem == "" && d.n < maxLength {
		switch c := d.byte(); {
		case c == 0x66:
			d.size16, d.wide = true, false
		case c == 0x67:
			d.addr32, d.wide = true, false
		case c == 0xf2 || c == 0xf3:
			d.prefix, d.wide = c, false
		case c == 0xf0:
			d.lock, d.wide = true, false
		case c == 0x26 || c == 0x2e || c == 0x36 || c == 0x3e || c == 0x64 || c == 0x65:
			d.wide = false // a segment, or a hint
		case c>>4 == 4:
			d.wide = c&8 != 0 // REX counts only right before the opcode
		default:
			return c
		}
	}
	d.fail("prefixes without an instruction")
	return 0
}

func (d *amd64) instruction() instruction {
	op := d.prefixes()
	if d.problem != "" {
		return instruction{}
	}
	switch op {
	case 0x0f:
		return d.twoByte()
	case 0x62:
		return d.evex()
	case 0xc4, 0xc5:
		return d.vex(op)
	case 0x8f:
		if d.peek()>>3&7 != 0 {
			return d.xop()
		}
	}
	in := instruction{rel: d.operands(oneByte[op], op)}
	switch {
	case op == 0xc2 || op == 0xc3 || op == 0xca || op == 0xcb:
		in.flow = returns
	case op == 0xe9 || op == 0xeb:
		in.flow = jumps
	case op == 0xe8:
		in.flow = calls
	case op>>4 == 7 || op >= 0xe0 && op <= 0xe3:
		in.flow = branches
	case op == 0xff:
		in.flow = d.group5()
	case !d.defined(op):
		d.fail("no instruction")
	}
	return in
}

// defined looks at groups of which not all instructions exist.
func (d *amd64) defined(op byte) bool {
	mod, reg := d.modRM>>6, d.modRM>>3&7
	switch op {
	case 0x8d: // lea
		return mod != 3
	case 0x8f: // pop
		return reg == 0
	case 0xc6, 0xc7: // mov, xabort, xbegin
		return reg == 0 || d.modRM == 0xf8
	case 0xfe: // inc, dec
		return reg < 2
	}
	return true
}

// group5 looks at what ff does.
func (d *amd64) group5() flow {
	switch reg := d.modRM >> 3 & 7; {
	case reg == 7, (reg == 3 || reg == 5) && d.modRM>>6 == 3:
		d.fail("no instruction")
	case reg == 4 || reg == 5:
		return jumpsFar
	}
	return goesOn
}

// peek is the next byte.
func (d *amd64) peek() byte { return byteAt(d.b, d.n) }

func byteAt(b []byte, i int) byte {
	if i < len(b) {
		return b[i]
	}
	return 0
}

func (d *amd64) twoByte() instruction {
	op := d.byte()
	switch {
	case d.problem != "":
		return instruction{}
	case op == 0x38:
		op = d.byte()
		return instruction{rel: d.operands(threeByte38[op], op)}
	case op == 0x3a:
		op = d.byte()
		return instruction{rel: d.operands(threeByte3A[op], op)}
	case op == 0x78 && (d.size16 || d.prefix == 0xf2): // extrq, insertq
		d.operands('r', op)
		d.skip(2)
		return instruction{}
	}
	in := instruction{rel: d.operands(twoByte[op], op)}
	if op>>4 == 8 {
		in.flow = branches
	}
	return in
}

// operands takes what follows an opcode, and gives where a branch goes.
func (d *amd64) operands(kind, op byte) (rel int64) {
	switch kind {
	case '.':
	case 'm':
		d.address()
	case 'r':
		if d.address()>>6 != 3 {
			d.fail("no instruction")
		}
	case 'b':
		d.skip(1)
	case 'B':
		d.address()
		d.skip(1)
	case 'w':
		d.skip(2)
	case 'e':
		d.skip(3)
	case 'z':
		d.skip(d.immediate())
	case 'Z':
		d.address()
		d.skip(d.immediate())
	case 'v':
		d.skip(d.wideImmediate())
	case 'o':
		d.skip(d.addressSize())
	case 'j':
		return d.relative(1)
	case 'J':
		if d.size16 && !d.wide {
			d.fail("a branch whose length differs between processors of Intel and AMD")
		}
		return d.relative(4)
	case 't', 'T':
		d.testOperands(kind)
	default:
		d.fail("no instruction")
	}
	return 0
}

// testOperands takes those of f6 and f7, of which test has a constant.
func (d *amd64) testOperands(kind byte) {
	switch m := d.address(); {
	case m>>3&7 > 1:
	case kind == 't':
		d.skip(1)
	default:
		d.skip(d.immediate())
	}
}

func (d *amd64) immediate() int {
	if d.size16 && !d.wide {
		return 2
	}
	return 4
}

func (d *amd64) wideImmediate() int {
	if d.wide {
		return 8
	}
	return d.immediate()
}

func (d *amd64) addressSize() int {
	if d.addr32 {
		return 4
	}
	return 8
}

// address takes a ModRM byte, and the SIB byte and displacement that it asks for.
func (d *amd64) address() byte {
	m := d.byte()
	d.modRM = m
	mod, rm := m>>6, m&7
	if mod == 3 {
		return m
	}
	base := rm
	if rm == 4 {
		base = d.byte() & 7
	}
	switch {
	case mod == 1:
		d.skip(1)
	case mod == 2 || base == 5:
		d.skip(4)
	}
	return m
}

// extended takes opcode, ModRM and constant of an instruction behind a VEX or
// EVEX prefix, whose opcodes are those of the maps 0f, 0f 38 and 0f 3a.
func (d *amd64) extended(opcodes byte) instruction {
	op := d.byte()
	d.address()
	if opcodes == 3 || opcodes == 1 && (op >= 0x70 && op <= 0x73 || op == 0xc2 || op >= 0xc4 && op <= 0xc6) {
		d.skip(1)
	}
	return instruction{}
}

// bare fails where prefixes stand that these encodings forbid.
func (d *amd64) bare() {
	if d.size16 || d.prefix != 0 || d.lock || d.wide {
		d.fail("no instruction")
	}
}

func (d *amd64) vex(op byte) instruction {
	d.bare()
	opcodes := byte(1)
	if op == 0xc4 {
		opcodes = d.byte() & 0x1f
	}
	d.byte()
	switch {
	case opcodes == 1 && d.peek() == 0x77: // vzeroupper, vzeroall
		d.byte()
		return instruction{}
	case opcodes == 7: // wrmsr, rdmsr, with a constant
		d.skip(2)
		d.skip(4)
		return instruction{}
	case opcodes >= 1 && opcodes <= 3 || opcodes == 5:
		return d.extended(opcodes)
	}
	d.fail("no instruction")
	return instruction{}
}

func (d *amd64) evex() instruction {
	d.bare()
	opcodes, second := d.byte()&7, d.byte()
	d.byte()
	if opcodes == 0 || opcodes == 4 || opcodes == 7 || second&4 == 0 {
		d.fail("no instruction, or one of Intel APX, which is not known")
		return instruction{}
	}
	return d.extended(opcodes)
}

// xop takes AMD's extensions, which stand where pop's ModRM would not.
func (d *amd64) xop() instruction {
	d.bare()
	opcodes := d.byte() & 0x1f
	d.skip(2)
	d.address()
	switch opcodes {
	case 8:
		d.skip(1)
	case 9:
	case 10:
		d.skip(4)
	default:
		d.fail("no instruction")
	}
	return instruction{}
}

// decodeError describes what stands at an offset of body.
func decodeError(body []byte, start symbolize.VirtAddr, at int, reason string) *DecodeError {
	end := min(len(body), at+maxLength)
	return &DecodeError{Addr: start + symbolize.VirtAddr(at), Bytes: append([]byte(nil), body[at:end]...), Reason: reason}
}

func amd64Exits(body []byte, start symbolize.VirtAddr) (Exits, error) {
	var x Exits
	var inside []branch
	starts := make(bitset, len(body)/64+1)
	for at := 0; at < len(body); {
		in, problem := decodeAMD64(body[at:])
		if problem != "" {
			return Exits{}, decodeError(body, start, at, problem)
		}
		starts.set(at)
		if in.lock && at+1 < len(body) {
			starts.set(at + 1)
		}
		pc := start + symbolize.VirtAddr(at)
		switch in.flow {
		case returns:
			x.Returns = append(x.Returns, pc)
		case jumpsFar:
			x.IndirectJumps = append(x.IndirectJumps, pc)
		case jumps, branches:
			if to := int64(at+in.len) + in.rel; to < 0 || to >= int64(len(body)) {
				x.TailJumps = append(x.TailJumps, pc)
			} else {
				inside = append(inside, branch{at, int(to)})
			}
		}
		at += in.len
	}
	for _, b := range inside {
		if !starts.has(b.to) {
			return Exits{}, decodeError(body, start, b.at, fmt.Sprintf(
				"branches to %#x, inside what decodes as an instruction (data among the code?)", uint64(start)+uint64(b.to)))
		}
	}
	return x, nil
}

// branch is one within a function, in offsets.
type branch struct{ at, to int }

// bitset holds offsets.
type bitset []uint64

func (s bitset) set(i int)      { s[i/64] |= 1 << (i % 64) }
func (s bitset) has(i int) bool { return s[i/64]>>(i%64)&1 != 0 }

// amd64Holding gives the start of the instruction that holds want.
func amd64Holding(body []byte, start, want symbolize.VirtAddr) (symbolize.VirtAddr, error) {
	for at := 0; ; {
		in, problem := decodeAMD64(body[at:])
		if problem != "" {
			return 0, decodeError(body, start, at, problem)
		}
		if next := start + symbolize.VirtAddr(at+in.len); want < next {
			return start + symbolize.VirtAddr(at), nil
		}
		at += in.len
	}
}
