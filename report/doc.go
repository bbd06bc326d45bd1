// Package report turns a recording into what people look at.
//
// The way is always the same, and one way only:
//
//	Reader → Sorter → machine.Apply → stack.Interner → Table.add     per sample
//	→ every unique address named once → Profile                      at the end
//	→ Histogram, or a view of its own                                per question
//
// Load goes this way to the Profile. Rows of a Profile are kept apart only by
// the Dimensions that were asked for, so its size follows the number of
// different rows, not of samples, and a sample whose row exists allocates
// nothing. A Profile is never changed again; views (package report/text,
// report/pprof, …) only read it and may do so at the same time.
//
// Histogram is the table that perf report shows: rows grouped and sorted by
// keys, with the time spent in callees and with call trees. Its rules follow
// perf 6.1 (tools/perf/util/hist.c, sort.c, callchain.c), so that the same
// recording gives the same rows; where they do not, the comment says why.
package report
