// Package gobinary reads what the Go linker leaves in programs, stripped ones
// included: functions and lines from .gopclntab, the version, where the number of
// a goroutine lies, and where functions take arguments and leave results.
package gobinary
