package validate

import (
	"cmp"
	"slices"

	"gorecord/perfevent"
)

// rounds follows the rule of FINISHED_ROUND: at each, a reader lets go all that
// is not newer than the newest record before the previous one.
type rounds struct {
	newest uint64 // of all records so far
	limit  uint64 // newest as of the last round
	gone   uint64 // a reader has let go everything up to here
	seen   bool   // a round
	timed  bool   // a record with a time
}

func (o *rounds) finish() {
	o.seen = true
	o.gone = o.limit
	o.limit = o.newest
}

// hasTime tells real times from what synthesised records carry.
func hasTime(t uint64) bool { return t != 0 && t != ^uint64(0) }

func (c *checker) checkTime(r rec, t uint64) {
	if !hasTime(t) {
		return
	}
	o := &c.rounds
	o.timed = true
	if t < o.gone {
		c.add(r.at, RoundOrder, "%v at %d, where readers are at %d", r.Type, t, o.gone)
	}
	o.newest = max(o.newest, t)
}

func (c *checker) noteSample(t uint64) {
	if !c.samples || t < c.first {
		c.first = t
	}
	c.last = max(c.last, t)
	c.samples = true
}

// thread is what samples and records say of a thread or a process.
type thread struct {
	known  uint64 // from when on its name, or for a process its maps, is known
	first  uint64 // first sample that needs it
	at     int64  // of that sample
	named  bool
	needed bool
}

func (t *thread) learn(time uint64) {
	if !t.named || time < t.known {
		t.known = time
	}
	t.named = true
}

func (t *thread) need(time uint64, at int64) {
	if !t.needed || time < t.first {
		t.first, t.at = time, at
	}
	t.needed = true
}

// of finds a thread or process. Where there are more than the file can hold
// uncompressed, it gives one that nobody looks at.
func (c *checker) of(m map[uint32]*thread, id uint32) *thread {
	t := m[id]
	if t == nil {
		t = new(thread)
		if int64(len(m)) < 1<<12+c.size/8 {
			m[id] = t
		} else {
			c.lost = true
		}
	}
	return t
}

// noteThread notes what the current sample needs.
func (c *checker) noteThread(r rec, e *event) {
	const needs = perfevent.SampleTID | perfevent.SampleTime
	s := &c.sample
	if e.attr.SampleType&needs != needs || idle(s.PID) || idle(s.TID) {
		return
	}
	c.of(c.threads, s.TID).need(s.Time, r.at)
	if r.Misc.CPUMode() == perfevent.MiscUser {
		c.of(c.processes, s.PID).need(s.Time, r.at)
	}
}

// idle says of a number that it is no thread's: 0 idles, and -1 stands for
// threads that are about to end.
func idle(id uint32) bool { return id == 0 || id == 1<<32-1 }

// noteRecord notes what a record tells of threads. A synthesised record is
// delivered as it comes, behind all that has gone before.
func (c *checker) noteRecord(r rec, record perfevent.Record, time uint64) {
	synthesised := !hasTime(time)
	if synthesised {
		time = c.rounds.gone
	}
	switch record := record.(type) {
	case *perfevent.Comm:
		c.of(c.threads, record.TID).learn(time)
	case *perfevent.Fork:
		c.of(c.threads, record.TID).learn(time)
		c.of(c.processes, record.PID).learn(time)
	case *perfevent.Mmap:
		c.of(c.processes, record.PID).learn(time)
	case *perfevent.Mmap2:
		c.of(c.processes, record.PID).learn(time)
	default:
		return
	}
	if synthesised && c.initDone {
		c.add(r.at, LateSynthesis, "%v", r.Type)
	}
}

// finish checks what only the end of the records can tell.
func (c *checker) finish() {
	if len(c.tail) > 0 {
		c.stop(c.size, ZstdStream, "compressed records end in the middle of one: %d bytes", len(c.tail))
	}
	if c.partial {
		return
	}
	if c.rounds.timed && !c.rounds.seen {
		c.add(c.size, RoundMissing, "no FINISHED_ROUND")
	}
	if t := c.times; t != nil && (t[0] != c.first || t[1] != c.last) {
		c.add(c.timesAt, SampleTimes, "%d to %d, but samples are from %d to %d", t[0], t[1], c.first, c.last)
	}
	if c.lost {
		return
	}
	if c.hasFlags(perfevent.FlagComm | perfevent.FlagTask) {
		c.finishThreads(CommMissing, c.threads)
	}
	if c.hasFlags(perfevent.FlagMmap | perfevent.FlagTask) {
		c.finishThreads(MapMissing, c.processes)
	}
}

func (c *checker) hasFlags(f perfevent.Flags) bool {
	return slices.ContainsFunc(c.events, func(e *event) bool { return e.attr.Has(f) })
}

func (c *checker) finishThreads(what What, m map[uint32]*thread) {
	type late struct {
		id uint32
		*thread
	}
	var all []late
	for id, t := range m {
		if t.needed && (!t.named || t.known > t.first) {
			all = append(all, late{id, t})
		}
	}
	slices.SortFunc(all, func(a, b late) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id))
	})
	for _, t := range all {
		if t.named {
			c.add(t.at, what, "%d is sampled at %d, but known from %d on", t.id, t.first, t.known)
		} else {
			c.add(t.at, what, "%d is sampled at %d, but not known", t.id, t.first)
		}
	}
}
