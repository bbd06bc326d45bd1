package record

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gorecord/perfevent"
)

// fakeKernel opens events that live in memory, and writes down what is asked
// of it.
type fakeKernel struct {
	log     []string
	nextID  uint64
	open    int // descriptors and rings that are not closed
	rings   map[int]*fakeRing
	refuse  func(a *perfevent.Attr, tid, cpu int) error
	mostKiB int // largest ring; 0: any
	lockKiB int // of all rings together; 0: any
	locked  int
	waits   int
	onWait  func(n int)
}

func newFakeKernel() *fakeKernel { return &fakeKernel{rings: map[int]*fakeRing{}} }

type fakeFD struct {
	k    *fakeKernel
	id   uint64
	cpu  int
	name string
	lost uint64
	done bool
}

func (k *fakeKernel) Open(a *perfevent.Attr, tid, cpu int) (Descriptor, error) {
	if k.refuse != nil {
		if err := k.refuse(a, tid, cpu); err != nil {
			return nil, err
		}
	}
	k.nextID++
	k.open++
	return &fakeFD{k: k, id: k.nextID, cpu: cpu, name: fmt.Sprintf("%d/%d tid %d cpu %d", a.Type, a.Config, tid, cpu)}, nil
}

func (d *fakeFD) ID() (uint64, error) { return d.id, nil }
func (d *fakeFD) Enable() error       { d.k.log = append(d.k.log, "enable "+d.name); return nil }
func (d *fakeFD) Disable() error      { d.k.log = append(d.k.log, "disable "+d.name); return nil }
func (d *fakeFD) SetFilter(f string) error {
	d.k.log = append(d.k.log, "filter "+d.name+" "+f)
	return nil
}
func (d *fakeFD) Read() (perfevent.ReadValues, error) {
	return perfevent.ReadValues{Values: []perfevent.ReadValue{{Lost: d.lost}}}, nil
}
func (d *fakeFD) Close() error {
	if !d.done {
		d.done = true
		d.k.open--
	}
	return nil
}

// fakeRing is a perfevent.Ring over memory, with the kernel's side of it.
type fakeRing struct {
	*perfevent.Ring
	k    *fakeKernel
	meta []byte
	data []byte
	head uint64
}

const (
	headAt = 1024
	tailAt = 1032
)

func (k *fakeKernel) OpenRing(d Descriptor, pages int) (Ring, error) {
	if k.mostKiB > 0 && pages*4 > k.mostKiB || k.lockKiB > 0 && k.locked+pages*4 > k.lockKiB {
		return nil, fmt.Errorf("map ring: %w", syscall.EPERM)
	}
	r := &fakeRing{k: k, meta: make([]byte, 4096), data: make([]byte, pages*4096)}
	var err error
	if r.Ring, err = perfevent.NewRing(r.meta, r.data); err != nil {
		return nil, err
	}
	fd := d.(*fakeFD)
	k.log = append(k.log, "ring "+fd.name)
	k.rings[fd.cpu] = r
	k.open++
	k.locked += pages * 4
	return r, nil
}

func (r *fakeRing) Close() error {
	r.k.open--
	r.k.locked -= len(r.data) >> 10
	return nil
}

// write puts a record into the ring, or a part of none where it is full.
func (r *fakeRing) write(rec []byte) bool {
	tail := binary.NativeEndian.Uint64(r.meta[tailAt:])
	if r.head+uint64(len(rec))-tail > uint64(len(r.data)) {
		return false
	}
	for i, b := range rec {
		r.data[(r.head+uint64(i))%uint64(len(r.data))] = b
	}
	r.head += uint64(len(rec))
	binary.NativeEndian.PutUint64(r.meta[headAt:], r.head)
	return true
}

func (k *fakeKernel) Redirect(d, owner Descriptor) error {
	k.log = append(k.log, "redirect "+d.(*fakeFD).name+" to "+owner.(*fakeFD).name)
	return nil
}

func (k *fakeKernel) NewWaiter() (Waiter, error) {
	k.open++
	return &fakeWaiter{k: k}, nil
}

type fakeWaiter struct {
	k       *fakeKernel
	watched int
}

func (w *fakeWaiter) Add(Descriptor) error { w.watched++; return nil }
func (w *fakeWaiter) Watched() int         { return w.watched }
func (w *fakeWaiter) Wake()                {}
func (w *fakeWaiter) Close() error         { w.k.open--; return nil }
func (w *fakeWaiter) Wait(time.Duration) (bool, error) {
	w.k.waits++
	if w.k.onWait != nil {
		w.k.onWait(w.k.waits)
	}
	return true, nil
}

// collector is a Sink that keeps what it gets.
type collector struct {
	records []perfevent.RawRecord
	rounds  []int // number of records at the end of each round
	failAt  int
}

var errSink = errors.New("sink is full")

func (c *collector) WriteRecord(r perfevent.RawRecord) error {
	if c.failAt > 0 && len(c.records) == c.failAt {
		return errSink
	}
	c.records = append(c.records, r.Clone())
	return nil
}

func (c *collector) FinishRound() error {
	c.rounds = append(c.rounds, len(c.records))
	return nil
}

var (
	twoCPUs  = fstest.MapFS{"devices/system/cpu/online": {Data: []byte("0-1\n")}}
	noProc   = fstest.MapFS{"sys/kernel/perf_event_paranoid": {Data: []byte("2\n")}}
	cpuClock = Event{Name: "cpu-clock", Attr: perfevent.Attr{Type: perfevent.TypeSoftware, Config: perfevent.SWCPUClock}}
	hitEvent = Event{Name: "probe:hit", Attr: perfevent.Attr{Type: perfevent.TypeTracepoint, Config: 9}}
)

func openFake(t *testing.T, k *fakeKernel, cfg Config) *Session {
	t.Helper()
	cfg.Opener = k
	if cfg.Sys == nil {
		cfg.Sys = twoCPUs
	}
	if cfg.Proc == nil {
		cfg.Proc = noProc
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		s.Close()
		if k.open != 0 {
			t.Errorf("%d descriptors and rings are left open", k.open)
		}
	})
	return s
}

// TestOpenOrder: one ring per CPU, owned by the first descriptor of the CPU;
// every other descriptor of that CPU writes into it.
func TestOpenOrder(t *testing.T) {
	k := newFakeKernel()
	hitBig := hitEvent
	hitBig.Filter = "a > 7"
	s := openFake(t, k, Config{Events: []Event{cpuClock, hitBig}, Target: Target{Threads: []int{70, 71}}, RingPages: 4})
	want := []string{
		"filter 2/9 tid 70 cpu 0 a > 7", "filter 2/9 tid 70 cpu 1 a > 7",
		"filter 2/9 tid 71 cpu 0 a > 7", "filter 2/9 tid 71 cpu 1 a > 7",
		"ring 1/0 tid 70 cpu 0",
		"ring 1/0 tid 70 cpu 1",
		"redirect 1/0 tid 71 cpu 0 to 1/0 tid 70 cpu 0",
		"redirect 1/0 tid 71 cpu 1 to 1/0 tid 70 cpu 1",
		"redirect 2/9 tid 70 cpu 0 to 1/0 tid 70 cpu 0",
		"redirect 2/9 tid 70 cpu 1 to 1/0 tid 70 cpu 1",
		"redirect 2/9 tid 71 cpu 0 to 1/0 tid 70 cpu 0",
		"redirect 2/9 tid 71 cpu 1 to 1/0 tid 70 cpu 1",
	}
	if diff := cmp.Diff(want, k.log); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	events := s.Events()
	if len(events) != 2 || !slices.Equal(events[1].IDs, []uint64{5, 6, 7, 8}) {
		t.Errorf("events %+v", events)
	}
}

// TestAttributes: what each kind of event asks the kernel for.
func TestAttributes(t *testing.T) {
	const base = perfevent.SampleIP | perfevent.SampleTID | perfevent.SampleTime | perfevent.SampleCPU
	const sidebandFlags = perfevent.FlagMmap | perfevent.FlagMmap2 | perfevent.FlagComm | perfevent.FlagTask
	for _, test := range []struct {
		name     string
		cfg      Config
		event    int
		sample   perfevent.SampleType
		set, not perfevent.Flags
		period   uint64
	}{
		{"probe of a workload", Config{Events: []Event{hitEvent}, Target: Target{Threads: []int{1}, EnableOnExec: true}}, 0,
			base | perfevent.SampleRaw,
			sidebandFlags | perfevent.FlagEnableOnExec | perfevent.FlagDisabled | perfevent.FlagInherit, perfevent.FlagFreq, 1},
		{"clock of the machine", Config{Events: []Event{cpuClock}}, 0,
			base | perfevent.SamplePeriod | perfevent.SampleIdentifier,
			perfevent.FlagFreq | perfevent.FlagSampleIDAll, sidebandFlags | perfevent.FlagEnableOnExec, DefaultFrequency},
		{"the machine's side-band", Config{Events: []Event{cpuClock}}, 1,
			base | perfevent.SampleIdentifier, sidebandFlags | perfevent.FlagKsymbol | perfevent.FlagBuildID,
			perfevent.FlagDisabled, 1},
		{"callchains, no inheritance, period", Config{Events: []Event{cpuClock}, Target: Target{Threads: []int{1}},
			Sampling: Sampling{Callchain: true, NoInherit: true, Period: 1000}}, 0,
			base | perfevent.SampleCallchain, sidebandFlags, perfevent.FlagInherit | perfevent.FlagFreq, 1000},
		{"second event", Config{Events: []Event{cpuClock, hitEvent}, Target: Target{Threads: []int{1}}}, 1,
			base | perfevent.SampleRaw | perfevent.SampleIdentifier, 0, sidebandFlags, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := openFake(t, newFakeKernel(), test.cfg).Events()[test.event].Attr
			if a.SampleType != test.sample {
				t.Errorf("sample type %v, want %v", a.SampleType, test.sample)
			}
			if !a.Has(test.set) || a.Flags&test.not != 0 {
				t.Errorf("flags %v, want %v and not %v", a.Flags, test.set, test.not)
			}
			if a.SamplePeriod != test.period {
				t.Errorf("period %d, want %d", a.SamplePeriod, test.period)
			}
		})
	}
}

// TestOldKernels: features that the kernel does not know are given up one by
// one, never more than needed.
func TestOldKernels(t *testing.T) {
	k := newFakeKernel()
	k.refuse = func(a *perfevent.Attr, _, _ int) error {
		if a.ReadFormat&perfevent.FormatLost != 0 || a.Flags&perfevent.FlagBuildID != 0 {
			return syscall.EINVAL
		}
		return nil
	}
	a := openFake(t, k, Config{Events: []Event{cpuClock}, Target: Target{Threads: []int{1}}}).Events()[0].Attr
	if a.ReadFormat != perfevent.FormatID || !a.Has(perfevent.FlagMmap2|perfevent.FlagCommExec) {
		t.Errorf("read format %v, flags %v", a.ReadFormat, a.Flags)
	}
}

func TestFallbackEvent(t *testing.T) {
	k := newFakeKernel()
	k.refuse = func(a *perfevent.Attr, _, _ int) error {
		if a.Type == perfevent.TypeHardware {
			return syscall.ENOENT
		}
		return nil
	}
	var notes []string
	cycles := Event{Name: "cycles", Attr: perfevent.Attr{Type: perfevent.TypeHardware}, Fallback: &cpuClock}
	s := openFake(t, k, Config{Events: []Event{cycles}, Note: func(s string) { notes = append(notes, s) }})
	if e := s.Events()[0]; e.Name != "cpu-clock" || e.Attr.Type != perfevent.TypeSoftware {
		t.Errorf("event %s of type %d", e.Name, e.Attr.Type)
	}
	// The replacement takes over all duties, the side-band records among them.
	k2 := newFakeKernel()
	k2.refuse = k.refuse
	s = openFake(t, k2, Config{Events: []Event{cycles}, Target: Target{Threads: []int{1}, EnableOnExec: true}})
	if a := s.Events()[0].Attr; !a.Has(perfevent.FlagMmap | perfevent.FlagComm | perfevent.FlagTask | perfevent.FlagEnableOnExec) {
		t.Errorf("flags of the replacement: %v", a.Flags)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "cycles is not available") || !strings.Contains(notes[0], "cpu-clock") {
		t.Errorf("notes %q", notes)
	}
}

// TestUnprivileged: who may not watch the kernel still records programs, and is
// told.
func TestUnprivileged(t *testing.T) {
	k := newFakeKernel()
	k.refuse = func(a *perfevent.Attr, _, _ int) error {
		if !a.Has(perfevent.FlagExcludeKernel) {
			return syscall.EACCES
		}
		if a.Type == perfevent.TypeHardware {
			return syscall.ENOENT
		}
		return nil
	}
	var notes []string
	cycles := Event{Name: "cycles", Attr: perfevent.Attr{Type: perfevent.TypeHardware}, Fallback: &cpuClock}
	s := openFake(t, k, Config{Events: []Event{cycles}, Target: Target{Threads: []int{1}}, Note: func(s string) { notes = append(notes, s) }})
	if e := s.Events()[0]; e.Name != "cpu-clock" || !e.Attr.Has(perfevent.FlagExcludeKernel) {
		t.Errorf("%s %v", e.Name, e.Attr.Flags)
	}
	if len(notes) != 2 || !strings.Contains(notes[0], "in programs only") {
		t.Errorf("notes %q", notes)
	}
}

func TestOpenErrors(t *testing.T) {
	for _, test := range []struct {
		err  error
		tid  int
		want []string
	}{
		{syscall.EACCES, 0, []string{"open cpu-clock on cpu 0", "permission denied", "perf_event_paranoid is 2", "CAP_PERFMON"}},
		{syscall.EMFILE, 0, []string{"too many open files", "ulimit -n"}},
		{syscall.ENOENT, 0, []string{"no such file", "cpu-clock works everywhere"}},
		{syscall.ESRCH, 5, []string{"open cpu-clock on thread 5", "no such process"}},
	} {
		k := newFakeKernel()
		k.refuse = func(a *perfevent.Attr, _, _ int) error {
			if a.Config == perfevent.SWDummy {
				return nil
			}
			return test.err
		}
		cfg := Config{Events: []Event{cpuClock}, Opener: k, Sys: twoCPUs, Proc: noProc}
		if test.tid > 0 {
			cfg.Target.Threads = []int{test.tid}
		}
		_, err := Open(cfg)
		if !errors.Is(err, test.err) {
			t.Errorf("%v: got %v", test.err, err)
			continue
		}
		for _, part := range test.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q lacks %q", err, part)
			}
		}
		if k.open != 0 {
			t.Errorf("%v: %d descriptors are left open", test.err, k.open)
		}
	}
}

// TestThreadsThatEnd: of several threads some may be gone before they are
// opened.
func TestThreadsThatEnd(t *testing.T) {
	k := newFakeKernel()
	k.refuse = func(_ *perfevent.Attr, tid, _ int) error {
		if tid == 6 {
			return syscall.ESRCH
		}
		return nil
	}
	s := openFake(t, k, Config{Events: []Event{cpuClock}, Target: Target{Threads: []int{5, 6, 7}}})
	if n := len(s.Events()[0].IDs); n != 4 {
		t.Errorf("%d descriptors, want those of threads 5 and 7 on two CPUs", n)
	}
}

// TestRingSize: left to the session, the size follows the memory lock limit,
// which holds for all rings together.
func TestRingSize(t *testing.T) {
	k := newFakeKernel()
	k.mostKiB = 512
	s := openFake(t, k, Config{Events: []Event{cpuClock}})
	if got := s.RingSize(); got != 512<<10 {
		t.Errorf("ring of %d KiB, want 512", got>>10)
	}
	if w := s.Events()[0].Attr.Wakeup; w != 128<<10 {
		t.Errorf("watermark %d", w)
	}
	together := newFakeKernel()
	together.lockKiB = 1500
	if got := openFake(t, together, Config{Events: []Event{cpuClock}}).RingSize(); got != 512<<10 {
		t.Errorf("two rings of %d KiB where 1500 KiB may be locked", got>>10)
	}
	k2 := newFakeKernel()
	k2.mostKiB = 512
	_, err := Open(Config{Events: []Event{cpuClock}, RingPages: 1024, Opener: k2, Sys: twoCPUs, Proc: noProc})
	if !errors.Is(err, syscall.EPERM) || !strings.Contains(err.Error(), "smaller -m") {
		t.Errorf("a ring that is asked for and refused: %v", err)
	}
}

func lostRecord(t *testing.T, s *Session, n uint64) []byte {
	t.Helper()
	b, err := s.Layout().AppendRecord(nil, &perfevent.Lost{ID: 1, Lost: n}, 0, perfevent.SampleIdentity{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sample(t *testing.T, s *Session, n int) []byte {
	t.Helper()
	b, err := s.Events()[0].Layout.AppendSample(nil, &perfevent.Sample{
		IP: perfevent.Addr(n), SampleIdentity: perfevent.SampleIdentity{Time: uint64(n), ID: 1}, Raw: make([]byte, n%50),
	})
	if err != nil {
		t.Fatal(err)
	}
	for len(b)%8 != 0 {
		b = append(b, 0)
	}
	binary.LittleEndian.PutUint16(b[6:], uint16(len(b)))
	return b
}

// TestRunDeliversEverything: with small rings that wrap and overrun, the sink
// gets each record that the kernel could write, in its order, and the counts
// say what it could not.
func TestRunDeliversEverything(t *testing.T) {
	k := newFakeKernel()
	s := openFake(t, k, Config{Events: []Event{hitEvent}, Target: Target{Threads: []int{1}}, RingPages: 1})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var want [2][][]byte
	n, lost := 0, uint64(0)
	k.onWait = func(round int) {
		for cpu := range 2 {
			for range 60 {
				n++
				rec := sample(t, s, n)
				if k.rings[cpu].write(rec) {
					want[cpu] = append(want[cpu], rec)
				} else {
					lost++
				}
			}
		}
		if round == 40 {
			cancel()
		}
	}
	var sink collector
	if err := s.Run(ctx, &sink); err != nil {
		t.Fatal(err)
	}
	s.events[0].fds[1].Descriptor.(*fakeFD).lost = lost
	if err := s.Drain(&sink); err != nil {
		t.Fatal(err)
	}
	if lost == 0 {
		t.Fatal("the rings never overran: the test tests nothing")
	}
	last := sink.records[len(sink.records)-1]
	rec, id, err := s.Layout().DecodeRecord(last)
	if l, ok := rec.(*perfevent.LostSamples); err != nil || !ok || l.Lost != lost || id.CPU != 1 {
		t.Errorf("last record %+v %+v, want %d lost samples on cpu 1", rec, id, lost)
	}
	checkDelivered(t, sink, want, len(sink.records)-1)
	st := s.Stats()
	if st.Samples != uint64(len(sink.records)-1) || st.LostSamples() != lost {
		t.Errorf("stats %+v, want %d samples and %d lost", st, len(sink.records)-1, lost)
	}
	if len(sink.rounds) < 40 {
		t.Errorf("%d rounds", len(sink.rounds))
	}
}

// checkDelivered expects the first n records to be those of the two rings, each
// ring's in its order.
func checkDelivered(t *testing.T, sink collector, want [2][][]byte, n int) {
	t.Helper()
	if n != len(want[0])+len(want[1]) {
		t.Fatalf("%d records, want %d", n, len(want[0])+len(want[1]))
	}
	for i, r := range sink.records[:n] {
		cpu := 0
		if len(want[0]) == 0 || !slices.Equal(want[0][0], r.Bytes) {
			cpu = 1
		}
		if len(want[cpu]) == 0 || !slices.Equal(want[cpu][0], r.Bytes) {
			t.Fatalf("record %d is not the next one of either ring", i)
		}
		want[cpu] = want[cpu][1:]
	}
}

func TestLostRecordsAreCountedOnce(t *testing.T) {
	k := newFakeKernel()
	s := openFake(t, k, Config{Events: []Event{hitEvent}, Target: Target{Threads: []int{1}}, RingPages: 1})
	k.rings[0].write(lostRecord(t, s, 17))
	s.events[0].fds[0].Descriptor.(*fakeFD).lost = 16
	var sink collector
	if err := s.Drain(&sink); err != nil {
		t.Fatal(err)
	}
	// The ring's own count includes side-band records: the two are never added.
	if st := s.Stats(); st.LostByRing != 17 || st.LostSamples() != 16 {
		t.Errorf("stats %+v", st)
	}
}

func TestSinkError(t *testing.T) {
	k := newFakeKernel()
	s := openFake(t, k, Config{Events: []Event{hitEvent}, Target: Target{Threads: []int{1}}, RingPages: 1})
	for n := range 10 {
		k.rings[0].write(sample(t, s, n))
	}
	sink := collector{failAt: 4}
	if err := s.Run(context.Background(), &sink); !errors.Is(err, errSink) {
		t.Errorf("got %v", err)
	}
	if k.rings[0].Load() >= 10*32 {
		t.Error("the room of delivered records was not given back")
	}
}

func TestCorruptRing(t *testing.T) {
	k := newFakeKernel()
	var notes []string
	s := openFake(t, k, Config{Events: []Event{hitEvent}, Target: Target{Threads: []int{1}}, RingPages: 1, Note: func(s string) { notes = append(notes, s) }})
	k.rings[0].write(make([]byte, 64)) // a header of size 0
	k.rings[1].write(sample(t, s, 3))
	var sink collector
	if err := s.Drain(&sink); err != nil {
		t.Fatal(err)
	}
	if len(sink.records) != 1 || len(notes) != 1 {
		t.Errorf("%d records, notes %q", len(sink.records), notes)
	}
}

func TestParseCPUs(t *testing.T) {
	for _, test := range []struct {
		in   string
		want []int
		bad  bool
	}{
		{in: "0", want: []int{0}},
		{in: "0-3,5\n", want: []int{0, 1, 2, 3, 5}},
		{in: "5,0-1,1", want: []int{0, 1, 5}},
		{in: "", bad: true}, {in: "a", bad: true}, {in: "3-1", bad: true}, {in: "-1", bad: true},
		{in: "0-99999999", bad: true}, {in: "1,,2", bad: true},
	} {
		got, err := ParseCPUs(test.in)
		if (err != nil) != test.bad || !slices.Equal(got, test.want) {
			t.Errorf("%q: %v, %v", test.in, got, err)
		}
	}
}

var _ fs.FS = twoCPUs
