package perfevent

// BranchFlags are the bits of Branch.Flags (struct perf_branch_entry).
type BranchFlags struct {
	Mispredicted, Predicted bool
	InTransaction, Aborted  bool
	Cycles                  uint16 // since the branch before, 0 where not known
	Type                    uint8  // PERF_BR_*
	Speculation             uint8  // PERF_BR_SPEC_*
	NewType                 uint8  // PERF_BR_NEW_*, where Type is PERF_BR_EXTEND_ABI
	Privilege               uint8  // PERF_BR_PRIV_*
}

// Decode takes the flags apart. bigEndian tells the byte order of the machine
// that recorded: bit-fields begin at the other end there.
func (b Branch) Decode(bigEndian bool) BranchFlags {
	at := 0
	take := func(bits int) uint64 {
		shift := at
		if bigEndian {
			shift = 64 - at - bits
		}
		at += bits
		return b.Flags >> shift & (1<<bits - 1)
	}
	var f BranchFlags
	f.Mispredicted, f.Predicted = take(1) != 0, take(1) != 0
	f.InTransaction, f.Aborted = take(1) != 0, take(1) != 0
	f.Cycles = uint16(take(16))
	f.Type, f.Speculation = uint8(take(4)), uint8(take(2))
	f.NewType, f.Privilege = uint8(take(4)), uint8(take(3))
	return f
}

var branchKinds = [...]string{
	"", "COND", "UNCOND", "IND", "CALL", "IND_CALL", "RET", "SYSCALL", "SYSRET", "COND_CALL", "COND_RET", "ERET", "IRQ", "SERROR", "NO_TX",
}

var newBranchKinds = [...]string{
	"FAULT_ALGN", "FAULT_DATA", "FAULT_INST", "ARCH_1", "ARCH_2", "ARCH_3", "ARCH_4", "ARCH_5",
}

// branchExtended says that NewType has the kind.
const branchExtended = 15

// Kind names the kind of branch, as COND or CALL; empty where it is not known.
func (f BranchFlags) Kind() string {
	switch {
	case f.Type == branchExtended && int(f.NewType) < len(newBranchKinds):
		return newBranchKinds[f.NewType]
	case int(f.Type) < len(branchKinds):
		return branchKinds[f.Type]
	}
	return ""
}
