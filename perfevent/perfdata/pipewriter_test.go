package perfdata

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gorecord/perfevent"
)

// pipeSamples writes n samples with a round after each hundred.
func pipeSamples(t *testing.T, w *PipeWriter, s *Session, n int) {
	t.Helper()
	for i := range n {
		if err := w.WriteRecord(sampleRecord(t, s.Events[i%2], i, uint64(1000+i))); err != nil {
			t.Fatal(err)
		}
		if i%100 == 99 {
			if err := w.FinishRound(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestPipeRoundTrip(t *testing.T) {
	for _, opts := range []Options{{}, {NoCompress: true}, {FlushInterval: 1}, {NoCompress: true, FlushInterval: 1}} {
		t.Run(fmt.Sprintf("%+v", opts), func(t *testing.T) {
			var out bytes.Buffer
			s := testSession()
			w, err := NewPipeWriter(&out, s, opts)
			if err != nil {
				t.Fatal(err)
			}
			const n = 5000
			pipeSamples(t, w, s, n)
			ids := []BuildIDEntry{{Misc: perfevent.MiscUser, PID: -1, BuildID: []byte("0123456789abcdefghij"), Filename: "/bin/a b"}}
			if err := w.Finish(ids); err != nil {
				t.Fatal(err)
			}
			if err := w.WriteRecord(sampleRecord(t, s.Events[0], 0, 1)); err == nil {
				t.Error("a finished PipeWriter takes records")
			}
			r, err := NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
			if err != nil {
				t.Fatal(err)
			}
			// A stream does not tell times of samples that are still to come.
			r.info.FirstSample, r.info.LastSample = 1000, 1000+n-1
			checkFrame(t, r, s, ids)
			checkSamples(t, r, s, n)
			if got := w.Stats(); got.Samples != n || got.FileBytes != uint64(out.Len()) || w.Kept() != got {
				t.Errorf("stats %+v, kept %+v of %d bytes with %d samples", got, w.Kept(), out.Len(), n)
			}
		})
	}
}

// TestPipeAligned: all records have sizes that are multiples of eight, but for
// TRACING_DATA's, which is perf's.
func TestPipeAligned(t *testing.T) {
	var out bytes.Buffer
	s := testSession()
	w, err := NewPipeWriter(&out, s, Options{FlushInterval: 1})
	if err != nil {
		t.Fatal(err)
	}
	pipeSamples(t, w, s, 3000)
	if err := w.Finish(nil); err != nil {
		t.Fatal(err)
	}
	compressed := 0
	for b := out.Bytes()[pipeHeaderSize:]; len(b) > 0; {
		typ, _, size := perfevent.ParseHeader(b, binary.LittleEndian)
		switch typ {
		case RecordTracingData:
			size += int(binary.LittleEndian.Uint32(b[8:])) - 4
		case RecordCompressed:
			compressed++
		}
		if size%8 != 0 {
			t.Errorf("%s of %d bytes", RecordName(typ), size)
		}
		if typ == RecordTracingData {
			size += 4
		}
		b = b[size:]
	}
	if compressed < 30 {
		t.Errorf("%d compressed records", compressed)
	}
}

// TestPipePrompt: what a round has is written when the interval has passed, and
// an empty round follows, once.
func TestPipePrompt(t *testing.T) {
	var out bytes.Buffer
	s := testSession()
	w, err := NewPipeWriter(&out, s, Options{FlushInterval: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		before := out.Len()
		w.WriteRecord(sampleRecord(t, s.Events[0], i, uint64(1000+i)))
		w.FinishRound()
		full := out.Len()
		w.FinishRound()
		empty := out.Len()
		w.FinishRound()
		if full == before || empty != full+perfevent.HeaderSize || out.Len() != empty {
			t.Errorf("%d bytes, with a sample %d, with an empty round %d, at last %d", before, full, empty, out.Len())
		}
	}
}

// brokenPipe takes some bytes and no more.
type brokenPipe struct{ room int }

var errBroken = errors.New("broken pipe")

func (b *brokenPipe) Write(p []byte) (int, error) {
	n := min(len(p), b.room)
	if b.room -= n; n < len(p) {
		return n, errBroken
	}
	return n, nil
}

func TestPipeBreaks(t *testing.T) {
	s := testSession()
	w, err := NewPipeWriter(&brokenPipe{room: 100_000}, s, Options{NoCompress: true, FlushInterval: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; err == nil && i < 10_000; i++ {
		if err = w.WriteRecord(sampleRecord(t, s.Events[0], i, uint64(1000+i))); err == nil {
			err = w.FinishRound()
		}
	}
	if !errors.Is(err, errBroken) || !errors.Is(w.Finish(nil), errBroken) {
		t.Fatalf("error %v", err)
	}
	if kept := w.Kept(); kept.Samples == 0 || kept.Samples >= w.Stats().Samples || kept.FileBytes > 100_000 {
		t.Errorf("kept %+v of %+v", kept, w.Stats())
	}
}

func TestPipeTooManyIDs(t *testing.T) {
	s := testSession()
	s.Events[1].IDs = make([]uint64, 9000)
	_, err := NewPipeWriter(new(bytes.Buffer), s, Options{})
	if err == nil || !strings.Contains(err.Error(), "probe_main:callee has 9000 descriptors") {
		t.Errorf("error %v", err)
	}
}

// perfs are the perf programs of this machine: the distribution's, and newer
// ones where they are unpacked.
func perfs(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, name := range []string{"perf", "/opt/perf612/perf", "/opt/perf72/perf"} {
		if path, err := exec.LookPath(name); err == nil {
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		t.Skip("perf is not installed")
	}
	return found
}

// TestPerfReadsPipes asks every perf there is about streams, from a pipe.
func TestPerfReadsPipes(t *testing.T) {
	for _, opts := range []Options{{}, {NoCompress: true}, {FlushInterval: 1}} {
		var out bytes.Buffer
		s := testSession()
		s.Tracing = nil
		s.Events[1].Attr = s.Events[0].Attr
		s.Events[1].Attr.Config = perfevent.SWTaskClock
		s.Events[1].Name = "renamed"
		s.Events[1].Layout = s.Events[0].Layout
		w, err := NewPipeWriter(&out, s, opts)
		if err != nil {
			t.Fatal(err)
		}
		const n = 4000
		pipeSamples(t, w, s, n)
		if err := w.Finish([]BuildIDEntry{{Misc: perfevent.MiscUser, PID: -1, BuildID: []byte("0123456789abcdefghij"), Filename: "/bin/a"}}); err != nil {
			t.Fatal(err)
		}
		for _, perf := range perfs(t) {
			cmd := exec.Command(perf, "script", "--force", "-F", "ip,event", "-G", "-i", "-")
			cmd.Stdin = bytes.NewReader(out.Bytes())
			text, err := cmd.CombinedOutput()
			first, second := strings.Count(string(text), "cpu-clock"), strings.Count(string(text), "renamed")
			if err != nil || first != n/2 || second != n/2 {
				path := filepath.Join(t.ArtifactDir(), "pipe.data")
				os.WriteFile(path, out.Bytes(), 0o600)
				t.Errorf("%+v: %s: %v, %d and %d samples, want %d each; see %s\n%.500s", opts, perf, err, first, second, n/2, path, text)
			}
		}
	}
}

// cutReader gives no bytes of both sides of cut in one read.
type cutReader struct {
	data []byte
	cut  int
}

func (r *cutReader) Read(b []byte) (int, error) {
	if len(r.data) == 0 {
		return 0, io.EOF
	}
	n := len(r.data)
	if r.cut > 0 {
		n = min(n, r.cut)
	}
	n = copy(b, r.data[:n])
	r.data = r.data[n:]
	r.cut -= n
	return n, nil
}

// TestStreamInPieces: wherever a stream is cut into reads, also just behind a
// large record, its records are taken for what they are. The description of
// probes arrives whole, and may be larger than a record.
func TestStreamInPieces(t *testing.T) {
	s := testSession()
	for n := range uint64(40) { // EVENT_DESC becomes large, with ids that look like headers of records
		e := *s.Events[1]
		e.Index, e.IDs = len(s.Events), nil
		for i := range uint64(6) {
			e.IDs = append(e.IDs, 8<<48|(6*n+i)<<32|uint64(RecordFinishedRound))
		}
		s.Events = append(s.Events, &e)
	}
	s.Probes = make([]byte, 150000)
	for i := range s.Probes {
		s.Probes[i] = byte(i * i >> 8)
	}
	var out bytes.Buffer
	w, err := NewPipeWriter(&out, s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(nil); err != nil {
		t.Fatal(err)
	}
	for cut := 16; cut < out.Len(); cut += 8 {
		if cut > 20000 { // the rest is one record like the other
			break
		}
		r, err := NewStream(&cutReader{out.Bytes(), cut})
		if err != nil {
			t.Fatal(err)
		}
		sorted := r.Sorted()
		for sorted.Next() {
			t.Fatalf("a record of type %d", sorted.Record().Type)
		}
		if err := sorted.Err(); err != nil || len(sorted.Problems()) > 0 || len(r.Events()) != len(s.Events) {
			t.Fatalf("cut at %d: %v, %q, %d events", cut, err, sorted.Problems(), len(r.Events()))
		}
		probes, err := r.Feature(FeatureProbes)
		if err != nil || !bytes.HasPrefix(probes, s.Probes) || len(probes) > len(s.Probes)+7 {
			t.Fatalf("cut at %d: %d bytes of the description of probes, %v", cut, len(probes), err)
		}
		sorted.Close()
		r.Close()
	}
}
