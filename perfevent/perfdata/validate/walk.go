package validate

import (
	"bufio"
	"io"

	"gorecord/perfevent"
)

// Record types that exist only in recordings.
const (
	recHeaderAttr    perfevent.RecordType = 64
	recEventType     perfevent.RecordType = 65
	recTracingData   perfevent.RecordType = 66
	recBuildID       perfevent.RecordType = 67
	recFinishedRound perfevent.RecordType = 68
	recAuxtrace      perfevent.RecordType = 71
	recEventUpdate   perfevent.RecordType = 78
	recHeaderFeature perfevent.RecordType = 80
	recCompressed    perfevent.RecordType = 81
	recFinishedInit  perfevent.RecordType = 82
	recCompressed2   perfevent.RecordType = 83
	recLast          perfevent.RecordType = 84
	recFirst                              = recHeaderAttr
)

// rec is a record that is being checked.
type rec struct {
	perfevent.RawRecord
	at       int64
	unpacked bool // it came out of COMPRESSED records
}

// walk goes through the records between two places of the file.
func (c *checker) walk(at, end int64) {
	in := bufio.NewReaderSize(io.NewSectionReader(c.src, at, end-at), 1<<17)
	for first := true; at < end; first = false {
		head, err := in.Peek(int(min(perfevent.HeaderSize, end-at)))
		if err != nil {
			c.stop(at, ReadFailed, "record: %v", err)
			return
		}
		if len(head) < perfevent.HeaderSize {
			c.stop(at, DataEnd, "%d stray bytes", len(head))
			return
		}
		t, _, size := perfevent.ParseHeader(head, le)
		if size < perfevent.HeaderSize {
			c.stop(at, RecordSize, "%v of %d bytes", t, size)
			return
		}
		if int64(size) > end-at {
			c.overEnd(t, size, at, end)
			return
		}
		b, err := in.Peek(size)
		if err != nil {
			c.stop(at, ReadFailed, "%v: %v", t, err)
			return
		}
		raw, err := perfevent.SplitRecord(b, le)
		if err != nil {
			c.stop(at, RecordSize, "%v", err)
			return
		}
		if first && c.pipe && t != recHeaderAttr {
			c.add(at, PipeStart, "%v", t)
		}
		c.record(rec{RawRecord: raw, at: at})
		behind := c.behind(raw, at, end)
		if _, err := in.Discard(size); err != nil {
			return
		}
		at += int64(size)
		if behind > 0 {
			at += behind
			in.Reset(io.NewSectionReader(c.src, at, end-at))
		}
	}
}

// stop adds the finding that ends the reading of records.
func (c *checker) stop(at int64, what What, format string, args ...any) {
	c.partial = true
	c.add(at, what, format, args...)
}

// overEnd judges a record that is larger than the rest of the data: it may be
// the round that our Writer leaves while it has not finished.
func (c *checker) overEnd(t perfevent.RecordType, size int, at, end int64) {
	table := len(c.head.features()) * tableEntry
	p := place{"round", uint64(at), uint64(size)}
	if c.pipe || t != recFinishedRound || end-at != perfevent.HeaderSize || size%8 != 0 ||
		size < perfevent.HeaderSize+table || p.end() > uint64(c.size) {
		c.stop(at, DataEnd, "%v of %d bytes, with %d left", t, size, end-at)
		return
	}
	for _, f := range c.features {
		if f.offset >= uint64(end) && f.end() > p.end() {
			c.stop(at, DataEnd, "round ends at %d, before %s", p.end(), f.what)
			return
		}
	}
	c.add(at, Unfinished, "round with the feature table, %d bytes", size)
	c.used = append(c.used, place{"round's body", uint64(end), p.end() - uint64(end)})
	c.rounds.finish()
}

// behind gives the number of bytes that follow a record and belong to it.
func (c *checker) behind(raw perfevent.RawRecord, at, end int64) int64 {
	at += int64(len(raw.Bytes))
	switch {
	case raw.Type == recTracingData && c.pipe:
		return c.pipeTracing(raw, at, end)
	case raw.Type == recAuxtrace && len(raw.Bytes) >= 16:
		n := le.Uint64(raw.Body())
		if n > uint64(end-at) {
			c.add(at, DataEnd, "AUX data of %d bytes, with %d left", n, end-at)
			n = uint64(end - at)
		}
		return int64(n)
	}
	return 0
}

// unaligned reports whether a record may have a size that is no multiple of
// eight: compressed ones in files, and the 12 bytes of TRACING_DATA, which perf
// wants so.
func (c *checker) unaligned(t perfevent.RecordType, size int) bool {
	return t == recCompressed && !c.pipe || t == recTracingData && size == 12
}

// record checks one record, and what is compressed in it.
func (c *checker) record(r rec) {
	size := len(r.Bytes)
	if size%8 != 0 && !c.unaligned(r.Type, size) {
		c.add(r.at, RecordAlign, "%v of %d bytes", r.Type, size)
	}
	c.checkMisc(r)
	switch {
	case r.Type == 0, r.Type > perfevent.RecordCallchainDeferred && r.Type < recFirst, r.Type > recLast:
		c.add(r.at, RecordType, "%v", r.Type)
	case r.Type < recFirst:
		c.kernelRecord(r)
	default:
		c.privateRecord(r)
	}
}

func (c *checker) privateRecord(r rec) {
	body := r.Body()
	switch r.Type {
	case recFinishedRound:
		c.rounds.finish()
		c.roundBody(r)
	case recFinishedInit:
		c.initDone = true
		if len(body) > 0 {
			c.add(r.at, RecordBody, "FINISHED_INIT with %d bytes", len(body))
		}
	case recCompressed, recCompressed2:
		if r.unpacked {
			c.add(r.at, RecordType, "%v among compressed records", r.Type)
			return
		}
		c.unpack(r)
	case recBuildID:
		c.buildIDs(r.Bytes, r.at)
	case recEventUpdate:
		c.eventUpdate(body, r.at)
	case recHeaderAttr, recEventType, recTracingData, recHeaderFeature:
		if !c.pipe {
			c.add(r.at, RecordType, "%v in file mode", r.Type)
			return
		}
		c.describe(r)
	}
}

// roundBody checks what stands in a FINISHED_ROUND: nothing, or a stale feature
// table.
func (c *checker) roundBody(r rec) {
	body := r.Body()
	if len(body) == 0 {
		return
	}
	table := len(c.head.features()) * tableEntry
	if c.pipe || r.unpacked || table == 0 || len(body) < table {
		c.add(r.at, RoundBody, "%d bytes", len(body))
		return
	}
	for i := 0; i < table; i += tableEntry {
		offset, size := le.Uint64(body[i:]), le.Uint64(body[i+8:])
		if offset > uint64(c.size) || size > uint64(c.size)-offset {
			c.add(r.at, RoundBody, "section of %d bytes at %d in a file of %d", size, offset, c.size)
			return
		}
	}
}
