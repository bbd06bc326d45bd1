package machine_test

import (
	"fmt"
	"slices"
	"testing"

	"gorecord/perfevent"
	"gorecord/perfevent/machine"
)

// world is a machine with short ways to feed it.
type world struct{ *machine.Machine }

func newWorld() world { return world{machine.New()} }

func (w world) apply(misc perfevent.Misc, recs ...perfevent.Record) {
	for _, r := range recs {
		w.Apply(r, misc, perfevent.SampleIdentity{})
	}
}

func (w world) mmap(pid uint32, start, size perfevent.Addr, off perfevent.FileOffset, name string) {
	w.apply(perfevent.MiscUser, &perfevent.Mmap2{PID: pid, TID: pid, Start: start, Len: uint64(size), Offset: off, Prot: 5, Filename: name})
}

func (w world) fork(ppid, ptid, pid, tid uint32) {
	w.apply(0, &perfevent.Fork{Task: perfevent.Task{PID: pid, PPID: ppid, TID: tid, PTID: ptid}})
}

func (w world) comm(misc perfevent.Misc, pid, tid uint32, name string) {
	w.apply(misc, &perfevent.Comm{PID: pid, TID: tid, Comm: name})
}

// maps prints the mappings of a process.
func (w world) maps(pid uint32) []string {
	var lines []string
	for _, m := range w.Thread(pid, pid).Process.Mappings() {
		lines = append(lines, fmt.Sprintf("%x-%x %x %s", uint64(m.Start), uint64(m.End), uint64(m.Offset), m.Module.Name))
	}
	return lines
}

func wantMaps(t *testing.T, w world, pid uint32, want ...string) {
	t.Helper()
	if got := w.maps(pid); !slices.Equal(got, want) {
		t.Errorf("mappings of %d:\n%q\nwant\n%q", pid, got, want)
	}
}

func TestOverlaps(t *testing.T) {
	old := "1000-5000 10000 /old"
	tests := []struct {
		name        string
		start, size perfevent.Addr
		want        []string
	}{
		{"before", 0x500, 0xb00, []string{"500-1000 0 /new", old}},
		{"behind", 0x5000, 0x1000, []string{old, "5000-6000 0 /new"}},
		{"same", 0x1000, 0x4000, []string{"1000-5000 0 /new"}},
		{"around", 0x800, 0x8000, []string{"800-8800 0 /new"}},
		{"front", 0x800, 0x1000, []string{"800-1800 0 /new", "1800-5000 10800 /old"}},
		{"tail", 0x4000, 0x2000, []string{"1000-4000 10000 /old", "4000-6000 0 /new"}},
		{"middle", 0x2000, 0x1000, []string{"1000-2000 10000 /old", "2000-3000 0 /new", "3000-5000 12000 /old"}},
		{"first byte", 0x1000, 1, []string{"1000-1001 0 /new", "1001-5000 10001 /old"}},
		{"last byte", 0x4fff, 1, []string{"1000-4fff 10000 /old", "4fff-5000 0 /new"}},
		{"nothing", 0x2000, 0, []string{old}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			w.mmap(7, 0x1000, 0x4000, 0x10000, "/old")
			w.mmap(7, tt.start, tt.size, 0, "/new")
			wantMaps(t, w, 7, tt.want...)
		})
	}
}

// A mapping over several others cuts the outer ones and removes the inner.
func TestOverlapsSeveral(t *testing.T) {
	w := newWorld()
	for i := perfevent.Addr(0); i < 5; i++ {
		w.mmap(1, 0x1000*(i+1), 0x1000, 0, fmt.Sprint("/", i))
	}
	w.mmap(1, 0x1800, 0x3000, 0, "/new")
	wantMaps(t, w, 1, "1000-1800 0 /0", "1800-4800 0 /new", "4800-5000 800 /3", "5000-6000 0 /4")
}

func TestEndOfAddresses(t *testing.T) {
	w := newWorld()
	w.mmap(1, ^perfevent.Addr(0xfff), 0x1000, 0, "/last") // ends at 2⁶⁴
	w.mmap(1, 0x1000, ^perfevent.Addr(0), 0, "/wraps")
	wantMaps(t, w, 1, "1000-ffffffffffffffff 0 /wraps")
	if m := w.Thread(1, 1).Lookup(^perfevent.Addr(1)); m == nil {
		t.Error("the last addresses are not found")
	}
}

func TestLookup(t *testing.T) {
	w := newWorld()
	w.mmap(1, 0x1000, 0x1000, 0x5000, "/a")
	w.mmap(1, 0x4000, 0x1000, 0, "/b")
	th := w.Thread(1, 1)
	for _, tt := range []struct {
		a    perfevent.Addr
		name string
		pos  uint64
	}{
		{0xfff, "", 0}, {0x1000, "/a", 0x5000}, {0x1fff, "/a", 0x5fff}, {0x2000, "", 0},
		{0x4000, "/b", 0}, {0x1234, "/a", 0x5234}, {0x5000, "", 0},
	} {
		m := th.Lookup(tt.a)
		switch {
		case m == nil && tt.name != "" || m != nil && m.Module.Name != tt.name:
			t.Errorf("at %#x: %v, want %q", uint64(tt.a), m, tt.name)
		case m != nil && m.Position(tt.a) != tt.pos:
			t.Errorf("position of %#x: %#x, want %#x", uint64(tt.a), m.Position(tt.a), tt.pos)
		}
	}
	before := th.Lookup(0x1000)
	w.mmap(1, 0x1000, 0x800, 0, "/c")
	if m := th.Lookup(0x1000); m == nil || m.Module.Name != "/c" {
		t.Errorf("after a remap the cached mapping is still found: %v", m)
	}
	if before.End != 0x2000 || before.Module.Name != "/a" {
		t.Errorf("a mapping that was handed out changed: %+v", before)
	}
}

func TestComms(t *testing.T) {
	w := newWorld()
	if got := w.Thread(0, 0).Comm(); got != "swapper" {
		t.Errorf("pid 0 is %q", got)
	}
	if got := w.Thread(5, 5).Comm(); got != ":5" {
		t.Errorf("an unannounced thread is %q", got)
	}
	if got := w.Thread(^uint32(0), ^uint32(0)).Comm(); got != ":-1" {
		t.Errorf("a thread without a number is %q", got)
	}
	w.comm(0, 10, 10, "server")
	w.fork(10, 10, 10, 11) // a thread
	w.fork(10, 10, 20, 20) // a process
	w.comm(0, 10, 11, "worker")
	w.comm(perfevent.MiscCommExec, 20, 20, "ls")
	for _, tt := range []struct {
		pid, tid uint32
		comm     string
		process  string
	}{{10, 10, "server", "server"}, {10, 11, "worker", "server"}, {20, 20, "ls", "ls"}} {
		th := w.Thread(tt.pid, tt.tid)
		if th.Comm() != tt.comm || th.Process.Comm() != tt.process {
			t.Errorf("thread %d: %q of %q, want %q of %q", tt.tid, th.Comm(), th.Process.Comm(), tt.comm, tt.process)
		}
		if got := w.Comms()[th.CommIndex()]; got != tt.comm {
			t.Errorf("comm by index: %q, want %q", got, tt.comm)
		}
	}
	w.apply(0, &perfevent.Exit{Task: perfevent.Task{PID: 20, TID: 20}})
	if got := w.Thread(20, 20).Comm(); got != "ls" {
		t.Errorf("after its exit a thread is %q", got)
	}
	w.fork(10, 10, 20, 20) // the number is used again
	if got := w.Thread(20, 20).Comm(); got != "server" {
		t.Errorf("a new process with an old number is %q", got)
	}
}

func TestForkAndExec(t *testing.T) {
	w := newWorld()
	w.mmap(1, 0x1000, 0x1000, 0, "/parent")
	w.fork(1, 1, 2, 2)
	w.fork(1, 1, 1, 3)
	w.mmap(1, 0x3000, 0x1000, 0, "/later")
	w.mmap(2, 0x5000, 0x1000, 0, "/child")
	wantMaps(t, w, 1, "1000-2000 0 /parent", "3000-4000 0 /later")
	wantMaps(t, w, 2, "1000-2000 0 /parent", "5000-6000 0 /child")
	if w.Thread(1, 3).Lookup(0x3000) == nil {
		t.Error("a thread does not share its process's mappings")
	}
	if w.Thread(1, 1).Lookup(0x1000) != w.Thread(2, 2).Lookup(0x1000) {
		t.Error("an inherited mapping is another one in the child")
	}
	w.comm(perfevent.MiscCommExec, 2, 2, "new")
	wantMaps(t, w, 2)
	w.mmap(2, 0x1000, 0x1000, 0, "/new")
	wantMaps(t, w, 2, "1000-2000 0 /new")
	if m := w.Thread(2, 2).LookupFormer(0x5000); m == nil || m.Module.Name != "/child" {
		t.Errorf("before its exec the process had %v at 5000", m)
	}
	// perf announces running processes by FORK without the parent's mappings.
	w.apply(perfevent.MiscForkExec, &perfevent.Fork{Task: perfevent.Task{PID: 9, PPID: 1, TID: 9, PTID: 1}})
	wantMaps(t, w, 9)
}

// The main thread of a process that the fork record introduces takes the
// process along even where samples came first.
func TestReusedNumbers(t *testing.T) {
	w := newWorld()
	w.comm(0, 4, 8, "thread")
	if got := w.Thread(8, 8).Comm(); got != ":8" {
		t.Errorf("process 8 took the name of a thread 8 of process 4: %q", got)
	}
	w.comm(0, 4, 8, "thread")
	if got := w.Thread(^uint32(0), 8).Comm(); got != "thread" {
		t.Errorf("a task without process number: %q", got)
	}
}

func TestModules(t *testing.T) {
	w := newWorld()
	w.SetBuildID("/bin/known", []byte{1, 2})
	w.SetBuildID("[kernel.kallsyms]", []byte{9})
	kernel := func(start perfevent.Addr, name string) {
		w.apply(perfevent.MiscKernel, &perfevent.Mmap{PID: ^uint32(0), Start: start, Len: 0x1000, Offset: perfevent.FileOffset(start), Filename: name})
	}
	kernel(0x81000000, "[kernel.kallsyms]_text")
	kernel(0xc0000000, "/lib/modules/6.1/kernel/fs/nf-tables.ko.xz")
	kernel(0xc0010000, "[ext4]")
	w.apply(0, &perfevent.Ksymbol{Addr: 0xc0020000, Len: 0x100, Name: "bpf_prog_1234"})
	w.mmap(5, 0x1000, 0x1000, 0, "/bin/known")
	w.mmap(5, 0x2000, 0x1000, 0, "[vdso]")
	w.mmap(5, 0x3000, 0x1000, 0, "//anon")
	w.mmap(6, 0x3000, 0x1000, 0, "//anon")
	w.mmap(6, 0x1000, 0x1000, 0, "/bin/known")
	w.mmap(6, 0x4000, 0x1000, 0, "[uprobes]")
	w.mmap(6, 0x5000, 0x1000, 0, "/usr/lib/libx.so (deleted)")
	var got []string
	for i, m := range w.Modules() {
		if m.Index != i {
			t.Errorf("module %d has index %d", i, m.Index)
		}
		got = append(got, fmt.Sprintf("%d %s %x %s", m.Kind, m.Name, m.BuildID, m.ShortName()))
	}
	want := []string{
		"3 [kernel.kallsyms] 09 [kernel.kallsyms]",
		"4 /lib/modules/6.1/kernel/fs/nf-tables.ko.xz  [nf_tables]",
		"4 [ext4]  [ext4]",
		"5 bpf_prog_1234  bpf_prog_1234",
		"0 /bin/known 0102 known",
		"1 [vdso]  [vdso]",
		"2 //anon  [JIT] tid 5",
		"2 //anon  [JIT] tid 6",
		"0 [uprobes]  [uprobes]",
		"0 /usr/lib/libx.so (deleted)  libx.so (deleted)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("modules:\n%q\nwant\n%q", got, want)
	}
	for a, want := range map[perfevent.Addr]string{
		0x81000000: "[kernel.kallsyms]", 0x81fff000: "[kernel.kallsyms]", // boot code behind the recorded range
		0xc0000fff: "/lib/modules/6.1/kernel/fs/nf-tables.ko.xz",
		0xc0020080: "bpf_prog_1234", 0x80ffffff: "", 0xc1000000: "",
	} {
		name := ""
		if m := w.LookupKernel(a); m != nil {
			name = m.Module.Name
		}
		if name != want {
			t.Errorf("kernel at %#x: %q, want %q", uint64(a), name, want)
		}
	}
	before := w.KernelSpace()
	w.apply(0, &perfevent.Ksymbol{Addr: 0xc0020000, Len: 0x100, Flags: 1, Name: "bpf_prog_1234"})
	if m := w.LookupKernel(0xc0020080); m != nil || w.KernelSpace() == before {
		t.Errorf("an unregistered symbol is still there: %v", m)
	}
	if sym, a, ok := w.KernelReference(); sym != "_text" || a != 0x81000000 || !ok {
		t.Errorf("kernel reference: %q %#x %v", sym, uint64(a), ok)
	}
}

// A build id in the record is preferred to that of the file's section, and
// tells versions of a file apart.
func TestBuildIDs(t *testing.T) {
	w := newWorld()
	w.SetBuildID("/bin/x", []byte{1})
	w.mmap(1, 0x1000, 0x1000, 0, "/bin/x")
	w.apply(perfevent.MiscUser|perfevent.MiscMmapBuildID, &perfevent.Mmap2{PID: 2, TID: 2, Start: 0x1000, Len: 0x1000, BuildID: []byte{2}, Filename: "/bin/x"})
	a, b := w.Thread(1, 1).Lookup(0x1000).Module, w.Thread(2, 2).Lookup(0x1000).Module
	if a == b || a.BuildID != "\x01" || b.BuildID != "\x02" {
		t.Errorf("build ids %x and %x", a.BuildID, b.BuildID)
	}
}

func TestIgnored(t *testing.T) {
	w := newWorld()
	w.apply(perfevent.MiscGuestUser, &perfevent.Mmap{PID: 1, TID: 1, Start: 0x1000, Len: 0x1000, Filename: "/guest"})
	w.apply(0, &perfevent.Namespaces{PID: 1}, &perfevent.Cgroup{ID: 1, Path: "/"}, &perfevent.Cgroup{ID: 2, Path: "/a"}, &perfevent.Ksymbol{Addr: 1})
	got := w.Ignored()
	if got[perfevent.RecordMmap] != 1 || got[perfevent.RecordNamespaces] != 1 || got[perfevent.RecordCgroup] != 2 || got[perfevent.RecordKsymbol] != 1 {
		t.Errorf("ignored: %v", got)
	}
	wantMaps(t, w, 1)
}

// Ten thousand children share what they inherit: each costs a few hundred
// bytes, not a copy of a thousand mappings.
func TestForkIsCheap(t *testing.T) {
	w := newWorld()
	for i := range perfevent.Addr(1000) {
		w.mmap(1, 0x10000*(i+1), 0x1000, 0, "/lib")
	}
	pid := uint32(100)
	allocs := testing.AllocsPerRun(10000, func() {
		w.fork(1, 1, pid, pid)
		pid++
	})
	if allocs > 10 {
		t.Errorf("a fork allocates %v times", allocs)
	}
	if got := len(w.maps(5000)); got != 1000 {
		t.Errorf("a child has %d mappings", got)
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	w := newWorld()
	for i := range perfevent.Addr(100) {
		w.mmap(1, 0x10000*(i+1), 0x1000, 0, "/lib")
	}
	a := perfevent.Addr(0x10000)
	allocs := testing.AllocsPerRun(1000, func() {
		w.Thread(1, 1).Lookup(a)
		a = (a + 0x10000) % 0x640000
	})
	if allocs != 0 {
		t.Errorf("a look-up allocates %v times", allocs)
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{8, 64, 1024} {
		b.Run(fmt.Sprint(n, "maps"), func(b *testing.B) {
			b.ReportAllocs()
			w := newWorld()
			for i := range n {
				w.mmap(1, 0x10000*perfevent.Addr(i+1), 0x1000, 0, "/lib")
			}
			i := 0
			for b.Loop() {
				i = (i*13 + 7) % n
				if w.Thread(1, 1).Lookup(0x10000*perfevent.Addr(i+1)+5) == nil {
					b.Fatal("not found")
				}
			}
		})
	}
}

func BenchmarkLookupSame(b *testing.B) {
	b.ReportAllocs()
	w := newWorld()
	w.mmap(1, 0x1000, 0x1000, 0, "/lib")
	for b.Loop() {
		if w.Thread(1, 1).Lookup(0x1005) == nil {
			b.Fatal("not found")
		}
	}
}

func BenchmarkMmap(b *testing.B) {
	b.ReportAllocs()
	w := newWorld()
	rec := &perfevent.Mmap2{PID: 1, TID: 1, Len: 0x1000, Prot: 5, Filename: "/lib"}
	for b.Loop() {
		rec.Start = (rec.Start + 0x13000) % 0x40000000
		w.Apply(rec, perfevent.MiscUser, perfevent.SampleIdentity{})
	}
}
