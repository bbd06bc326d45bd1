package debuginfo

import (
	"bytes"
	"encoding/binary"
	"unsafe"
)

// cursor reads little-endian data. A read past the end gives zero, and bad
// stays set from then on.
type cursor struct {
	b   []byte
	pos int
	bad bool
}

func (c *cursor) left() int { return len(c.b) - c.pos }

func (c *cursor) fail() { c.bad, c.pos = true, len(c.b) }

func (c *cursor) bytes(n uint64) []byte {
	if n > uint64(c.left()) {
		c.fail()
		return nil
	}
	b := c.b[c.pos : c.pos+int(n)]
	c.pos += int(n)
	return b
}

func (c *cursor) skip(n uint64) {
	if n > uint64(c.left()) {
		c.fail()
		return
	}
	c.pos += int(n)
}

func (c *cursor) u8() uint8 {
	if c.pos >= len(c.b) {
		c.fail()
		return 0
	}
	c.pos++
	return c.b[c.pos-1]
}

func (c *cursor) u16() uint16 {
	if b := c.bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) u24() uint32 {
	if b := c.bytes(3); b != nil {
		return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if b := c.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// uint reads an unsigned number of 1, 2, 4 or 8 bytes.
func (c *cursor) uint(size int) uint64 {
	switch size {
	case 1:
		return uint64(c.u8())
	case 2:
		return uint64(c.u16())
	case 4:
		return uint64(c.u32())
	case 8:
		return c.u64()
	}
	c.fail()
	return 0
}

// offset reads an offset of 32- or 64-bit DWARF.
func (c *cursor) offset(dwarf64 bool) uint64 {
	if dwarf64 {
		return c.u64()
	}
	return uint64(c.u32())
}

// uleb reads a ULEB128 number; bits beyond the 64th are lost.
func (c *cursor) uleb() uint64 {
	var v uint64
	for shift := 0; ; shift += 7 {
		b := c.u8()
		if shift < 64 {
			v |= uint64(b&0x7f) << shift
		}
		if b&0x80 == 0 {
			return v
		}
	}
}

func (c *cursor) sleb() int64 {
	var v int64
	for shift := 0; ; {
		b := c.u8()
		if shift < 64 {
			v |= int64(b&0x7f) << shift
		}
		shift += 7
		if b&0x80 == 0 {
			if shift < 64 && b&0x40 != 0 {
				v |= -1 << shift
			}
			return v
		}
	}
}

func (c *cursor) skipLEB() {
	for c.u8()&0x80 != 0 {
	}
}

// string reads up to a zero byte. The result shares the section's memory.
func (c *cursor) string() string {
	n := bytes.IndexByte(c.b[c.pos:], 0)
	if n < 0 {
		c.fail()
		return ""
	}
	s := c.b[c.pos : c.pos+n]
	c.pos += n + 1
	return view(s)
}

// view gives bytes that nobody changes as a string, without a copy.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// maxString bounds names; what is longer is cut. Otherwise a section of long
// strings that is referred to from everywhere would cost its length each time.
const maxString = 64 << 10

// stringAt is the string at an offset of a string section.
func stringAt(section []byte, off uint64) string {
	if off >= uint64(len(section)) {
		return ""
	}
	b := section[off:min(uint64(len(section)), off+maxString)]
	if n := bytes.IndexByte(b, 0); n >= 0 {
		b = b[:n]
	}
	return view(b)
}
