package twin

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// records prints the records up to a place in the file. Where they are damaged,
// the bytes that follow are printed as they are.
func (p *printer) records(end int64) error {
	r := bufio.NewReaderSize(io.NewSectionReader(p.src, p.s.pos, end-p.s.pos), 1<<17)
	for {
		b, err := p.nextRecord(r, end)
		if err != nil {
			return err
		}
		if b == nil {
			return p.raw(end)
		}
		skip, err := p.record(b)
		if err != nil {
			return err
		}
		if _, err := r.Discard(len(b)); err != nil {
			return fmt.Errorf("read records at %#x: %w", p.s.pos, err)
		}
		if skip = min(skip, uint64(end-p.s.pos)); skip > 0 {
			if err := p.raw(p.s.pos + int64(skip)); err != nil {
				return err
			}
			r.Reset(io.NewSectionReader(p.src, p.s.pos, end-p.s.pos))
		}
	}
}

// nextRecord looks at the next record, without what lies behind the end; nil
// where there is none.
func (p *printer) nextRecord(r *bufio.Reader, end int64) ([]byte, error) {
	left := end - p.s.pos
	if left < perfevent.HeaderSize {
		return nil, nil
	}
	b, err := r.Peek(perfevent.HeaderSize)
	if err == nil {
		_, _, size := perfevent.ParseHeader(b, p.s.order)
		if size < perfevent.HeaderSize {
			return nil, nil
		}
		b, err = r.Peek(int(min(int64(size), left)))
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("read records at %#x: %w", p.s.pos, err)
	}
	return b, nil
}

// record prints one record, and tells how many bytes behind it belong to it.
func (p *printer) record(b []byte) (behind uint64, err error) {
	t, m, size := perfevent.ParseHeader(b, p.s.order)
	raw := perfevent.RawRecord{Type: t, Misc: m, Bytes: b}
	behind = p.s.behind(raw)
	l := p.s.recordLine(p.s.pos, raw)
	done := false
	if l != nil && size == len(b) {
		if done, err = p.try(l, b); err != nil {
			return 0, err
		}
	}
	if !done {
		l = hexLine(p.s.pos, raw)
		if size != len(b) {
			l.add("record_size", strconv.Itoa(size))
		}
		if err := p.write(l, b); err != nil {
			return 0, err
		}
	}
	if t == perfdata.RecordCompressed || t == perfdata.RecordCompressed2 {
		return behind, p.inflate(raw)
	}
	return behind, nil
}

func headLine(at int64, raw perfevent.RawRecord) *line {
	l := newLine(at, recordName(raw.Type))
	if raw.Misc != 0 {
		l.add("misc", miscText(raw.Type, raw.Misc))
	}
	return l
}

func hexLine(at int64, raw perfevent.RawRecord) *line {
	l := headLine(at, raw)
	l.addHex("hex", raw.Body())
	return l
}

// recordLine is the line of a record by its fields; nil where they are not
// known or damaged.
func (s *state) recordLine(at int64, raw perfevent.RawRecord) *line {
	l := headLine(at, raw)
	if describe := privateFields[raw.Type]; describe != nil {
		w := printing(raw.Body(), l, s.order)
		describe(w)
		if w.err != nil {
			return nil
		}
		return l
	}
	n := s.event(raw)
	if !s.layout(n).showKernel(l, raw) {
		return nil
	}
	if s.eventOf(parsing(l, s.order), raw.Type) != n {
		l.add("event", strconv.Itoa(n))
	}
	return l
}
