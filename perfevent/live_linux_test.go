package perfevent_test

import (
	"testing"

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
