package debuginfo

// rangeList reads the list that DW_AT_ranges refers to.
func (u *unit) rangeList(v *value, limit int) []Range {
	if u.version < 5 {
		return u.oldRanges(v.n+u.rangesBase, limit)
	}
	section := u.f.info.section("debug_rnglists")
	off := v.n
	if v.form == formRnglistx {
		var ok bool
		if off, ok = u.listOffset(section, u.rnglistsBase, v.n); !ok {
			return nil
		}
	}
	return u.newRanges(at(section, off), limit)
}

// listOffset looks an index up in the table of offsets before the lists of
// .debug_rnglists and .debug_loclists.
func (u *unit) listOffset(section []byte, base, index uint64) (uint64, bool) {
	if index >= 1<<40 {
		return 0, false
	}
	c := at(section, base+index*uint64(u.offsetSize()))
	off := c.offset(u.dwarf64)
	return base + off, !c.bad
}

// oldRanges reads a list of .debug_ranges.
func (u *unit) oldRanges(off uint64, limit int) []Range {
	var list []Range
	base := u.low
	for c := at(u.f.info.section("debug_ranges"), off); ; {
		start, end := c.uint(u.addrSize), c.uint(u.addrSize)
		switch {
		case c.bad || start == 0 && end == 0 || len(list) >= limit:
			return list
		case start == u.highest():
			base = end
		default:
			list = u.f.appendRange(list, base+start, base+end)
		}
	}
}

// highest is the highest address, which stands for others in lists.
func (u *unit) highest() uint64 {
	if u.addrSize == 4 {
		return 0xffffffff
	}
	return 0xffffffffffffffff
}

// newRanges reads a list of .debug_rnglists.
func (u *unit) newRanges(c cursor, limit int) []Range {
	var list []Range
	base := u.low
	for !c.bad && len(list) < limit {
		var start, end uint64
		ok := true
		switch c.u8() {
		case 0: // DW_RLE_end_of_list
			return list
		case 1: // DW_RLE_base_addressx
			base, _ = u.indexed64(c.uleb())
			continue
		case 2: // DW_RLE_startx_endx
			start, ok = u.indexed64(c.uleb())
			end, _ = u.indexed64(c.uleb())
		case 3: // DW_RLE_startx_length
			start, ok = u.indexed64(c.uleb())
			end = start + c.uleb()
		case 4: // DW_RLE_offset_pair
			start = base + c.uleb()
			end = base + c.uleb()
		case 5: // DW_RLE_base_address
			base = c.uint(u.addrSize)
			continue
		case 6: // DW_RLE_start_end
			start, end = c.uint(u.addrSize), c.uint(u.addrSize)
		case 7: // DW_RLE_start_length
			start = c.uint(u.addrSize)
			end = start + c.uleb()
		default:
			return list
		}
		if ok && !c.bad {
			list = u.f.appendRange(list, start, end)
		}
	}
	return list
}
