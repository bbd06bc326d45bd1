package perfdata

import (
	"fmt"
	"slices"

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
// The order follows the rounds of the recording:
//
//	pass 1          pass 2          pass 3
//	cpu0 ..3 cpu1 ..5 | cpu0 ..9 cpu1 ..8 | …
//	            FINISHED_ROUND      FINISHED_ROUND
//
// All that pass 2 brings is younger than what pass 1 had seen when it ended
// (5), except for records that were written during pass 1 on a CPU that it had
// already left. So at the end of a pass everything up to the newest time of
// the pass before can go; the rest waits. Memory is that of two rounds.
//
// A Sorter is for one goroutine, and must be closed where it is not read to
// its end.
type Sorter struct {
	r      *Reader
	stream *stream
	rec    Record
	err    error

	queue      []entry
	spare      []entry // for merging
	runs       []int   // starts of the ascending runs of queue
	head, stop int     // queue[head:stop] is ready to go
	newest     uint64
	limit      uint64 // newest as of the last round

	batches []*batch    // those that hold records of queue, and the current one
	base    uint64      // number of batches[0]
	at      int         // place in the current batch
	last    *batch      // holds rec
	counts  [256]uint64 // of records by type; the last takes all types above
	unknown uint64      // samples whose event is not known

	problems []string
	aux      uint64
}

// entry is a record that waits: its time, and its place as number of its batch
// and offset in it, which grows in file order.
type entry struct{ time, place uint64 }

// Sorted starts to read the records. The Sorter may be used while other
// Sorters of the same Reader are.
func (r *Reader) Sorted() *Sorter {
	return &Sorter{r: r, stream: startStream(r.src, r.data, r.order)}
}

// Next moves to the next record. It gives false at the end and after an error.
func (s *Sorter) Next() bool {
	s.release()
	for {
		if s.head < s.stop {
			e := s.queue[s.head]
			s.head++
			b := s.batches[e.place>>32-s.base]
			s.take(b, int(uint32(e.place)), e.time, true)
			s.last = b
			return true
		}
		if s.stream == nil {
			return false
		}
		s.compact()
		if s.fill() {
			return true
		}
	}
}

// Record is the current record. It and its bytes are valid until the next call
// of Next.
func (s *Sorter) Record() *Record { return &s.rec }

// Err is the error that ended reading, nil at a regular end. Damage of the
// recording is no error but a problem.
func (s *Sorter) Err() error { return s.err }

// Close ends reading. It may be called at any time, also again.
func (s *Sorter) Close() {
	if s.stream != nil {
		close(s.stream.stop)
		for range s.stream.batches {
		}
		s.stream = nil
	}
	s.queue, s.head, s.stop = nil, 0, 0
}

// Problems says, in one line each, what could not be read. It is complete when
// Next has given false.
func (s *Sorter) Problems() []string {
	p := slices.Concat(s.r.problems, s.problems)
	if s.unknown > 0 {
		p = append(p, fmt.Sprintf("samples of events that the recording does not describe, left out: %d", s.unknown))
	}
	if s.aux > 0 {
		p = append(p, fmt.Sprintf("AUX data (hardware traces), stepped over: %d bytes", s.aux))
	}
	return p
}

// Counts gives the number of records of each type so far. Types from 255 on,
// which nothing writes, are counted together.
func (s *Sorter) Counts() map[perfevent.RecordType]uint64 {
	counts := map[perfevent.RecordType]uint64{}
	for t, n := range s.counts {
		if n > 0 {
			counts[perfevent.RecordType(t)] = n
		}
	}
	return counts
}

// take makes the record at a place the current one.
func (s *Sorter) take(b *batch, at int, time uint64, hasTime bool) {
	buf := b.buf[at:]
	t, m, size := perfevent.ParseHeader(buf, s.r.order)
	s.rec.RawRecord = perfevent.RawRecord{Type: t, Misc: m, Bytes: buf[:size:size]}
	s.rec.Time, s.rec.HasTime = time, hasTime
	s.rec.Offset = b.offset
	s.rec.Event = nil
	if t < firstPrivateRecord {
		s.rec.Event = s.r.event(s.rec.RawRecord)
	}
}

// release gives up the record that was current, and the batches that nothing
// needs any more.
func (s *Sorter) release() {
	if s.last != nil {
		s.last.held--
		s.last = nil
	}
	for len(s.batches) > 1 && s.batches[0].held == 0 {
		if s.stream != nil {
			select {
			case s.stream.free <- s.batches[0]:
			default:
			}
		}
		s.batches = s.batches[1:]
		s.base++
	}
}

// fill takes records from the stream until one can go: true where it is the
// current record, false where queue may have some.
func (s *Sorter) fill() bool {
	for {
		if len(s.batches) == 0 || s.at == len(s.batches[len(s.batches)-1].buf) {
			if !s.nextBatch() {
				s.sort(^uint64(0))
				return false
			}
		}
		number := s.base + uint64(len(s.batches)-1)
		b := s.batches[len(s.batches)-1]
		at := s.at
		t, m, size := perfevent.ParseHeader(b.buf[at:], s.r.order)
		s.at += size
		s.counts[min(int(t), len(s.counts)-1)]++
		if t == RecordFinishedRound {
			s.sort(s.limit)
			s.limit = s.newest
			return false
		}
		if t < firstPrivateRecord {
			raw := perfevent.RawRecord{Type: t, Misc: m, Bytes: b.buf[at : at+size : at+size]}
			if time, ok := s.time(raw); ok {
				s.push(entry{time, number<<32 | uint64(at)})
				b.held++
				continue
			}
		}
		s.take(b, at, 0, false)
		return true
	}
}

// time is the record's time by the layout of its event. Records without a time
// have 0 or the largest number there.
func (s *Sorter) time(raw perfevent.RawRecord) (uint64, bool) {
	e := s.r.event(raw)
	if e == nil {
		if raw.Type == perfevent.RecordSample {
			s.unknown++
		}
		e = s.r.events[0]
	}
	t, ok := e.Layout.Time(raw)
	return t, ok && t != 0 && t != ^uint64(0)
}

func (s *Sorter) nextBatch() bool {
	b, ok := <-s.stream.batches
	if !ok {
		s.err = s.stream.err
		s.problems, s.aux = s.stream.problems, s.stream.aux
		s.stream = nil
		return false
	}
	s.batches = append(s.batches, b)
	s.at = 0
	return true
}

func (s *Sorter) push(e entry) {
	n := len(s.queue)
	if n == 0 || e.time < s.queue[n-1].time {
		s.runs = append(s.runs, n)
	}
	s.queue = append(s.queue, e)
	s.newest = max(s.newest, e.time)
}

// compact drops what has gone from the front of the queue.
func (s *Sorter) compact() {
	if s.head == 0 {
		return
	}
	n := copy(s.queue, s.queue[s.head:])
	s.queue = s.queue[:n]
	s.head, s.stop = 0, 0
	s.runs = s.runs[:0]
	if n > 0 {
		s.runs = append(s.runs, 0)
	}
}

// sort puts the queue in order and makes everything up to limit ready to go.
// The queue consists of few ascending runs, one for each CPU and pass, so it is
// sorted by merging neighbours.
func (s *Sorter) sort(limit uint64) {
	for len(s.runs) > 1 {
		s.mergeNeighbours()
	}
	s.stop, _ = slices.BinarySearchFunc(s.queue, limit, func(e entry, limit uint64) int {
		if e.time <= limit {
			return -1
		}
		return 1
	})
}

func (s *Sorter) mergeNeighbours() {
	s.spare = slices.Grow(s.spare[:0], len(s.queue))
	runs := s.runs[:0]
	for i := 0; i < len(s.runs); i += 2 {
		a := s.queue[s.runs[i]:]
		var b []entry
		if i+1 < len(s.runs) {
			a = s.queue[s.runs[i]:s.runs[i+1]]
			b = s.queue[s.runs[i+1]:]
			if i+2 < len(s.runs) {
				b = s.queue[s.runs[i+1]:s.runs[i+2]]
			}
		}
		start := len(s.spare)
		s.spare = merge(s.spare, a, b)
		runs = append(runs, start)
	}
	s.runs = runs
	s.queue, s.spare = s.spare, s.queue
}

// merge appends two ascending runs in order; of equal times those of a, which
// stand first in the file, come first.
func merge(dst, a, b []entry) []entry {
	for len(a) > 0 && len(b) > 0 {
		if b[0].time < a[0].time {
			dst = append(dst, b[0])
			b = b[1:]
		} else {
			dst = append(dst, a[0])
			a = a[1:]
		}
	}
	return append(append(dst, a...), b...)
}
