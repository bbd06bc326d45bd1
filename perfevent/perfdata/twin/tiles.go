package twin

import (
	"cmp"
	"fmt"
	"slices"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// tile is a section of a file: a place, and how to print it. print gets the
// section's end, which lies in the file.
type tile struct {
	name         string
	offset, size uint64
	print        func(end int64) error
}

// tiles prints a file behind its header: the sections in the order in which
// they lie, and the gaps between them. Of sections that overlap the first is
// printed.
func (p *printer) tiles(head []byte) error {
	tiles, err := p.plan(head)
	if err != nil {
		return err
	}
	slices.SortStableFunc(tiles, func(a, b tile) int { return cmp.Compare(a.offset, b.offset) })
	for _, t := range tiles {
		if err := p.tile(t); err != nil {
			return err
		}
	}
	return p.raw(p.size)
}

func (p *printer) tile(t tile) error {
	switch {
	case t.size == 0:
		return nil
	case t.offset >= uint64(p.size):
		return p.comment("%s: %d bytes at %#x lie behind the end of the file", t.name, t.size, t.offset)
	case t.offset < uint64(p.s.pos):
		return p.comment("%s: %d bytes at %#x overlap what stands above", t.name, t.size, t.offset)
	}
	if err := p.raw(int64(t.offset)); err != nil {
		return err
	}
	end := p.size
	if t.size <= uint64(p.size)-t.offset {
		end = int64(t.offset + t.size)
	} else if err := p.comment("%s: %d bytes are cut off at the end of the file", t.name, t.size); err != nil {
		return err
	}
	return t.print(end)
}

// plan finds the sections of a file.
func (p *printer) plan(head []byte) ([]tile, error) {
	word := func(at int) uint64 { return p.s.order.Uint64(head[at:]) }
	stride := word(16)
	attrs := tile{"attributes", word(24), word(32), func(end int64) error { return p.attrs(stride, end) }}
	data := tile{"data", word(40), word(48), p.data}
	types := tile{"event types", word(56), word(64), func(end int64) error { return p.opaque(end, "event_types") }}
	unfinished := data.size == 0
	if unfinished {
		// The recorder was killed: all that follows may be records.
		data.size = ^uint64(0)
	}
	tiles, err := p.planIDs(attrs, stride)
	if err != nil {
		return nil, err
	}
	tiles = append(tiles, attrs, types)
	if !unfinished {
		features, err := p.planFeatures(data.offset + data.size)
		if err != nil {
			return nil, err
		}
		tiles = append(tiles, features...)
	}
	return append(tiles, data), nil
}

// inFile is how much of a section lies in the file.
func (p *printer) inFile(offset, size uint64) uint64 {
	if offset >= uint64(p.size) {
		return 0
	}
	return min(size, uint64(p.size)-offset)
}

func usualStride(stride uint64) bool {
	return stride >= perfevent.AttrSizeVer0+placeSize && stride <= maxAttrSize+placeSize
}

// planIDs finds the ids of the attributes.
func (p *printer) planIDs(attrs tile, stride uint64) ([]tile, error) {
	var tiles []tile
	if !usualStride(stride) {
		return nil, nil
	}
	for i := range p.inFile(attrs.offset, attrs.size) / stride {
		entry, err := p.read(int64(attrs.offset+i*stride), int64(stride))
		if err != nil {
			return nil, err
		}
		body := entry[:stride-placeSize]
		_, size, err := perfevent.DecodeAttr(body, p.s.order)
		if err != nil {
			continue
		}
		place := entry[min(size, len(body)):]
		tiles = append(tiles, tile{
			fmt.Sprintf("ids of event %d", i), p.s.order.Uint64(place), p.s.order.Uint64(place[8:]),
			func(end int64) error { return p.ids(int(i), end) },
		})
	}
	return tiles, nil
}

func (p *printer) ids(event int, end int64) error {
	if end-p.s.pos > maxSection {
		return p.raw(end)
	}
	b, err := p.read(p.s.pos, end-p.s.pos)
	if err != nil {
		return err
	}
	return p.section("ids", b, func(w *walker) { idList(w, event) })
}

func (p *printer) attrs(stride uint64, end int64) error {
	for usualStride(stride) && uint64(end-p.s.pos) >= stride {
		b, err := p.read(p.s.pos, int64(stride))
		if err != nil {
			return err
		}
		if err := p.section("attr", b, func(w *walker) { attrEntry(w, 0) }); err != nil {
			return err
		}
	}
	return p.raw(end)
}

func (p *printer) data(end int64) error {
	if err := p.mark("data"); err != nil {
		return err
	}
	return p.records(end)
}

// opaque prints a section by its bytes.
func (p *printer) opaque(end int64, verb string, values ...string) error {
	if err := p.mark(verb, values...); err != nil {
		return err
	}
	return p.raw(end)
}

// planFeatures finds the table of features, and from it their sections.
func (p *printer) planFeatures(at uint64) ([]tile, error) {
	numbers := p.s.featureNumbers()
	size := uint64(placeSize * len(numbers))
	tiles := []tile{{"feature table", at, size, func(end int64) error { return p.featureTable(numbers, end) }}}
	if p.inFile(at, size) < size {
		return tiles, nil
	}
	table, err := p.read(int64(at), int64(size))
	if err != nil {
		return nil, err
	}
	for _, n := range numbers {
		tiles = append(tiles, tile{
			featureName(n), p.s.order.Uint64(table), p.s.order.Uint64(table[8:]),
			func(end int64) error { return p.feature(n, end) },
		})
		table = table[placeSize:]
	}
	return tiles, nil
}

func (p *printer) featureTable(numbers []int, end int64) error {
	b, err := p.read(p.s.pos, end-p.s.pos)
	if err != nil {
		return err
	}
	return p.section("feature_table", b, func(w *walker) { featureTable(w, numbers) })
}

// feature prints a feature section by its fields where they are known.
func (p *printer) feature(n int, end int64) error {
	name := featureName(n)
	if end-p.s.pos > maxSection {
		return p.opaque(end, "feature", name)
	}
	b, err := p.read(p.s.pos, end-p.s.pos)
	if err != nil {
		return err
	}
	l := newLine(p.s.pos, "feature")
	l.add("", name)
	w := printing(b, l, p.s.order)
	if w.feature(perfdata.Feature(n)) && w.err == nil {
		if ok, err := p.try(l, b); ok || err != nil {
			return err
		}
	}
	return p.opaque(end, "feature", name)
}
