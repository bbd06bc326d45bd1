package perfdata

import (
	"bytes"
	"testing"

	"gorecord/perfevent"
)

// benchmarkFile is a recording of n samples, as two CPUs would take them: round
// by round first those of the one, then of the other.
func benchmarkFile(b *testing.B, n int, opts Options) (data []byte, recordBytes int64) {
	const perRound = 4096
	f, s := newMemFile(), testSession()
	w, err := NewWriter(f, s, opts)
	if err != nil {
		b.Fatal(err)
	}
	for at := 0; at < n; at += perRound {
		for cpu := range 2 {
			for i := at + cpu; i < min(at+perRound, n); i += 2 {
				w.WriteRecord(sampleRecord(b, s.Events[i%2], i, uint64(1e12)+uint64(i)*977))
			}
		}
		w.FinishRound()
	}
	if err := w.Finish(nil); err != nil {
		b.Fatal(err)
	}
	return f.data, int64(w.Stats().RecordBytes)
}

// BenchmarkRead measures how a recording is read, stage by stage: each includes
// those before it. MB/s are those of records, not of the file.
func BenchmarkRead(b *testing.B) {
	const n = 200_000
	plain, size := benchmarkFile(b, n, Options{NoCompress: true})
	packed, _ := benchmarkFile(b, n, Options{})
	find := func(b *testing.B, r *Reader) int {
		st := newStream(newInput(r.src, r.data), r.order)
		st.known, st.promised = r.knows, r.promised
		go st.run()
		found := 0
		for batch := range st.batches {
			for at := 0; at < len(batch.buf); {
				t, _, size := perfevent.ParseHeader(batch.buf[at:], r.order)
				if t == perfevent.RecordSample {
					found++
				}
				at += size
			}
			select {
			case st.free <- batch:
			default:
			}
		}
		return found
	}
	sorted := func(decode bool) func(*testing.B, *Reader) int {
		return func(b *testing.B, r *Reader) int {
			s := r.Sorted()
			defer s.Close()
			var sample perfevent.Sample
			found := 0
			for s.Next() {
				rec := s.Record()
				if rec.Type != perfevent.RecordSample {
					continue
				}
				found++
				if decode {
					if err := rec.Event.Layout.DecodeSample(rec.RawRecord, &sample); err != nil {
						b.Fatal(err)
					}
				}
			}
			return found
		}
	}
	for _, stage := range []struct {
		name string
		data []byte
		run  func(*testing.B, *Reader) int
	}{
		{"find", plain, find},
		{"find+sort", plain, sorted(false)},
		{"find+sort+decode", plain, sorted(true)},
		{"decompress+find", packed, find},
		{"decompress+find+sort+decode", packed, sorted(true)},
	} {
		b.Run(stage.name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				r, err := NewReader(bytes.NewReader(stage.data), int64(len(stage.data)))
				if err != nil {
					b.Fatal(err)
				}
				if got := stage.run(b, r); got != n {
					b.Fatalf("%d samples", got)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
		})
	}
}
