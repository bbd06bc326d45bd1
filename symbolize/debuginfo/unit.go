package debuginfo

import (
	"fmt"
	"sort"
	"strings"

	"gorecord/symbolize"
)

// unit is a part of .debug_info: a compiled file, as a rule.
type unit struct {
	f         *File
	off, end  uint64 // in .debug_info
	first     uint64 // the first entry
	version   int
	addrSize  int
	dwarf64   bool
	abbrevOff uint64
	kind      uint8  // DW_UT_*
	signature uint64 // of a type unit
	typeOff   uint64

	loaded   bool
	err      error
	abbrevs  *abbrevTable
	root     entry
	language Language
	// Where the unit's parts of other sections begin.
	strBase, addrBase, loclistsBase, rnglistsBase, rangesBase uint64
	low                                                       uint64
	name, compDir, producer                                   string
	ranges                                                    []Range

	indexed  bool
	index    unitIndex
	lines    *lineTable
	linesErr error
}

// maxUnitRanges bounds the parts of all units: some 64 MiB.
const maxUnitRanges = 1 << 22

const (
	unitCompile  = 1
	unitType     = 2
	unitPartial  = 3
	unitSkeleton = 4
	unitSplit    = 5
	unitSplitTyp = 6
)

func (u *unit) offsetSize() int {
	if u.dwarf64 {
		return 8
	}
	return 4
}

// readUnits reads the headers of all units. What lies behind a damaged header is
// lost.
func (f *File) readUnits() {
	f.signatures = map[uint64]*unit{}
	c := cursor{b: f.data}
	for c.left() > 0 {
		types := c.pos >= f.typesAt
		u := f.unitHeader(&c, types)
		if u == nil {
			if types || f.typesAt >= len(f.data) {
				return
			}
			c = cursor{b: f.data, pos: f.typesAt}
			continue
		}
		f.units = append(f.units, u)
		if u.kind == unitType || u.kind == unitSplitTyp {
			f.signatures[u.signature] = u
		}
		c.pos = int(u.end)
	}
}

// unitHeader reads the header at the cursor, nil where it makes no sense.
func (f *File) unitHeader(c *cursor, types bool) *unit {
	u := &unit{f: f, off: uint64(c.pos), kind: unitCompile}
	length := uint64(c.u32())
	if length == 0xffffffff {
		u.dwarf64 = true
		length = c.u64()
	}
	if length > uint64(c.left()) || length == 0 {
		return nil
	}
	u.end = uint64(c.pos) + length
	u.version = int(c.u16())
	switch {
	case u.version >= 2 && u.version <= 4:
		u.abbrevOff = c.offset(u.dwarf64)
		u.addrSize = int(c.u8())
		if types {
			u.kind = unitType
		}
	case u.version == 5:
		u.kind = c.u8()
		u.addrSize = int(c.u8())
		u.abbrevOff = c.offset(u.dwarf64)
	default:
		return f.unknownUnit(u)
	}
	switch u.kind {
	case unitType, unitSplitTyp:
		u.signature = c.u64()
		u.typeOff = u.off + c.offset(u.dwarf64)
	case unitSkeleton, unitSplit:
		c.u64()
	}
	if c.bad || uint64(c.pos) > u.end {
		return nil
	}
	if u.addrSize != 4 && u.addrSize != 8 {
		return f.unknownUnit(u)
	}
	u.first = uint64(c.pos)
	return u
}

// unknownUnit is a unit of which only the size is understood.
func (f *File) unknownUnit(u *unit) *unit {
	u.loaded, u.indexed = true, true
	u.err = fmt.Errorf("unit at %#x of DWARF version %d is of a kind that is not known", u.off, u.version)
	u.kind = 0
	u.first = u.end
	return u
}

// unitAt is the unit that holds an offset of .debug_info, nil if none does.
func (f *File) unitAt(off uint64) *unit {
	i := sort.Search(len(f.units), func(i int) bool { return f.units[i].end > off })
	if i == len(f.units) || off < f.units[i].first {
		return nil
	}
	return f.units[i]
}

// load reads the unit's own entry.
func (u *unit) load() error {
	if u.loaded {
		return u.err
	}
	u.loaded = true
	if u.abbrevs, u.err = u.f.abbrevTable(u); u.err != nil {
		u.err = fmt.Errorf("unit at %#x: %w", u.off, u.err)
		return u.err
	}
	e, ok := u.entry(u.first)
	if !ok {
		u.err = fmt.Errorf("unit at %#x has no entry", u.off)
		return u.err
	}
	u.root = e
	u.bases(&e)
	u.language = languageOf(e.number(atLanguage))
	u.name, u.compDir, u.producer = e.str(atName), e.str(atCompDir), e.str(atProducer)
	u.low, _ = e.addr(atLowpc)
	u.ranges = e.ranges(maxUnitRanges - u.f.unitRanges)
	u.f.unitRanges += len(u.ranges)
	return nil
}

func (u *unit) bases(e *entry) {
	// Without the attribute a DWARF 5 unit means the first contribution: what
	// follows that one's header.
	header := uint64(8)
	lists := uint64(12)
	if u.dwarf64 {
		header, lists = 16, 20
	}
	if u.version < 5 {
		header = 0
	}
	u.strBase, u.addrBase, u.loclistsBase, u.rnglistsBase = header, header, lists, lists
	for at, base := range map[uint16]*uint64{
		atStrOffsetsBase: &u.strBase, atAddrBase: &u.addrBase, atGNUAddrBase: &u.addrBase,
		atLoclistsBase: &u.loclistsBase, atRnglistsBase: &u.rnglistsBase, atGNURangesBase: &u.rangesBase,
	} {
		if v := e.get(at); v != nil {
			*base = v.n
		}
	}
}

// dwo reports whether the unit only stands for one in another file (.dwo).
func (u *unit) dwo() bool {
	return u.kind == unitSkeleton || u.root.get(atDwoName) != nil || u.root.get(atGNUDwoName) != nil
}

func languageOf(n uint64) Language {
	switch n {
	case 0x01, 0x02, 0x0c, 0x1d, 0x2c, 0x3e:
		return C
	case 0x04, 0x1a, 0x21, 0x2b, 0x3a:
		return CPlusPlus
	case 0x1c, 0x9000:
		return Rust
	case 0x16:
		return Go
	}
	return OtherLanguage
}

// optimized reports what the compiler wrote down of its flags: known is false
// where it names none (clang, rustc).
func (u *unit) optimized() (yes, known bool) {
	switch {
	case strings.Contains(u.producer, "-O"):
		return !strings.Contains(u.producer, "-O0"), true
	case strings.HasPrefix(u.producer, "GNU "):
		return false, true
	case u.language == Go:
		return !strings.Contains(u.producer, "-N"), true
	}
	return false, false
}

// live reports whether an address can belong to code that the linker kept: that
// of a function that it dropped is 0, 1 or the highest.
func (f *File) live(addr uint64) bool {
	if len(f.code) == 0 {
		return addr > 1
	}
	for _, r := range f.code {
		if symbolize.VirtAddr(addr) >= r.Start && symbolize.VirtAddr(addr) < r.End {
			return true
		}
	}
	return false
}
