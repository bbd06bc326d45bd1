package perfdata

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"gorecord/perfevent"
)

// seeds are small recordings of each form.
func seeds(f *testing.F) [][]byte {
	var out [][]byte
	for _, opts := range []Options{{}, {NoCompress: true}} {
		file := newMemFile()
		if _, err := recordRounds(f, file, testSession(), opts, 4); err != nil {
			f.Fatal(err)
		}
		out = append(out, file.data, file.data[:len(file.data)-300])
	}
	paths, err := filepath.Glob("../../testdata/recordings/*.data")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if len(b) < 64<<10 {
			out = append(out, b)
		}
	}
	return out
}

// FuzzReader: whatever the bytes, reading ends, does not panic, gives samples in
// order, and takes memory in proportion to the input.
func FuzzReader(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		for _, feature := range r.Features() {
			r.Feature(feature)
		}
		r.TracingData()
		s := r.Sorted()
		defer s.Close()
		var sample perfevent.Sample
		n := 0
		for s.Next() && n < 1<<20 {
			n++
			rec := s.Record()
			if rec.Event == nil {
				continue
			}
			if rec.Type == perfevent.RecordSample {
				rec.Event.Layout.DecodeSample(rec.RawRecord, &sample)
			} else {
				rec.Event.Layout.DecodeRecord(rec.RawRecord)
			}
		}
		s.Problems()
		runtime.ReadMemStats(&after)
		// zstd makes up to some thousand bytes of one; all that waits for its
		// round must be held. Beyond that there are the fixed buffers.
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 256<<20+uint64(len(data))*20000 {
			t.Errorf("%d bytes of input took %d bytes of memory", len(data), grown)
		}
	})
}

func FuzzTracingData(f *testing.F) {
	f.Add(testSession().Tracing.encode())
	f.Add([]byte(tracingMagic + "0.5\x00\x01\x04\x00\x10\x00\x00header_page\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		td, err := decodeTracingData(b)
		if err != nil || td.BigEndian {
			return
		}
		// What was read can be written, and reads the same.
		again, err := decodeTracingData(td.encode())
		if err != nil {
			t.Fatalf("written again: %v", err)
		}
		if len(again.Events) != len(td.Events) || len(again.Printk) > len(td.Printk) {
			t.Errorf("%d events became %d", len(td.Events), len(again.Events))
		}
	})
}

func FuzzFeatures(f *testing.F) {
	s := testSession()
	s.Info.BuildIDs = []BuildIDEntry{{BuildID: []byte("01234567890123456789"), Filename: "/bin/x"}}
	for _, feature := range append(earlyFeatures[:], lateFeatures[:]...) {
		if b, ok := s.Info.encode(feature); ok {
			f.Add(int(feature), b)
		}
	}
	f.Add(int(FeatureEventDesc), encodeEventDesc(s.Events, perfevent.AttrSizeVer7))
	f.Fuzz(func(t *testing.T, feature int, b []byte) {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			if Feature(feature) == FeatureEventDesc {
				decodeEventDesc(b, order)
				continue
			}
			var info Info
			info.decode(Feature(feature), b, order)
		}
	})
}

// drain reads what a Sorter has and describes it, up to a bound.
func drain(r *Reader) (samples int, sum uint64, damaged bool) {
	s := r.Sorted()
	defer s.Close()
	for n := 0; s.Next() && n < 1<<20; n++ {
		rec := s.Record()
		if rec.Type == perfevent.RecordSample {
			samples++
		}
		if rec.Type < firstPrivateRecord { // others describe the recording
			sum = sum*31 + uint64(rec.Type) + rec.Time + uint64(len(rec.Bytes))
		}
	}
	s.Problems()
	return samples, sum, s.Damaged()
}

// slowReader gives few bytes at a time.
type slowReader struct {
	b    []byte
	step int
}

func (s *slowReader) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.b[:min(len(s.b), 1+s.step%97)])
	s.b = s.b[n:]
	s.step += 13
	return n, nil
}

// FuzzStream: a recording in pipe mode has the same records whether it is a file
// or a stream that comes in small pieces, where it is whole, and reading ends, whatever the bytes.
func FuzzStream(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	f.Add(pipeFile(f, 40, 10))
	f.Fuzz(func(t *testing.T, data []byte) {
		stream, streamErr := NewStream(&slowReader{b: data})
		if streamErr == nil {
			defer stream.Close()
		}
		file, err := NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil || streamErr != nil || stream.live == nil {
			return // an attribute may come behind the first record, for one
		}
		if len(stream.Events()) != len(file.Events()) {
			return // more events are described later
		}
		wantSamples, want, damaged := drain(file)
		samples, sum, streamDamaged := drain(stream)
		// Damage is stepped over more carefully where events are known.
		if !damaged && !streamDamaged && (samples != wantSamples || sum != want) && len(stream.Events()) == len(file.Events()) {
			t.Errorf("%d samples from the stream, %d from the file", samples, wantSamples)
		}
	})
}
