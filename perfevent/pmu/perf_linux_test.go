package pmu

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gorecord/perfevent"
)

// TestAgainstPerf: each name gives the attribute that perf makes of it. perf
// shows the attribute before it opens the event, so that events which the
// machine lacks are compared as well.
func TestAgainstPerf(t *testing.T) {
	if testing.Short() {
		t.Skip("runs perf more than a hundred times")
	}
	perf, err := exec.LookPath("perf")
	if err != nil {
		t.Skip(err)
	}
	sys := os.DirFS("/sys")
	specs := []string{"msr/tsc/", "msr/tsc/u", "msr/event=0x1,period=100/", "msr/config=3,name=foo/", "msr/tsc,freq=7/", "tsc"}
	if _, err := os.Stat("/sys/" + devices + "/msr/events/tsc"); err != nil {
		specs = nil // this machine has no such PMU
	}
	for _, spec := range goldenEvents() {
		known := !strings.Contains(spec, "cpu/") && !strings.Contains(spec, "uncore") && !strings.Contains(spec, "topdown") && !strings.Contains(spec, "mem-loads")
		if known && !perfCannot[spec] {
			specs = append(specs, spec)
		}
	}
	for _, spec := range specs {
		t.Run(spec, func(t *testing.T) {
			t.Parallel()
			e, err := Parse(sys, spec)
			if err != nil {
				t.Fatal(err)
			}
			out := perfDump(t, perf, spec)
			want, ok := firstAttr(out)
			if !ok {
				t.Fatalf("perf shows no attribute:\n%s", out)
			}
			for field, got := range fieldsOf(&e.Attr) {
				if got != want[field] {
					t.Errorf("%s is %#x, perf has %#x", field, got, want[field])
				}
			}
		})
	}
}

// perfCannot are forms that perf 6.1 refuses and we take.
var perfCannot = map[string]bool{
	"cpu-clock/max-stack=7/:u":  true, // a colon before modifiers
	"cpu-clock/name='a, b: c'/": true, // white space in a name
}

func perfDump(t *testing.T, perf, spec string) string {
	t.Helper()
	cmd := exec.Command(perf, "record", "-o", filepath.Join(t.TempDir(), "perf.data"), "--no-bpf-event", "-BN", "-vv", "-e", spec, "true")
	out, _ := cmd.CombinedOutput() // it fails where the machine lacks the event
	return string(out)
}

// firstAttr reads the first attribute that perf prints.
func firstAttr(out string) (map[string]uint64, bool) {
	_, out, ok := strings.Cut(out, "perf_event_attr:\n")
	if !ok {
		return nil, false
	}
	attr := map[string]uint64{}
	for sc := bufio.NewScanner(bytes.NewReader([]byte(out))); sc.Scan(); {
		line := strings.TrimSpace(sc.Text())
		if strings.HasPrefix(line, "---") {
			break
		}
		i := strings.LastIndexByte(line, ' ')
		name := strings.Trim(strings.TrimSpace(line[:max(i, 0)]), "{ }")
		value, err := strconv.ParseUint(line[i+1:], 0, 64)
		if err != nil {
			continue // sample_type and read_format are words
		}
		attr[name] = value
	}
	return attr, true
}

// fieldsOf are the fields that a name decides, under perf's words for them.
func fieldsOf(a *perfevent.Attr) map[string]uint64 {
	bit := func(f perfevent.Flags) uint64 {
		if a.Has(f) {
			return 1
		}
		return 0
	}
	fields := map[string]uint64{
		"type": uint64(a.Type), "config": a.Config, "precise_ip": uint64(a.PreciseIP()),
		"exclude_user": bit(perfevent.FlagExcludeUser), "exclude_kernel": bit(perfevent.FlagExcludeKernel), "exclude_hv": bit(perfevent.FlagExcludeHV),
		"exclude_host": bit(perfevent.FlagExcludeHost), "exclude_guest": bit(perfevent.FlagExcludeGuest), "exclude_idle": bit(perfevent.FlagExcludeIdle),
		"pinned": bit(perfevent.FlagPinned), "exclusive": bit(perfevent.FlagExclusive),
		"bp_type": uint64(a.BPType), "sample_max_stack": uint64(a.SampleMaxStack),
	}
	if a.Type == perfevent.TypeBreakpoint {
		fields["bp_addr, config1"], fields["bp_len, config2"] = a.Config1, a.Config2
	}
	if a.SamplePeriod != 0 {
		fields["sample_period, sample_freq"] = a.SamplePeriod
		fields["freq"] = bit(perfevent.FlagFreq)
	}
	return fields
}
