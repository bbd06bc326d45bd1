package report

import (
	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// GroupReads turns the counts that samples with PERF_SAMPLE_READ carry into
// periods. Counts only grow, so a sample stands for what its event counted
// since the sample before; in a group, one record is a sample of every member
// that counted meanwhile (deliver_sample_group in tools/perf/util/session.c).
type GroupReads struct {
	events  map[uint64]*perfdata.Event
	counted map[uint64]uint64 // by id: the last value
	members []GroupMember     // scratch
}

// GroupMember is a sample of one member of a group.
type GroupMember struct {
	Event  *perfdata.Event
	Period uint64
}

// NewGroupReads makes a GroupReads for the events of a recording.
func NewGroupReads(events []*perfdata.Event) *GroupReads {
	g := &GroupReads{events: map[uint64]*perfdata.Event{}, counted: map[uint64]uint64{}}
	for _, e := range events {
		for _, id := range e.IDs {
			g.events[id] = e
		}
	}
	return g
}

// Split gives the samples that one record stands for. The result is valid
// until the next call.
func (g *GroupReads) Split(e *perfdata.Event, s *perfevent.Sample) []GroupMember {
	g.members = g.members[:0]
	for _, v := range s.Read.Values {
		id := v.ID
		if e.Attr.ReadFormat&perfevent.FormatID == 0 {
			id = s.ID
		}
		event := g.events[id]
		if event == nil {
			if len(s.Read.Values) > 1 {
				continue
			}
			event = e
		}
		period := v.Value - g.counted[id]
		g.counted[id] = v.Value
		if period > 0 {
			g.members = append(g.members, GroupMember{event, period})
		}
	}
	return g.members
}
