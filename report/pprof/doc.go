// Package pprof makes a profile in pprof's format (profile.proto) of a Profile.
//
// What readers may rely on:
//   - Every location has a function, so that pprof never looks for symbols
//     itself; where none is known the function is the file's name in brackets.
//     Function.Name is the name for people, SystemName the linker's.
//   - There is one location for each place in a file, wherever processes had it
//     mapped, at the address that the first of them had it at. Locations of
//     callers lie in the call, one byte before the address to return to.
//   - Each event with samples has two sample types: EVENT_sample counts samples,
//     EVENT_event sums up what they stand for (nanoseconds for clocks). The
//     default is the latter of the first event.
//   - Labels have the keys of perf_data_converter: pid, tid, cpu (numbers),
//     comm; and event. A label that is not known is left out, as is the pid of
//     the idle tasks, which is 0.
//   - The first mapping, which pprof calls the profile's file, is that of the
//     file in which the most samples have frames.
//   - Samples that differ in nothing are one, with summed values.
//
// The format is described in github.com/google/pprof/proto/profile.proto.
package pprof
