package perfdata

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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

// reference is what a recording's reference says of its records.
type reference struct {
	RecordCounts map[string]uint64 `json:"record_counts"`
	Lost         uint64            `json:"lost_events_sum"`
	LostSamples  uint64            `json:"lost_samples_sum"`
	Comms        []string          `json:"comm_records"`
}

func readReference(t testing.TB, name string) reference {
	b, err := os.ReadFile(filepath.Join(corpusDir, "ref", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var ref reference
	if err := json.Unmarshal(b, &ref); err != nil {
		t.Fatal(err)
	}
	return ref
}

// otherName spells record types as the references do.
var otherName = map[string]string{"FEATURE": "HEADER_FEATURE", "EVENT_TYPE": "HEADER_EVENT_TYPE"}

// sideband collects what the reference tells of records other than samples.
func sideband(t testing.TB, r *Reader) reference {
	ref := reference{RecordCounts: map[string]uint64{}}
	s := r.Sorted()
	defer s.Close()
	for s.Next() {
		rec := s.Record()
		if rec.Event == nil || rec.Type == perfevent.RecordSample {
			continue
		}
		decoded, _, err := rec.Event.Layout.DecodeRecord(rec.RawRecord)
		if err != nil {
			t.Errorf("%s: %v", RecordName(rec.Type), err)
		}
		switch d := decoded.(type) {
		case *perfevent.Lost:
			ref.Lost += d.Lost
		case *perfevent.LostSamples:
			ref.LostSamples += d.Lost
		case *perfevent.Comm:
			if !slices.Contains(ref.Comms, d.Comm) {
				ref.Comms = append(ref.Comms, d.Comm)
			}
		}
	}
	for typ, n := range s.Counts() {
		name := RecordName(typ)
		if other, ok := otherName[name]; ok {
			name = other
		}
		ref.RecordCounts[name] += n
	}
	slices.Sort(ref.Comms)
	return ref
}

// TestCorpusSideband: the records beside the samples are those of the
// references.
func TestCorpusSideband(t *testing.T) {
	for _, row := range corpusIndex(t) {
		name := row["file"]
		t.Run(name, func(t *testing.T) {
			r, err := Open(filepath.Join(corpusDir, "files", name))
			if err != nil {
				t.Skip(err)
			}
			defer r.Close()
			if _, more := beyondScan[name]; more {
				t.Skip("the reference has what a scan found before the damage")
			}
			got, want := sideband(t, r), readReference(t, name)
			slices.Sort(want.Comms)
			if n, ok := want.RecordCounts["SP_UNWINDING_RESULT"]; ok { // simpleperf's
				delete(want.RecordCounts, "SP_UNWINDING_RESULT")
				want.RecordCounts["RECORD_32775"] = n
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
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
