package validate

import (
	"errors"
	"io"
	"iter"

	"github.com/klauspost/compress/zstd"

	"gorecord/perfevent"
)

const (
	maxWindow = 8 << 20 // what every zstd decoder has to support
	// yieldRatio bounds what all COMPRESSED records yield, so that a check of
	// a hostile file ends.
	yieldRatio = 1 << 10
)

// zstream decompresses payloads, one after the other, as one zstd stream. It
// runs the decoder as a coroutine, which asks for the next payload only when
// everything that the one before holds has come out.
type zstream struct {
	payload []byte
	next    func() ([]byte, bool)
	stop    func()
	total   int64
	err     error // ends the stream
}

func newZstream() *zstream {
	z := &zstream{}
	z.next, z.stop = iter.Pull(z.run)
	return z
}

var errStopped = errors.New("stopped")

// run gives what comes out, and nil where a payload is used up.
func (z *zstream) run(yield func([]byte) bool) {
	in := feed(func(p []byte) (int, error) {
		for len(z.payload) == 0 {
			if !yield(nil) {
				return 0, errStopped
			}
		}
		n := copy(p, z.payload)
		z.payload = z.payload[n:]
		return n, nil
	})
	dec, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		z.err = err
		return
	}
	defer dec.Close()
	out := make([]byte, 1<<16)
	for {
		n, err := dec.Read(out)
		if n > 0 && !yield(out[:n]) {
			return
		}
		if err != nil {
			z.err = err
			return
		}
	}
}

type feed func([]byte) (int, error)

// Read implements io.Reader.
func (f feed) Read(p []byte) (int, error) { return f(p) }

func (z *zstream) close() {
	if z != nil {
		z.stop()
	}
}

// unpack checks the records of a COMPRESSED record.
func (c *checker) unpack(r rec) {
	payload := r.Body()
	if r.Type == recCompressed2 {
		if len(payload) < 8 || le.Uint64(payload) > uint64(len(payload)-8) {
			c.add(r.at, RecordBody, "COMPRESSED2 of %d bytes", len(r.Bytes))
			return
		}
		payload = payload[8 : 8+le.Uint64(payload)]
	}
	if c.comp == nil {
		c.add(r.at, Compression, "%v without a COMPRESSED section", r.Type)
		c.comp = &compression{1<<32 - 1}
	}
	if c.stream == nil {
		c.stream = newZstream()
	}
	z := c.stream
	if z.err != nil {
		return // told already
	}
	z.payload = payload
	yielded := 0
	for {
		out, more := z.next()
		if !more {
			c.stop(r.at, ZstdStream, "%v", z.err)
			if z.err == nil {
				z.err = io.EOF
			}
			return
		}
		if out == nil {
			if len(z.payload) == 0 {
				break
			}
			continue
		}
		yielded += len(out)
		z.total += int64(len(out))
		if z.total > 1<<24+yieldRatio*c.size {
			c.stop(r.at, ZstdYield, "%d bytes so far, of a file of %d", z.total, c.size)
			z.err = errStopped
			return
		}
		if !c.unpacked(out, r.at) {
			z.err = errStopped
			return
		}
	}
	if yielded == 0 || uint64(yielded) > uint64(c.comp.mmapLen) {
		c.add(r.at, ZstdYield, "%d bytes, where 1 to %d are right", yielded, c.comp.mmapLen)
	}
}

// unpacked takes decompressed bytes and checks the records that are whole. It
// gives false where no more can be found.
func (c *checker) unpacked(b []byte, at int64) bool {
	if len(c.tail) > 0 {
		c.tail = append(c.tail, b...)
		b = c.tail
	}
	for len(b) >= perfevent.HeaderSize {
		t, _, size := perfevent.ParseHeader(b, le)
		if size < perfevent.HeaderSize {
			c.stop(at, RecordSize, "%v of %d bytes, compressed", t, size)
			c.tail = nil
			return false
		}
		if size > len(b) {
			break
		}
		raw := perfevent.RawRecord{Type: t, Misc: perfevent.Misc(le.Uint16(b[4:])), Bytes: b[:size:size]}
		c.record(rec{RawRecord: raw, at: at, unpacked: true})
		b = b[size:]
	}
	c.tail = append(c.tail[:0], b...)
	return true
}
