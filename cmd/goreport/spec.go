package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
	"gorecord/report"
)

// spec derives what the tables show from the command line and the events.
func (o *options) spec(r *perfdata.Reader) (*report.Spec, error) {
	chains := slices.ContainsFunc(r.Events(), func(e *perfdata.Event) bool {
		return e.Attr.SampleType&perfevent.SampleCallchain != 0
	})
	if !chains && o.callsSet && o.calls.Mode != report.CallsNone {
		return nil, errors.New("-g needs callchains, which this recording has none of; record with gorecord -g or perf record -g")
	}
	s := &report.Spec{
		Children:       o.rows.children && chains,
		HideUnresolved: o.rows.hideUnresolved,
		DSOs:           words(o.filter.dsos),
		Symbols:        words(o.filter.symbols),
		Calls:          o.calls,
	}
	if !chains {
		s.Calls.Mode = report.CallsNone
	}
	if s.Children && !s.Calls.OrderSet {
		s.Calls.Callers = true
	}
	defaults := report.DefaultKeys(report.TracesTell(r))
	sort, err := parseKeys("sort", o.sort, defaults)
	if err != nil {
		return nil, usageError{err}
	}
	fields, err := parseKeys("fields", o.fields, nil)
	if err != nil {
		return nil, usageError{err}
	}
	s.Layout(sort, fields, defaults, report.ValueColumns{
		Samples: o.rows.samples, Period: o.rows.period, CPUModes: o.rows.cpuModes,
	})
	return s, nil
}

// parseKeys reads keys; +KEY adds to the defaults. nil stands for none.
func parseKeys(option, list string, defaults []report.Key) ([]report.Key, error) {
	if list == "" {
		return nil, nil
	}
	added, plus := strings.CutPrefix(list, "+")
	keys, err := report.ParseKeys(option, added)
	if err != nil || !plus {
		return keys, err
	}
	return append(slices.Clone(defaults), keys...), nil
}

func words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

// elision is a column that would show the same in every row, because a filter
// leaves only one value.
type elision struct {
	key   report.Key
	value string
}

func (o *options) elided(s *report.Spec) []elision {
	var es []elision
	for _, f := range []struct {
		key  report.Key
		list string
	}{{report.KeyDSO, o.filter.dsos}, {report.KeyComm, o.filter.comms}, {report.KeySymbol, o.filter.symbols}} {
		if one := words(f.list); len(one) == 1 && slices.Contains(s.Fields, f.key) {
			es = append(es, elision{f.key, one[0]})
		}
	}
	return es
}

// groupings is the number of columns that are no values.
func groupings(s *report.Spec) int {
	n := 0
	for _, k := range s.Fields {
		if !k.IsValue() {
			n++
		}
	}
	return n
}

// filterFor reads the filters.
func (o *options) filterFor(r *perfdata.Reader) (report.Filter, error) {
	f := report.Filter{Comms: words(o.filter.comms)}
	for _, list := range o.filter.events {
		f.Events = append(f.Events, words(list)...)
	}
	var errs [4]error
	if o.filter.pids != "" {
		f.PIDs, errs[0] = report.ParseNumbers(o.filter.pids)
	}
	if o.filter.tids != "" {
		f.TIDs, errs[1] = report.ParseNumbers(o.filter.tids)
	}
	if o.filter.cpus != "" {
		f.CPUs, errs[2] = report.ParseCPUs(o.filter.cpus)
	}
	if o.filter.times != "" {
		i := r.Info()
		f.Times, errs[3] = report.ParseTimes(o.filter.times, i.FirstSample, i.LastSample)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return f, usageError{fmt.Errorf("%s", strings.ReplaceAll(err.Error(), "\n", "; "))}
	}
	return f, nil
}
