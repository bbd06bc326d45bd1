package perfdata

import (
	"encoding/binary"
	"fmt"
	"slices"

	"gorecord/perfevent"
)

// Event is one event of a recording.
type Event struct {
	Index  int // place among the recording's events
	Name   string
	Attr   perfevent.Attr
	IDs    []uint64 // one for each descriptor that was opened for the event
	Layout *perfevent.Layout
}

func sortUint32(s []uint32) { slices.Sort(s) }

// encodeEventDesc gives the content of the EVENT_DESC section, which names the
// events.
func encodeEventDesc(events []*Event, attrSize int) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, uint32(len(events)))
	b = le.AppendUint32(b, uint32(attrSize))
	for _, e := range events {
		b = appendAttr(b, &e.Attr, attrSize)
		b = le.AppendUint32(b, uint32(len(e.IDs)))
		b = appendStr(b, e.Name)
		for _, id := range e.IDs {
			b = le.AppendUint64(b, id)
		}
	}
	return b
}

// appendAttr appends an attribute with the size that all attributes of the
// file share.
func appendAttr(dst []byte, a *perfevent.Attr, size int) []byte {
	start := len(dst)
	dst = a.Append(dst)
	dst = append(dst, make([]byte, start+size-len(dst))...)
	binary.LittleEndian.PutUint32(dst[start+4:], uint32(size))
	return dst
}

// commonAttrSize is the smallest attribute size that holds all events.
func commonAttrSize(events []*Event) int {
	size := perfevent.AttrSizeVer0
	for _, e := range events {
		size = max(size, e.Attr.Size())
	}
	return size
}

// decodeEventDesc reads the EVENT_DESC section.
func decodeEventDesc(b []byte, order binary.ByteOrder) ([]*Event, error) {
	c := &cursor{what: FeatureEventDesc.String(), b: b, order: order}
	n, size := c.u32(), c.u32()
	if size < perfevent.AttrSizeVer0 {
		return nil, fmt.Errorf("%s section: attribute size %d", c.what, size)
	}
	var events []*Event
	for range n {
		raw := c.take(uint64(size))
		if raw == nil {
			break
		}
		a, _, err := perfevent.DecodeAttr(raw, order)
		if err != nil {
			return events, fmt.Errorf("%s section: %w", c.what, err)
		}
		ids := c.u32()
		e := &Event{Index: len(events), Attr: a, Name: c.str()}
		if e.IDs = decodeIDs(c.take(8*uint64(ids)), order); c.short {
			break
		}
		events = append(events, e)
	}
	return events, c.err()
}

func decodeIDs(b []byte, order binary.ByteOrder) []uint64 {
	ids := make([]uint64, 0, len(b)/8)
	for ; len(b) >= 8; b = b[8:] {
		ids = append(ids, order.Uint64(b))
	}
	return ids
}

// nameEvents gives the events their names: from EVENT_DESC, by id or else by
// place, then from TRACING_DATA, then from the attribute itself.
func nameEvents(events, desc []*Event, td *TracingData) {
	byID := map[uint64]*Event{}
	for _, d := range desc {
		for _, id := range d.IDs {
			byID[id] = d
		}
	}
	for i, e := range events {
		for _, id := range e.IDs {
			if d := byID[id]; d != nil && d.Name != "" && e.Name == "" {
				e.Name = d.Name
				break
			}
		}
		if e.Name == "" && len(desc) == len(events) {
			e.Name = desc[i].Name
			if len(e.IDs) == 0 {
				e.IDs = desc[i].IDs
			}
		}
		if e.Name == "" && td != nil && e.Attr.Type == perfevent.TypeTracepoint {
			if t := td.ByID(e.Attr.Config); t != nil {
				e.Name = t.System + ":" + t.Name
			}
		}
		if e.Name == "" {
			e.Name = attrName(&e.Attr)
		}
	}
}

var hardwareNames = [...]string{
	"cycles", "instructions", "cache-references", "cache-misses", "branches", "branch-misses",
	"bus-cycles", "stalled-cycles-frontend", "stalled-cycles-backend", "ref-cycles",
}

var softwareNames = [...]string{
	"cpu-clock", "task-clock", "page-faults", "context-switches", "cpu-migrations", "minor-faults",
	"major-faults", "alignment-faults", "emulation-faults", "dummy", "bpf-output", "cgroup-switches",
}

// attrName names an event by its attribute alone, as perf does.
func attrName(a *perfevent.Attr) string {
	switch {
	case a.Type == perfevent.TypeHardware && a.Config < uint64(len(hardwareNames)):
		return hardwareNames[a.Config] + modifiers(a)
	case a.Type == perfevent.TypeSoftware && a.Config < uint64(len(softwareNames)):
		return softwareNames[a.Config] + modifiers(a)
	case a.Type == perfevent.TypeRaw:
		return fmt.Sprintf("raw 0x%x", a.Config) + modifiers(a)
	case a.Type == perfevent.TypeTracepoint:
		return "unknown tracepoint"
	case a.Type == perfevent.TypeBreakpoint:
		return fmt.Sprintf("mem:0x%x", a.Config1)
	}
	return fmt.Sprintf("unknown attr type: %d", a.Type)
}

// modifiers gives the letters that stand for what an event leaves out, as perf
// appends them to names.
func modifiers(a *perfevent.Attr) string {
	var mods []byte
	shown := func(exclude perfevent.Flags, letter byte) {
		if !a.Has(exclude) {
			mods = append(mods, letter)
		}
	}
	noGuest := false // whether leaving guests out goes without saying
	if a.Flags&(perfevent.FlagExcludeKernel|perfevent.FlagExcludeUser|perfevent.FlagExcludeHV) != 0 {
		shown(perfevent.FlagExcludeKernel, 'k')
		shown(perfevent.FlagExcludeUser, 'u')
		shown(perfevent.FlagExcludeHV, 'h')
		noGuest = true
	}
	if n := a.PreciseIP(); n > 0 {
		mods = append(mods, "ppp"[:n]...)
		noGuest = true
	}
	if a.Has(perfevent.FlagExcludeHost) || a.Has(perfevent.FlagExcludeGuest) == noGuest {
		shown(perfevent.FlagExcludeHost, 'H')
		shown(perfevent.FlagExcludeGuest, 'G')
	}
	if len(mods) == 0 {
		return ""
	}
	return ":" + string(mods)
}
