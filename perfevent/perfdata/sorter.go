package perfdata

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gorecord/perfevent"
)

// Record is one record of a recording.
type Record struct {
	perfevent.RawRecord
	// Event is what the record belongs to; nil for private records and where
	// the id is not known.
	Event   *Event
	Time    uint64
	HasTime bool
	// Offset is the place in the file near which the record lies.
	Offset int64
}

// Sorter gives the records of a recording in the order of their time. Records
// without a time come out where they stand in the file; of records with equal
// times the one that stands first comes first.
//
// What has to wait for its turn is bounded: see source. A Sorter is for one
// goroutine, and must be closed where it is not read to its end.
type Sorter struct {
	r       *Reader
	sources []*source // one for each file of a folder
	waiting []*source // those of several that have a record to give
	cur     *source   // the one that gave the last record, or will give the first
}

// Sorted starts to read the records. The Sorter may be used while other
// Sorters of the same Reader are; but a stream is read once, by one Sorter.
func (r *Reader) Sorted() *Sorter {
	if r.live != nil {
		return &Sorter{r: r, sources: []*source{r.live}, cur: r.live}
	}
	s := &Sorter{r: r}
	s.start(newInput(r.src, r.data), r.promised, maxWaiting)
	s.cur = s.sources[0]
	for _, p := range r.parts {
		s.start(newInput(p.file, section{0, uint64(p.size)}), unbounded, maxPartWaiting)
	}
	return s
}

func (s *Sorter) start(in input, promised, most int64) {
	st := newStream(in, s.r.order)
	st.known, st.promised = s.r.knows, promised
	s.sources = append(s.sources, startSource(s.r, st, most))
}

// Next moves to the next record. It gives false at the end and after an error.
func (s *Sorter) Next() bool {
	if len(s.sources) == 1 {
		return s.cur.next()
	}
	return s.merge()
}

// merge moves to the record that comes first of all sources.
func (s *Sorter) merge() bool {
	if s.waiting == nil {
		for _, src := range s.sources {
			if src.next() {
				s.waiting = append(s.waiting, src)
			}
		}
	} else if !s.cur.next() {
		s.waiting = slices.DeleteFunc(s.waiting, func(src *source) bool { return src == s.cur })
	}
	if len(s.waiting) == 0 {
		return false
	}
	s.cur = slices.MinFunc(s.waiting, func(a, b *source) int {
		if !a.rec.HasTime || !b.rec.HasTime {
			return boolOrder(a.rec.HasTime, b.rec.HasTime)
		}
		return cmp.Compare(a.rec.Time, b.rec.Time)
	})
	return true
}

// boolOrder puts false first.
func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// Record is the current record. It and its bytes are valid until the next call
// of Next.
func (s *Sorter) Record() *Record { return &s.cur.rec }

// Err is the error that ended reading, nil at a regular end. Damage of the
// recording is no error but a problem.
func (s *Sorter) Err() error {
	for _, src := range s.sources {
		if src.err != nil {
			return src.err
		}
	}
	return nil
}

// Close ends reading. It may be called at any time, also again.
func (s *Sorter) Close() {
	for _, src := range s.sources {
		src.close()
	}
}

// Problems says, in one line each, what could not be read. It is complete when
// Next has given false.
func (s *Sorter) Problems() []string {
	p := slices.Clone(s.r.problems)
	var unknown, aux, late uint64
	for _, src := range s.sources {
		p = append(p, src.problems...)
		unknown, aux, late = unknown+src.unknown, aux+src.aux, late+src.late
	}
	if unknown > 0 {
		p = append(p, fmt.Sprintf("samples of events that the recording does not describe, left out: %d", unknown))
	}
	if late > 0 {
		p = append(p, fmt.Sprintf("records that came too late for their place in time: %d", late))
	}
	if kinds := s.Unknown(); len(kinds) > 0 {
		var list []string
		for _, t := range slices.Sorted(maps.Keys(kinds)) {
			list = append(list, fmt.Sprintf("%d × %s", kinds[t], RecordName(t)))
		}
		p = append(p, "records of types that are not known here, stepped over: "+strings.Join(list[:min(len(list), 8)], ", "))
	}
	if aux > 0 {
		p = append(p, fmt.Sprintf("AUX data (hardware traces), stepped over: %d bytes", aux))
	}
	return p
}

// Damaged reports whether data of the recording are missing. It is complete
// when Next has given false.
func (s *Sorter) Damaged() bool {
	return slices.ContainsFunc(s.sources, func(src *source) bool { return src.damaged })
}

// Counts gives the number of records of each type so far; those that hold
// compressed ones are in it at the end.
func (s *Sorter) Counts() map[perfevent.RecordType]uint64 {
	counts := map[perfevent.RecordType]uint64{}
	for _, src := range s.sources {
		for t, n := range src.counts {
			if n > 0 {
				counts[perfevent.RecordType(t)] += n
			}
		}
		for t, n := range src.vendor {
			counts[t] += n
		}
	}
	return counts
}

// Unknown gives the number of records of each type that has no name.
func (s *Sorter) Unknown() map[perfevent.RecordType]uint64 {
	counts := s.Counts()
	maps.DeleteFunc(counts, func(t perfevent.RecordType, _ uint64) bool { return isNamed(t) })
	return counts
}

// Ready reports whether Next has a record, or the end, without waiting for more
// of a stream.
func (s *Sorter) Ready() bool {
	return len(s.sources) > 1 || s.cur.ready()
}
