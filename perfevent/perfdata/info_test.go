package perfdata

import (
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"gorecord/perfevent"
)

// TestShortFeatures: a section that ends early is an error that names it, and
// what came before its end is kept.
func TestShortFeatures(t *testing.T) {
	s := testSession()
	for _, f := range earlyFeatures {
		b, ok := s.Info.encode(f)
		if f == FeatureEventDesc {
			b, ok = encodeEventDesc(s.Events, perfevent.AttrSizeVer7), true
		}
		if !ok {
			continue
		}
		for cut := range b {
			var info Info
			var err error
			if f == FeatureEventDesc {
				_, err = decodeEventDesc(b[:cut], binary.LittleEndian)
			} else {
				err = info.decode(f, b[:cut], binary.LittleEndian)
			}
			if f == FeatureClockData && cut < 4 {
				continue // an unknown version has nothing to read
			}
			if err == nil {
				t.Errorf("%v cut to %d of %d bytes: no error", f, cut, len(b))
				break
			}
			if cut >= 8 && (!errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), f.String())) {
				t.Errorf("%v cut to %d bytes: %v", f, cut, err)
			}
		}
	}
}

// TestNames: events are named by EVENT_DESC, else by their tracepoint, else by
// their attribute.
func TestNames(t *testing.T) {
	td := &TracingData{Events: []TraceEvent{{System: "sched", Name: "sched_switch", ID: 316}}}
	event := func(typ perfevent.EventType, config uint64, ids ...uint64) *Event {
		return &Event{Attr: perfevent.Attr{Type: typ, Config: config}, IDs: ids}
	}
	named := func(name string, ids ...uint64) *Event { return &Event{Name: name, IDs: ids} }
	for _, test := range []struct {
		name   string
		events []*Event
		desc   []*Event
		want   string
	}{
		{"by id, in another order", []*Event{event(0, 0, 5), event(1, 0, 6)}, []*Event{named("b", 6), named("a", 5)}, "a b"},
		{"by place where there are no ids", []*Event{event(0, 0), event(1, 0)}, []*Event{named("x"), named("y")}, "x y"},
		{"tracepoint", []*Event{event(2, 316)}, nil, "sched:sched_switch"},
		{"unknown tracepoint", []*Event{event(2, 1)}, nil, "unknown tracepoint"},
		{"hardware, software, raw, breakpoint", []*Event{event(0, 1), event(1, 2), event(4, 0x1c0), event(5, 0)}, nil,
			"instructions:HG page-faults:HG raw 0x1c0:HG mem:0x0"},
	} {
		nameEvents(test.events, test.desc, td)
		var names []string
		for _, e := range test.events {
			names = append(names, e.Name)
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
