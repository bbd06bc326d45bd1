// Package code decodes machine instructions, as far as probes need it: where
// instructions begin, and which of them return from a function.
package code
