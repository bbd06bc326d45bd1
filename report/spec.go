package report

import "slices"

// Spec says what a Histogram shows.
type Spec struct {
	// Fields are the columns, Sort what rows are ordered by; both may hold
	// values and groupings, and rows are grouped by every grouping in either.
	Fields, Sort []Key
	// Children adds rows for the functions that called those that were hit,
	// and to every row's Total what it called.
	Children bool
	// HideUnresolved leaves out samples whose function is not known, and
	// such frames in callchains.
	HideUnresolved bool
	// DSOs and Symbols leave only rows of samples that hit one of these.
	// Percentages keep meaning parts of all samples.
	DSOs, Symbols []string
	Calls         CallOptions
}

// DefaultKeys are the keys that a recording is sorted by where nobody says
// otherwise: what tracepoints tell where all events are tracepoints with
// something to tell (traces), else command, file and function.
func DefaultKeys(traces bool) []Key {
	if traces {
		return []Key{KeyTrace}
	}
	return []Key{KeyComm, KeyDSO, KeySymbol}
}

// ValueColumns says which values stand before the keys where no fields are
// named.
type ValueColumns struct {
	Samples, Period, CPUModes bool
}

// Layout derives columns and order from the keys that a user named, by perf's
// rules. sort and fields are nil where they were not named, and defaults takes
// their place where neither was.
//
//   - Without fields the columns are the overhead values and then the keys, and
//     the overhead decides the order before they do.
//   - With fields alone these decide the order from left to right.
//   - With both, the keys decide it first.
func (s *Spec) Layout(sort, fields, defaults []Key, v ValueColumns) {
	if fields == nil {
		if sort == nil {
			sort = defaults
		}
		s.defaultLayout(sort, v)
		return
	}
	s.Fields = slices.Clone(fields)
	s.Sort = slices.Clone(sort)
	for _, k := range fields {
		s.Sort = with(s.Sort, k)
	}
	for _, k := range sort {
		s.Fields = with(s.Fields, k)
	}
}

func (s *Spec) defaultLayout(sort []Key, v ValueColumns) {
	s.Fields, s.Sort = nil, nil
	if s.Children {
		s.Fields = append(s.Fields, KeyOverheadChildren)
		s.Sort = with(s.Sort, KeyOverheadChildren)
	}
	s.Fields = append(s.Fields, KeyOverhead)
	if v.CPUModes {
		s.Fields = append(s.Fields, KeyOverheadSys, KeyOverheadUs)
	}
	if v.Samples {
		s.Fields = append(s.Fields, KeySample)
	}
	if v.Period {
		s.Fields = append(s.Fields, KeyPeriod)
	}
	if !slices.Contains(sort, KeyOverhead) {
		s.Sort = append(s.Sort, KeyOverhead)
	}
	for _, k := range sort {
		s.Sort, s.Fields = with(s.Sort, k), with(s.Fields, k)
	}
}

func with(keys []Key, k Key) []Key {
	if slices.Contains(keys, k) {
		return keys
	}
	return append(keys, k)
}

// Drop takes a key out of the columns; rows stay grouped by it.
func (s *Spec) Drop(k Key) {
	s.Fields = slices.DeleteFunc(slices.Clone(s.Fields), func(f Key) bool { return f == k })
}

// Needs is what a Profile must keep apart for the Histogram.
func (s *Spec) Needs() Dimensions {
	var d Dimensions
	for _, k := range slices.Concat(s.Fields, s.Sort) {
		d |= k.Needs()
	}
	if s.HideUnresolved || len(s.DSOs) > 0 || len(s.Symbols) > 0 {
		d |= ByAddress
	}
	if s.Children || s.Calls.Mode != CallsNone {
		d |= ByStack
	}
	return d
}

func (s *Spec) groups(k Key) bool {
	return slices.Contains(s.Fields, k) || slices.Contains(s.Sort, k)
}
