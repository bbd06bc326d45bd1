package perfdata

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"gorecord/perfevent"
)

// packer turns records into the bytes that stand for them in a recording, in
// file mode and in pipe mode alike: as they are, or as COMPRESSED records.
type packer struct {
	comp        *compressor // nil: records are stored as they are
	out         []byte      // finished output, not yet written
	end         uint64      // bytes written: the place of out
	chunk       []byte      // records not yet compressed
	layout      *perfevent.Layout
	first, last uint64 // times of the earliest and the latest sample
	stats       WriterStats
	kept        WriterStats // as of the last flush
	marks       []mark      // since the last flush, ascending
	round       uint64      // stats.RecordBytes as of the last FINISHED_ROUND
	flushed     time.Time
	dirty       bool // records since the last flush
	err         error
}

// mark is a place between whole records of the output.
type mark struct {
	end   uint64      // of the output before it
	stats WriterStats // of the records before it
}

// markBytes is how far apart marks are in records that are not compressed.
const markBytes = 4 << 10

// newPacker checks that the events of the session can share a recording.
func newPacker(s *Session, opts *Options) (packer, error) {
	var p packer
	if len(s.Events) == 0 {
		return p, errors.New("write recording: no events")
	}
	if opts.FlushInterval == 0 {
		opts.FlushInterval = time.Second
	}
	p.layout, p.flushed = s.Events[0].Layout, time.Now()
	if err := checkLayouts(s.Events); err != nil {
		return p, err
	}
	if !opts.NoCompress {
		var err error
		if p.comp, err = newCompressor(opts.Level); err != nil {
			return p, err
		}
		p.chunk = make([]byte, 0, chunkSize)
	}
	return p, nil
}

func checkLayouts(events []*Event) error {
	first := events[0]
	sample, end := first.Layout.IDPositions()
	for _, e := range events[1:] {
		if s, n := e.Layout.IDPositions(); s != sample || n != end || s < 0 {
			return fmt.Errorf("write recording: records of %s and %s carry their ids in different places", first.Name, e.Name)
		}
	}
	return nil
}

// compression is what the recording says of its COMPRESSED records.
func (p *packer) compression() Compression {
	if p.comp == nil {
		return Compression{}
	}
	c := Compression{Type: compressionZstd, Level: uint32(p.comp.level), Ratio: 1, MmapLen: mmapLen}
	if p.comp.out > 0 {
		c.Ratio = uint32(p.comp.in / p.comp.out)
	}
	return c
}

// take counts a record and packs it.
func (p *packer) take(r perfevent.RawRecord) {
	p.dirty = true
	if r.Type == perfevent.RecordSample {
		p.noteTime(r)
	}
	if p.comp != nil && len(r.Bytes) > chunkSize-len(p.chunk) {
		// Chunks end between records, and their marks before this one.
		p.closeChunk()
	}
	p.stats.Records++
	p.stats.RecordBytes += uint64(len(r.Bytes))
	if r.Type == perfevent.RecordSample {
		p.stats.Samples++
	}
	p.pack(r.Bytes)
}

func (p *packer) noteTime(r perfevent.RawRecord) {
	t, ok := p.layout.Time(r)
	if !ok {
		return
	}
	if p.first == 0 || t < p.first {
		p.first = t
	}
	p.last = max(p.last, t)
}

// pack adds the bytes of whole records to the output. What is compressed is
// collected, and each full chunk turned into a COMPRESSED record; a record is
// cut only where it is larger than a chunk.
func (p *packer) pack(b []byte) {
	if p.comp == nil {
		p.out = append(p.out, b...)
		if last := len(p.marks) - 1; last < 0 || p.Size()-p.marks[last].end >= markBytes {
			p.mark()
		}
		return
	}
	if len(b) > chunkSize-len(p.chunk) {
		p.closeChunk()
	}
	for len(b) > chunkSize {
		p.chunk = append(p.chunk, b[:chunkSize]...)
		b = b[chunkSize:]
		p.compress(false)
	}
	p.chunk = append(p.chunk, b...)
}

// closeChunk compresses what is collected, which ends with a whole record.
func (p *packer) closeChunk() {
	if len(p.chunk) > 0 && p.err == nil {
		p.compress(true)
		p.mark()
	}
}

func (p *packer) compress(whole bool) {
	if p.err == nil {
		p.out, p.err = p.comp.appendRecord(p.out, p.chunk, whole)
	}
	p.chunk = p.chunk[:0]
}

func (p *packer) mark() { p.marks = append(p.marks, mark{p.Size(), p.stats}) }

// whole finds the last mark whose output ends at or before a place.
func (p *packer) whole(end uint64) (mark, bool) {
	for _, m := range slices.Backward(p.marks) {
		if m.end <= end {
			return m, true
		}
	}
	return mark{}, false
}

// Size is how large the recording is with all that has been taken, but for what
// waits to be compressed.
func (p *packer) Size() uint64 { return p.end + uint64(len(p.out)) }

// Stats gives the numbers so far.
func (p *packer) Stats() WriterStats {
	s := p.stats
	s.FileBytes = p.end
	return s
}

// endRound closes a round that has grown large enough.
func (p *packer) endRound() {
	if p.stats.RecordBytes-p.round >= roundBytes {
		p.round = p.stats.RecordBytes
		p.pack(perfevent.AppendHeader(nil, RecordFinishedRound, 0, perfevent.HeaderSize))
	}
}

// keep notes that all so far is written and part of the recording.
func (p *packer) keep() {
	p.flushed = time.Now()
	p.round = p.stats.RecordBytes
	p.dirty = false
	p.kept = p.Stats()
	p.marks = p.marks[:0]
}

// Kept gives the numbers as of the last flush: what the recording holds
// whatever happens next.
func (p *packer) Kept() WriterStats { return p.kept }

// WriterStats says what a Writer or PipeWriter has taken and made of it.
type WriterStats struct {
	Records, Samples uint64
	RecordBytes      uint64 // as taken
	FileBytes        uint64 // as written
}

var errFinished = errors.New("write recording: already finished")
