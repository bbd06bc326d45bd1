// Package probe turns what users say about functions, in -e and to goprobe,
// into probe points: which instruction of which file, under which event name.
//
// Spec is what was said; Binary finds its place in an ELF file; Point is the
// place with the tracefs probe for it, not yet defined. Locator goes the other
// way, from a probe that exists to a function and a source line.
//
// Group and event names follow perf probe (tools/perf/util/probe-event.c of
// Linux 6.1), except that a name which the user gives stays as it is.
package probe
