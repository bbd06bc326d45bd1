package validate

import (
	"fmt"
	"math/bits"

	"gorecord/perfevent"
)

// event is an event of the recording.
type event struct {
	at     int64
	raw    []byte // the attribute's bytes
	attr   perfevent.Attr
	layout *perfevent.Layout
	ids    []uint64
}

// readAttrs reads the attributes and ids of a recording in file mode.
func (c *checker) readAttrs() {
	h := &c.head
	if h.stride < perfevent.AttrSizeVer0+entryTail || h.stride > 1<<16 || h.attrs.size == 0 || h.attrs.size%h.stride != 0 {
		c.add(16, AttrEntries, "entries of %d bytes in %d", h.stride, h.attrs.size)
		return
	}
	b, ok := c.read(h.attrs)
	if !ok {
		return
	}
	room := uint64(c.size) // for all ids: where they overlap there are not more
	for at := int64(h.attrs.offset); len(b) > 0; at += int64(h.stride) {
		entry := b[:h.stride]
		b = b[h.stride:]
		e := c.addEvent(entry[:h.stride-entryTail], at)
		if e == nil {
			continue
		}
		tail := entry[h.stride-entryTail:]
		ids := place{fmt.Sprintf("ids of event %d", len(c.events)-1), le.Uint64(tail), le.Uint64(tail[8:])}
		tailAt := at + int64(h.stride) - entryTail
		switch {
		case !c.inside(tailAt, ids):
		case ids.size%8 != 0:
			c.add(tailAt, EventIDs, "%s: %d bytes", ids.what, ids.size)
		case ids.size > room:
			c.used = append(c.used, ids)
		default:
			room -= ids.size
			c.used = append(c.used, ids)
			if b, ok := c.read(ids); ok {
				e.ids = numbers(b)
			}
		}
	}
}

func numbers(b []byte) []uint64 {
	ids := make([]uint64, 0, len(b)/8)
	for ; len(b) >= 8; b = b[8:] {
		ids = append(ids, le.Uint64(b))
	}
	return ids
}

// addEvent decodes an attribute, which must fill b.
func (c *checker) addEvent(b []byte, at int64) *event {
	a, size, err := perfevent.DecodeAttr(b, le)
	if err != nil || size != len(b) || le.Uint32(b[4:]) == 0 {
		c.add(at, AttrEntries, "attribute of event %d: size %d in %d bytes", len(c.events), le.Uint32(b[4:]), len(b))
		return nil
	}
	e := &event{at: at, raw: b, attr: a, layout: perfevent.NewLayout(&a, le)}
	c.events = append(c.events, e)
	c.checkReserved(e)
	return e
}

// Bits that Linux 6.19 knows.
const (
	knownFlags       = perfevent.FlagDeferOutput<<1 - 1
	knownSampleType  = perfevent.SampleWeightStruct<<1 - 1
	knownReadFormat  = perfevent.FormatLost<<1 - 1
	knownAuxAction   = 7
	attrPadding      = 110 // __reserved_2, two bytes
	knownBranchTypes = 1<<20 - 1
)

func (c *checker) checkReserved(e *event) {
	a := &e.attr
	for _, field := range []struct {
		name string
		at   int64
		rest uint64
	}{
		{"sample_type", 24, uint64(a.SampleType &^ knownSampleType)},
		{"read_format", 32, uint64(a.ReadFormat &^ knownReadFormat)},
		{"flags", 40, uint64(a.Flags &^ knownFlags)},
		{"branch_sample_type", 72, a.BranchSampleType &^ knownBranchTypes},
		{"aux_action", 116, uint64(a.AuxAction &^ knownAuxAction)},
	} {
		if field.rest != 0 {
			c.add(e.at+field.at, AttrReserved, "%s: unknown bits %#x", field.name, field.rest)
		}
	}
	if len(e.raw) >= attrPadding+2 && !zero(e.raw[attrPadding:attrPadding+2]) {
		c.add(e.at+attrPadding, AttrReserved, "padding: %x", e.raw[attrPadding:attrPadding+2])
	}
	if len(e.raw) > perfevent.AttrSizeVer9 && !zero(e.raw[perfevent.AttrSizeVer9:]) {
		c.add(e.at+perfevent.AttrSizeVer9, AttrReserved, "fields of a later ABI")
	}
}

// checkEvents checks what concerns all events together, once all are known.
func (c *checker) checkEvents() {
	need := 0
	for _, e := range c.events {
		need = max(need, e.attr.Size())
	}
	for i, e := range c.events {
		if len(e.raw) != need {
			c.add(e.at, AttrSize, "%d bytes, where %d hold all that is used", len(e.raw), need)
		}
		if len(e.ids) == 0 {
			c.add(e.at, EventIDs, "event %d has none", i)
		}
		for _, id := range e.ids {
			if c.byID[id] != nil {
				c.add(e.at, EventIDs, "event %d: id %d is there twice", i, id)
			}
			c.byID[id] = e
		}
	}
	c.checkPositions()
}

// positions tells where records carry id and time: offset in a sample's body,
// and distance from the end of other records; -1 is nowhere.
type positions struct{ id, time, idEnd, timeEnd int }

func positionsOf(a *perfevent.Attr) positions {
	t := a.SampleType
	count := func(fields perfevent.SampleType) int { return 8 * bits.OnesCount64(uint64(t&fields)) }
	p := positions{-1, -1, -1, -1}
	const (
		identifier  = perfevent.SampleIdentifier
		beforeTime  = identifier | perfevent.SampleIP | perfevent.SampleTID
		beforeID    = beforeTime | perfevent.SampleTime | perfevent.SampleAddr
		fromIDToEnd = perfevent.SampleID | perfevent.SampleStreamID | perfevent.SampleCPU | identifier
	)
	all := a.Has(perfevent.FlagSampleIDAll)
	if t&identifier != 0 {
		p.id = 0
		if all {
			p.idEnd = 8
		}
	} else if t&perfevent.SampleID != 0 {
		p.id = count(beforeID)
		if all {
			p.idEnd = count(fromIDToEnd)
		}
	}
	if t&perfevent.SampleTime != 0 {
		p.time = count(beforeTime)
		if all {
			p.timeEnd = count(perfevent.SampleTime | fromIDToEnd)
		}
	}
	return p
}

func (c *checker) checkPositions() {
	if len(c.events) < 2 {
		return
	}
	first := positionsOf(&c.events[0].attr)
	if first.id < 0 {
		c.add(c.events[0].at, AttrLayout, "%d events, but samples carry no ids", len(c.events))
	}
	for i, e := range c.events[1:] {
		if p := positionsOf(&e.attr); p != first {
			c.add(e.at, AttrLayout, "event %d has %+v, event 0 %+v", i+1, p, first)
		}
	}
}
