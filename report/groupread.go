package report

import (
	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// groupReads turns the counts that samples with PERF_SAMPLE_READ carry into
// periods. Counts only grow, so a sample stands for what its event counted
// since the sample before; in a group, one record is a sample of every member
// that counted meanwhile (deliver_sample_group in tools/perf/util/session.c).
type groupReads struct {
	events  map[uint64]*perfdata.Event
	counted map[uint64]uint64 // by id: the last value
	members []groupMember     // scratch
}

type groupMember struct {
	event  *perfdata.Event
	period uint64
}

func (g *groupReads) init(events []*perfdata.Event) {
	g.events, g.counted = map[uint64]*perfdata.Event{}, map[uint64]uint64{}
	for _, e := range events {
		for _, id := range e.IDs {
			g.events[id] = e
		}
	}
}

// split gives the samples that one record stands for. The result is valid
// until the next call.
func (g *groupReads) split(e *perfdata.Event, s *perfevent.Sample) []groupMember {
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
			g.members = append(g.members, groupMember{event, period})
		}
	}
	return g.members
}
