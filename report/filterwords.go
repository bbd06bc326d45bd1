package report

import (
	"errors"
	"strings"

	"gorecord/perfevent/perfdata"
)

// FilterWords are filters as a user gives them: lists separated by commas.
type FilterWords struct {
	Events                         []string
	Comms, PIDs, TIDs, CPUs, Times string
}

// Filter reads the words. Parts of the recording, such as 10%-20%, are taken
// from what it says of its length.
func (w *FilterWords) Filter(info *perfdata.Info) (Filter, error) {
	f := Filter{Comms: Words(w.Comms)}
	for _, list := range w.Events {
		f.Events = append(f.Events, Words(list)...)
	}
	var errs [4]error
	if w.PIDs != "" {
		f.PIDs, errs[0] = ParseNumbers(w.PIDs)
	}
	if w.TIDs != "" {
		f.TIDs, errs[1] = ParseNumbers(w.TIDs)
	}
	if w.CPUs != "" {
		f.CPUs, errs[2] = ParseCPUs(w.CPUs)
	}
	if w.Times != "" {
		f.Times, errs[3] = ParseTimes(w.Times, info.FirstSample, info.LastSample)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return f, errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return f, nil
}

// Words splits a list at its commas.
func Words(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}
