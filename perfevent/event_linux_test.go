package perfevent_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"gorecord/perfevent"
)

// TestEventCounts checks that an event counts while it is enabled, and only then.
func TestEventCounts(t *testing.T) {
	onOneThread(t)
	for _, format := range []perfevent.ReadFormat{0, perfevent.FormatTotalTimeEnabled | perfevent.FormatTotalTimeRunning | perfevent.FormatID} {
		e := open(t, perfevent.Attr{
			Type: perfevent.TypeSoftware, Config: perfevent.SWTaskClock, ReadFormat: format, Flags: perfevent.FlagDisabled,
		}, 0)
		read := func() uint64 {
			t.Helper()
			v, err := e.Read()
			if err != nil || len(v.Values) != 1 {
				t.Fatalf("values %+v, error %v", v, err)
			}
			id, err := e.ID()
			if err != nil || id == 0 {
				t.Fatalf("id %d, error %v", id, err)
			}
			if format != 0 && (v.Values[0].ID != id || v.TimeRunning != v.TimeEnabled) {
				t.Errorf("values %+v of event %d", v, id)
			}
			return v.Values[0].Value
		}
		const ms = 1_000_000
		spin(t, 5*ms)
		if n := read(); n != 0 {
			t.Errorf("counted %d before it was enabled", n)
		}
		if err := e.Enable(); err != nil {
			t.Fatal(err)
		}
		spin(t, 5*ms)
		if err := e.Disable(); err != nil {
			t.Fatal(err)
		}
		counted := read()
		// The clock counts nanoseconds of the thread, which spun for five.
		if counted < 4*ms { // the two clocks differ by some microseconds
			t.Errorf("counted %d ns of about 5 ms", counted)
		}
		spin(t, 5*ms)
		if n := read(); n != counted {
			t.Errorf("counted from %d to %d while disabled", counted, n)
		}
	}
}

func TestEventErrors(t *testing.T) {
	probeOpen(t)
	for _, test := range []struct {
		what string
		attr perfevent.Attr
		tid  int
		want error
	}{
		{"no such type", perfevent.Attr{Type: 1<<31 - 1}, 0, unix.ENOENT},
		{"unknown sample field", perfevent.Attr{Type: perfevent.TypeSoftware, Config: perfevent.SWDummy, SampleType: 1 << 63}, 0, unix.EINVAL},
		{"no such thread", perfevent.Attr{Type: perfevent.TypeSoftware, Config: perfevent.SWDummy}, 1<<31 - 1, unix.ESRCH},
	} {
		e, err := perfevent.Open(&test.attr, test.tid, perfevent.AnyCPU)
		if err == nil {
			e.Close()
		}
		// The bare errno, which a caller compares.
		if err != test.want {
			t.Errorf("%s: %v, want %v", test.what, err, test.want)
		}
	}
}

// TestEventClosed checks that a closed event answers with errors.
func TestEventClosed(t *testing.T) {
	e := open(t, sideBand(0), 0)
	other := open(t, sideBand(0), 0)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	_, errID := e.ID()
	_, errRead := e.Read()
	for what, err := range map[string]error{
		"Enable": e.Enable(), "Disable": e.Disable(), "SetFilter": e.SetFilter("x == 1"), "ID": errID, "Read": errRead,
	} {
		if !errors.Is(err, unix.EBADF) {
			t.Errorf("%s of a closed event: %v", what, err)
		}
	}
	if err := other.SetOutput(other); !errors.Is(err, unix.EINVAL) {
		t.Errorf("redirecting an event to itself: %v", err)
	}
	if _, err := perfevent.OpenRing(e, 1); !errors.Is(err, unix.EBADF) {
		t.Errorf("ring of a closed event: %v", err)
	}
}

// TestOpenRing checks sizes, and that a ring lives on without its event.
func TestOpenRing(t *testing.T) {
	onOneThread(t)
	keepName(t)
	e := open(t, sideBand(perfevent.FlagComm), 0)
	for _, pages := range []int{-1, 0, 3, 12} {
		if _, err := perfevent.OpenRing(e, pages); err == nil {
			t.Errorf("a ring of %d pages is accepted", pages)
		}
	}
	r := openRing(t, e, 4)
	if r.Size() != 4*unix.Getpagesize() {
		t.Errorf("size %d of 4 pages", r.Size())
	}
	if _, err := perfevent.OpenRing(e, 8); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a second ring of another size: %v", err)
	}
	setName(t, "ring")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if records := drain(t, r); len(records) != 1 || records[0].Type != perfevent.RecordComm {
		t.Errorf("after the event was closed the ring holds %v", records)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}
