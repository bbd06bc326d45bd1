package perfevent_test

import (
	"math"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gorecord/perfevent"
)

func newPoller(t *testing.T) *perfevent.Poller {
	t.Helper()
	p, err := perfevent.NewPoller()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// wait waits and says whether there were data and how long it took. A wait that
// a signal ended goes on: the Go runtime sends some to its threads.
func wait(t *testing.T, p *perfevent.Poller, timeout time.Duration) (data bool, took time.Duration) {
	t.Helper()
	start := time.Now()
	data, err := p.Wait(timeout)
	if err != nil {
		t.Fatal(err)
	}
	return data, time.Since(start)
}

// nothing checks that waits last for their time, allowing for signals.
func nothing(t *testing.T, p *perfevent.Poller) {
	t.Helper()
	const timeout = 20 * time.Millisecond
	for range 5 {
		data, took := wait(t, p, timeout)
		if data {
			t.Fatal("data where there are none")
		}
		if took >= timeout {
			return
		}
	}
	t.Fatal("no wait lasts for its time")
}

func TestPollerTimeout(t *testing.T) {
	p := newPoller(t)
	if data, took := wait(t, p, 0); data || took > 5*time.Second {
		t.Errorf("no wait: data %v after %v", data, took)
	}
	nothing(t, p)
	// Less than the kernel's unit must not become no wait at all.
	const short = 200 * time.Microsecond
	longest := time.Duration(0)
	for range 5 {
		_, took := wait(t, p, short)
		longest = max(longest, took)
	}
	if longest < short {
		t.Errorf("waits of %v last %v", short, longest)
	}
}

// TestPollerLongTimeout checks that a time which does not fit the kernel's 31
// bits of milliseconds becomes neither no time nor another.
func TestPollerLongTimeout(t *testing.T) {
	for _, timeout := range []time.Duration{-1, -time.Hour, 25 * 24 * time.Hour, 50 * 24 * time.Hour, math.MaxInt64} {
		p := newPoller(t)
		time.AfterFunc(30*time.Millisecond, p.Wake)
		start := time.Now()
		for range 5 { // signals
			wait(t, p, timeout)
			if time.Since(start) >= 30*time.Millisecond {
				break
			}
		}
		if took := time.Since(start); took < 30*time.Millisecond {
			t.Errorf("%v: ended after %v, before Wake", timeout, took)
		}
	}
}

func TestPollerWake(t *testing.T) {
	p := newPoller(t)
	// Before a wait: it returns at once, and once for any number of calls.
	p.Wake()
	p.Wake()
	if data, took := wait(t, p, time.Minute); data || took > 30*time.Second {
		t.Errorf("data %v after %v", data, took)
	}
	nothing(t, p)
	// From many goroutines, while waiting and while closing.
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				p.Wake()
			}
		})
	}
	wait(t, p, time.Minute)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	p.Wake()
	if err := p.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

// TestPollerData checks that a ring at its watermark ends a wait, and that each
// arrival is reported once.
func TestPollerData(t *testing.T) {
	onOneThread(t)
	keepName(t)
	e := open(t, sideBand(perfevent.FlagComm), 0)
	r := openRing(t, e, 1)
	p := newPoller(t)
	if err := p.Add(e); err != nil {
		t.Fatal(err)
	}
	nothing(t, p)
	for range 3 {
		setName(t, "poll")
		if data, took := wait(t, p, time.Minute); !data || took > 30*time.Second {
			t.Errorf("data %v after %v", data, took)
		}
		if records := drain(t, r); len(records) != 1 {
			t.Errorf("%d records", len(records))
		}
		nothing(t, p)
	}
	// Both at once.
	setName(t, "poll")
	p.Wake()
	if data, _ := wait(t, p, time.Minute); !data {
		t.Error("Wake hides the data")
	}
	nothing(t, p)
	if p.Watched() != 1 {
		t.Errorf("%d events watched", p.Watched())
	}
}

// TestPollerEventEnds checks that events whose process has exited are dropped,
// and that what they wrote is there.
func TestPollerEventEnds(t *testing.T) {
	probeOpen(t)
	var children [2]*exec.Cmd
	var stop [2]func()
	var rings [2]*perfevent.MappedRing
	p := newPoller(t)
	for i := range children {
		children[i] = exec.Command("cat")
		in, err := children[i].StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := children[i].Start(); err != nil {
			t.Skip(err)
		}
		stop[i] = sync.OnceFunc(func() {
			in.Close()
			if err := children[i].Wait(); err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(stop[i])
		e := open(t, sideBand(perfevent.FlagTask), children[i].Process.Pid)
		rings[i] = openRing(t, e, 1)
		if err := p.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	for i := range children {
		nothing(t, p)
		if n := p.Watched(); n != 2-i {
			t.Fatalf("%d events watched, want %d", n, 2-i)
		}
		stop[i]()
		for end := time.Now().Add(30 * time.Second); p.Watched() != 1-i; {
			if time.Now().After(end) {
				t.Fatal("the end of a process is not reported")
			}
			wait(t, p, time.Second)
		}
		records := drain(t, rings[i])
		if len(records) == 0 || records[len(records)-1].Type != perfevent.RecordExit {
			t.Errorf("the records of a process that ended: %v", records)
		}
	}
	nothing(t, p)
}

// TestPollerEventWithoutRing checks what Add says of an event that writes into
// no ring.
func TestPollerEventWithoutRing(t *testing.T) {
	p := newPoller(t)
	e := open(t, sideBand(perfevent.FlagComm), 0)
	if err := p.Add(e); err != nil {
		t.Fatal(err)
	}
	if data, _ := wait(t, p, time.Minute); data || p.Watched() != 0 {
		t.Errorf("data %v, %d watched", data, p.Watched())
	}
	nothing(t, p)
}

func TestPollerAddErrors(t *testing.T) {
	p := newPoller(t)
	e := open(t, sideBand(0), 0)
	openRing(t, e, 1)
	if err := p.Add(e); err != nil {
		t.Fatal(err)
	}
	if err := p.Add(e); err == nil || !strings.Contains(err.Error(), unix.EEXIST.Error()) {
		t.Errorf("adding an event again: %v", err)
	}
	if p.Watched() != 1 {
		t.Errorf("%d events watched", p.Watched())
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Add(e); err == nil {
		t.Error("a closed event is accepted")
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(0); err == nil {
		t.Error("a closed poller waits")
	}
}
