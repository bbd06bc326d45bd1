package twin

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// packer compresses the records of lines that start with "+". All payloads of
// a text are one zstd stream, as in recordings.
type packer struct {
	enc   *zstd.Encoder
	out   bytes.Buffer
	open  *line  // the COMPRESSED line, or nil
	chunk []byte // records that came since
}

// maxChunk is the most bytes of records that go into one COMPRESSED record:
// what does not compress must fit, too.
const maxChunk = 60 << 10

func isPacked(l *line) bool {
	f := l.find("")
	return f != nil && f.values[0] == "records" && (l.verb == "COMPRESSED" || l.verb == "COMPRESSED2")
}

func (p *parser) openPacked(l *line) error {
	if len(l.fields) != 1 || len(l.fields[0].values) != 1 {
		return fmt.Errorf("%s records: no fields belong here", l.verb)
	}
	if p.pack == nil {
		p.pack = &packer{}
		enc, err := zstd.NewWriter(&p.pack.out, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
			zstd.WithWindowSize(maxRoom), zstd.WithEncoderCRC(false))
		if err != nil {
			return fmt.Errorf("set up compression: %w", err)
		}
		p.pack.enc = enc
	}
	p.pack.open = l
	return nil
}

var errNotOpen = errors.New("a line with + needs a line COMPRESSED records above it")

// packed takes a record of the open COMPRESSED record.
func (p *parser) packed(l *line) error {
	if p.pack == nil || p.pack.open == nil {
		return errNotOpen
	}
	b, autos, err := p.encode(l)
	if err != nil {
		return err
	}
	if len(autos) > 0 {
		return errors.New("no place can be auto inside of a COMPRESSED record")
	}
	if p.pack.chunk = append(p.pack.chunk, b...); len(p.pack.chunk) > maxChunk {
		return fmt.Errorf("%d bytes in one COMPRESSED record, at most %d fit: begin another one", len(p.pack.chunk), maxChunk)
	}
	return nil
}

// closePacked writes the COMPRESSED record that is open, if one is.
func (p *parser) closePacked(no int) error {
	if p.pack == nil || p.pack.open == nil {
		return nil
	}
	l := p.pack.open
	p.pack.open = nil
	p.pack.out.Reset()
	_, err := p.pack.enc.Write(p.pack.chunk)
	if err == nil {
		err = p.pack.enc.Flush()
	}
	if err != nil {
		return fmt.Errorf("compress the records of line %d: %w", l.no, err)
	}
	p.pack.chunk = p.pack.chunk[:0]
	payload := p.pack.out.Bytes()
	w := parsing(newLine(noPlace, l.verb), p.order)
	if l.verb == "COMPRESSED" {
		w.header(perfdata.RecordCompressed, 0)
	} else {
		w.header(perfdata.RecordCompressed2, 0)
		w.appendNumber(uint64(len(payload)), 8)
	}
	w.b = append(w.b, payload...)
	for l.verb == "COMPRESSED2" && len(w.b)%8 != 0 {
		w.b = append(w.b, 0)
	}
	if len(w.b) > perfevent.MaxRecordSize {
		return fmt.Errorf("the records of line %d do not fit into one record", l.no)
	}
	w.statedSize()
	p.emit(l.verb, w.b)
	return nil
}
