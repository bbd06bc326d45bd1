package record

import (
	"encoding/binary"
	"errors"
	"fmt"

	"gorecord/perfevent"
)

// drain makes one pass over all rings. Each ring is looked at once, so that the
// pass ends even where events come faster than they are written.
func (s *Session) drain(sink Sink) error {
	for _, r := range s.rings {
		if r.Load() == 0 {
			continue
		}
		if err := s.drainRing(r, sink); err != nil {
			return err
		}
	}
	if rounds, ok := sink.(Rounds); ok {
		return rounds.FinishRound()
	}
	return nil
}

func (s *Session) drainRing(r Ring, sink Sink) error {
	// Whatever happens, the kernel gets its room back.
	defer r.Commit()
	for {
		rec, ok, err := r.Next()
		if errors.Is(err, perfevent.ErrRingCorrupt) {
			s.note("%v; what it held is lost", err)
			return nil
		}
		if err != nil || !ok {
			return err
		}
		s.count(rec)
		if err := sink.WriteRecord(rec); err != nil {
			return err
		}
	}
}

// count looks at a record's type; of the few that report loss, at more.
func (s *Session) count(rec perfevent.RawRecord) {
	s.stats.Records++
	switch rec.Type {
	case perfevent.RecordSample:
		s.stats.Samples++
	case perfevent.RecordThrottle:
		s.stats.Throttled++
	case perfevent.RecordLost:
		if body := rec.Body(); len(body) >= 16 {
			s.stats.LostByRing += binary.NativeEndian.Uint64(body[8:])
		}
	case perfevent.RecordFork:
		if body := rec.Body(); len(body) >= 8 && !s.cfg.Target.SystemWide() {
			s.forked[int(binary.NativeEndian.Uint32(body))] = true
		}
	}
}

// Drain empties the rings after the events were disabled, and appends what the
// kernel counted as lost, as one LOST_SAMPLES record for each descriptor that
// lost any.
func (s *Session) Drain(sink Sink) error {
	// A second pass catches what a wrapped first one had to leave.
	for range 2 {
		if err := s.drain(sink); err != nil {
			return err
		}
	}
	return s.WriteLost(sink)
}

// WriteLost appends what the kernel counted as lost since the last call, as one
// LOST_SAMPLES record for each descriptor that lost any. A sink may call it
// during Run, to complete a recording before it begins another.
func (s *Session) WriteLost(sink Sink) error {
	var buf []byte
	for i := range s.events {
		e := &s.events[i]
		if e.attr.ReadFormat&perfevent.FormatLost == 0 {
			continue
		}
		for j := range e.fds {
			fd := &e.fds[j]
			v, err := fd.Read()
			if err != nil {
				return fmt.Errorf("%s: %w", e.Name, err)
			}
			if len(v.Values) == 0 || v.Values[0].Lost <= fd.lost {
				continue
			}
			lost := v.Values[0].Lost - fd.lost
			fd.lost = v.Values[0].Lost
			s.stats.Lost[i] += lost
			id := perfevent.SampleIdentity{ID: fd.id, CPU: uint32(fd.cpu)}
			if buf, err = s.layout.AppendRecord(buf[:0], &perfevent.LostSamples{Lost: lost}, 0, id); err != nil {
				return err
			}
			raw, err := perfevent.SplitRecord(buf, littleEndian)
			if err != nil {
				return err
			}
			if err := sink.WriteRecord(raw); err != nil {
				return err
			}
		}
	}
	return nil
}
