package validate

import (
	"bytes"
	"math/bits"

	"gorecord/perfevent"
)

// kernelRecord checks a record of the kernel's, or one synthesised in its form.
func (c *checker) kernelRecord(r rec) {
	if len(c.events) == 0 {
		c.add(r.at, RecordID, "%v before any attribute", r.Type)
		return
	}
	e, ok := c.eventOf(r)
	if !ok {
		return
	}
	if r.Type == perfevent.RecordSample {
		c.checkSample(r, e)
	} else {
		c.checkSide(r, e)
	}
}

// eventOf finds a record's event by the id that it carries. Records other than
// samples may carry 0, which stands for the first event.
func (c *checker) eventOf(r rec) (*event, bool) {
	p := positionsOf(&c.events[0].attr)
	body := r.Body()
	at := p.id
	if r.Type != perfevent.RecordSample {
		at = len(body) - p.idEnd
		if p.idEnd < 0 {
			at = -1
		}
	}
	if p.id < 0 || at < 0 && p.idEnd < 0 {
		return c.events[0], true
	}
	if at < 0 || at+8 > len(body) {
		c.add(r.at, RecordBody, "%v of %d bytes has no room for its id", r.Type, len(r.Bytes))
		return nil, false
	}
	id := le.Uint64(body[at:])
	if e := c.byID[id]; e != nil {
		return e, true
	}
	if id == 0 && r.Type != perfevent.RecordSample && r.Type != perfevent.RecordLostSamples {
		return c.events[0], true
	}
	what := RecordID
	if r.Type == perfevent.RecordLostSamples {
		what = LostID
	}
	c.add(r.at, what, "%v: id %d", r.Type, id)
	return nil, false
}

func (c *checker) checkSample(r rec, e *event) {
	if err := e.layout.DecodeSample(r.RawRecord, &c.sample); err != nil {
		c.add(r.at, RecordBody, "%v", err)
		return
	}
	again, err := e.layout.AppendSample(c.scratch[:0], &c.sample)
	if err != nil {
		c.add(r.at, RecordBody, "%v", err)
		return
	}
	c.scratch = again
	// The unused end of a stack dump holds whatever was there.
	exact := e.attr.SampleType&perfevent.SampleStackUser == 0
	if !c.same(r, again, exact) {
		return
	}
	if e.attr.SampleType&perfevent.SampleTime != 0 {
		c.checkTime(r, c.sample.Time)
		c.noteSample(c.sample.Time)
	}
	c.noteThread(r, e)
}

func (c *checker) checkSide(r rec, e *event) {
	record, id, err := e.layout.DecodeRecord(r.RawRecord)
	if err != nil {
		c.lost = true // what it would have told
		c.add(r.at, RecordBody, "%v", err)
		return
	}
	if !c.mapBuildID(r, e, id.Time) {
		c.lost = true
		return
	}
	again, err := e.layout.AppendRecord(c.scratch[:0], record, r.Misc, id)
	if err != nil {
		c.add(r.at, RecordBody, "%v", err)
		return
	}
	c.scratch = again
	if !c.same(r, again, true) {
		c.lost = true
		return
	}
	if positionsOf(&e.attr).timeEnd >= 0 {
		c.checkTime(r, id.Time)
	}
	c.checkBody(r, e, record)
	c.noteRecord(r, record, id.Time)
}

// mapBuildID checks the build id of a MMAP2. Recorders may write some into the
// records that they synthesise without asking the kernel for them.
func (c *checker) mapBuildID(r rec, e *event, time uint64) bool {
	if r.Type != perfevent.RecordMmap2 || r.Misc&perfevent.MiscMmapBuildID == 0 {
		return true
	}
	n := r.Body()[32]
	asked := e.attr.Has(perfevent.FlagBuildID) || !hasTime(time)
	if n == 0 || n > buildIDRoom || !asked {
		c.add(r.at, MapBuildID, "%d bytes; asked for: %t", n, asked)
		return false
	}
	return true
}

// same compares a record with what its decoded fields give when they are
// written again.
func (c *checker) same(r rec, again []byte, exact bool) bool {
	if len(again) != len(r.Bytes) {
		c.add(r.at, RecordBody, "%v of %d bytes, whose fields need %d", r.Type, len(r.Bytes), len(again))
		return false
	}
	if exact && !bytes.Equal(again, r.Bytes) {
		c.add(r.at, RecordPadding, "%v: padding is not zero", r.Type)
	}
	return true
}

// checkBody checks what single types of records promise.
func (c *checker) checkBody(r rec, e *event, record perfevent.Record) {
	known := func(what What, id uint64) {
		if c.byID[id] == nil {
			c.add(r.at, what, "%v of id %d", r.Type, id)
		}
	}
	switch record := record.(type) {
	case *perfevent.Lost:
		c.lost = true
		known(LostID, record.ID)
	case *perfevent.Throttle:
		known(RecordID, record.ID)
	case *perfevent.Read:
		if n := valuesSize(e.attr.ReadFormat, record.Values); n != len(record.Values) {
			c.add(r.at, RecordBody, "READ with %d bytes of values, want %d", len(record.Values), n)
		}
	}
}

// valuesSize is the size of an event's values in a READ record.
func valuesSize(f perfevent.ReadFormat, b []byte) int {
	const each = perfevent.FormatID | perfevent.FormatLost
	const times = perfevent.FormatTotalTimeEnabled | perfevent.FormatTotalTimeRunning
	value := 8 + 8*bits.OnesCount64(uint64(f&each))
	head := 8 * bits.OnesCount64(uint64(f&times))
	if f&perfevent.FormatGroup == 0 {
		return head + value
	}
	if len(b) < 8 {
		return head + 8
	}
	return head + 8 + value*int(min(le.Uint64(b), 1<<16))
}

// miscBits are the misc bits of records by type, besides the CPU mode.
var miscBits = map[perfevent.RecordType]perfevent.Misc{
	perfevent.RecordSample: perfevent.MiscExactIP | perfevent.MiscExtReserved,
	perfevent.RecordMmap:   perfevent.MiscMmapData | perfevent.MiscProcMapTimeout,
	perfevent.RecordMmap2:  perfevent.MiscMmapData | perfevent.MiscProcMapTimeout | perfevent.MiscMmapBuildID,
	perfevent.RecordComm:   perfevent.MiscCommExec,
	perfevent.RecordFork:   perfevent.MiscForkExec,
	perfevent.RecordSwitch: perfevent.MiscSwitchOut | perfevent.MiscSwitchOutPreempt,

	perfevent.RecordSwitchCPUWide: perfevent.MiscSwitchOut | perfevent.MiscSwitchOutPreempt,
	recBuildID:                    miscBuildIDSized,
}

func (c *checker) checkMisc(r rec) {
	mode := r.Misc.CPUMode()
	rest := r.Misc &^ (perfevent.MiscCPUModeMask | miscBits[r.Type])
	switch {
	case mode > perfevent.MiscGuestUser:
	case rest != 0:
	case r.Type == perfevent.RecordSample && mode == perfevent.MiscCPUModeUnknown:
	case r.Type >= recFirst && r.Type != recBuildID && mode != 0:
	default:
		return
	}
	c.add(r.at, RecordMisc, "%v: misc %#x", r.Type, uint16(r.Misc))
}
