package code

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/arch/arm64/arm64asm"
	"golang.org/x/arch/x86/x86asm"
)

// Instruction spells the instruction at the start of b as the GNU assembler
// does; what it branches to is given relative to the instruction, which is ".".
// length is how many of the bytes it takes. Bytes that are no instruction, and
// code of unknown machines, read "(bad)", with length 1 (arm64: 4); an
// instruction without a known spelling reads ".byte 0x…", with its length.
func Instruction(machine elf.Machine, b []byte) (text string, length int) {
	switch machine {
	case elf.EM_X86_64:
		return amd64Text(b)
	case elf.EM_AARCH64:
		return arm64Text(b)
	}
	return bad, min(1, len(b))
}

const bad = "(bad)"

func amd64Text(b []byte) (string, int) {
	in, problem := decodeAMD64(b)
	if problem != "" {
		return bad, min(1, len(b))
	}
	b = b[:in.len]
	switch string(b) {
	case "\xf3\x0f\x1e\xfa":
		return "endbr64", in.len
	case "\xf3\x0f\x1e\xfb":
		return "endbr32", in.len
	}
	x, ok := x86Decode(b)
	if !ok {
		return asBytes(b), in.len
	}
	for i, arg := range x.Args {
		if rel, ok := arg.(x86asm.Rel); ok {
			x.Args[i] = rel + x86asm.Rel(x.Len) // x/arch counts from the end
		}
	}
	return spaced(x86asm.GNUSyntax(x, 0, nil)), in.len
}

// x86Decode lets x/arch decode one whole instruction; ok is false where it does
// not know it, or takes it for another.
func x86Decode(b []byte) (in x86asm.Inst, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	in, err := x86asm.Decode(b, 64)
	return in, err == nil && in.Op != 0 && in.Len == len(b)
}

func arm64Text(b []byte) (string, int) {
	if len(b) < 4 {
		return bad, len(b)
	}
	in, err := arm64asm.Decode(b[:4])
	if err != nil {
		return fmt.Sprintf(".inst %#08x", binary.LittleEndian.Uint32(b)), 4
	}
	return spaced(arm64asm.GNUSyntax(in)), 4
}

func spaced(s string) string { return strings.Join(strings.Fields(s), " ") }

func asBytes(b []byte) string {
	parts := make([]string, len(b))
	for i, c := range b {
		parts[i] = fmt.Sprintf("%#02x", c)
	}
	return ".byte " + strings.Join(parts, ",")
}
