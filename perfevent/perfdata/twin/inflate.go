package twin

import (
	"fmt"
	"io"
	"iter"

	"github.com/klauspost/compress/zstd"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

const (
	infoPrefix = "  | "
	// What the COMPRESSED records of a file yield is shown up to this many
	// bytes, and so many for each byte of the file.
	inflatedBase  = 1 << 20
	inflatedRatio = 64
	// Bounds of the decompressor's window, which takes memory even where
	// little comes out; the largest is what perf's highest level asks for.
	minWindow = 8 << 20
	maxWindow = 128 << 20
)

// inflation decompresses the payloads of COMPRESSED records, which are one
// zstd stream, as far as each of them allows.
type inflation struct {
	payload []byte               // not given to the decompressor yet
	next    func() (chunk, bool) // the decompressor, once there is one
	halt    func()               // ends it
	rest    []byte               // the start of a record that is not whole yet
	shown   int64                // bytes that came out
	over    bool                 // no more is shown
}

// chunk is what the decompressor has to say: bytes, nothing (it wants more
// input), or why it ended.
type chunk struct {
	b   []byte
	err error
}

func (i *inflation) stop() {
	if i.halt != nil {
		i.halt()
	}
}

// chunks runs the decompressor beside its consumer: it gives what comes out of
// a payload, and an empty chunk where it needs the next one.
func (i *inflation) chunks(window uint64) iter.Seq[chunk] {
	return func(yield func(chunk) bool) {
		in := &payloads{i: i, yield: yield}
		dec, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(window))
		if err != nil {
			yield(chunk{err: err})
			return
		}
		defer dec.Close()
		b := make([]byte, 1<<16)
		for {
			n, err := dec.Read(b)
			if in.stopped || n > 0 && !yield(chunk{b: b[:n]}) {
				return
			}
			if err != nil {
				yield(chunk{err: err})
				return
			}
		}
	}
}

// payloads is the input of the decompressor.
type payloads struct {
	i       *inflation
	yield   func(chunk) bool
	stopped bool
}

func (p *payloads) Read(b []byte) (int, error) {
	for len(p.i.payload) == 0 {
		if p.stopped || !p.yield(chunk{}) {
			p.stopped = true
			return 0, io.EOF
		}
	}
	n := copy(b, p.i.payload)
	p.i.payload = p.i.payload[n:]
	return n, nil
}

// inflate prints what comes out of a COMPRESSED record, as information.
func (p *printer) inflate(raw perfevent.RawRecord) error {
	if p.over {
		return nil
	}
	if p.next == nil {
		window := min(max(uint64(p.size)*64, minWindow), maxWindow)
		p.next, p.halt = iter.Pull(p.chunks(window))
		p.next() // it asks for input
	}
	p.payload = raw.Body()
	if raw.Type == perfdata.RecordCompressed2 && len(p.payload) >= 8 {
		n := p.s.order.Uint64(p.payload)
		p.payload = p.payload[8:]
		p.payload = p.payload[:min(n, uint64(len(p.payload)))]
	}
	for {
		c, ok := p.next()
		switch {
		case !ok || c.err != nil:
			return p.giveUp("the compressed data are damaged: %v", c.err)
		case len(c.b) == 0:
			return nil
		}
		if err := p.inflated(c.b); err != nil || p.over {
			return err
		}
	}
}

func (p *printer) giveUp(format string, args ...any) error {
	p.over = true
	p.rest = nil
	_, err := fmt.Fprintf(p.w, infoPrefix+"# "+format+"\n", args...)
	return err
}

// inflated prints the records that are whole now.
func (p *printer) inflated(b []byte) error {
	p.shown += int64(len(b))
	if p.shown > inflatedBase+p.size*inflatedRatio {
		return p.giveUp("more came out of compression than is shown")
	}
	p.rest = append(p.rest, b...)
	b = p.rest
	for len(b) >= perfevent.HeaderSize {
		t, m, size := perfevent.ParseHeader(b, p.s.order)
		if size < perfevent.HeaderSize {
			return p.giveUp("a %s record of size %d; what follows is not shown", recordName(t), size)
		}
		if size > len(b) {
			break
		}
		raw := perfevent.RawRecord{Type: t, Misc: m, Bytes: b[:size:size]}
		l := p.s.recordLine(noPlace, raw)
		if l == nil {
			l = hexLine(noPlace, raw)
		}
		p.text = l.appendText(p.text[:0], infoPrefix)
		if _, err := p.w.Write(p.text); err != nil {
			return err
		}
		b = b[size:]
	}
	p.rest = append(p.rest[:0], b...)
	return nil
}
