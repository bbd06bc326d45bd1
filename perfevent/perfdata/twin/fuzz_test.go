package twin_test

import (
	"bytes"
	"runtime"
	"testing"

	"gorecord/perfevent/perfdata/twin"
)

// allocated is how many bytes f takes, counting those that it gives back.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// FuzzRoundTrip: any bytes that start as a recording does are printed, and come
// back from their text.
func FuzzRoundTrip(f *testing.F) {
	f.Add(parse(f, string(readText(f, "testdata/small.twin"))))
	for _, name := range []string{"seed.data", "pipe-z.data", "cpu-clock-g-z.data"} {
		f.Add(readText(f, recordingsDir+"/"+name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !isRecording(b) {
			return
		}
		// What is decompressed for information is bounded by the input, too; so
		// are the decompressor's window and its blocks.
		const fixed = 256 << 20
		if n := allocated(func() { roundTrip(t, b) }); n > fixed+uint64(len(b))*20000 {
			t.Errorf("%d bytes of input took %d bytes of memory", len(b), n)
		}
	})
}

// FuzzParse: no text makes Parse panic, or give bytes without bound; and a
// recording that it gives comes back from its own text.
func FuzzParse(f *testing.F) {
	f.Add(readText(f, "testdata/small.twin"))
	f.Add([]byte(pipeHead + "HEADER_ATTR type=1 size=64 sample_type=IP ids=1\nSAMPLE ip=1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := twin.Parse(bytes.NewReader(text))
		if err != nil {
			return
		}
		// A few letters can ask for a string in a room of 1 MiB.
		if len(b) > len(text)<<18 {
			t.Fatalf("%d bytes of text became %d", len(text), len(b))
		}
		if isRecording(b) {
			roundTrip(t, b)
		}
	})
}
