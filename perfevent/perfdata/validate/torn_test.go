package validate

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// allowed says which findings a file may have that ends after, or in, a write:
// without header it is no recording; bytes of a flush that was not completed
// lie behind everything; and the last round may reach over the end of the data.
func allowed(what What, begun bool) bool {
	return what == Trailing || what == Unfinished || what == Magic && !begun
}

// TestTorn cuts a recording after each write of its Writer, and in the middle
// of those that can tear.
func TestTorn(t *testing.T) {
	for _, opts := range []perfdata.Options{{}, {NoCompress: true}} {
		f := file(t, opts)
		var data []byte
		unfinished := 0
		for i, w := range f.writes {
			cuts := []int{len(w.b)}
			if patch := w.off < fileHeader || len(w.b) == perfevent.HeaderSize; !patch {
				cuts = []int{1, len(w.b) / 2, len(w.b) - 1, len(w.b)}
			}
			begun := len(data) > 0 && data[0] != 0
			for _, cut := range cuts {
				torn := apply(bytes.Clone(data), write{w.off, w.b[:cut]})
				for _, f := range check(torn) {
					if !allowed(f.What, begun || w.off == 0) {
						t.Errorf("%+v: write %d, cut at %d of %d: %v", opts, i, cut, len(w.b), f)
					}
					if f.What == Unfinished {
						unfinished++
					}
				}
			}
			data = apply(data, w)
		}
		if unfinished == 0 || len(f.writes) < 10 {
			t.Errorf("%+v: %d writes, %d states with a round over the end", opts, len(f.writes), unfinished)
		}
		expect(t, data)
	}
}

// ofPerf are the kinds of findings that perf's recordings have by nature: it
// writes attributes in the size that it was built with and entries of BUILD_ID
// that are no multiples of eight, leaves the version of COMPRESSED at 0, and
// knows the times of samples only where it looked for build ids. In pipe mode
// its FEATURE and TRACING_DATA records are not aligned.
var ofPerf = []What{AttrSize, BuildID, Compression, SampleTimes, RecordAlign}

// TestPerf: perf's recordings in testdata have no other findings.
func TestPerf(t *testing.T) {
	paths, err := filepath.Glob("../../../testdata/recordings/*.data")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%q, %v", paths, err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range check(b) {
			if !slices.Contains(ofPerf, f.What) {
				t.Errorf("%s: %v", filepath.Base(path), f)
			}
		}
	}
}
