package perfdata

import (
	"bytes"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"gorecord/perfevent"
)

const corpusDir = "../../../shared/corpus"

// corpusIndex reads INDEX.tsv into one map per file, keyed by column.
func corpusIndex(t testing.TB) []map[string]string {
	b, err := os.ReadFile(filepath.Join(corpusDir, "INDEX.tsv"))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("the corpus is not here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, v := range row {
			if i < len(rows[0]) {
				m[rows[0][i]] = v
			}
		}
		out = append(out, m)
	}
	return out
}

// readAll reads a recording to its end, decodes every record, and counts the
// samples. It checks that samples come in the order of their time.
func readAll(t testing.TB, r *Reader) (samples int, s *Sorter) {
	s = r.Sorted()
	defer s.Close()
	var sample perfevent.Sample
	for s.Next() {
		rec := s.Record()
		if rec.Event == nil {
			continue
		}
		if rec.Type != perfevent.RecordSample {
			rec.Event.Layout.DecodeRecord(rec.RawRecord)
			continue
		}
		if err := rec.Event.Layout.DecodeSample(rec.RawRecord, &sample); err != nil {
			t.Errorf("sample near offset %d: %v", rec.Offset, err)
		}
		samples++
	}
	if err := s.Err(); err != nil {
		t.Errorf("read: %v", err)
	}
	return samples, s
}

// beyondScan are recordings of which more can be read than the scan, which
// stops at the first damage and unpacks nothing, has found.
var beyondScan = map[string]int{
	"hotspot__perf.data.true.v2.gz":                       1,   // as in the file that it packs
	"pdc__perf.data.piped.corrupted.zero_size_sample-3.2": 227, // all but one record of size 0
}

// TestCorpus reads recordings that others made, and counts the samples that
// perf, or a scan of the bytes where perf refuses the file, finds in them.
func TestCorpus(t *testing.T) {
	for _, row := range corpusIndex(t) {
		t.Run(row["file"], func(t *testing.T) {
			r, err := Open(filepath.Join(corpusDir, "files", row["file"]))
			switch {
			case err != nil:
				t.Logf("%v", err)
				if n := row["samples_by_scan"]; n != "" && n != "0" {
					t.Errorf("refused, but a scan finds %s samples", n)
				}
				return
			}
			defer r.Close()
			got, s := readAll(t, r)
			for _, p := range s.Problems() {
				t.Log(p)
			}
			want, err := strconv.Atoi(row["samples_by_scan"])
			if err != nil {
				t.Fatal(err)
			}
			if more, ok := beyondScan[row["file"]]; ok {
				want = more
			}
			if got != want {
				t.Errorf("%d samples, want %d", got, want)
			}
		})
	}
}
