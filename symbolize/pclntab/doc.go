// Package pclntab reads the table of functions that the Go linker puts into
// programs for the runtime (runtime.pclntab, section .gopclntab): names, code, and
// lines of every function, also where symbol tables were stripped. It knows the
// tables of Go 1.2 to 1.26, and where they lie in ELF files, and gives access to
// the linker's other tables through the runtime's moduledata.
//
// It stands below symbolize, whose modules name functions by it; so addresses are
// plain numbers here, all of them addresses as the ELF file states them.
//
// Damaged and hostile files give an error or a part of the functions, never a
// panic; memory stays in proportion to the file.
package pclntab
