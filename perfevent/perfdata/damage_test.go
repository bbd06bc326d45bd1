package perfdata

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorecord/perfevent"
)

// sampleIPs gives the addresses of all samples that can be read, the Sorter at
// its end, and what it says.
func sampleIPs(t testing.TB, r *Reader) (ips []int, problems []string, damaged bool) {
	t.Helper()
	s := r.Sorted()
	defer s.Close()
	var sample perfevent.Sample
	for s.Next() {
		rec := s.Record()
		if rec.Type != perfevent.RecordSample || rec.Event == nil {
			continue
		}
		if err := rec.Event.Layout.DecodeSample(rec.RawRecord, &sample); err != nil {
			continue
		}
		ips = append(ips, int(sample.IP)-0x401000)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return ips, s.Problems(), s.Damaged()
}

// wholeFile is a recording of n samples, and the places of its records.
func wholeFile(t testing.TB, n int, opts Options) (data []byte, records []int) {
	f, s := newMemFile(), testSession()
	w, err := NewWriter(f, s, opts)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := w.WriteRecord(sampleRecord(t, s.Events[i%2], i, uint64(1000+i))); err != nil {
			t.Fatal(err)
		}
		if i%100 == 99 {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Finish(nil); err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	at, end := int(le.Uint64(f.data[40:])), int(le.Uint64(f.data[40:])+le.Uint64(f.data[48:]))
	for at < end {
		records = append(records, at)
		at += int(le.Uint16(f.data[at+6:]))
	}
	return f.data, records
}

// TestCutAnywhere: of a recording that is cut off, all whole samples before the
// cut are given, and one line says where it ends.
func TestCutAnywhere(t *testing.T) {
	const n = 400
	data, records := wholeFile(t, n, Options{NoCompress: true})
	start := records[0]
	for cut := start; cut < records[len(records)-1]; cut += 37 {
		whole := 0
		for i, at := range records {
			next := len(data)
			if i+1 < len(records) {
				next = records[i+1]
			}
			if binary.LittleEndian.Uint32(data[at:]) == uint32(perfevent.RecordSample) && next <= cut {
				whole++
			}
		}
		for _, size := range []uint64{0, 1} { // of the data, as a killed perf leaves it, and as it was
			b := bytes.Clone(data[:cut])
			if size == 0 {
				binary.LittleEndian.PutUint64(b[dataSizeAt:], 0)
			}
			r, err := NewReader(bytes.NewReader(b), int64(cut))
			if err != nil {
				t.Fatal(err)
			}
			ips, problems, damaged := sampleIPs(t, r)
			if len(ips) != whole || !slices.IsSorted(ips) {
				t.Errorf("cut at %d: %d samples of %d", cut, len(ips), whole)
			}
			if len(problems) != 1 || !damaged || !strings.Contains(problems[0], "end at offset ") {
				t.Errorf("cut at %d: %q", cut, problems)
			}
		}
	}
}

// TestDamagedHeaders: where the header of a record is damaged, only that record
// is lost.
func TestDamagedHeaders(t *testing.T) {
	const n = 2000
	data, records := wholeFile(t, n, Options{NoCompress: true})
	random := rand.New(rand.NewPCG(3, 4))
	for round := range 300 {
		b := bytes.Clone(data)
		i := random.IntN(len(records) - 2)
		at := records[i]
		switch round % 4 {
		case 0:
			clear(b[at : at+8])
		case 1:
			binary.LittleEndian.PutUint16(b[at+6:], uint16(random.IntN(8)))
		case 2: // too large a size
			binary.LittleEndian.PutUint16(b[at+6:], uint16(4096+random.IntN(60000)))
		case 3:
			for j := range 8 {
				b[at+j] = byte(random.Uint32())
			}
		}
		r, err := NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		ips, problems, damaged := sampleIPs(t, r)
		if len(ips) < n-1 || len(ips) > n {
			t.Errorf("round %d, record %d at %d (%x): %d of %d samples: %q", round, i, at, b[at:at+8], len(ips), n, problems)
		}
		if len(ips) < n && (!damaged || len(problems) != 1 || !strings.Contains(problems[0], fmt.Sprint(at))) {
			t.Errorf("round %d: record at %d: %q", round, at, problems)
		}
	}
}

// pipeFile is the same recording in pipe mode, without compression.
func pipeFile(t testing.TB, n, perRound int) []byte {
	s := testSession()
	le := binary.LittleEndian
	b := le.AppendUint64([]byte(magicV2), pipeHeaderSize)
	for _, e := range s.Events {
		body := appendAttr(nil, &e.Attr, perfevent.AttrSizeVer7)
		for _, id := range e.IDs {
			body = le.AppendUint64(body, id)
		}
		b = append(perfevent.AppendHeader(b, RecordHeaderAttr, 0, 8+len(body)), body...)
	}
	for i := range n {
		b = append(b, sampleRecord(t, s.Events[i%2], i, uint64(1000+i)).Bytes...)
		if i%perRound == perRound-1 {
			b = perfevent.AppendHeader(b, RecordFinishedRound, 0, perfevent.HeaderSize)
		}
	}
	return b
}

// TestStreamComes: samples of a stream are given before the stream ends: all up
// to the end of the round before the last.
func TestStreamComes(t *testing.T) {
	const n, perRound = 1000, 10
	data := pipeFile(t, n, perRound)
	in, out := io.Pipe()
	defer in.Close()
	sent := make(chan int)
	read := make(chan int)
	go func() {
		defer out.Close()
		for at := 0; at < len(data); {
			size := min(1+at%977, len(data)-at)
			out.Write(data[at : at+size])
			at += size
			select {
			case sent <- at:
			case <-read:
				out.Write(data[at:])
				return
			}
		}
	}()
	go func() { // lets the writer go on while the reader waits
		for range sent {
		}
	}()
	r, err := NewStream(in)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := r.Sorted()
	defer s.Close()
	got := 0
	for s.Next() {
		if s.Record().Type == perfevent.RecordSample {
			if got++; got == n/2 {
				close(read)
			}
		}
	}
	if got != n || s.Err() != nil || len(s.Problems()) > 0 {
		t.Errorf("%d samples, %v, %q", got, s.Err(), s.Problems())
	}
}

// TestStreamWaits: what was sent is given although the sender keeps the stream
// open and sends no more.
func TestStreamWaits(t *testing.T) {
	const perRound = 10
	data := pipeFile(t, 3*perRound, perRound)
	in, out := io.Pipe()
	defer out.Close()
	go out.Write(data)
	r, err := NewStream(in)
	if err != nil {
		t.Fatal(err)
	}
	s := r.Sorted()
	for i := range 2 * perRound { // the last round may still get late records
		if !s.Next() || s.Record().Type != perfevent.RecordSample {
			t.Fatalf("record %d: %v", i, s.Err())
		}
	}
	if s.Ready() {
		t.Error("there is nothing to be had without waiting")
	}
	s.Close()
}

// TestGzip: a packed recording, in either mode, from a file or a stream.
func TestGzip(t *testing.T) {
	const n = 300
	file, _ := wholeFile(t, n, Options{})
	for name, data := range map[string][]byte{"file": file, "pipe": pipeFile(t, n, 50)} {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		z.Write(data)
		z.Close()
		path := filepath.Join(t.TempDir(), "perf.data.gz")
		if err := os.WriteFile(path, packed.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, cut := range []int{0, packed.Len() / 3} {
			b := packed.Bytes()[:packed.Len()-cut]
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			for how, open := range map[string]func() (*Reader, error){
				"path":   func() (*Reader, error) { return Open(path) },
				"stream": func() (*Reader, error) { return NewStream(bytes.NewReader(b)) },
			} {
				r, err := open()
				if err != nil {
					t.Fatalf("%s from %s: %v", name, how, err)
				}
				ips, problems, damaged := sampleIPs(t, r)
				if cut == 0 && (len(ips) != n || damaged) || cut > 0 && (len(ips) == 0 || len(ips) == n || !damaged) {
					t.Errorf("%s from %s, %d bytes cut: %d samples, damaged %v: %q", name, how, cut, len(ips), damaged, problems)
				}
				r.Close()
			}
		}
	}
}

// TestFolder: the rings of a recording have files of their own, each in order;
// together they come out in order.
func TestFolder(t *testing.T) {
	const n, files = 3000, 3
	dir := t.TempDir()
	head, _ := wholeFile(t, 0, Options{NoCompress: true})
	if err := os.WriteFile(filepath.Join(dir, "data"), head, 0o600); err != nil {
		t.Fatal(err)
	}
	s := testSession()
	var parts [files][]byte
	for i := range n {
		p := &parts[(i*i/7)%files]
		*p = append(*p, sampleRecord(t, s.Events[i%2], i, uint64(1000+i)).Bytes...)
	}
	for i, p := range parts {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("data.%d", i)), p, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ips, problems, _ := sampleIPs(t, r)
	if len(ips) != n || !slices.IsSorted(ips) || len(problems) > 0 {
		t.Errorf("%d samples, sorted %v, %q", len(ips), slices.IsSorted(ips), problems)
	}
}

// TestBoundedWaiting: a recording without rounds does not have to fit into
// memory; what comes too late for that is given late, and counted.
func TestBoundedWaiting(t *testing.T) {
	s := testSession()
	const n = 20000
	var b []byte
	late := sampleRecord(t, s.Events[0], 0, 1)
	for i := range n {
		b = append(b, sampleRecord(t, s.Events[i%2], i, uint64(1000+i^1)).Bytes...)
		if i == n-100 {
			b = append(b, late.Bytes...)
		}
	}
	head, _ := wholeFile(t, 1, Options{NoCompress: true})
	r, err := NewReader(bytes.NewReader(head), int64(len(head)))
	if err != nil {
		t.Fatal(err)
	}
	sorter := &Sorter{r: r}
	sorter.start(newInput(bytes.NewReader(b), section{0, uint64(len(b))}), unbounded, int64(len(b)/2))
	sorter.cur = sorter.sources[0]
	got, last, backwards := 0, uint64(0), 0
	for sorter.Next() {
		got++
		if sorter.Record().Time < last {
			backwards++
		}
		last = sorter.Record().Time
		if w := sorter.cur.waiting; w > int64(len(b)/2)+batchBytes {
			t.Fatalf("%d bytes wait", w)
		}
	}
	p := sorter.Problems()
	if got != n+1 || backwards != 1 || len(p) != 1 || !strings.Contains(p[0], "too late for their place in time: 1") {
		t.Errorf("%d records, %d out of order, %q", got, backwards, p)
	}
}

// TestDamagedFrame: damage of a compressed recording costs the rest of its zstd
// frame.
func TestDamagedFrame(t *testing.T) {
	const n = 200000
	data, records := wholeFile(t, n, Options{})
	if size := int(binary.LittleEndian.Uint64(data[48:])); len(records) < 20 || size < 100<<10 {
		t.Fatalf("%d records in %d bytes", len(records), size)
	}
	r, err := NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if ips, problems, _ := sampleIPs(t, r); len(ips) != n || len(problems) > 0 {
		t.Fatalf("%d samples of the whole, %q", len(ips), problems)
	}
	random := rand.New(rand.NewPCG(5, 6))
	records = slices.DeleteFunc(records, func(at int) bool { return binary.LittleEndian.Uint32(data[at:]) != uint32(RecordCompressed) })
	perFrame := frameBytes/len(sampleRecord(t, testSession().Events[1], 0, 1).Bytes) + n/50
	for range 20 {
		b := bytes.Clone(data)
		at := records[random.IntN(len(records)*2/3)] + 8
		for i := range 40 {
			b[at+i] ^= byte(random.Uint32() | 1)
		}
		r, err := NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		ips, problems, damaged := sampleIPs(t, r)
		if !damaged || len(problems) == 0 || len(ips) < n-2*perFrame {
			t.Errorf("damage at %d: %d of %d samples, %q", at, len(ips), n, problems)
		}
	}
}
