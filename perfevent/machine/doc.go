// Package machine keeps the processes, threads and address spaces of a
// recorded machine as they change over time. It is fed with the records of a
// recording in the order of their time, and at every moment answers what a
// thread was called and what was mapped at an address.
//
// Guarantees:
//   - Mappings of one address space never overlap: the newest record wins, and
//     what it covers is cut, split or replaced.
//   - A *Mapping and a *Module never change once handed out and stay valid for
//     the life of the Machine, so both may be used as map keys.
//   - A fork costs the same whatever the number of mappings: address spaces are
//     persistent trees that parent and child share until one of them changes.
//   - Looking up a thread or an address that is known allocates nothing.
//   - No record can make it fail; records that make no sense are counted.
//
// The meaning of the records is that of kernel/events/core.c; the names of
// special mappings are those that arch_vma_name and perf give.
package machine
