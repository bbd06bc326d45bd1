package report

import (
	"context"
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
	"gorecord/symbolize"
	"gorecord/symbolize/stack"
)

var update = flag.Bool("update", false, "write the files in testdata anew")

// The functions of testdata/calls.data: its kernel, whose symbols are in
// testdata/calls.kallsyms, and a program without symbols.
const (
	fnMain   = 0xffffffff81000100
	fnWork   = 0xffffffff81000200
	fnInner  = 0xffffffff81000300
	fnRecur  = 0xffffffff81000400
	fnLast   = 0xffffffff81000500 // ends with a call
	fnOther  = 0xffffffff81000600
	appText  = 0x400000
	modText  = 0xffffffffc0000000
	kallsyms = `ffffffff81000000 T _text
ffffffff81000100 T main_loop
ffffffff81000200 T work
ffffffff81000300 t inner
ffffffff81000400 T recurse
ffffffff81000500 T last_call
ffffffff81000600 T other
ffffffffc0000010 t mod_fn	[mod]
`
)

const probeFormat = `name: f
ID: 1234
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:unsigned long __probe_ip;	offset:8;	size:8;	signed:0;
	field:s32 a;	offset:16;	size:4;	signed:1;

print fmt: "(%lx) a=%d", REC->__probe_ip, REC->a
`

// headerPage is what perf wants to see of a tracing machine.
const headerPage = `	field: u64 timestamp;	offset:0;	size:8;	signed:0;
	field: local_t commit;	offset:8;	size:8;	signed:1;
	field: int overwrite;	offset:8;	size:1;	signed:1;
	field: char data;	offset:16;	size:4080;	signed:1;
`

// recorder writes the records of calls.data.
type recorder struct {
	t      testing.TB
	w      *perfdata.Writer
	events []*perfdata.Event
	time   uint64
}

func (r *recorder) check(err error) {
	if err != nil {
		r.t.Helper()
		r.t.Fatal(err)
	}
}

func (r *recorder) record(rec perfevent.Record, misc perfevent.Misc) {
	r.time += 1000
	b, err := r.events[0].Layout.AppendRecord(nil, rec, misc, perfevent.SampleIdentity{Time: r.time, ID: r.events[0].IDs[0]})
	r.check(err)
	raw, err := perfevent.SplitRecord(b, binary.LittleEndian)
	r.check(err)
	r.check(r.w.WriteRecord(raw))
}

// sample writes a sample of an event. The chain is without markers.
func (r *recorder) sample(event int, pid, tid, cpu uint32, period uint64, chain ...perfevent.Addr) {
	r.time += 1_000_000
	e := r.events[event]
	s := &perfevent.Sample{
		Misc: perfevent.MiscKernel, IP: chain[0], Period: period, Callchain: []perfevent.Addr{perfevent.ContextKernel},
		SampleIdentity: perfevent.SampleIdentity{PID: pid, TID: tid, Time: r.time, CPU: cpu, ID: e.IDs[0]},
	}
	if chain[0] < 1<<63 {
		s.Misc, s.Callchain[0] = perfevent.MiscUser, perfevent.ContextUser
	}
	for i, a := range chain {
		if i > 0 && a < 1<<63 && chain[i-1] >= 1<<63 {
			s.Callchain = append(s.Callchain, perfevent.ContextUser)
		}
		s.Callchain = append(s.Callchain, a)
	}
	if event == 1 {
		s.Callchain = nil
		s.Raw = probeData(tid, int32(period))
	}
	b, err := e.Layout.AppendSample(nil, s)
	r.check(err)
	raw, err := perfevent.SplitRecord(b, binary.LittleEndian)
	r.check(err)
	r.check(r.w.WriteRecord(raw))
}

// probeData is the content of probe_x:f: common fields that differ by thread,
// and the argument a.
func probeData(tid uint32, a int32) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{0xd2, 0x04, 0, 0}, tid)
	b = binary.LittleEndian.AppendUint64(b, fnWork)
	b = binary.LittleEndian.AppendUint32(b, uint32(a))
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0) // padding as the kernel adds it
}

func callsSession() *perfdata.Session {
	const common = perfevent.SampleIdentifier | perfevent.SampleIP | perfevent.SampleTID | perfevent.SampleTime | perfevent.SampleCPU | perfevent.SamplePeriod
	clock := perfevent.Attr{Type: perfevent.TypeSoftware, Config: perfevent.SWCPUClock, SamplePeriod: 1_000_000, SampleType: common | perfevent.SampleCallchain, Flags: perfevent.FlagSampleIDAll}
	probe := perfevent.Attr{Type: perfevent.TypeTracepoint, Config: 1234, SamplePeriod: 1, SampleType: common | perfevent.SampleRaw, Flags: perfevent.FlagSampleIDAll}
	idle := perfevent.Attr{Type: perfevent.TypeSoftware, Config: perfevent.SWDummy, SampleType: common, Flags: perfevent.FlagSampleIDAll}
	s := &perfdata.Session{
		Info: perfdata.Info{Hostname: "box", OSRelease: "6.1", Version: "1", Arch: "x86_64", NrCPUsOnline: 2, NrCPUsAvail: 2, CmdLine: []string{"gorecord", "app"}},
		Tracing: &perfdata.TracingData{LongSize: 8, PageSize: 4096, HeaderPage: []byte(headerPage), HeaderEvent: []byte("# compressed entry header\n"), Events: []perfdata.TraceEvent{
			{System: "probe_x", Name: "f", ID: 1234, Format: []byte(probeFormat)}}},
	}
	for i, e := range []struct {
		name string
		attr perfevent.Attr
	}{{"cpu-clock", clock}, {"probe_x:f", probe}, {"dummy", idle}} {
		s.Events = append(s.Events, &perfdata.Event{
			Index: i, Name: e.name, Attr: e.attr, IDs: []uint64{uint64(10 + i)}, Layout: perfevent.NewLayout(&e.attr, binary.LittleEndian),
		})
	}
	return s
}

// writeCalls makes testdata/calls.data.
func writeCalls(t testing.TB, path string) {
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := callsSession()
	w, err := perfdata.NewWriter(f, s, perfdata.Options{NoCompress: true})
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{t: t, w: w, events: s.Events}
	r.record(&perfevent.Mmap{PID: ^uint32(0), Start: 0xffffffff81000000, Len: 0x10000, Offset: 0xffffffff81000000, Filename: "[kernel.kallsyms]_text"}, perfevent.MiscKernel)
	r.record(&perfevent.Mmap{PID: ^uint32(0), Start: modText, Len: 0x1000, Filename: "[mod]"}, perfevent.MiscKernel)
	r.sample(0, 100, 100, 0, 1_000_000, fnOther) // before its name is known
	r.record(&perfevent.Comm{PID: 100, TID: 100, Comm: "app"}, perfevent.MiscCommExec)
	r.record(&perfevent.Mmap2{PID: 100, TID: 100, Start: appText, Len: 0x10000, Offset: 0x1000, Prot: 5, Filename: "/opt/bin/app"}, perfevent.MiscUser)
	r.record(&perfevent.Fork{Task: perfevent.Task{PID: 100, PPID: 100, TID: 101, PTID: 100}}, 0)
	r.record(&perfevent.Comm{PID: 100, TID: 101, Comm: "app\x1b[31m/wörker"}, 0)
	r.record(&perfevent.Fork{Task: perfevent.Task{PID: 200, PPID: 100, TID: 200, PTID: 100}}, 0)
	r.record(&perfevent.Comm{PID: 200, TID: 200, Comm: "tool"}, 0)
	for range 4 { // main → work → inner
		r.sample(0, 100, 100, 0, 2_000_000, fnInner+4, fnWork+8, fnMain+8)
	}
	for range 3 { // work itself
		r.sample(0, 100, 101, 1, 1_000_000, fnWork+16, fnMain+8)
	}
	for range 2 { // main → recurse → recurse → recurse → inner
		r.sample(0, 100, 100, 1, 1_000_000, fnInner+8, fnRecur+4, fnRecur+4, fnRecur+4, fnMain+12)
	}
	// A call at the very end of a function returns into the next one.
	r.sample(0, 100, 100, 1, 1_000_000, fnInner+8, fnOther, fnMain+12)
	// From a program without symbols into the kernel and a module.
	r.sample(0, 100, 100, 0, 1_000_000, modText+0x18, fnWork+8, appText+0x123, appText+0x456)
	r.sample(0, 200, 200, 0, 500_000, appText+0x123, appText+0x456)
	r.sample(0, 200, 200, 0, 500_000, 0x10, 0x20) // nothing is mapped there
	r.sample(0, 0, 0, 1, 1_000_000, fnOther+1)    // idle
	for i, a := range []uint64{1, 2, 1, 1} {
		r.sample(1, 100, 100+uint32(i%2), 0, a, fnWork)
	}
	r.record(&perfevent.LostSamples{Lost: 7}, 0)
	r.record(&perfevent.Lost{ID: 10, Lost: 9}, 0)
	r.check(w.FinishRound())
	r.check(w.Finish(nil))
}

// TestWriteCalls keeps testdata/calls.data what writeCalls makes; text and
// pprof have tests with it as well.
func TestWriteCalls(t *testing.T) {
	if *update {
		writeCalls(t, "testdata/calls.data")
		if err := os.WriteFile("testdata/calls.kallsyms", []byte(kallsyms), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	fresh := filepath.Join(t.TempDir(), "calls.data")
	writeCalls(t, fresh)
	want := load(t, fresh, Options{Dimensions: 1<<16 - 1})
	got := load(t, "testdata/calls.data", Options{Dimensions: 1<<16 - 1})
	if len(got.Tables[0].Rows) != len(want.Tables[0].Rows) || got.Samples() != want.Samples() {
		t.Errorf("testdata/calls.data is not what this test writes: run it with -update")
	}
}

func open(t testing.TB, path string) *perfdata.Reader {
	t.Helper()
	r, err := perfdata.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// namer names the functions of calls.data.
func namer(t testing.TB) *stack.Resolver {
	t.Helper()
	symbols, err := symbolize.ReadKallsyms(strings.NewReader(kallsyms))
	if err != nil {
		t.Fatal(err)
	}
	store, err := symbolize.NewStore(symbolize.StoreOptions{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return &stack.Resolver{Store: store, Kallsyms: symbols, Local: fstest.MapFS{}}
}

func load(t testing.TB, path string, o Options) *Profile {
	t.Helper()
	if o.Namer == nil {
		o.Namer = namer(t)
	}
	p, err := Load(context.Background(), open(t, path), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
