package validate

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// memFile is a file in memory that remembers each write.
type memFile struct {
	data   []byte
	writes []write
}

type write struct {
	off int64
	b   []byte
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	f.writes = append(f.writes, write{off, bytes.Clone(b)})
	f.data = apply(f.data, write{off, b})
	return len(b), nil
}

func apply(data []byte, w write) []byte {
	if need := int(w.off) + len(w.b); need > len(data) {
		data = append(data, make([]byte, need-len(data))...)
	}
	copy(data[w.off:], w.b)
	return data
}

const traceID = 77

// description packs a text as a description of probes.
func description(text string) []byte {
	var b bytes.Buffer
	b.WriteString(ownMagic)
	b.Write(le.AppendUint32(nil, ownVersion))
	z := gzip.NewWriter(&b)
	_, err := io.WriteString(z, text)
	if err := errors.Join(err, z.Close()); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	return b.Bytes()
}

// ownUpdates are the records of a stream that hold a description.
func ownUpdates(id uint64, b []byte) [][]byte {
	var out [][]byte
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	for part := range slices.Chunk(b, 32) {
		out = append(out, record(recEventUpdate, append(words(updateProbes, id), part...)...))
	}
	return out
}

// session has a clock and a tracepoint.
func session() *perfdata.Session {
	const fields = perfevent.SampleIdentifier | perfevent.SampleIP | perfevent.SampleTID |
		perfevent.SampleTime | perfevent.SampleCPU | perfevent.SampleCallchain
	s := &perfdata.Session{Probes: description(`{"events":[{"name":"probe_main:callee"}]}`), Info: perfdata.Info{
		Hostname: "host", OSRelease: "6.18.0", Version: "gorecord 1", Arch: "x86_64",
		NrCPUsOnline: 2, NrCPUsAvail: 4, CPUDesc: "CPU", CPUID: "V,1,2,3", TotalMem: 1 << 20,
		CmdLine: []string{"gorecord", "-a", "./a b"}, PMUs: map[uint32]string{1: "software", 8: "uprobe"},
		ClockRes: 1, Clock: perfdata.ClockData{ClockID: 1, WallTime: 1700000000e9, Time: 5e9},
	}}
	clock := perfevent.Attr{
		Type: perfevent.TypeSoftware, SampleType: fields, SamplePeriod: 1, ClockID: 1,
		Flags: perfevent.FlagSampleIDAll | perfevent.FlagUseClockID | perfevent.FlagMmap | perfevent.FlagMmap2 |
			perfevent.FlagComm | perfevent.FlagTask | perfevent.FlagInheritStat,
		ReadFormat: perfevent.FormatID | perfevent.FormatLost,
	}
	trace := clock
	trace.Type, trace.Config = perfevent.TypeTracepoint, traceID
	trace.SampleType |= perfevent.SampleRaw
	trace.Flags = perfevent.FlagSampleIDAll | perfevent.FlagUseClockID
	for i, a := range []perfevent.Attr{clock, trace} {
		s.Events = append(s.Events, &perfdata.Event{
			Index: i, Name: []string{"cpu-clock", "probe_main:callee"}[i], Attr: a,
			IDs: []uint64{uint64(10*i + 11), uint64(10*i + 12)}, Layout: perfevent.NewLayout(&a, le),
		})
	}
	s.Tracing = &perfdata.TracingData{
		LongSize: 8, PageSize: 4096, HeaderPage: []byte("page"), HeaderEvent: []byte("event"),
		Events: []perfdata.TraceEvent{
			{System: "probe_main", Name: "callee", ID: traceID, Format: []byte("name: callee\nID: 77\nformat:\n")},
			{System: "probe_main", Name: "other", ID: 78, Format: []byte("name: other\nID: 78\nformat:\n")},
		},
		Printk: map[uint64]string{0xffffffff81000000: `text %d\n`}, Comms: map[int]string{1: "init", 42: "a b"},
	}
	return s
}

// sample makes a sample of an event, in user mode.
func sample(e *perfdata.Event, pid, tid uint32, time uint64) []byte {
	b, err := e.Layout.AppendSample(nil, &perfevent.Sample{
		SampleIdentity: perfevent.SampleIdentity{PID: pid, TID: tid, Time: time, ID: e.IDs[time%2], CPU: uint32(time % 2)},
		Misc:           perfevent.MiscUser, IP: 0x401000,
		Callchain: []perfevent.Addr{perfevent.ContextUser, 0x401000, 0x402000}, Raw: []byte{1, 2, 3, 4},
	})
	if err != nil {
		panic(err)
	}
	return b
}

// side makes any other record, of the first event.
func side(e *perfdata.Event, r perfevent.Record, m perfevent.Misc, id uint64, time uint64) []byte {
	b, err := e.Layout.AppendRecord(nil, r, m, perfevent.SampleIdentity{PID: 7, TID: 7, Time: time, ID: id})
	if err != nil {
		panic(err)
	}
	return b
}

func round() []byte { return perfevent.AppendHeader(nil, recFinishedRound, 0, 8) }

// records gives the records of a small recording, in rounds: threads 7 and 8
// are there from the start, process 9 is born. The last record of each round but
// the last is a FINISHED_ROUND; the last round says that records were lost.
func records(s *perfdata.Session) [][]byte {
	e, trace := s.Events[0], s.Events[1]
	clock, point := e.IDs[0], trace.IDs[0]
	task := perfevent.Task{PID: 9, PPID: 7, TID: 9, PTID: 7, Time: 1030}
	mmap := perfevent.Mmap2{PID: 7, TID: 7, Start: 0x401000, Len: 0x2000, Prot: 5, Flags: 2, Filename: "/bin/a",
		BuildID: []byte("0123456789abcdefghij")}
	out := [][]byte{
		side(e, &perfevent.Comm{PID: 7, TID: 7, Comm: "seven"}, 0, 0, 0),
		side(e, &perfevent.Comm{PID: 7, TID: 8, Comm: "eight"}, 0, 0, 0),
		side(e, &mmap, perfevent.MiscUser|perfevent.MiscMmapBuildID, 0, 0),
		perfevent.AppendHeader(nil, recFinishedInit, 0, 8),
		round(),
	}
	for i := range uint64(60) {
		time := 1000 + 10*i
		out = append(out, sample(s.Events[i%2], 7, 7+uint32(i%2), time))
		switch i {
		case 3:
			out = append(out, side(e, &perfevent.Fork{Task: task}, 0, clock, 1030))
		case 5:
			out = append(out, sample(e, 9, 9, time+1), side(e, &perfevent.Comm{PID: 9, TID: 9, Comm: "nine"}, perfevent.MiscCommExec, clock, time+2),
				side(e, &perfevent.Mmap2{PID: 9, TID: 9, Start: 0x401000, Len: 0x2000, Major: 8, Inode: 77, Prot: 5, Flags: 2, Filename: "/bin/b"}, perfevent.MiscUser, clock, time+3))
		case 9:
			out = append(out, side(e, &perfevent.Read{PID: 9, TID: 9, Values: binary.LittleEndian.AppendUint64(make([]byte, 16), 0)}, 0, clock, time+1),
				side(e, &perfevent.Exit{Task: task}, 0, clock, time+2))
		case 12:
			out = append(out, side(e, &perfevent.Throttle{Time: time, ID: point, StreamID: point}, 0, point, time))
		}
		if i%15 == 14 && i < 59 {
			out = append(out, round())
		}
	}
	return append(out, side(e, &perfevent.LostSamples{Lost: 4}, 0, point, 0))
}

// file makes a recording in file mode.
func file(t testing.TB, opts perfdata.Options) *memFile {
	t.Helper()
	f, s := new(memFile), session()
	w, err := perfdata.NewWriter(f, s, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range records(s) {
		if t, m, _ := perfevent.ParseHeader(b, le); t != recFinishedRound {
			err = w.WriteRecord(perfevent.RawRecord{Type: t, Misc: m, Bytes: b})
		} else {
			err = w.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	ids := []perfdata.BuildIDEntry{
		{Misc: perfevent.MiscUser, PID: -1, BuildID: []byte("0123456789abcdefghij"), Filename: "/bin/a b"},
		{Misc: perfevent.MiscKernel, PID: -1, BuildID: []byte("01234567"), Filename: "[kernel.kallsyms]"},
	}
	if err := w.Finish(ids); err != nil {
		t.Fatal(err)
	}
	return f
}

// pipe is a recording in pipe mode before it is put together.
type pipe struct {
	attrs   [][]byte // with their ids
	lead    []byte   // stands before the attributes
	frame   [][]byte // further records before the data
	tracing []byte
	records [][]byte
	packed  []int // sizes in which the records are compressed; none: not compressed
	mmapLen uint32
	edit    func(packed [][]byte) [][]byte // changes the COMPRESSED2 records; may be nil
}

func record(t perfevent.RecordType, body ...byte) []byte {
	return append(perfevent.AppendHeader(nil, t, 0, 8+len(body)), body...)
}

func words(v ...uint64) []byte {
	var b []byte
	for _, v := range v {
		b = le.AppendUint64(b, v)
	}
	return b
}

func feature(number int, content []byte) []byte {
	for len(content)%8 != 0 {
		content = append(content, 0)
	}
	return record(recHeaderFeature, append(words(uint64(number)), content...)...)
}

// pipeOf takes what a pipe needs from the recording in file mode.
func pipeOf(t testing.TB) *pipe {
	f := &damage{b: file(t, perfdata.Options{NoCompress: true}).data}
	s := session()
	p := &pipe{records: records(s), mmapLen: 8192, tracing: f.content(featTracingData)}
	p.records = append(p.records, round())
	for _, e := range s.Events {
		p.attrs = append(p.attrs, append(e.Attr.Append(nil), words(e.IDs...)...))
	}
	p.frame = append(p.frame, record(recEventUpdate, append(words(2, 21), "callee\x00\x00"...)...))
	p.frame = append(p.frame, ownUpdates(11, f.content(featProbes))...)
	for _, number := range []int{3, 7, 11, 16, featSampleTime, 23, 29} {
		p.frame = append(p.frame, feature(number, bytes.Clone(f.content(number))))
	}
	return p
}

func (p *pipe) bytes(t testing.TB) []byte {
	out := append([]byte("PERFILE2"), words(pipeHeader)...)
	out = append(out, p.lead...)
	for _, a := range p.attrs {
		out = append(out, record(recHeaderAttr, a...)...)
	}
	for _, b := range p.frame {
		out = append(out, b...)
	}
	if p.packed != nil {
		var content []byte
		for _, v := range []uint32{1, 1, 3, 2, p.mmapLen} {
			content = le.AppendUint32(content, v)
		}
		out = append(out, feature(featCompressed, content)...)
	}
	out = append(out, feature(lastPerfFeature+1, nil)...)
	if p.tracing != nil {
		tracing := bytes.Clone(p.tracing)
		for len(tracing)%8 != 0 {
			tracing = append(tracing, 0)
		}
		out = append(out, record(recTracingData, words(uint64(len(tracing)))...)...)
		out = append(out, tracing...)
	}
	data := slices.Concat(p.records...)
	if p.packed == nil {
		return append(out, data...)
	}
	packed := pack(t, data, p.packed)
	if p.edit != nil {
		packed = p.edit(packed)
	}
	return append(out, slices.Concat(packed...)...)
}

// pack makes COMPRESSED2 records of data, which yield the given sizes, the last
// one the rest.
func pack(t testing.TB, data []byte, sizes []int) [][]byte {
	var buf bytes.Buffer
	enc, err := zstd.NewWriter(&buf, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for i := 0; len(data) > 0; i++ {
		n := len(data)
		if i < len(sizes) {
			n = min(n, sizes[i])
		}
		buf.Reset()
		enc.Write(data[:n])
		enc.Flush()
		data = data[n:]
		out = append(out, compressed2(bytes.Clone(buf.Bytes())))
	}
	return out
}

func compressed2(payload []byte) []byte {
	body := append(words(uint64(len(payload))), payload...)
	for len(body)%8 != 0 {
		body = append(body, 0)
	}
	return record(recCompressed2, body...)
}

// damage finds places in a recording in file mode.
type damage struct{ b []byte }

func (d *damage) u64(at int) uint64       { return le.Uint64(d.b[at:]) }
func (d *damage) put64(at int, v uint64)  { le.PutUint64(d.b[at:], v) }
func (d *damage) put32(at int, v uint32)  { le.PutUint32(d.b[at:], v) }
func (d *damage) put16(at int, v uint16)  { le.PutUint16(d.b[at:], v) }
func (d *damage) data() (start, size int) { return int(d.u64(40)), int(d.u64(48)) }

// attr is the place of the n-th attribute.
func (d *damage) attr(n int) int { return int(d.u64(24)) + n*int(d.u64(16)) }

// noRounds makes all rounds records of another type.
func (d *damage) noRounds() {
	start, size := d.data()
	for at := start; at < start+size; at += d.size(at) {
		if le.Uint32(d.b[at:]) == uint32(recFinishedRound) {
			d.put32(at, 79)
		}
	}
}

// ids is the place of the n-th event's reference to its ids.
func (d *damage) ids(n int) int { return d.attr(n+1) - entryTail }

// table is the place of a feature's entry in the feature table.
func (d *damage) table(number int) int {
	start, size := d.data()
	at := start + size
	for f := range number {
		at += tableEntry * int(d.b[72+f/8]>>(f%8)&1)
	}
	return at
}

func (d *damage) feature(number int) int { return int(d.u64(d.table(number))) }

func (d *damage) content(number int) []byte {
	at := d.feature(number)
	return d.b[at : at+int(d.u64(d.table(number)+8))]
}

// record is the place of the n-th record of a type.
func (d *damage) record(t perfevent.RecordType, n int) int {
	start, size := d.data()
	for at := start; at < start+size; {
		typ, _, size := perfevent.ParseHeader(d.b[at:], le)
		if typ == t {
			if n == 0 {
				return at
			}
			n--
		}
		at += size
	}
	panic("no such record")
}

func (d *damage) size(at int) int { return int(le.Uint16(d.b[at+6:])) }

// descAt is the place of the n-th event in EVENT_DESC.
func (d *damage) descAt(n int) int {
	at := d.feature(12)
	size := int(le.Uint32(d.b[at+4:]))
	at += 8
	for range n {
		at += size
		ids := int(le.Uint32(d.b[at:]))
		at += 8 + int(le.Uint32(d.b[at+4:])) + 8*ids
	}
	return at
}

// desc changes the attribute in EVENT_DESC.
func (d *damage) desc(n, field int, v uint32) { d.put32(d.descAt(n)+field, v) }

func (d *damage) patchDescID(event, n int, id uint64) {
	at := d.descAt(event) + 96
	d.put64(at+8+int(le.Uint32(d.b[at+4:]))+8*n, id)
}

// eachSampleOf gives the samples of one id to another.
func (d *damage) eachSampleOf(from, to uint64) {
	start, size := d.data()
	for at := start; at < start+size; at += d.size(at) {
		if t := le.Uint32(d.b[at:]); t == uint32(perfevent.RecordSample) && d.u64(at+8) == from {
			d.put64(at+8, to)
		}
	}
}

// replace changes text, in place.
func (d *damage) replace(from, to string) {
	at := bytes.Index(d.b, []byte(from))
	copy(d.b[at:], to)
}

// swap exchanges two records that lie next to each other, the later given first.
func (d *damage) swap(b, a int) {
	both := slices.Concat(d.b[b:b+d.size(b)], d.b[a:b])
	copy(d.b[a:], both)
}

// lastRound is the place of the last record.
func (d *damage) lastRound() int {
	start, size := d.data()
	return start + size - perfevent.HeaderSize
}

// pad makes the file end at a whole word behind the last round.
func (d *damage) pad() {
	for (len(d.b)-d.lastRound())%8 != 0 {
		d.b = append(d.b, 0)
	}
}

// rename gives a feature another number.
func (d *damage) rename(from, to int) {
	d.retable(nil, func(f int) int {
		if f == from {
			return to
		}
		return f
	})
}

// retable writes the feature table anew, behind further records, with other
// numbers of features.
func (d *damage) retable(records []byte, number func(int) int) {
	type entry struct {
		number       int
		offset, size uint64
	}
	var entries []entry
	for f := range 256 {
		if d.b[72+f/8]>>(f%8)&1 != 0 {
			e := entry{f, d.u64(d.table(f)), d.u64(d.table(f) + 8)}
			if number != nil {
				e.number = number(f)
			}
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return a.number - b.number })
	clear(d.b[72:104])
	start, size := d.data()
	// What lay behind the data does so still.
	end := start + size
	tail := bytes.Clone(d.b[end+len(entries)*tableEntry:])
	d.b = append(d.b[:end:end], records...)
	d.put64(48, uint64(len(d.b)-start))
	for _, e := range entries {
		d.b[72+e.number/8] |= 1 << (e.number % 8)
		if e.offset >= uint64(end) {
			e.offset += uint64(len(records))
		}
		d.b = append(d.b, words(e.offset, e.size)...)
	}
	d.b = append(d.b, tail...)
}
