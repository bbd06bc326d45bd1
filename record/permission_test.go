package record

import (
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"gorecord/perfevent"
)

// TestPermissionHint: each layer that can refuse an event is named.
func TestPermissionHint(t *testing.T) {
	const nobody, perfmon, root = "0000000000000000", "0000004000000000", "000001ffffffffff"
	for _, tt := range []struct {
		name, caps, seccomp, lockdown, paranoid string
		notPermitted, uprobe                    bool
		want                                    string
	}{
		{"level", nobody, "0", "[none] integrity confidentiality", "2", false, false, "perf_event_paranoid is 2; run as root"},
		{"turned off", nobody, "0", "", "", false, false, "perf events may be turned off"},
		{"probe without tracefs", perfmon, "0", "", "2", false, true, "needs CAP_SYS_ADMIN"},
		{"lockdown", root, "0", "none integrity [confidentiality]", "2", true, false, "the kernel is locked down (confidentiality)"},
		{"seccomp", root, "2", "[none] integrity", "2", true, false, "a seccomp filter forbids perf_event_open"},
		{"a filter that allows it", nobody, "2", "", "3", false, false, "perf_event_paranoid is 3"},
	} {
		proc := fstest.MapFS{"self/status": {Data: []byte("Name:\tx\nCapEff:\t" + tt.caps + "\nSeccomp:\t" + tt.seccomp + "\n")}}
		if tt.paranoid != "" {
			proc["sys/kernel/perf_event_paranoid"] = &fstest.MapFile{Data: []byte(tt.paranoid + "\n")}
		}
		sys := fstest.MapFS{"kernel/security/lockdown": {Data: []byte(tt.lockdown + "\n")}}
		if got := permissionHint(proc, sys, tt.notPermitted, tt.uprobe); !strings.Contains(got, tt.want) || strings.Contains(got, "\n") {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestLoweredFrequency: the kernel lowers the highest sampling rate by itself; the
// default rate, and one that was lowered since it was looked at, stay within it.
func TestLoweredFrequency(t *testing.T) {
	proc := fstest.MapFS{"sys/kernel/perf_event_max_sample_rate": {Data: []byte("1750\n")}}
	k := newFakeKernel()
	k.refuse = func(a *perfevent.Attr, tid, cpu int) error {
		if a.Has(perfevent.FlagFreq) && a.SamplePeriod > 1750 {
			return syscall.EINVAL
		}
		return nil
	}
	var notes []string
	s := openFake(t, k, Config{Proc: proc, Events: []Event{cpuClock}, Note: func(line string) { notes = append(notes, line) }})
	defer s.Close()
	if a := s.Events()[0].Attr; a.SamplePeriod != 1750 || !a.Has(perfevent.FlagFreq) {
		t.Errorf("%d samples a second, flags %v", a.SamplePeriod, a.Flags)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "allows 1750 samples a second: sampling cpu-clock so often") {
		t.Errorf("notes %q", notes)
	}
}
