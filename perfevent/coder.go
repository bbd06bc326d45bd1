package perfevent

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// coder walks the body of a record, field by field, in either direction: one
// description of each record serves reading and writing. A reader's buffer ends
// where the record's own fields end, before the sample_id fields. Reading past
// that end zero-fills and latches an error, so a caller checks err once, after
// the last field.
type coder struct {
	buf    []byte
	off    int
	base   int  // where the record written starts in buf
	enc    bool // append to buf instead of reading from it
	big    bool // big-endian
	failed bool
}

// err is the latched error of reading something of the given size.
func (c *coder) err(what string, size int) error {
	if !c.failed {
		return nil
	}
	return fmt.Errorf("%s: body of %d bytes: %w", what, size, io.ErrUnexpectedEOF)
}

// rest is the number of bytes not read yet.
func (c *coder) rest() int { return len(c.buf) - c.off }

func (c *coder) take(n int) []byte {
	if n < 0 || n > c.rest() {
		c.failed = true
		c.off = len(c.buf)
		return nil
	}
	b := c.buf[c.off : c.off+n : c.off+n]
	c.off += n
	return b
}

func (c *coder) u64(p *uint64) {
	if c.enc {
		v := *p
		if c.big {
			v = bits.ReverseBytes64(v)
		}
		c.buf = binary.LittleEndian.AppendUint64(c.buf, v)
		return
	}
	b := c.take(8)
	if b == nil {
		*p = 0
		return
	}
	v := binary.LittleEndian.Uint64(b)
	if c.big {
		v = bits.ReverseBytes64(v)
	}
	*p = v
}

func (c *coder) u32(p *uint32) {
	if c.enc {
		v := *p
		if c.big {
			v = bits.ReverseBytes32(v)
		}
		c.buf = binary.LittleEndian.AppendUint32(c.buf, v)
		return
	}
	b := c.take(4)
	if b == nil {
		*p = 0
		return
	}
	v := binary.LittleEndian.Uint32(b)
	if c.big {
		v = bits.ReverseBytes32(v)
	}
	*p = v
}

func (c *coder) u16(p *uint16) {
	if c.enc {
		v := *p
		if c.big {
			v = bits.ReverseBytes16(v)
		}
		c.buf = binary.LittleEndian.AppendUint16(c.buf, v)
		return
	}
	b := c.take(2)
	if b == nil {
		*p = 0
		return
	}
	v := binary.LittleEndian.Uint16(b)
	if c.big {
		v = bits.ReverseBytes16(v)
	}
	*p = v
}

func (c *coder) u8(p *uint8) {
	if c.enc {
		c.buf = append(c.buf, *p)
		return
	}
	if b := c.take(1); b != nil {
		*p = b[0]
		return
	}
	*p = 0
}

// cpu writes the number of a CPU and four reserved bytes behind it.
func (c *coder) cpu(n uint32) {
	var reserved uint32
	c.u32(&n)
	c.u32(&reserved)
}

func (c *coder) addr(p *Addr) {
	v := uint64(*p)
	c.u64(&v)
	*p = Addr(v)
}

func (c *coder) offset(p *FileOffset) {
	v := uint64(*p)
	c.u64(&v)
	*p = FileOffset(v)
}

// cstr codes a NUL-terminated string padded to a multiple of eight bytes, as
// the kernel writes names at the end of a record. A reader takes a string
// without a NUL up to its end.
func (c *coder) cstr(p *string) {
	if c.enc {
		c.buf = append(c.buf, *p...)
		c.buf = append(c.buf, 0)
		c.align()
		return
	}
	b := c.take(c.rest())
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	*p = string(b)
}

// bytes codes n raw bytes; a reader gets a view of the record.
func (c *coder) bytes(p *[]byte, n int) {
	if c.enc {
		c.buf = append(c.buf, *p...)
		return
	}
	*p = c.take(n)
}

// align pads the record written, or skips the padding read, up to a multiple of
// eight bytes.
func (c *coder) align() {
	if c.enc {
		for (len(c.buf)-c.base)%8 != 0 {
			c.buf = append(c.buf, 0)
		}
		return
	}
	if pad := -c.off & 7; pad > 0 {
		c.take(pad)
	}
}

// padded writes b, followed by zeros up to the given size.
func (c *coder) padded(b []byte, size int) {
	c.buf = append(c.buf, b...)
	c.buf = append(c.buf, make([]byte, size-len(b))...)
}

// alignUp rounds up to a multiple of eight.
func alignUp(n int) int { return (n + 7) &^ 7 }
