// Package code decodes machine instructions, as far as probes need it: where
// instructions begin, which of them leave a function, and how they read.
//
// Code is decoded one instruction after the other from the start of a function.
// What does not decode cleanly gives a [DecodeError] rather than a place that may
// be wrong: bytes that are no instruction, an instruction that the end cuts off,
// and a branch into the middle of what was taken for an instruction, which is how
// tables among the code show.
//
// Lengths and branches are decoded here, from the manuals' opcode maps;
// golang.org/x/arch, which lacks a few instructions that real code contains,
// spells instructions for people.
package code
