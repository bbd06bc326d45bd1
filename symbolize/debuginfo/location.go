package debuginfo

import "gorecord/symbolize"

// Location says where the bytes of a value lie: one piece after the other. A
// whole value in one place is one piece.
type Location struct {
	Pieces []Piece
	// FrameBase and CFA in Pieces are resolved already.
}

// PieceKind says what a Piece is.
type PieceKind uint8

// Kinds of pieces.
const (
	Missing  PieceKind = iota // cannot be had; Reason says why
	Register                  // the low Size bytes of register Reg
	Memory                    // Size bytes at Address
	Value                     // the low Size bytes of what Address computes
	Constant                  // the bytes Const
)

// Piece is a part of a value.
type Piece struct {
	Kind    PieceKind
	Size    int64 // in bytes; of the whole value where it is one piece
	Reg     int   // number as DWARF counts registers of the machine
	Address Address
	Const   []byte
	Reason  string
	// Entry says that registers are meant as they were when the function was
	// entered (DW_OP_entry_value).
	Entry bool
}

// Address computes an address or a value: a base, then steps one after the other.
type Address struct {
	// Base is a register as DWARF counts them, or -1 for none: then Static is
	// the start, an address as the ELF file states it.
	Base   int
	Static symbolize.VirtAddr
	Steps  []Step
}

// Step adds Add to what was computed, after reading the 8 bytes that lie there
// where Deref is set.
type Step struct {
	Deref bool
	Add   int64
}
