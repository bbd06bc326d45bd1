package validate

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

const (
	fileHeader   = 104
	pipeHeader   = 16
	entryTail    = 16 // place of the ids behind each attribute
	tableEntry   = 16
	featureWords = 4
)

// header is the head of a recording in file mode.
type header struct {
	stride      uint64
	attrs, data place
	bits        [featureWords]uint64
}

// magic reads what both modes start with.
func (c *checker) magic() bool {
	if c.size < pipeHeader {
		c.add(0, Magic, "file of %d bytes", c.size)
		return false
	}
	b, ok := c.read(place{"header", 0, pipeHeader})
	if !ok {
		return false
	}
	if string(b[:8]) != "PERFILE2" {
		c.add(0, Magic, "%q", b[:8])
		return false
	}
	size := le.Uint64(b[8:])
	c.pipe = size == pipeHeader
	if !c.pipe && size != fileHeader {
		c.add(8, HeaderSize, "%d bytes", size)
		return false
	}
	return true
}

// checkFile checks a recording in file mode.
func (c *checker) checkFile() {
	if !c.readHeader() {
		return
	}
	c.readAttrs()
	c.readTable()
	c.checkOverlap()
	c.checkEvents()
	for f := range 64 * featureWords {
		if p, ok := c.features[f]; ok {
			if b, ok := c.read(p); ok {
				c.feature(f, b, int64(p.offset))
			}
		}
	}
	c.checkTracepoints()
	if len(c.events) > 0 {
		c.walk(int64(c.head.data.offset), int64(c.head.data.end()))
		c.finish()
	}
	c.checkTrailing()
}

func (c *checker) readHeader() bool {
	p := place{"header", 0, fileHeader}
	if !c.inside(0, p) {
		return false
	}
	b, ok := c.read(p)
	if !ok {
		return false
	}
	c.used = append(c.used, p)
	at := func(what string, i int) place { return place{what, le.Uint64(b[i:]), le.Uint64(b[i+8:])} }
	c.head.stride = le.Uint64(b[16:])
	c.head.attrs, c.head.data = at("attributes", 24), at("data", 40)
	if types := at("event types", 56); types.offset != 0 || types.size != 0 {
		c.add(56, Reserved, "event types: %d bytes at %d", types.size, types.offset)
	}
	for i := range c.head.bits {
		c.head.bits[i] = le.Uint64(b[72+8*i:])
	}
	if c.head.bits[0]&1 != 0 {
		c.add(72, Reserved, "feature bit 0")
	}
	okAttrs, okData := c.inside(24, c.head.attrs), c.inside(40, c.head.data)
	c.used = append(c.used, c.head.attrs, c.head.data)
	return okAttrs && okData
}

// features lists the features that the header names.
func (h *header) features() []int {
	var fs []int
	for f := 1; f < 64*featureWords; f++ {
		if h.bits[f/64]>>(f%64)&1 != 0 {
			fs = append(fs, f)
		}
	}
	return fs
}

// readTable reads the places of the features, right behind the data.
func (c *checker) readTable() {
	fs := c.head.features()
	table := place{"feature table", c.head.data.end(), uint64(len(fs)) * tableEntry}
	if !c.inside(40, table) {
		return
	}
	b, ok := c.read(table)
	if !ok {
		return
	}
	c.used = append(c.used, table)
	for i, f := range fs {
		at := int64(table.offset) + int64(i)*tableEntry
		p := place{featureName(f), le.Uint64(b[i*tableEntry:]), le.Uint64(b[i*tableEntry+8:])}
		if !knownFeature(f) {
			c.add(at, VendorBit, "feature %d", f)
		}
		if c.inside(at, p) {
			c.features[f] = p
			c.used = append(c.used, p)
		}
	}
}

// checkOverlap looks at all places that hold something.
func (c *checker) checkOverlap() {
	places := slices.DeleteFunc(slices.Clone(c.used), func(p place) bool { return p.size == 0 })
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.offset, b.offset) })
	for i := 1; i < len(places); i++ {
		if a, b := places[i-1], places[i]; b.offset < a.end() {
			c.add(int64(b.offset), SectionOverlap, "%s overlaps %s (%d bytes at %d)", b.what, a.what, a.size, a.offset)
			// One that reaches far must be seen by all that follow.
			if a.end() > b.end() {
				places[i] = a
			}
		}
	}
}

// checkTrailing looks at what lies behind the last place: padding at most.
func (c *checker) checkTrailing() {
	var end uint64
	for _, p := range c.used {
		end = max(end, p.end())
	}
	n := uint64(c.size) - end
	if n == 0 || end > uint64(c.size) {
		return
	}
	text := fmt.Sprintf("%d bytes behind everything else", n)
	if n >= 8 {
		c.add(int64(end), Trailing, "%s", text)
	} else if b, ok := c.read(place{"padding", end, n}); ok && !zero(b) {
		c.add(int64(end), Trailing, "%s are not zero", text)
	}
}

func zero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }
