package main

import (
	"errors"
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
		DSOs:           report.Words(o.filter.DSOs),
		Symbols:        report.Words(o.filter.Symbols),
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
	}{{report.KeyDSO, o.filter.DSOs}, {report.KeyComm, o.filter.Words.Comms}, {report.KeySymbol, o.filter.Symbols}} {
		if one := report.Words(f.list); len(one) == 1 && slices.Contains(s.Fields, f.key) {
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
	f, err := o.filter.Words.Filter(r.Info())
	if err != nil {
		return f, usageError{err}
	}
	return f, nil
}
