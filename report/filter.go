package report

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// Filter says which samples a Profile is made of. An empty list lets all
// through.
//
// As in perf, samples of other events, CPUs and times do not exist at all,
// while those of other threads still count in the totals, so that percentages
// keep their meaning. (Filters by what a sample hit are those of Spec.)
type Filter struct {
	Events []string // names or globs; a name without its GROUP: will do
	CPUs   []int
	Times  []TimeRange
	Comms  []string
	PIDs   []uint32
	TIDs   []uint32
}

// TimeRange is a span of the recording's clock in nanoseconds, both ends
// included. End 0 stands for the end of the recording.
type TimeRange struct{ Start, End uint64 }

func (f *Filter) time(t uint64) bool {
	if len(f.Times) == 0 {
		return true
	}
	for _, r := range f.Times {
		if t >= r.Start && (r.End == 0 || t <= r.End) {
			return true
		}
	}
	return false
}

func (f *Filter) cpu(cpu int32) bool {
	return len(f.CPUs) == 0 || slices.Contains(f.CPUs, int(cpu))
}

func (f *Filter) thread(comm string, pid, tid uint32) bool {
	return (len(f.Comms) == 0 || slices.Contains(f.Comms, comm)) &&
		(len(f.PIDs) == 0 || slices.Contains(f.PIDs, pid)) &&
		(len(f.TIDs) == 0 || slices.Contains(f.TIDs, tid))
}

func (f *Filter) event(name string) bool {
	if len(f.Events) == 0 {
		return true
	}
	_, short, grouped := strings.Cut(name, ":")
	for _, want := range f.Events {
		if matches(want, name) || grouped && matches(want, short) {
			return true
		}
	}
	return false
}

func matches(pattern, name string) bool {
	if pattern == name {
		return true
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// Lets reports whether a sample passes by its thread, CPU and time.
func (f *Filter) Lets(comm string, s *perfevent.Sample) bool {
	return f.cpu(int32(s.CPU)) && f.time(s.Time) && f.thread(comm, s.PID, s.TID)
}

// SelectEvents tells which events of a recording the filter lets through. It
// is an error where a name fits none of them.
func (f *Filter) SelectEvents(events []*perfdata.Event) ([]bool, error) {
	selected := make([]bool, len(events))
	for i, e := range events {
		selected[i] = f.event(e.Name)
	}
	for _, want := range f.Events {
		one := Filter{Events: []string{want}}
		if !slices.ContainsFunc(events, func(e *perfdata.Event) bool { return one.event(e.Name) }) {
			return nil, fmt.Errorf("event %q is not in the recording, which has: %s", want, strings.Join(eventNames(events), ", "))
		}
	}
	return selected, nil
}

// Answerable checks that the samples tell what the filter asks for.
func (f *Filter) Answerable(events []*perfdata.Event, selected []bool) error {
	for i, e := range events {
		st := e.Attr.SampleType
		switch {
		case !selected[i]:
		case len(f.CPUs) > 0 && st&perfevent.SampleCPU == 0:
			return fmt.Errorf("samples of %s do not tell their CPU, so they cannot be filtered by it; record with -a or -C", e.Name)
		case len(f.Times) > 0 && st&perfevent.SampleTime == 0:
			return fmt.Errorf("samples of %s do not tell their time, so they cannot be filtered by it; record with -T", e.Name)
		}
	}
	return nil
}

func eventNames(events []*perfdata.Event) []string {
	names := make([]string, len(events))
	for i, e := range events {
		names[i] = e.Name
	}
	return names
}

// ParseNumbers reads a list of process or thread numbers.
func ParseNumbers(list string) ([]uint32, error) {
	var ns []uint32
	for word := range strings.SplitSeq(list, ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(word), 10, 64)
		if err != nil || n < math.MinInt32 || n > math.MaxUint32 {
			return nil, fmt.Errorf("%q is no process or thread number", word)
		}
		ns = append(ns, uint32(n))
	}
	return ns, nil
}

// ParseCPUs reads a list of CPUs such as 0,2-5.
func ParseCPUs(list string) ([]int, error) {
	const most = 1 << 16
	var cpus []int
	for word := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(word), "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.ParseUint(first, 10, 16)
		to, err2 := strconv.ParseUint(last, 10, 16)
		if err1 != nil || err2 != nil || from > to || to >= most {
			return nil, fmt.Errorf("%q is no CPU or range of CPUs such as 0-3", word)
		}
		for cpu := from; cpu <= to; cpu++ {
			cpus = append(cpus, int(cpu))
		}
	}
	return cpus, nil
}
