package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"gorecord/perfevent"
)

var synthLayout = perfevent.NewLayout(&perfevent.Attr{
	SampleType: perfevent.SampleIP | perfevent.SampleTID | perfevent.SampleTime | perfevent.SampleCPU,
	Flags:      perfevent.FlagSampleIDAll | perfevent.FlagBuildID,
}, binary.LittleEndian)

// show prints records in one line each.
func show(t *testing.T, records []perfevent.RawRecord) []string {
	t.Helper()
	var out []string
	for _, raw := range records {
		rec, _, err := synthLayout.DecodeRecord(raw)
		if err != nil {
			t.Fatal(err)
		}
		switch r := rec.(type) {
		case *perfevent.Comm:
			out = append(out, fmt.Sprintf("COMM %d/%d %q", r.PID, r.TID, r.Comm))
		case *perfevent.Mmap:
			out = append(out, fmt.Sprintf("MMAP %d %#x+%#x @%#x %q", int32(r.PID), uint64(r.Start), r.Len, uint64(r.Offset), r.Filename))
		case *perfevent.Mmap2:
			id := fmt.Sprintf("%d:%d %d", r.Major, r.Minor, r.Inode)
			if raw.Misc&perfevent.MiscMmapBuildID != 0 {
				id = fmt.Sprintf("id %s", r.BuildID)
			}
			out = append(out, fmt.Sprintf("MMAP2 %d/%d %#x+%#x @%#x %s prot %d flags %d %q", r.PID, r.TID,
				uint64(r.Start), r.Len, uint64(r.Offset), id, r.Prot, r.Flags, r.Filename))
		}
	}
	return out
}

func TestSynthProcesses(t *testing.T) {
	proc := fstest.MapFS{
		"7/comm":        {Data: []byte("x\n")},
		"7/task/7/comm": {Data: []byte("main prog\n")},
		"7/task/8/comm": {Data: []byte("worker\n")},
		"7/task/9":      {Mode: 0o755 | 1<<31}, // ended between listing and reading
		"7/maps": {Data: []byte(`00400000-00401000 r--p 00000000 fe:01 123                                /bin/a b
00401000-00402000 r-xp 00001000 fe:01 123                                /bin/a b
7f0000000000-7f0000002000 r-xs 00000000 00:00 0
7f0000004000-7f0000005000 --xp 00000000 00:00 0                          [vdso]
7f0000006000-7f0000007000 r-xp 0000a000 fe:02 9 /tmp/new\012line
broken line
zz-7f0000007000 r-xp 0000a000 fe:02 9 /x
7f0000008000-7f0000007000 r-xp 0000a000 fe:02 9 /ends/before/it/starts
`)},
		"2/task/2/comm": {Data: []byte("kthreadd\n")},
		"2/maps":        {},
		"5/task":        {Mode: 0o755 | 1<<31}, // a process that is gone
		"self":          {Data: nil},
		"meminfo":       {Data: nil},
	}
	var sink collector
	s := Synth{Proc: proc, Layout: synthLayout, Sink: &sink, BuildID: func(file string, key FileKey) []byte {
		if key == (FileKey{0xfe, 1, 123}) && file == "7/map_files/401000-402000" {
			return []byte("abc")
		}
		return nil
	}}
	if err := s.AllProcesses(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`COMM 2/2 "kthreadd"`,
		`COMM 7/7 "main prog"`,
		`COMM 7/8 "worker"`,
		`MMAP2 7/7 0x401000+0x1000 @0x1000 id abc prot 5 flags 2 "/bin/a b"`,
		`MMAP2 7/7 0x7f0000000000+0x2000 @0x0 0:0 0 prot 5 flags 1 "//anon"`,
		`MMAP2 7/7 0x7f0000004000+0x1000 @0x0 0:0 0 prot 4 flags 2 "[vdso]"`,
		`MMAP2 7/7 0x7f0000006000+0x1000 @0xa000 254:2 9 prot 5 flags 2 "/tmp/new\nline"`,
	}
	if diff := cmp.Diff(want, show(t, sink.records)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSynthKernel(t *testing.T) {
	proc := fstest.MapFS{
		"kallsyms": {Data: []byte("ffffffff81000000 T _stext\nffffffff81000000 T _text\nffffffff81000100 t other_text\n" +
			"ffffffff8220bb08 T _etext\nffffffffc0000000 t f\t[mod]\n")},
		"modules": {Data: []byte("virtio_net 61440 0 - Live 0xffffffffc0300000\nmod 16384 1 x, Live 0xffffffffc0000000\nshort line\nhidden 4096 0 - Live 0x0000000000000000\n")},
	}
	var sink collector
	s := Synth{Proc: proc, Layout: synthLayout, Sink: &sink}
	if err := s.Kernel(); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`MMAP -1 0xffffffff81000000+0x120bb08 @0xffffffff81000000 "[kernel.kallsyms]_text"`,
		`MMAP -1 0xffffffffc0000000+0x4000 @0x0 "[mod]"`,
		`MMAP -1 0xffffffffc0300000+0xf000 @0x0 "[virtio_net]"`,
	}
	if diff := cmp.Diff(want, show(t, sink.records)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, r := range sink.records {
		if r.Misc.CPUMode() != perfevent.MiscKernel {
			t.Errorf("misc %#x", r.Misc)
		}
	}
}

// TestSynthKernelWithoutText: arm64 lists no _text.
func TestSynthKernelWithoutText(t *testing.T) {
	proc := fstest.MapFS{"kallsyms": {Data: []byte("ffffb932f5410000 t gic_handle_irq\nffffb932f5410000 T _stext\nffffb932f5491cf0 T kernel_clone\nffffb932f5fd0000 D _etext\n")}}
	var sink collector
	s := Synth{Proc: proc, Layout: synthLayout, Sink: &sink}
	if err := s.Kernel(); err != nil {
		t.Fatal(err)
	}
	want := []string{`MMAP -1 0xffffb932f5410000+0xbc0000 @0xffffb932f5410000 "[kernel.kallsyms]_stext"`}
	if diff := cmp.Diff(want, show(t, sink.records)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSynthKernelHidden(t *testing.T) {
	proc := fstest.MapFS{"kallsyms": {Data: []byte("0000000000000000 T _text\n0000000000000000 T _etext\n")}}
	var sink collector
	s := Synth{Proc: proc, Layout: synthLayout, Sink: &sink}
	if err := s.Kernel(); !errors.Is(err, ErrKernelHidden) || len(sink.records) != 0 {
		t.Errorf("%v, %d records", err, len(sink.records))
	}
}

func TestThreadGroup(t *testing.T) {
	proc := fstest.MapFS{
		"12/status": {Data: []byte("Name:\tx\nTgid:\t10\nPid:\t12\n")},
		"13/status": {Data: []byte("Name:\tx\n")},
	}
	if pid, err := ThreadGroup(proc, 12); pid != 10 || err != nil {
		t.Errorf("%d, %v", pid, err)
	}
	if _, err := ThreadGroup(proc, 13); err == nil || !strings.Contains(err.Error(), "Tgid") {
		t.Errorf("%v", err)
	}
}

func FuzzMapsLine(f *testing.F) {
	f.Add("00401000-00402000 r-xp 00001000 fe:01 123                                /bin/a b")
	f.Add("7f0000004000-7f0000005000 --xp 00000000 00:00 0                          [vdso]")
	f.Add("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]")
	f.Add("- r-x  0 :  ")
	f.Fuzz(func(t *testing.T, line string) {
		rec, ok := parseMapsLine(line)
		if !ok {
			return
		}
		if rec.Filename == "" || rec.Prot&protExec == 0 {
			t.Errorf("%q: %+v", line, rec)
		}
		if _, err := synthLayout.AppendRecord(nil, rec, 0, perfevent.SampleIdentity{}); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	})
}
