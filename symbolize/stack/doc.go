// Package stack turns samples into stacks of code addresses, and code
// addresses into named frames.
//
// It works in two steps, so that the work per sample is small and every place
// in the code is named only once however often it was hit:
//
//  1. An Interner looks the addresses of a sample up in the address space that
//     was current and gives numbers: an AddressID for a place in a module, a
//     StackID for a sequence of places. Equal places have equal numbers, in
//     whatever process and at whatever address the module was mapped.
//  2. A Resolver names each interned address once, in parallel, when all
//     samples are read.
//
// Three rules that stack traces depend on live here and nowhere else: which
// entries of a callchain are markers, that the byte before a return address
// is what names its frame, and how an address becomes a position in a file and
// from there an address of the file's own (see Resolver).
package stack
