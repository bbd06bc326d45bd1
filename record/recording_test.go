package record

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// contents are what a file of a recording holds, by type of record.
func contents(t *testing.T, path string) (samples, lost int, comms []string) {
	t.Helper()
	r, err := perfdata.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if p := r.Problems(); len(p) > 0 {
		t.Errorf("%s: %q", path, p)
	}
	s := r.Sorted()
	defer s.Close()
	for s.Next() {
		rec := s.Record()
		switch rec.Type {
		case perfevent.RecordSample:
			samples++
		case perfevent.RecordLostSamples, perfevent.RecordComm:
			decoded, _, err := rec.Event.Layout.DecodeRecord(rec.RawRecord)
			if err != nil {
				t.Fatal(err)
			}
			switch d := decoded.(type) {
			case *perfevent.LostSamples:
				lost += int(d.Lost)
			case *perfevent.Comm:
				comms = append(comms, fmt.Sprintf("%d %s", d.PID, d.Comm))
			}
		}
	}
	if s.Err() != nil || len(s.Problems()) > 0 {
		t.Errorf("%s: %v, %q", path, s.Err(), s.Problems())
	}
	return samples, lost, comms
}

// forkRecord says that a process was started.
func forkRecord(t *testing.T, s *Session, pid, parent uint32) []byte {
	t.Helper()
	b, err := s.Layout().AppendRecord(nil, &perfevent.Fork{Task: perfevent.Task{PID: pid, PPID: parent, TID: pid, PTID: parent, Time: 5}}, 0, perfevent.SampleIdentity{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// living is a /proc with some processes.
func living(pids ...int) fstest.MapFS {
	proc := fstest.MapFS{"sys/kernel/perf_event_paranoid": {Data: []byte("2\n")}}
	for _, pid := range pids {
		proc[fmt.Sprintf("%d/status", pid)] = &fstest.MapFile{Data: fmt.Appendf(nil, "Name:\tx\nTgid:\t%d\n", pid)}
		proc[fmt.Sprintf("%d/task/%d/comm", pid, pid)] = &fstest.MapFile{Data: fmt.Appendf(nil, "proc%d\n", pid)}
	}
	return proc
}

// TestSwitch: each file tells what lived when it began, forked processes
// included, and what was lost while it was written.
func TestSwitch(t *testing.T) {
	k := newFakeKernel()
	s := openFake(t, k, Config{
		Events: []Event{cpuClock}, Target: Target{CPUs: []int{0}, Threads: []int{70}}, RingPages: 64, Proc: living(70, 71, 72),
	})
	path := filepath.Join(t.TempDir(), "perf.data")
	var names []string
	switching := 0
	r, err := NewRecording(s, RecordingConfig{
		Path: path, Head: &perfdata.Session{Events: s.Events()},
		Switching: func() { switching++ }, Dumped: func(name string) { names = append(names, name) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fd := s.events[0].fds[0].Descriptor.(*fakeFD)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	k.onWait = func(round int) {
		ring := k.rings[0]
		for range round * 10 {
			ring.write(sample(t, s, n))
			n++
		}
		fd.lost += uint64(round)
		ring.write(forkRecord(t, s, uint32(70+round), 70))
		if round < 4 {
			r.Switch()
		} else {
			cancel()
		}
	}
	if err := s.Run(ctx, r); err != nil {
		t.Fatal(err)
	}
	r.Stay()
	r.Switch()
	if err := errors.Join(s.Drain(r), r.Finish()); err != nil {
		t.Fatal(err)
	}
	last, err := r.MoveAside()
	if err != nil {
		t.Fatal(err)
	}
	if names = append(names, last); len(names) != 4 || switching != 3 {
		t.Fatalf("%d files, %d switches", len(names), switching)
	}
	for i, comms := range [][]string{{"70 proc70"}, {"70 proc70", "71 proc71"}, {"70 proc70", "71 proc71", "72 proc72"}, {"70 proc70", "71 proc71", "72 proc72"}} {
		samples, lost, got := contents(t, names[i])
		if samples != (i+1)*10 || lost != i+1 || !slices.Equal(got, comms) {
			t.Errorf("file %d: %d samples, %d lost, %q; want %d, %d, %q", i, samples, lost, got, (i+1)*10, i+1, comms)
		}
		if !regexp.MustCompile(`/perf\.data\.\d{16}$`).MatchString(names[i]) {
			t.Errorf("name %s", names[i])
		}
	}
	stats := s.Stats()
	if got := stats.LostSamples(); got != 1+2+3+4 {
		t.Errorf("%d lost in all", got)
	}
}

// TestKeepFiles: the oldest files go.
func TestKeepFiles(t *testing.T) {
	k := newFakeKernel()
	s := openFake(t, k, Config{Events: []Event{cpuClock}, Target: Target{CPUs: []int{0}, Threads: []int{70}}, RingPages: 64})
	dir := t.TempDir()
	r, err := NewRecording(s, RecordingConfig{
		Path: filepath.Join(dir, "f"), Head: &perfdata.Session{Events: s.Events()}, KeepFiles: 2, SwitchSize: 1, MaxSize: 1 << 30,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := r.FinishRound(); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 || entries[0].Name() != "f" {
		t.Errorf("%v, %v: want f and two more", entries, err)
	}
}

func TestSizeLimit(t *testing.T) {
	k := newFakeKernel()
	s := openFake(t, k, Config{Events: []Event{cpuClock}, Target: Target{CPUs: []int{0}, Threads: []int{70}}, RingPages: 64})
	r, err := NewRecording(s, RecordingConfig{
		Path: filepath.Join(t.TempDir(), "f"), Head: &perfdata.Session{Events: s.Events()}, Options: perfdata.Options{NoCompress: true}, MaxSize: 20_000,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	k.onWait = func(int) { k.rings[0].write(sample(t, s, 1)) }
	if err := s.Run(t.Context(), r); !errors.Is(err, ErrSizeLimit) {
		t.Fatalf("error %v", err)
	}
	if size := r.Size(); size < 20_000 || size > 20_200 {
		t.Errorf("%d bytes", size)
	}
	if err := errors.Join(s.Drain(r), r.Finish()); err != nil {
		t.Errorf("after the limit: %v", err)
	}
}

// TestStreamTellsBuildIDs: of files that were mapped, each once, and of the
// kernel.
func TestStreamTellsBuildIDs(t *testing.T) {
	k := newFakeKernel()
	s := openFake(t, k, Config{Events: []Event{cpuClock}, Target: Target{CPUs: []int{0}, Threads: []int{70}}, RingPages: 64})
	var out bytes.Buffer
	r, err := NewRecording(s, RecordingConfig{Stream: &out, Head: &perfdata.Session{Events: s.Events()}, KernelID: []byte("kernel")})
	if err != nil {
		t.Fatal(err)
	}
	id := []byte("0123456789abcdefghij")
	for _, m := range []perfevent.Mmap2{{Filename: "/bin/a", BuildID: id}, {Filename: "/bin/a", BuildID: id}, {Filename: "/bin/b"}} {
		misc := perfevent.MiscUser
		if m.BuildID != nil {
			misc |= perfevent.MiscMmapBuildID
		}
		b, err := s.Layout().AppendRecord(nil, &m, misc, perfevent.SampleIdentity{})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := perfevent.SplitRecord(b, binary.LittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.WriteRecord(raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(r.Finish(), r.Close()); err != nil {
		t.Fatal(err)
	}
	read, err := perfdata.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range read.Info().BuildIDs {
		got = append(got, e.Filename+" "+string(bytes.TrimRight(e.BuildID, "\x00")))
	}
	if want := []string{"/bin/a " + string(id), "[kernel.kallsyms] kernel"}; !slices.Equal(got, want) {
		t.Errorf("build ids %q, want %q", got, want)
	}
}

// TestOutputError: the error names the output and its cause.
func TestOutputError(t *testing.T) {
	cause := &os.PathError{Op: "write", Path: "perf.data", Err: syscall.EDQUOT}
	for _, test := range []struct {
		err  *OutputError
		want string
	}{
		{&OutputError{Path: "a/perf.data", Err: cause}, "a/perf.data: disk quota exceeded"},
		{&OutputError{Err: cause}, "standard output: disk quota exceeded"},
		{&OutputError{Path: "x", Err: errSink}, "x: sink is full"},
	} {
		if got := test.err.Error(); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
	if !errors.Is(&OutputError{Err: cause}, syscall.EDQUOT) {
		t.Error("the cause is hidden")
	}
}

func TestFreeName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	at := time.Date(2026, 11, 23, 14, 44, 55, 129_999_999, time.Local)
	for _, want := range []string{".2026112314445512", ".2026112314445513", ".2026112314445514"} {
		got := freeName(path, at)
		if got != path+want {
			t.Errorf("got %s, want %s", got, path+want)
		}
		if err := os.WriteFile(got, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCompleter: jobs run in order, and the first error is told.
func TestCompleter(t *testing.T) {
	var c completer
	var done []int
	for i := range 3 * mostJobs {
		c.add(func() error {
			done = append(done, i)
			if i == 5 {
				return errSink
			}
			return nil
		})
	}
	if err := c.wait(); !errors.Is(err, errSink) {
		t.Errorf("error %v", err)
	}
	if len(done) != 3*mostJobs || !slices.IsSorted(done) {
		t.Errorf("order %v", done)
	}
}
