// Package perfdata reads and writes recordings: files in the perf.data format
// that perf, hotspot, samply and this project share.
//
// A recording in file mode, which is what this package writes, is
//
//	header    104 bytes: magic, places of the sections below, feature bits
//	attrs     the attribute of each event and the place of its ids
//	data      records, one behind the other, in rounds
//	features  a table of places, right behind the data, and the sections
//
// A recording in pipe mode is a short header and records alone; what the header
// of a file describes stands in records of private types.
//
// Records of the kernel are those of package perfevent; types from 64 on are
// private to the format (see RecordFinishedRound and its neighbours).
// Consecutive COMPRESSED records carry one zstd stream of further records.
//
// The format is described in tools/perf/Documentation/perf.data-file-format.txt
// of the Linux sources; what that leaves open follows perf 6.1 and 7.2.
package perfdata
