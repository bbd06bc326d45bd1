package perfevent_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"gorecord/perfevent"
)

// probeOpen skips the test where this process may not open even an event that
// does nothing, and says why.
func probeOpen(t *testing.T) {
	t.Helper()
	a := perfevent.Attr{Type: perfevent.TypeSoftware, Config: perfevent.SWDummy, Flags: perfevent.FlagDisabled}
	e, err := perfevent.Open(&a, 0, perfevent.AnyCPU)
	if err != nil {
		t.Skipf("perf_event_open of a dummy event: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

// onOneThread keeps the test on one thread of its own, so that events of the
// calling thread are those of the test.
func onOneThread(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
}

// open opens an event of a thread and closes it at the end of the test.
func open(t *testing.T, a perfevent.Attr, tid int) *perfevent.Event {
	t.Helper()
	probeOpen(t)
	e, err := perfevent.Open(&a, tid, perfevent.AnyCPU)
	if err != nil {
		t.Fatalf("%+v: %v", a, err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func openRing(t *testing.T, e *perfevent.Event, pages int) *perfevent.MappedRing {
	t.Helper()
	r, err := perfevent.OpenRing(e, pages)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// drain gives copies of all records in a ring.
func drain(t *testing.T, r *perfevent.MappedRing) []perfevent.RawRecord {
	t.Helper()
	defer r.Commit()
	r.Load()
	var records []perfevent.RawRecord
	for {
		rec, ok, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return records
		}
		records = append(records, rec.Clone())
	}
}

// sideBand is an event that does nothing but report what its thread does.
func sideBand(flags perfevent.Flags) perfevent.Attr {
	return perfevent.Attr{
		Type: perfevent.TypeSoftware, Config: perfevent.SWDummy, Wakeup: 1,
		SampleType: perfevent.SampleTID | perfevent.SampleTime | perfevent.SampleID |
			perfevent.SampleStreamID | perfevent.SampleCPU | perfevent.SampleIdentifier,
		ClockID: unix.CLOCK_MONOTONIC,
		Flags:   flags | perfevent.FlagSampleIDAll | perfevent.FlagUseClockID | perfevent.FlagWatermark,
	}
}

func setName(t *testing.T, name string) {
	t.Helper()
	b, err := unix.BytePtrFromString(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(b)), 0, 0, 0); err != nil {
		t.Fatal(err)
	}
}

// keepName gives the thread its name back at the end of the test.
func keepName(t *testing.T) {
	t.Helper()
	name, err := os.ReadFile("/proc/thread-self/comm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { setName(t, strings.TrimSpace(string(name))) })
}

func monotonic(t *testing.T) uint64 {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	return uint64(ts.Nano())
}

// decodeAll decodes records that are no samples, checks what their sample_id
// fields say against what the test knows, and that each is written back with the
// kernel's own bytes.
func decodeAll(t *testing.T, a perfevent.Attr, e *perfevent.Event, records []perfevent.RawRecord, from uint64) map[perfevent.RecordType][]perfevent.Record {
	t.Helper()
	layout := perfevent.NewLayout(&a, binary.NativeEndian)
	id, err := e.ID()
	if err != nil {
		t.Fatal(err)
	}
	to := monotonic(t)
	out := make(map[perfevent.RecordType][]perfevent.Record)
	for _, raw := range records {
		rec, got, err := layout.DecodeRecord(raw)
		if err != nil {
			t.Errorf("%x: %v", raw.Bytes, err)
			continue
		}
		if got.ID != id || got.StreamID != id || got.Time < from || got.Time > to || !mayRunOn(t, int(got.CPU)) {
			t.Errorf("%v: identity %+v, want id %d, time from %d to %d", raw.Type, got, id, from, to)
		}
		from = got.Time
		if at, ok := layout.Time(raw); !ok || at != got.Time {
			t.Errorf("%v: time %d, %v, want %d", raw.Type, at, ok, got.Time)
		}
		if layout.ByteOrder() == binary.LittleEndian {
			made, err := layout.AppendRecord(nil, rec, raw.Misc, got)
			if err != nil || !bytes.Equal(made, raw.Bytes) {
				t.Errorf("%v: encoded as\n%x, error %v; the kernel's is\n%x", raw.Type, made, err, raw.Bytes)
			}
		}
		out[raw.Type] = append(out[raw.Type], rec)
	}
	return out
}

func mayRunOn(t *testing.T, cpu int) bool {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	return set.IsSet(cpu)
}

// TestLiveComm has the kernel report a name that the test gives its thread.
func TestLiveComm(t *testing.T) {
	onOneThread(t)
	keepName(t)
	a := sideBand(perfevent.FlagComm)
	e := open(t, a, 0)
	r := openRing(t, e, 1)
	from := monotonic(t)
	for _, name := range []string{"perfevent", "", "seven b", "eight by", "fifteen letters"} {
		setName(t, name)
		got := decodeAll(t, a, e, drain(t, r), from)
		want := map[perfevent.RecordType][]perfevent.Record{perfevent.RecordComm: {
			&perfevent.Comm{PID: uint32(os.Getpid()), TID: uint32(unix.Gettid()), Comm: name},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", name, diff)
		}
	}
}

// mapFile maps the start of a file and gives the address.
func mapFile(t *testing.T, path string, prot int) uint64 {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := unix.Mmap(int(f.Fd()), 0, os.Getpagesize(), prot, unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(m) })
	return uint64(uintptr(unsafe.Pointer(&m[0])))
}

// TestLiveMmap has the kernel report a mapping that the test makes, in the three
// forms of the record.
func TestLiveMmap(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mapped file")
	if err := os.WriteFile(file, make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat(file, &st); err != nil {
		t.Fatal(err)
	}
	pid, length := uint32(os.Getpid()), uint64(os.Getpagesize())

	t.Run("MMAP", func(t *testing.T) {
		onOneThread(t)
		tid := uint32(unix.Gettid())
		a := sideBand(perfevent.FlagMmap | perfevent.FlagMmapData)
		from := monotonic(t)
		e := open(t, a, 0)
		r := openRing(t, e, 8) // is reported too
		at := mapFile(t, file, unix.PROT_READ)
		got := decodeAll(t, a, e, drain(t, r), from)
		want := &perfevent.Mmap{PID: pid, TID: tid, Start: perfevent.Addr(at), Len: length, Filename: file}
		expectRecord(t, got[perfevent.RecordMmap], want)
	})
	t.Run("MMAP2", func(t *testing.T) {
		onOneThread(t)
		tid := uint32(unix.Gettid())
		a := sideBand(perfevent.FlagMmap | perfevent.FlagMmap2 | perfevent.FlagMmapData)
		from := monotonic(t)
		e := open(t, a, 0)
		r := openRing(t, e, 8) // is reported too
		at := mapFile(t, file, unix.PROT_READ)
		got := decodeAll(t, a, e, drain(t, r), from)
		want := &perfevent.Mmap2{
			PID: pid, TID: tid, Start: perfevent.Addr(at), Len: length, Filename: file,
			Major: unix.Major(st.Dev), Minor: unix.Minor(st.Dev), Inode: st.Ino, Prot: unix.PROT_READ, Flags: unix.MAP_PRIVATE,
		}
		for _, rec := range got[perfevent.RecordMmap2] {
			// Only the file system knows the generation.
			want.InodeGeneration = rec.(*perfevent.Mmap2).InodeGeneration
		}
		expectRecord(t, got[perfevent.RecordMmap2], want)
	})
	t.Run("MMAP2 with build id", func(t *testing.T) {
		onOneThread(t)
		tid := uint32(unix.Gettid())
		program, id := programWithBuildID(t)
		a := sideBand(perfevent.FlagMmap | perfevent.FlagMmap2 | perfevent.FlagBuildID)
		if e, err := perfevent.Open(&a, 0, perfevent.AnyCPU); errors.Is(err, unix.EINVAL) {
			t.Skipf("perf_event_open with build_id, since Linux 5.12: %v", err)
		} else if err == nil {
			e.Close()
		}
		from := monotonic(t)
		e := open(t, a, 0)
		r := openRing(t, e, 8) // is reported too
		at := mapFile(t, program, unix.PROT_READ|unix.PROT_EXEC)
		got := decodeAll(t, a, e, drain(t, r), from)
		expectRecord(t, got[perfevent.RecordMmap2], &perfevent.Mmap2{
			PID: pid, TID: tid, Start: perfevent.Addr(at), Len: length, Filename: program,
			BuildID: id, Prot: unix.PROT_READ | unix.PROT_EXEC, Flags: unix.MAP_PRIVATE,
		})
	})
}

// expectRecord looks for a record among others: the Go runtime maps memory too.
func expectRecord(t *testing.T, records []perfevent.Record, want perfevent.Record) {
	t.Helper()
	for _, rec := range records {
		if cmp.Equal(rec, want) {
			return
		}
	}
	t.Errorf("no %+v among\n%+v", want, records)
}

// programWithBuildID is a program of the system, and the build id in its notes.
func programWithBuildID(t *testing.T) (string, []byte) {
	t.Helper()
	path, err := exec.LookPath("true")
	if err != nil {
		t.Skip(err)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		t.Fatal(err)
	}
	f, err := elf.Open(path)
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	s := f.Section(".note.gnu.build-id")
	if s == nil {
		t.Skipf("%s has no build id", path)
	}
	note, err := s.Data()
	if err != nil {
		t.Fatal(err)
	}
	// Sizes of name and description, type, and the name "GNU\0".
	return path, note[16 : 16+f.ByteOrder.Uint32(note[4:])]
}

// TestLiveTasks has the kernel report a process that the test starts: its birth,
// its namespaces, and that the thread slept until it ended.
func TestLiveTasks(t *testing.T) {
	onOneThread(t)
	a := sideBand(perfevent.FlagTask | perfevent.FlagNamespaces | perfevent.FlagContextSwitch)
	from := monotonic(t)
	e := open(t, a, 0)
	r := openRing(t, e, 8)
	cmd := exec.Command("sleep", "0.05")
	if err := cmd.Run(); err != nil {
		t.Skip(err)
	}
	got := decodeAll(t, a, e, drain(t, r), from)

	pid, tid, child := uint32(os.Getpid()), uint32(unix.Gettid()), uint32(cmd.ProcessState.Pid())
	var born *perfevent.Fork
	for _, rec := range got[perfevent.RecordFork] {
		if f := rec.(*perfevent.Fork); f.PID == child {
			born = f
		}
	}
	if born == nil {
		t.Fatalf("no birth of %d in %+v", child, got[perfevent.RecordFork])
	}
	// The kernel names the parent's thread group and thread; vfork changes neither.
	if born.TID != child || born.PPID != pid || born.PTID != tid || born.Time < from || born.Time > monotonic(t) {
		t.Errorf("birth %+v, want process %d of thread %d in %d after %d", born.Task, child, tid, pid, from)
	}
	if len(got[perfevent.RecordSwitch]) < 2 {
		t.Errorf("%d context switches while a child slept", len(got[perfevent.RecordSwitch]))
	}
	checkNamespaces(t, got[perfevent.RecordNamespaces], child)
}

// checkNamespaces compares the links of a child with those of this process,
// which it has from it.
func checkNamespaces(t *testing.T, records []perfevent.Record, child uint32) {
	t.Helper()
	for _, rec := range records {
		ns := rec.(*perfevent.Namespaces)
		if ns.PID != child {
			continue
		}
		for i, name := range []string{"net", "uts", "ipc", "pid", "user", "mnt", "cgroup"} {
			var st unix.Stat_t
			if err := unix.Stat("/proc/thread-self/ns/"+name, &st); err != nil {
				t.Logf("%s: %v", name, err)
				continue
			}
			if i >= len(ns.Namespaces) || ns.Namespaces[i].Inode != st.Ino {
				t.Errorf("namespace %d is %+v, want the inode %d of %s", i, ns.Namespaces, st.Ino, name)
			}
		}
		return
	}
	t.Errorf("no namespaces of %d in %+v", child, records)
}

// TestLiveLost lets a ring of one page overflow: what the ring reports as lost,
// what the event counts as lost, and what arrived add up.
func TestLiveLost(t *testing.T) {
	onOneThread(t)
	keepName(t)
	a := sideBand(perfevent.FlagComm)
	a.ReadFormat = perfevent.FormatLost | perfevent.FormatID
	probeOpen(t)
	if e, err := perfevent.Open(&a, 0, perfevent.AnyCPU); errors.Is(err, unix.EINVAL) {
		t.Skipf("perf_event_open with PERF_FORMAT_LOST, since Linux 6.0: %v", err)
	} else if err == nil {
		e.Close()
	}
	e := open(t, a, 0)
	r := openRing(t, e, 1)
	from := monotonic(t)
	const total = 500
	for range total {
		setName(t, "lost")
	}
	// Records of 72 bytes: header, pid and tid, name, six identity fields.
	got := decodeAll(t, a, e, drain(t, r), from)
	arrived := len(got[perfevent.RecordComm])
	if arrived != (os.Getpagesize()-1)/72 || len(got) != 1 {
		t.Errorf("%d records of 72 bytes in a page, %d kinds", arrived, len(got))
	}
	v, err := e.Read()
	if err != nil || len(v.Values) != 1 || v.Values[0].Lost != uint64(total-arrived) {
		t.Errorf("the event counts %+v, error %v, want %d lost", v, err, total-arrived)
	}
	setName(t, "found")
	got = decodeAll(t, a, e, drain(t, r), from)
	id, err := e.ID()
	if err != nil || v.Values[0].ID != id {
		t.Errorf("id %d, error %v, read says %d", id, err, v.Values[0].ID)
	}
	want := map[perfevent.RecordType][]perfevent.Record{
		perfevent.RecordLost: {&perfevent.Lost{ID: id, Lost: uint64(total - arrived)}},
		perfevent.RecordComm: {&perfevent.Comm{PID: uint32(os.Getpid()), TID: uint32(unix.Gettid()), Comm: "found"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// userRegs are masks of the registers of user code (asm/perf_regs.h), and the
// places of stack pointer and instruction pointer among them.
var userRegs = map[string]struct {
	mask   uint64
	sp, ip int
}{
	"amd64": {0xff0fff, 7, 8},
	"arm64": {1<<33 - 1, 31, 32},
}

// TestLiveSamples samples this thread with every field that a software event
// has, and compares them with what the test knows and with each other.
func TestLiveSamples(t *testing.T) {
	onOneThread(t)
	regs, ok := userRegs[runtime.GOARCH]
	if !ok {
		t.Skipf("the registers of %s are not in the test", runtime.GOARCH)
	}
	a := perfevent.Attr{
		Type: perfevent.TypeSoftware, Config: perfevent.SWCPUClock, SamplePeriod: 500_000,
		SampleType: (1<<25 - 1) &^ (perfevent.SampleBranchStack | perfevent.SampleAux | perfevent.SampleWeightStruct | perfevent.SampleRegsIntr),
		ReadFormat: perfevent.FormatTotalTimeEnabled | perfevent.FormatTotalTimeRunning | perfevent.FormatID,
		Flags:      perfevent.FlagDisabled | perfevent.FlagUseClockID, ClockID: unix.CLOCK_MONOTONIC,
		SampleRegsUser: regs.mask, SampleStackUser: 512,
	}
	e := open(t, a, 0)
	r := openRing(t, e, 64)
	from := monotonic(t)
	if err := e.Enable(); err != nil {
		t.Fatal(err)
	}
	spin(t, 20_000_000)
	if err := e.Disable(); err != nil {
		t.Fatal(err)
	}
	to := monotonic(t)
	id, err := e.ID()
	if err != nil {
		t.Fatal(err)
	}

	layout := perfevent.NewLayout(&a, binary.NativeEndian)
	var s perfevent.Sample
	samples, user, whole, enabled := 0, 0, 0, uint64(0)
	for _, raw := range drain(t, r) {
		if raw.Type != perfevent.RecordSample {
			t.Logf("%v record", raw.Type)
			continue
		}
		samples++
		if err := layout.DecodeSample(raw, &s); err != nil {
			t.Fatal(err)
		}
		if s.PID != uint32(os.Getpid()) || s.TID != uint32(unix.Gettid()) || s.ID != id || s.StreamID != id ||
			s.Period != a.SamplePeriod || !mayRunOn(t, int(s.CPU)) || s.Time < from || s.Time > to {
			t.Errorf("identity %+v and period %d, want id %d, time from %d to %d", s.SampleIdentity, s.Period, id, from, to)
		}
		from = s.Time
		if len(s.Read.Values) != 1 || s.Read.Values[0].ID != id || s.Read.TimeEnabled <= enabled || s.Read.TimeRunning > s.Read.TimeEnabled {
			t.Errorf("values %+v after an enabled time of %d", s.Read, enabled)
		}
		enabled = s.Read.TimeEnabled
		// A software event has no raw data: the kernel writes four zeros.
		if !bytes.Equal(s.Raw, make([]byte, 4)) {
			t.Errorf("raw data %x", s.Raw)
		}
		if len(s.Callchain) < 2 || s.Callchain[0] < perfevent.ContextMax {
			t.Errorf("callchain %#x does not begin with a marker", s.Callchain)
		}
		if s.RegsUser.ABI != 2 || len(s.RegsUser.Values) != bits.OnesCount64(regs.mask) {
			t.Errorf("registers %+v", s.RegsUser)
			continue
		}
		if s.StackUserSize == 0 || s.StackUserSize > 512 || s.RegsUser.Values[regs.sp] == 0 {
			t.Errorf("stack of %d bytes at %#x", s.StackUserSize, s.RegsUser.Values[regs.sp])
		}
		if s.Misc.CPUMode() == perfevent.MiscUser {
			user++
			if uint64(s.IP) != s.RegsUser.Values[regs.ip] || s.Callchain[0] != perfevent.ContextUser || s.Callchain[1] != s.IP {
				t.Errorf("IP %#x, register %#x, callchain %#x", s.IP, s.RegsUser.Values[regs.ip], s.Callchain)
			}
		}
		if len(s.StackUser) == int(s.StackUserSize) && layout.ByteOrder() == binary.LittleEndian {
			whole++
			made, err := layout.AppendSample(nil, &s)
			if err != nil || !bytes.Equal(made, raw.Bytes) {
				t.Errorf("encoded as\n%x, error %v; the kernel's is\n%x", made, err, raw.Bytes)
			}
		}
	}
	if samples < 10 || user == 0 || whole == 0 {
		t.Errorf("%d samples of 20 ms, %d of user code, %d with a whole stack", samples, user, whole)
	}
	t.Logf("%d samples, %d of user code, %d with a whole stack", samples, user, whole)
}

// spin keeps the thread busy for some nanoseconds of its CPU time.
func spin(t *testing.T, ns int64) {
	t.Helper()
	cpuTime := func() int64 {
		var ts unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
			t.Fatal(err)
		}
		return ts.Nano()
	}
	sum := 0
	for end := cpuTime() + ns; cpuTime() < end; {
		for i := range 100_000 {
			sum += i * i
		}
	}
	runtime.KeepAlive(sum)
}

// tracepoint gives the number of a tracepoint.
func tracepoint(t *testing.T, name string) uint64 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/sys/kernel/tracing/events", name, "id"))
	if err != nil {
		t.Skip(err)
	}
	id, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestLiveTracepoint sends a tracepoint with a filter into the ring of another
// event: records of both arrive in the order in which things happened.
func TestLiveTracepoint(t *testing.T) {
	onOneThread(t)
	keepName(t)
	number := tracepoint(t, "task/task_rename")
	// Both events must place the id alike to be told apart.
	side := sideBand(perfevent.FlagComm)
	trace := perfevent.Attr{
		Type: perfevent.TypeTracepoint, Config: number, SamplePeriod: 1,
		SampleType: side.SampleType | perfevent.SampleRaw, Flags: perfevent.FlagSampleIDAll | perfevent.FlagUseClockID, ClockID: side.ClockID,
	}
	owner := open(t, side, 0)
	r := openRing(t, owner, 8)
	probeOpen(t)
	guest := open(t, trace, 0)
	if err := guest.SetOutput(owner); err != nil {
		t.Fatal(err)
	}
	for filter, say := range map[string]string{
		"": "", "no_such_field == 1": "", "newcomm ==": "", "newcomm\x00": "",
		"((": "parenthesis is not closed", "pid == 1)": "closing parenthesis", `newcomm == "x`: "quote is not closed",
	} {
		err := guest.SetFilter(filter)
		if !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), strconv.Quote(filter)+": "+say) {
			t.Errorf("filter %q: %v", filter, err)
		}
	}
	const wanted = `newcomm == "wanted"`
	if err := guest.SetFilter(wanted); err != nil {
		t.Fatal(err)
	}
	if err := guest.SetFilter(wanted); !errors.Is(err, unix.EEXIST) {
		t.Errorf("a second filter: %v", err)
	}
	setName(t, "other")
	setName(t, "wanted")

	records := drain(t, r)
	var kinds []perfevent.RecordType
	for _, raw := range records {
		kinds = append(kinds, raw.Type)
	}
	want := []perfevent.RecordType{perfevent.RecordComm, perfevent.RecordSample, perfevent.RecordComm}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	layout := perfevent.NewLayout(&trace, binary.NativeEndian)
	var s perfevent.Sample
	if err := layout.DecodeSample(records[1], &s); err != nil {
		t.Fatal(err)
	}
	id, err := guest.ID()
	if err != nil || s.ID != id || s.TID != uint32(unix.Gettid()) {
		t.Errorf("sample of event %d by thread %d, want %d, error %v", s.ID, s.TID, id, err)
	}
	// Raw data begin with the tracepoint's number (common_type).
	if len(s.Raw) < 8 || uint64(binary.NativeEndian.Uint16(s.Raw)) != number || !bytes.Contains(s.Raw, []byte("wanted\x00")) {
		t.Errorf("raw data %x of tracepoint %d", s.Raw, number)
	}
	if len(s.Raw)%8 != 4 {
		t.Errorf("raw data of %d bytes: the kernel pads them to end on eight", len(s.Raw))
	}
	made, err := layout.AppendSample(nil, &s)
	if layout.ByteOrder() == binary.LittleEndian && (err != nil || !bytes.Equal(made, records[1].Bytes)) {
		t.Errorf("encoded as\n%x, error %v; the kernel's is\n%x", made, err, records[1].Bytes)
	}
}
