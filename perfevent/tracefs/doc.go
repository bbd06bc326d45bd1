// Package tracefs is the live folder of the kernel's event tracing: the events
// that exist, with their numbers and formats, and the dynamic events on user
// and kernel functions (uprobes and kprobes) that can be defined in it.
//
// Nothing here changes what others defined: definitions are appended, never
// written over, and events are deleted by name. Groups that name their owner
// (see Owner) let a later run clear away what a killed one left behind, and
// only that.
//
// The sources are Documentation/trace/{uprobetracer,kprobetrace,events}.rst and
// kernel/trace/trace_{uprobe,kprobe,probe,dynevent}.c of Linux 6.18.
//
// Only Open needs Linux. All else works on any fs.FS and any place to write to.
package tracefs
