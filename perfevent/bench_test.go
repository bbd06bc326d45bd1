package perfevent_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"gorecord/perfevent"
)

// BenchmarkRingDrain measures passes over a full ring of 512 KiB whose records
// are copied once, as a sink does: what every byte that is recorded costs before
// it is written.
func BenchmarkRingDrain(b *testing.B) {
	for _, size := range []int{64, 256, 8192} {
		for name, start := range map[string]uint64{"straight": 0, "wrapped": uint64(size / 2)} {
			b.Run(fmt.Sprintf("%d/%s", size, name), func(b *testing.B) {
				w := newRingWriter(512<<10, start)
				// Fill all of it: whichever part is published holds records.
				for range len(w.data) / size {
					w.copyIn(numbered(size, 0))
				}
				w.head = start
				r := w.reader(b)
				full := len(w.data) - size
				b.SetBytes(int64(full))
				b.ReportAllocs()
				var sum int
				out := make([]byte, 0, size)
				for b.Loop() {
					w.head += uint64(full)
					w.publish()
					r.Load()
					for {
						rec, ok, err := r.Next()
						if err != nil {
							b.Fatal(err)
						}
						if !ok {
							break
						}
						out = append(out[:0], rec.Bytes...)
						sum += len(out)
					}
					r.Commit()
				}
				if sum != b.N*full {
					b.Fatalf("drained %d bytes of %d", sum, b.N*full)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(sum/size), "ns/record")
			})
		}
	}
}

// BenchmarkDecodeRecord measures the side-band records; each allocates itself
// and its name.
func BenchmarkDecodeRecord(b *testing.B) {
	all := trailerSets()
	set := all[len(all)-1]
	layout := perfevent.NewLayout(&perfevent.Attr{SampleType: set, Flags: perfevent.FlagSampleIDAll}, little)
	tail, _ := trailer(little, set)
	seen := make(map[perfevent.RecordType]bool)
	for _, test := range recordCases {
		if seen[test.typ] {
			continue
		}
		seen[test.typ] = true
		switch test.typ {
		case perfevent.RecordMmap2, perfevent.RecordComm, perfevent.RecordFork, perfevent.RecordSwitch:
		default:
			continue
		}
		raw := record(little, test.typ, test.misc, wire(little, test.body, tail))
		b.Run(test.name, func(b *testing.B) {
			b.SetBytes(int64(len(raw.Bytes)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := layout.DecodeRecord(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// callchainSample is a sample as "record -g" makes it.
func callchainSample(o binary.ByteOrder, depth int) (perfevent.Attr, perfevent.RawRecord) {
	a := perfevent.Attr{SampleType: perfevent.SampleIdentifier | perfevent.SampleIP | perfevent.SampleTID |
		perfevent.SampleTime | perfevent.SampleCPU | perfevent.SamplePeriod | perfevent.SampleCallchain}
	body := []any{uint64(1), uint64(0x401000), uint32(10), uint32(11), uint64(1 << 40), uint32(3), uint32(0), uint64(1), uint64(depth)}
	for i := range depth {
		body = append(body, uint64(0x401000+i))
	}
	return a, record(o, perfevent.RecordSample, perfevent.MiscUser, wire(o, body...))
}

// BenchmarkDecodeSample measures what a report does with every sample.
func BenchmarkDecodeSample(b *testing.B) {
	for _, depth := range []int{0, 8, 32, 127} {
		for _, o := range orders {
			a, raw := callchainSample(o, depth)
			layout := perfevent.NewLayout(&a, o)
			b.Run(fmt.Sprintf("depth=%d/%v", depth, o), func(b *testing.B) {
				b.SetBytes(int64(len(raw.Bytes)))
				b.ReportAllocs()
				var s perfevent.Sample
				for b.Loop() {
					if err := layout.DecodeSample(raw, &s); err != nil {
						b.Fatal(err)
					}
				}
				if len(s.Callchain) != depth {
					b.Fatalf("callchain of %d", len(s.Callchain))
				}
			})
		}
	}
}

// BenchmarkSampleTime measures what sorting does with every record.
func BenchmarkSampleTime(b *testing.B) {
	a, raw := callchainSample(little, 32)
	layout := perfevent.NewLayout(&a, little)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := layout.Time(raw); !ok {
			b.Fatal("no time")
		}
	}
}

// BenchmarkAppendSample measures rewriting a sample, as unwinding does.
func BenchmarkAppendSample(b *testing.B) {
	a, raw := callchainSample(little, 32)
	layout := perfevent.NewLayout(&a, little)
	var s perfevent.Sample
	if err := layout.DecodeSample(raw, &s); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(raw.Bytes)))
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		var err error
		if buf, err = layout.AppendSample(buf[:0], &s); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendRecord measures synthesised records: one MMAP2 for each mapping
// of each process.
func BenchmarkAppendRecord(b *testing.B) {
	layout := perfevent.NewLayout(&perfevent.Attr{SampleType: perfevent.SampleTID | perfevent.SampleTime | perfevent.SampleIdentifier, Flags: perfevent.FlagSampleIDAll}, little)
	rec := &perfevent.Mmap2{PID: 1, TID: 1, Start: 0x400000, Len: 0x1000, Filename: "/usr/lib/x86_64-linux-gnu/libc.so.6"}
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		var err error
		if buf, err = layout.AppendRecord(buf[:0], rec, perfevent.MiscUser, perfevent.SampleIdentity{}); err != nil {
			b.Fatal(err)
		}
	}
}
