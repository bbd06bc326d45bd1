package report

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseTimes(t *testing.T) {
	const first, last = 1_000_000_000, 2_000_000_000
	tests := []struct {
		in   string
		want []TimeRange // nil: an error
	}{
		{"1.5,1.75", []TimeRange{{1_500_000_000, 1_750_000_000}}},
		{"1.5,", []TimeRange{{1_500_000_000, 0}}},
		{",1.000000001", []TimeRange{{0, 1_000_000_001}}},
		{"1,2 3,4", []TimeRange{{1_000_000_000, 2_000_000_000}, {3_000_000_000, 4_000_000_000}}},
		{"0%-10%", []TimeRange{{first, 1_099_999_999}}},
		{"90%-100%", []TimeRange{{1_900_000_000, last}}},
		{"10%/2", []TimeRange{{1_100_000_000, 1_199_999_999}}},
		{"50%/2,0%-10%", []TimeRange{{1_500_000_000, last}, {first, 1_099_999_999}}},
		{"", nil}, {"1", nil}, {"2,1", nil}, {"x,y", nil}, {"1.0000000001,", nil}, {"20%-10%", nil},
		{"10%/0", nil}, {"10%/11", nil}, {"0%-101%", nil}, {"10%", nil}, {"99999999999999999999,", nil}, {"-1,2", nil},
		{"NaN%-10%", nil}, {"NaN%/1", nil},
	}
	for _, tt := range tests {
		got, err := ParseTimes(tt.in, first, last)
		if (err == nil) != (tt.want != nil) || err == nil && !slices.Equal(got, tt.want) {
			t.Errorf("%q: %v, %v; want %v", tt.in, got, err, tt.want)
		}
	}
	if _, err := ParseTimes("10%-20%", 0, 0); !errors.Is(err, errNoSpan) {
		t.Errorf("percents of an unknown span: %v", err)
	}
}

func TestParseLists(t *testing.T) {
	if got, err := ParseCPUs("0,2-4, 7"); err != nil || !slices.Equal(got, []int{0, 2, 3, 4, 7}) {
		t.Errorf("CPUs: %v, %v", got, err)
	}
	for _, bad := range []string{"", "a", "3-1", "1-", "-1", "0-99999999", "1,,2"} {
		if got, err := ParseCPUs(bad); err == nil {
			t.Errorf("CPUs %q: %v", bad, got)
		}
	}
	if got, err := ParseNumbers("1, 22,-1"); err != nil || !slices.Equal(got, []uint32{1, 22, ^uint32(0)}) {
		t.Errorf("numbers: %v, %v", got, err)
	}
	for _, bad := range []string{"", "x", "1,", "5000000000"} {
		if got, err := ParseNumbers(bad); err == nil {
			t.Errorf("numbers %q: %v", bad, got)
		}
	}
}

// Filters on testdata/calls.data: what counts as a sample of an event, and what
// gets a row.
func TestFilters(t *testing.T) {
	tests := []struct {
		name            string
		filter          Filter
		samples, shown  uint64 // of cpu-clock: in the table, in its rows
		probes          uint64
		secondTableGone bool
	}{
		{"none", Filter{}, 15, 15, 4, false},
		{"event", Filter{Events: []string{"cpu-clock"}}, 15, 15, 0, true},
		{"event without its group", Filter{Events: []string{"f"}}, 0, 0, 4, false},
		{"event glob", Filter{Events: []string{"probe_*:*"}}, 0, 0, 4, false},
		{"comm", Filter{Comms: []string{"tool"}}, 15, 2, 4, false},
		{"pid", Filter{PIDs: []uint32{100}}, 15, 12, 4, false},
		{"tid", Filter{TIDs: []uint32{101}}, 15, 3, 4, false},
		{"cpu", Filter{CPUs: []int{1}}, 7, 7, 0, false},
		{"cpu and comm", Filter{CPUs: []int{0}, Comms: []string{"tool"}}, 8, 2, 4, false},
		{"time", Filter{Times: []TimeRange{{0, 3_010_000}}}, 3, 3, 0, false},
		{"times", Filter{Times: []TimeRange{{0, 1_500_000}, {18_000_000, 0}}}, 1, 1, 2, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := load(t, "testdata/calls.data", Options{Filter: tt.filter})
			clock, probe := p.Tables[0], p.Tables[1]
			var shown uint64
			for _, r := range clock.Rows {
				shown += r.Samples
			}
			if clock.Samples != tt.samples || shown != tt.shown || probe.Samples != tt.probes || probe.Selected == tt.secondTableGone {
				t.Errorf("%d samples, %d in rows, %d of the probe (selected: %v)", clock.Samples, shown, probe.Samples, probe.Selected)
			}
		})
	}
}

func TestFilterErrors(t *testing.T) {
	tests := []struct {
		file   string
		filter Filter
		want   string
	}{
		{"testdata/calls.data", Filter{Events: []string{"nothing"}}, "cpu-clock, probe_x:f"},
		{"../testdata/recordings/cpu-clock-g.data", Filter{CPUs: []int{0}}, "do not tell their CPU"},
	}
	for _, tt := range tests {
		_, err := Load(context.Background(), open(t, tt.file), Options{Filter: tt.filter})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error with %q", tt.file, err, tt.want)
		}
	}
}
