// Package symbolize names things by their address.
//
// It reads ELF files, kernel symbol lists and build ids, and knows nothing of
// perf records: a caller turns a sample into a module and an address, this
// package turns those into frames.
//
// Three kinds of address never mix, each is a type of its own: [FileOffset] is
// a position in a file, [VirtAddr] an address as the ELF file states it, and
// [RuntimeAddr] an address in a running kernel. The way from the first to the
// second goes through the program header that holds the bytes, never through
// "base plus offset".
//
// Which of several symbols names an address follows what tools/perf/util/symbol.c
// and symbol-elf.c of the Linux kernel do, so that shares per symbol equal those
// of perf; where perf's answer depends on the shape of its search tree
// (symbols that overlap), the innermost symbol is given.
//
// Everything here is portable; only the vDSO of the running process needs Linux.
package symbolize
