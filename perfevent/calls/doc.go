// Package calls pairs the entries of functions with their returns.
//
// A thread, or in Go programs a goroutine, has a stack of calls that have not
// returned. A return ends the innermost call of its function; where hits tell how
// deep the stack was, the one at the same depth. Calls above it have ended
// without a return (by a jump, a panic, or because it was lost) and are counted.
package calls
