// Package validate checks perf.data files byte by byte, for tests: it reports
// everything in a recording, in file or pipe mode, that our own writers promise
// never to write. It reads the format by itself, so that a mistake of package
// perfdata is not made here again; of package perfevent it takes only the
// decoding of attributes and of single records.
//
// It is stricter than readers have to be: recordings of perf have findings, too
// (see What). It knows little-endian recordings only, which are all that we
// write.
package validate
