package perfevent

import (
	"strconv"
	"strings"
)

var (
	x86Registers = strings.Fields("AX BX CX DX SI DI BP SP IP FLAGS CS SS DS ES FS GS R8 R9 R10 R11 R12 R13 R14 R15")
	armRegisters = strings.Fields("r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 fp ip sp lr pc")
	riscvNames   = strings.Fields("pc ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6")
	powerpcNames = strings.Fields("nip msr orig_r3 ctr link xer ccr softe trap dar dsisr sier mmcra")
)

// RegisterName is perf's name of the register that a bit of a mask of registers
// (Attr.SampleRegsUser) stands for on an architecture, named as uname -m does;
// "unknown" where it is not known.
func RegisterName(arch string, bit int) string {
	var names []string
	switch {
	case strings.HasPrefix(arch, "x86"), arch == "i386", arch == "i686":
		if bit >= 32 && bit < 64 {
			return "XMM" + strconv.Itoa((bit-32)/2)
		}
		names = x86Registers
	case arch == "aarch64", arch == "arm64":
		switch {
		case bit < 30:
			return "x" + strconv.Itoa(bit)
		case bit == 46:
			return "vg"
		}
		names, bit = []string{"lr", "sp", "pc"}, bit-30
	case strings.HasPrefix(arch, "arm"):
		names = armRegisters
	case strings.HasPrefix(arch, "riscv"):
		names = riscvNames
	case strings.HasPrefix(arch, "ppc"), strings.HasPrefix(arch, "powerpc"):
		if bit < 32 {
			return "r" + strconv.Itoa(bit)
		}
		names, bit = powerpcNames, bit-32
	}
	if bit < 0 || bit >= len(names) {
		return "unknown"
	}
	return names[bit]
}

// RegisterBit is the bit that stands for a register in such a mask, -1 where the
// architecture has no register of that name; case does not matter.
func RegisterBit(arch, name string) int {
	for bit := range 64 {
		if known := RegisterName(arch, bit); known != "unknown" && strings.EqualFold(known, name) {
			return bit
		}
	}
	return -1
}
