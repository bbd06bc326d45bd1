// Package format understands how the kernel describes trace events: the text of
// a format file (events/GROUP/NAME/format in tracefs), the fields in a sample's
// raw data, and the print format that turns them into the event's own text.
//
// It is pure: bytes in, bytes out, on any system, for recordings of either byte
// order. What a print format says is compiled once; printing a sample then
// allocates nothing. The text is that of perf script (libtraceevent), which
// differs from the kernel's own in few places.
//
// The sources are Documentation/trace/events.rst and kernel/trace/trace_events.c
// of Linux 6.18.
package format
