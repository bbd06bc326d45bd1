package perfdata

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// cursor reads a section field by field. A read past the end gives zero and
// latches an error that names the section; callers check err once.
type cursor struct {
	what  string
	b     []byte
	order binary.ByteOrder
	short bool
}

func (c *cursor) err() error {
	if !c.short {
		return nil
	}
	return fmt.Errorf("%s section: %w", c.what, io.ErrUnexpectedEOF)
}

func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.b)) {
		c.short = true
		c.b = nil
		return nil
	}
	b := c.b[:n:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) u64() uint64 {
	if b := c.take(8); b != nil {
		return c.order.Uint64(b)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if b := c.take(4); b != nil {
		return c.order.Uint32(b)
	}
	return 0
}

func (c *cursor) u8() byte {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

// str reads a string with its length in front, padded with zeros.
func (c *cursor) str() string { return untilNUL(c.take(uint64(c.u32()))) }

// cstr reads a string that ends with a zero byte.
func (c *cursor) cstr() string {
	i := bytes.IndexByte(c.b, 0)
	if i < 0 {
		c.short = true
		c.b = nil
		return ""
	}
	s := string(c.b[:i])
	c.b = c.b[i+1:]
	return s
}

// count reads a number of entries of at least size bytes each; more than can
// follow is an error.
func (c *cursor) count(size int) int {
	n := c.u32()
	if uint64(n)*uint64(size) > uint64(len(c.b)) {
		c.short = true
		c.b = nil
		return 0
	}
	return int(n)
}

func untilNUL(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// appendStr appends a string as str reads it, padded to four bytes.
func appendStr(dst []byte, s string) []byte {
	size := (len(s) + 1 + 3) &^ 3
	dst = binary.LittleEndian.AppendUint32(dst, uint32(size))
	dst = append(dst, s...)
	return append(dst, make([]byte, size-len(s))...)
}
