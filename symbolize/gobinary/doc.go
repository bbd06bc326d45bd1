// Package gobinary reads what the Go linker leaves in programs, stripped ones
// included: functions and lines from .gopclntab, the version, where the number of
// a goroutine lies, types behind interfaces, and where functions take arguments
// and leave results.
//
// Programs of Go 1.2 to 1.26 are read, those of amd64 and arm64 as far as
// registers are concerned. Damaged and hostile files give an error or less, never
// a panic.
package gobinary
