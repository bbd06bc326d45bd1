// Package record runs recording sessions: it opens events on CPUs and threads,
// maps a ring for each CPU, describes what runs already (synthesised records),
// drains the rings into a Sink, and counts what was lost.
//
// The way of the data:
//
//	events × CPUs × threads → one ring per CPU → drain loop → Sink
//
// Records pass from ring to sink undecoded. A Session changes nothing on the
// machine that Close does not put back.
package record
