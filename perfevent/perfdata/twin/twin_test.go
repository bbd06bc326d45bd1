package twin_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"gorecord/perfevent/perfdata"
	"gorecord/perfevent/perfdata/twin"
)

var update = flag.Bool("update", false, "write the golden texts anew")

const (
	recordingsDir = "../../../testdata/recordings"
	corpusDir     = "../../../../shared/corpus/files"
)

func print(t testing.TB, b []byte) []byte {
	t.Helper()
	var text bytes.Buffer
	if err := twin.Print(&text, bytes.NewReader(b), int64(len(b))); err != nil {
		t.Fatalf("print: %v", err)
	}
	return text.Bytes()
}

// roundTrip checks that bytes come back from their text.
func roundTrip(t testing.TB, want []byte) []byte {
	t.Helper()
	text := print(t, want)
	got, err := twin.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	if !bytes.Equal(got, want) {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		t.Fatalf("%d bytes became %d; they differ at %#x", len(want), len(got), at)
	}
	return text
}

func isRecording(b []byte) bool {
	err := twin.Print(io.Discard, bytes.NewReader(b), int64(len(b)))
	return !errors.Is(err, perfdata.ErrNotPerfData)
}

// recordings are the contents of all recordings of a folder by their names.
func recordings(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the recordings are not here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if isRecording(b) {
			files[e.Name()] = b
		}
	}
	return files
}

func TestRecordings(t *testing.T) {
	files := recordings(t, recordingsDir)
	if len(files) < 5 {
		t.Fatalf("%d recordings", len(files))
	}
	for name, b := range files {
		t.Run(name, func(t *testing.T) { roundTrip(t, b) })
	}
}

func TestCorpus(t *testing.T) {
	for name, b := range recordings(t, corpusDir) {
		t.Run(name, func(t *testing.T) {
			text := roundTrip(t, b)
			if dir := os.Getenv("TWIN_DUMP"); dir != "" {
				os.WriteFile(filepath.Join(dir, name+".twin"), text, 0o644)
			}
		})
	}
}

// TestCut prints files that end too early.
func TestCut(t *testing.T) {
	for name, b := range recordings(t, recordingsDir) {
		t.Run(name, func(t *testing.T) {
			cuts := []int{8, 9, 15, 16, 17, 24, 103, 104, 105, len(b) - 1, len(b) - 8}
			for i := 1; i < 24; i++ {
				cuts = append(cuts, len(b)*i/24)
			}
			for _, n := range cuts {
				roundTrip(t, b[:n])
			}
		})
	}
}

// TestFlips prints files in which a bit has turned.
func TestFlips(t *testing.T) {
	files := recordings(t, recordingsDir)
	for _, name := range []string{"cpu-clock-g-z.data", "pipe.data", "sched.data", "seed.data"} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			b := bytes.Clone(files[name])
			for range 500 {
				// Half of the flips go where the structure is.
				at := 8 + r.IntN(len(b)-8)
				if r.IntN(2) == 0 {
					at = 8 + r.IntN(600)
				}
				bit := byte(1) << r.IntN(8)
				b[at] ^= bit
				roundTrip(t, b)
				b[at] ^= bit
			}
		})
	}
}
