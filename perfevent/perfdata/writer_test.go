package perfdata

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gorecord/perfevent"
	"gorecord/testdata/oracle"
)

// memFile is a file in memory that remembers each write.
type memFile struct {
	data   []byte
	writes []write
	// failAt makes the write with this number fail after half of its bytes;
	// negative: none.
	failAt int
}

type write struct {
	off int64
	b   []byte
}

// isPatch reports whether a write changes what is there: the header, in one
// disk sector, or the eight bytes of a round's header.
func isPatch(w write) bool { return w.off < fileHeaderSize || len(w.b) == perfevent.HeaderSize }

var errDiskFull = errors.New("no space left on device")

func newMemFile() *memFile { return &memFile{failAt: -1} }

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	n, err := len(b), error(nil)
	if len(f.writes) == f.failAt {
		n, err = len(b)/2, errDiskFull
	}
	f.writes = append(f.writes, write{off, bytes.Clone(b[:n])})
	f.data = apply(f.data, off, b[:n])
	return n, err
}

func apply(data []byte, off int64, b []byte) []byte {
	if need := int(off) + len(b); need > len(data) {
		data = append(data, make([]byte, need-len(data))...)
	}
	copy(data[off:], b)
	return data
}

// testSession has two events with callchains; samples of both carry ids.
func testSession() *Session {
	const fields = perfevent.SampleIdentifier | perfevent.SampleIP | perfevent.SampleTID |
		perfevent.SampleTime | perfevent.SampleCPU | perfevent.SampleCallchain
	s := &Session{Info: Info{
		Hostname: "host", OSRelease: "6.18.0", Version: "gorecord 1", Arch: "x86_64",
		NrCPUsOnline: 2, NrCPUsAvail: 4, CPUDesc: "CPU", CPUID: "V,1,2,3", TotalMem: 1 << 20,
		CmdLine: []string{"gorecord", "-a", "./a b"}, PMUs: map[uint32]string{1: "software", 8: "uprobe"},
		ClockRes: 1, Clock: ClockData{ClockID: 1, WallTime: 1700000000e9, Time: 5e9},
	}}
	for i, name := range []string{"cpu-clock", "probe_main:callee"} {
		a := perfevent.Attr{
			Type: perfevent.TypeSoftware, SampleType: fields, SamplePeriod: 1,
			Flags: perfevent.FlagSampleIDAll | perfevent.FlagMmap | perfevent.FlagComm,
		}
		if i == 1 {
			a.Type, a.Config, a.SampleType = perfevent.TypeTracepoint, 77, fields|perfevent.SampleRaw
		}
		s.Events = append(s.Events, &Event{
			Index: i, Name: name, Attr: a, IDs: []uint64{uint64(10*i + 1), uint64(10*i + 2)},
			Layout: perfevent.NewLayout(&a, binary.LittleEndian),
		})
	}
	s.Tracing = &TracingData{
		LongSize: 8, PageSize: 4096, HeaderPage: []byte("page"), HeaderEvent: []byte("event"),
		Events: []TraceEvent{{System: "probe_main", Name: "callee", ID: 77, Format: []byte("name: callee\nID: 77\nformat:\n")}},
		Printk: map[uint64]string{0xffffffff81000000: `text %d\n`}, Comms: map[int]string{1: "init", 42: "a b"},
	}
	return s
}

// sampleRecord makes the n-th sample of an event.
func sampleRecord(t testing.TB, e *Event, n int, time uint64) perfevent.RawRecord {
	s := perfevent.Sample{
		SampleIdentity: perfevent.SampleIdentity{PID: 7, TID: 8, Time: time, ID: e.IDs[n%2], CPU: uint32(n % 2)},
		Misc:           perfevent.MiscUser, IP: perfevent.Addr(0x401000 + n), Period: 1,
		Callchain: []perfevent.Addr{perfevent.ContextUser, perfevent.Addr(0x401000 + n), 0x402000},
		Raw:       []byte{1, 2, 3, 4},
	}
	b, err := e.Layout.AppendSample(nil, &s)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := perfevent.SplitRecord(b, binary.LittleEndian)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestRoundTrip(t *testing.T) {
	for _, opts := range []Options{{}, {NoCompress: true}, {Level: 1}, {Level: 19}} {
		t.Run(fmt.Sprintf("%+v", opts), func(t *testing.T) {
			f, s := newMemFile(), testSession()
			w, err := NewWriter(f, s, opts)
			if err != nil {
				t.Fatal(err)
			}
			const n = 5000
			for i := range n {
				e := s.Events[i%2]
				if err := w.WriteRecord(sampleRecord(t, e, i, uint64(1000+i))); err != nil {
					t.Fatal(err)
				}
				if i%100 == 99 {
					if err := w.FinishRound(); err != nil {
						t.Fatal(err)
					}
				}
			}
			ids := []BuildIDEntry{{Misc: perfevent.MiscUser, PID: -1, BuildID: []byte("0123456789abcdefghij"), Filename: "/bin/a b"}}
			if err := w.Finish(ids); err != nil {
				t.Fatal(err)
			}
			if err := w.WriteRecord(sampleRecord(t, s.Events[0], 0, 1)); err == nil {
				t.Error("a finished Writer takes records")
			}
			r, err := NewReader(bytes.NewReader(f.data), int64(len(f.data)))
			if err != nil {
				t.Fatal(err)
			}
			checkFrame(t, r, s, ids)
			checkSamples(t, r, s, n)
			if got := w.Stats(); got.Samples != n || got.FileBytes != uint64(len(f.data)) {
				t.Errorf("stats %+v of a file of %d bytes with %d samples", got, len(f.data), n)
			}
		})
	}
}

// checkFrame compares everything but the records.
func checkFrame(t *testing.T, r *Reader, s *Session, ids []BuildIDEntry) {
	t.Helper()
	if p := r.Problems(); len(p) > 0 {
		t.Errorf("problems: %q", p)
	}
	want := s.Info
	want.FirstSample, want.LastSample = 1000, r.Info().LastSample
	want.Compression = r.Info().Compression
	for i := range ids {
		ids[i].Misc |= miscBuildIDSize
	}
	want.BuildIDs = ids
	if diff := cmp.Diff(&want, r.Info()); diff != "" {
		t.Errorf("info (-want +got):\n%s", diff)
	}
	for i, e := range r.Events() {
		want := s.Events[i]
		if e.Name != want.Name || e.Attr != want.Attr || !cmp.Equal(e.IDs, want.IDs) {
			t.Errorf("event %d is %s %+v %v, want %s %+v %v", i, e.Name, e.Attr, e.IDs, want.Name, want.Attr, want.IDs)
		}
	}
	td, err := r.TracingData()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.Tracing, td); diff != "" {
		t.Errorf("tracing data (-want +got):\n%s", diff)
	}
}

// checkSamples expects samples 0 to n-1 in order.
func checkSamples(t *testing.T, r *Reader, s *Session, n int) {
	t.Helper()
	st := r.Sorted()
	defer st.Close()
	var sample perfevent.Sample
	i := 0
	for st.Next() {
		rec := st.Record()
		if rec.Type != perfevent.RecordSample {
			continue
		}
		if err := rec.Event.Layout.DecodeSample(rec.RawRecord, &sample); err != nil {
			t.Fatal(err)
		}
		if rec.Event.Name != s.Events[i%2].Name || sample.IP != perfevent.Addr(0x401000+i) || rec.Time != uint64(1000+i) {
			t.Fatalf("sample %d: event %s, ip %#x, time %d", i, rec.Event.Name, sample.IP, rec.Time)
		}
		i++
	}
	if i != n || st.Err() != nil {
		t.Errorf("%d samples, want %d; error %v; problems %q", i, n, st.Err(), st.Problems())
	}
}

// record writes rounds of samples and returns, for each write of the file, how
// many samples were certain to be in the file after it.
func recordRounds(t testing.TB, f *memFile, s *Session, opts Options, rounds int) (flushed []int, err error) {
	w, err := NewWriter(f, s, opts)
	n := 0
	note := func(certain int) {
		for len(flushed) < len(f.writes) {
			flushed = append(flushed, certain)
		}
	}
	if err != nil {
		return flushed, err
	}
	err = w.Flush()
	note(0)
	if err != nil {
		return flushed, err
	}
	certain := 0
	for round := range rounds {
		for range 40 {
			if err := w.WriteRecord(sampleRecord(t, s.Events[n%2], n, uint64(1000+n))); err != nil {
				note(certain)
				return flushed, err
			}
			n++
		}
		note(certain)
		if round%3 == 2 {
			if err := w.Flush(); err != nil {
				note(certain)
				return flushed, err
			}
			// Certain once the last write of the flush is done.
			before := certain
			certain = n
			for len(flushed) < len(f.writes)-1 {
				flushed = append(flushed, before)
			}
			note(certain)
		}
	}
	err = w.Finish(nil)
	for len(flushed) < len(f.writes)-1 {
		flushed = append(flushed, certain)
	}
	note(n)
	return flushed, err
}

// TestTrueAtEveryInstant cuts a recording off after each of its writes, and in
// the middle of each, as a crash would: what was flushed is always there.
func TestTrueAtEveryInstant(t *testing.T) {
	for _, opts := range []Options{{}, {NoCompress: true}} {
		f, s := newMemFile(), testSession()
		flushed, err := recordRounds(t, f, s, opts, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(flushed) != len(f.writes) || len(f.writes) < 10 {
			t.Fatalf("%d writes, %d noted", len(f.writes), len(flushed))
		}
		var data []byte
		for i, w := range f.writes {
			// Writes inside the header and of eight bytes do not tear.
			cuts := []int{len(w.b)}
			if !isPatch(w) {
				cuts = []int{1, len(w.b) / 2, len(w.b) - 1, len(w.b)}
			}
			before := 0
			if i > 0 {
				before = flushed[i-1]
			}
			for _, cut := range cuts {
				torn := apply(bytes.Clone(data), w.off, w.b[:cut])
				want := before
				if cut == len(w.b) {
					want = flushed[i]
				}
				checkTorn(t, torn, s, i, cut, want, i >= 2)
			}
			data = apply(data, w.off, w.b)
		}
	}
}

// checkTorn expects a file of which whole is true to be a recording, without
// problems, of exactly want samples.
func checkTorn(t *testing.T, data []byte, s *Session, i, cut, want int, whole bool) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		if whole {
			t.Fatalf("write %d cut at %d: %v", i, cut, err)
		}
		return
	}
	if p := r.Problems(); whole && len(p) > 0 {
		t.Fatalf("write %d cut at %d: %q", i, cut, p)
	}
	if whole {
		checkSamples(t, r, s, want)
		if r.Info().Hostname != "host" {
			t.Fatalf("write %d cut at %d: features are lost", i, cut)
		}
	}
}

// TestDiskFull lets each write fail in turn: the Writer reports it, and the
// file keeps what was flushed.
func TestDiskFull(t *testing.T) {
	whole := newMemFile()
	if _, err := recordRounds(t, whole, testSession(), Options{}, 10); err != nil {
		t.Fatal(err)
	}
	for i := range whole.writes {
		f, s := newMemFile(), testSession()
		f.failAt = i
		flushed, err := recordRounds(t, f, s, Options{}, 10)
		if !errors.Is(err, errDiskFull) {
			t.Fatalf("write %d failed, but the error is %v", i, err)
		}
		if i < 2 {
			continue // the head itself was not written
		}
		if isPatch(whole.writes[i]) {
			continue // it cannot fail by half
		}
		checkTorn(t, f.data, s, i, len(f.writes[i].b), flushed[i-1], true)
	}
}

// fullFile is a file on a disk of a given size.
type fullFile struct {
	memFile
	room int
}

func (f *fullFile) WriteAt(b []byte, off int64) (int, error) {
	n := max(0, min(len(b), f.room-int(off)))
	f.data = apply(f.data, off, b[:n])
	if n < len(b) {
		return n, errDiskFull
	}
	return n, nil
}

// TestSalvage: when the disk is full, nearly all that fits on it is kept, and
// exactly what Kept says.
func TestSalvage(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for trial := range 30 {
		opts := Options{NoCompress: trial%2 == 0}
		f, s := &fullFile{room: 16<<10 + rng.IntN(300<<10)}, testSession()
		w, err := NewWriter(f, s, opts)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		n := 0
		for err == nil {
			if err = w.WriteRecord(sampleRecord(t, s.Events[n%2], n, uint64(1000+n))); err == nil {
				n++
				if rng.IntN(5000) == 0 {
					err = w.Flush()
				}
			}
		}
		flushed := w.Kept()
		if err := w.Salvage(); err != nil {
			t.Fatal(err)
		}
		kept := w.Kept()
		granule := uint64(markBytes)
		if !opts.NoCompress {
			granule = perfevent.MaxRecordSize
		}
		if kept.Samples < flushed.Samples || kept.FileBytes+granule+1024 < uint64(f.room) {
			t.Errorf("trial %d: kept %+v of %+v on a disk of %d, %+v of it flushed", trial, kept, w.Stats(), f.room, flushed)
		}
		if !errors.Is(w.Finish(nil), errDiskFull) {
			t.Error("the error is forgotten")
		}
		checkTorn(t, f.data[:kept.FileBytes], s, trial, 0, int(kept.Samples), true)
	}
}

// TestPerfReadsTornFiles asks perf itself about recordings that end after each
// write.
func TestPerfReadsTornFiles(t *testing.T) {
	perf := oracle.Perf(t)
	for _, opts := range []Options{{}, {NoCompress: true}} {
		f, s := newMemFile(), testSession()
		s.Tracing = nil
		s.Events = s.Events[:1]
		s.Events = append(s.Events, &Event{Index: 1, Name: "task-clock", Attr: s.Events[0].Attr, IDs: []uint64{11, 12}, Layout: s.Events[0].Layout})
		s.Events[1].Attr.Config = perfevent.SWTaskClock
		flushed, err := recordRounds(t, f, s, opts, 10)
		if err != nil {
			t.Fatal(err)
		}
		var data []byte
		for i, w := range f.writes {
			data = apply(data, w.off, w.b)
			if i < 2 || opts.NoCompress && isPatch(w) && w.off > fileHeaderSize {
				continue // the exception that Writer documents
			}
			path := filepath.Join(t.TempDir(), "perf.data")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			out, stderr, err := oracle.Run(t, func() *exec.Cmd {
				return exec.Command(perf, "script", "--force", "-F", "ip,event", "-G", "-i", path)
			})
			if err != nil {
				t.Fatalf("%+v write %d: perf script: %v\n%s", opts, i, err, stderr)
			}
			if got := strings.Count(string(out), "-clock"); got != flushed[i] {
				t.Fatalf("write %d: perf sees %d samples, want %d\n%.500s", i, got, flushed[i], out)
			}
		}
	}
}

// TestSorterRounds writes passes over several rings, as a recorder does, with
// records that were late for their pass, and expects them in order.
func TestSorterRounds(t *testing.T) {
	const cpus = 5
	rng := rand.New(rand.NewPCG(1, 2))
	for trial := range 20 {
		f, s := newMemFile(), testSession()
		w, err := NewWriter(f, s, Options{NoCompress: trial%2 == 0})
		if err != nil {
			t.Fatal(err)
		}
		// Each CPU has written up to written[cpu]; a pass looks at the CPUs
		// one after the other while time goes on.
		var now uint64 = 1000
		var written [cpus]uint64
		total := 0
		for range 30 {
			for cpu := range cpus {
				now += uint64(rng.IntN(50))
				for time := written[cpu] + 1 + uint64(rng.IntN(7)); time <= now; time += 1 + uint64(rng.IntN(20)) {
					if err := w.WriteRecord(sampleRecord(t, s.Events[0], total, max(time, 1))); err != nil {
						t.Fatal(err)
					}
					total++
				}
				written[cpu] = now
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Finish(nil); err != nil {
			t.Fatal(err)
		}
		checkOrder(t, f.data, total)
	}
}

func checkOrder(t *testing.T, data []byte, total int) {
	t.Helper()
	r, err := NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	st := r.Sorted()
	defer st.Close()
	var last uint64
	n := 0
	for st.Next() {
		rec := st.Record()
		if !rec.HasTime {
			continue
		}
		if rec.Time < last {
			t.Fatalf("record %d: time %d after %d", n, rec.Time, last)
		}
		last = rec.Time
		n++
	}
	if n != total {
		t.Errorf("%d samples, want %d; %q", n, total, st.Problems())
	}
}

// TestLargeRecords: records up to the largest size travel through COMPRESSED
// records, which are no larger themselves.
func TestLargeRecords(t *testing.T) {
	f, s := newMemFile(), testSession()
	w, err := NewWriter(f, s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	var want [][]byte
	for _, size := range []int{8, 65528, 40000, 65528, 16, 65528} {
		b := perfevent.AppendHeader(nil, 200, 0, size)
		for len(b) < size {
			b = append(b, byte(rng.Uint32())) // does not compress
		}
		want = append(want, b)
		if err := w.WriteRecord(perfevent.RawRecord{Type: 200, Bytes: b}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(nil); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(bytes.NewReader(f.data), int64(len(f.data)))
	if err != nil {
		t.Fatal(err)
	}
	st := r.Sorted()
	defer st.Close()
	for st.Next() {
		if st.Record().Type != 200 {
			continue
		}
		if len(want) == 0 || !bytes.Equal(st.Record().Bytes, want[0]) {
			t.Fatalf("record of %d bytes differs", len(st.Record().Bytes))
		}
		want = want[1:]
	}
	if p := st.Problems(); len(want) > 0 || len(p) != 1 || !strings.HasSuffix(p[0], "stepped over: 6 × RECORD_200") {
		t.Errorf("%d records are missing; %q", len(want), st.Problems())
	}
}

func TestCloseEarly(t *testing.T) {
	f, s := newMemFile(), testSession()
	if _, err := recordRounds(t, f, s, Options{NoCompress: true}, 200); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(bytes.NewReader(f.data), int64(len(f.data)))
	if err != nil {
		t.Fatal(err)
	}
	st := r.Sorted()
	st.Next()
	st.Close()
	st.Close()
	if st.Next() {
		t.Error("a closed Sorter gives records")
	}
}

func BenchmarkWriter(b *testing.B) {
	for _, opts := range []Options{{NoCompress: true}, {Level: 1}, {}} {
		b.Run(fmt.Sprintf("compress=%v/level=%d", !opts.NoCompress, opts.Level), func(b *testing.B) {
			s := testSession()
			var recs []perfevent.RawRecord
			for i := range 4096 {
				recs = append(recs, sampleRecord(b, s.Events[i%2], i, uint64(1e12)+uint64(i)*977))
			}
			w, err := NewWriter(discardAt{}, s, opts)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(recs[0].Bytes)))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if err := w.WriteRecord(recs[i%len(recs)]); err != nil {
					b.Fatal(err)
				}
				if i++; i%4096 == 0 {
					w.FinishRound()
				}
			}
		})
	}
}

type discardAt struct{}

func (discardAt) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }

var _ io.WriterAt = discardAt{}

// TestPerfReadsFrames: perf reads a recording of several zstd frames, and finds
// nothing to complain about.
func TestPerfReadsFrames(t *testing.T) {
	perf := oracle.Perf(t)
	const n = 80000
	f, s := newMemFile(), testSession()
	s.Tracing, s.Events = nil, s.Events[:1]
	w, err := NewWriter(f, s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := w.WriteRecord(sampleRecord(t, s.Events[0], i, uint64(1000+i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Finish(nil); err != nil {
		t.Fatal(err)
	}
	if w.Stats().RecordBytes < frameBytes*5/4 {
		t.Fatalf("%d bytes are one frame", w.Stats().RecordBytes)
	}
	path := filepath.Join(t.TempDir(), "perf.data")
	if err := os.WriteFile(path, f.data, 0o600); err != nil {
		t.Fatal(err)
	}
	out, stderr, err := oracle.Run(t, func() *exec.Cmd {
		return exec.Command(perf, "script", "--force", "-F", "ip,event", "-G", "-i", path)
	})
	if err != nil || strings.Contains(string(stderr), "decompress") {
		t.Fatalf("%v: %s", err, stderr)
	}
	if got := strings.Count(string(out), "-clock"); got != n {
		t.Errorf("perf sees %d samples of %d", got, n)
	}
}
