// Package debuginfo reads what compilers write down about a program (DWARF 2 to
// 5): its functions, where their parameters and variables lie at an address,
// what types they have, and which lines of source belong to which code.
//
// It knows nothing of probes or recordings: a caller turns a Location into
// something that can be read. Only the units that are asked for are read, except
// that finding a function by name looks through all units once. It decodes DWARF
// itself: debug/dwarf has neither location lists nor a way to pass quickly over
// the entries of large files.
//
// What is damaged, hostile or merely unknown gives an error or a reason that a
// location is missing, never a panic.
package debuginfo
