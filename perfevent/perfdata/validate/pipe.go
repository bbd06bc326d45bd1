package validate

import "gorecord/perfevent"

// checkPipe checks a recording in pipe mode.
func (c *checker) checkPipe() {
	c.walk(pipeHeader, c.size)
	if len(c.events) == 0 {
		return
	}
	c.byID = map[uint64]*event{}
	c.checkEvents()
	c.checkTracepoints()
	c.finishOwn()
	c.finish()
}

// describe takes the records that stand for the header of a file.
func (c *checker) describe(r rec) {
	body := r.Body()
	switch r.Type {
	case recHeaderAttr:
		c.pipeAttr(body, r.at)
	case recHeaderFeature:
		c.pipeFeature(body, r.at)
	}
}

func (c *checker) pipeAttr(body []byte, at int64) {
	at += perfevent.HeaderSize
	if len(body) < perfevent.AttrSizeVer0 {
		c.add(at, AttrEntries, "attribute of %d bytes", len(body))
		return
	}
	size := le.Uint32(body[4:])
	if size < perfevent.AttrSizeVer0 || uint64(size) > uint64(len(body)) {
		c.add(at, AttrEntries, "attribute of %d bytes in %d", size, len(body))
		return
	}
	e := c.addEvent(append([]byte(nil), body[:size]...), at)
	if e == nil {
		return
	}
	e.ids = numbers(body[size:])
	for _, id := range e.ids {
		if c.byID[id] == nil {
			c.byID[id] = e // again at the end, with findings
		}
	}
}

// eventUpdate checks unit, scale, name or CPUs of an event. perf writes such
// records into files, too.
func (c *checker) eventUpdate(body []byte, at int64) {
	const kinds = 4
	if len(body) < 16 {
		c.add(at, RecordBody, "EVENT_UPDATE of %d bytes", len(body))
		return
	}
	kind, id := le.Uint64(body), le.Uint64(body[8:])
	if kind == updateProbes {
		c.ownUpdate(id, body[16:], at)
		return
	}
	if kind >= kinds || c.byID[id] == nil {
		c.add(at, EventUpdate, "kind %d of event id %d", kind, id)
	}
}

// pipeFeature checks a feature's content. The list ends with a number that is
// no feature's, without content.
func (c *checker) pipeFeature(body []byte, at int64) {
	if len(body) < 8 {
		c.add(at, RecordBody, "FEATURE of %d bytes", len(body))
		return
	}
	number := le.Uint64(body)
	content := body[8:]
	if number > 1<<8 || !knownFeature(int(number)) {
		if len(content) > 0 || number == 0 {
			c.add(at, VendorBit, "feature %d with %d bytes", number, len(content))
		}
		return
	}
	c.feature(int(number), content, at+perfevent.HeaderSize+8)
}

// pipeTracing checks the tracing data behind their record, padded to whole
// words, and gives their size.
func (c *checker) pipeTracing(raw perfevent.RawRecord, at, end int64) int64 {
	if len(raw.Bytes) < 12 {
		c.add(at, PipeTracing, "record of %d bytes", len(raw.Bytes))
		return 0
	}
	n := int64(le.Uint32(raw.Body()))
	if n > end-at {
		c.add(at, DataEnd, "tracing data of %d bytes, with %d left", n, end-at)
		return end - at
	}
	if n%8 != 0 || n == 0 {
		c.add(at, PipeTracing, "%d bytes", n)
	}
	if b, ok := c.read(place{"tracing data", uint64(at), uint64(n)}); ok && n > 0 {
		c.feature(featTracingData, b, at)
	}
	return n
}
