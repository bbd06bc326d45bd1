package perfdata

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorecord/perfevent"
)

// TestPerfRecordings reads what perf recorded, and gives each sample in the
// order and with the values that perf script printed.
func TestPerfRecordings(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/recordings/*.data")
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d recordings, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(strings.TrimSuffix(path, ".data") + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			want := perfScriptLines(string(text))
			got := sampleLines(t, path)
			if len(got) != len(want) || len(got) == 0 {
				t.Fatalf("%d samples, want %d", len(got), len(want))
			}
			for i := range got {
				if got[i] != want[i] {
					t.Fatalf("sample %d:\n got %s\nwant %s", i, got[i], want[i])
				}
			}
		})
	}
}

// perfScriptLines folds white space, and leaves out the address, which perf
// shows relative to the mapping.
func perfScriptLines(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		f := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(line, "[", " "), "]", " "))
		if len(f) > 0 {
			f[0] = strings.ReplaceAll(f[0], "/", " ")
			out = append(out, strings.Join(f[:min(len(f), 4)], " "))
		}
	}
	return out
}

func sampleLines(t *testing.T, path string) []string {
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := r.Sorted()
	defer s.Close()
	var sample perfevent.Sample
	var out []string
	for s.Next() {
		rec := s.Record()
		if rec.Type != perfevent.RecordSample {
			continue
		}
		if err := rec.Event.Layout.DecodeSample(rec.RawRecord, &sample); err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%d %d %d.%09d: %s:", sample.PID, sample.TID,
			sample.Time/1e9, sample.Time%1e9, rec.Event.Name))
	}
	if err := s.Err(); err != nil || len(s.Problems()) > 0 {
		t.Errorf("%v, problems %q", err, s.Problems())
	}
	return out
}
