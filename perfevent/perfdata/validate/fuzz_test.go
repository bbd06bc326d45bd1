package validate

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// FuzzCheck: whatever the bytes, a check ends, does not panic, and takes memory
// in proportion to the input.
func FuzzCheck(f *testing.F) {
	for _, b := range bases(f) {
		f.Add(b)
		f.Add(b[:len(b)-300])
	}
	paths, err := filepath.Glob("../../../testdata/recordings/*.data")
	if err != nil || len(paths) == 0 {
		f.Fatalf("recordings: %q, %v", paths, err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 32<<10 {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		found := Check(bytes.NewReader(data), int64(len(data)))
		runtime.ReadMemStats(&after)
		for _, f := range found {
			if f.String() == "" || f.Offset < 0 || f.Offset > int64(len(data)) {
				t.Errorf("%v at %d of %d bytes", f, f.Offset, len(data))
			}
		}
		// All that is ever allocated, not what is held at a time: zstd has its
		// fixed buffers and window, and each record may be an error of some
		// hundred bytes.
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20+uint64(len(data))<<16 {
			t.Errorf("%d bytes of input took %d bytes of memory", len(data), grown)
		}
	})
}
