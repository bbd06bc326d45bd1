package perfdata

import (
	"slices"

	"gorecord/perfevent"
)

const (
	// maxWaiting bounds the bytes of records that wait for their round. Some
	// recordings have no rounds, or one that never ends.
	maxWaiting = 256 << 20
	// maxPartWaiting is the same for files that hold what one ring gave, which
	// is nearly in order.
	maxPartWaiting = 4 << 20
)

// source puts the records of one stream into the order of their time.
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
// the pass before can go; the rest waits. Memory is that of two rounds. Where
// that would be more than limit bytes, the older half goes; what comes too late
// then comes out late, and is counted.
type source struct {
	r      *Reader
	stream *stream
	most   int64 // bytes that may wait
	bound  int64 // of waiting, from which on the older half goes
	rec    Record
	err    error

	queue      []entry
	spare      []entry // for merging
	runs       []int   // starts of the ascending runs of queue
	head, stop int     // queue[head:stop] is ready to go
	newest     uint64
	limit      uint64 // newest as of the last round
	given      uint64 // time of the last record that went

	batches []*batch                  // those that hold records of queue, and the current one
	waiting int64                     // bytes of batches
	base    uint64                    // number of batches[0]
	at      int                       // place in the current batch
	last    *batch                    // holds rec
	counts  [firstVendorRecord]uint64 // of records by type
	vendor  map[perfevent.RecordType]uint64
	unknown uint64 // samples whose event is not known
	late    uint64

	problems []string
	aux      uint64
	damaged  bool
}

// entry is a record that waits: its time, and its place as number of its batch
// and offset in it, which grows in file order.
type entry struct{ time, place uint64 }

func startSource(r *Reader, st *stream, most int64) *source {
	go st.run()
	return &source{r: r, stream: st, most: most, bound: most}
}

// next moves to the next record.
func (s *source) next() bool {
	s.release()
	for {
		if s.head < s.stop {
			e := s.queue[s.head]
			s.head++
			if e.time < s.given {
				s.late++
			}
			s.given = max(s.given, e.time)
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

func (s *source) close() {
	if s.stream != nil {
		close(s.stream.stop)
		// A stream that waits for others to write ends when it can.
		if !s.stream.live {
			for range s.stream.batches {
			}
		}
		s.stream = nil
	}
	s.queue, s.head, s.stop = nil, 0, 0
}

// take makes the record at a place the current one.
func (s *source) take(b *batch, at int, time uint64, hasTime bool) {
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
func (s *source) release() {
	if s.last != nil {
		s.last.held--
		s.last = nil
	}
	for len(s.batches) > 1 && s.batches[0].held == 0 {
		s.waiting -= int64(len(s.batches[0].buf))
		if s.stream != nil && cap(s.batches[0].buf) >= batchBytes {
			select {
			case s.stream.free <- s.batches[0]:
			default:
			}
		}
		s.batches = s.batches[1:]
		s.base++
	}
	if s.waiting < s.most {
		s.bound = s.most
	}
}

// fill takes records from the stream until one can go: true where it is the
// current record, false where queue may have some.
func (s *source) fill() bool {
	for {
		b := s.current()
		if b == nil {
			s.sort(^uint64(0))
			return false
		}
		at := s.at
		t, m, size := perfevent.ParseHeader(b.buf[at:], s.r.order)
		s.at += size
		s.count(t)
		if t == RecordFinishedRound {
			s.sort(s.limit)
			s.limit = s.newest
			return false
		}
		raw := perfevent.RawRecord{Type: t, Misc: m, Bytes: b.buf[at : at+size : at+size]}
		if t < firstPrivateRecord {
			if time, ok := s.time(raw); ok {
				s.push(entry{time, (s.base+uint64(len(s.batches)-1))<<32 | uint64(at)})
				b.held++
				if s.waiting > s.bound {
					s.bound = s.waiting + s.most/2
					s.sort(^uint64(0))
					s.stop = (s.stop + 1) / 2
					return false
				}
				continue
			}
		} else if s.r.live == s && describes(t) {
			s.r.describe(raw, b.tracing[at])
			s.r.index()
		}
		s.take(b, at, 0, false)
		return true
	}
}

func (s *source) count(t perfevent.RecordType) {
	if t < firstVendorRecord {
		s.counts[t]++
		return
	}
	if s.vendor == nil {
		s.vendor = map[perfevent.RecordType]uint64{}
	}
	s.vendor[t]++
}

// current is the batch that holds the next record; nil at the end.
func (s *source) current() *batch {
	if len(s.batches) > 0 {
		if b := s.batches[len(s.batches)-1]; s.at < len(b.buf) {
			return b
		}
	}
	b, ok := <-s.stream.batches
	if !ok {
		s.err = s.stream.err
		s.problems, s.aux, s.damaged = s.stream.problems, s.stream.aux, s.stream.damaged
		s.counts[RecordCompressed] += s.stream.packed[0]
		s.counts[RecordCompressed2] += s.stream.packed[1]
		s.stream = nil
		return nil
	}
	s.batches = append(s.batches, b)
	s.waiting += int64(len(b.buf))
	s.at = 0
	return b
}

// time is the record's time by the layout of its event. Records without a time
// have 0 or the largest number there.
func (s *source) time(raw perfevent.RawRecord) (uint64, bool) {
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

func (s *source) push(e entry) {
	n := len(s.queue)
	if n == 0 || e.time < s.queue[n-1].time {
		s.runs = append(s.runs, n)
	}
	s.queue = append(s.queue, e)
	s.newest = max(s.newest, e.time)
}

// compact drops what has gone from the front of the queue.
func (s *source) compact() {
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
func (s *source) sort(limit uint64) {
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

func (s *source) mergeNeighbours() {
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

// ready reports whether next need not wait.
func (s *source) ready() bool {
	if s.head < s.stop || s.stream == nil || len(s.stream.batches) > 0 {
		return true
	}
	return len(s.batches) > 0 && s.at < len(s.batches[len(s.batches)-1].buf)
}
