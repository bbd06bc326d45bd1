package debuginfo

import (
	"gorecord/symbolize"
)

// Locate says where a variable of a function lies when the instruction at an
// address is about to be executed. Variables are those of the function's Params
// and Results, of VarsAt, or of a copy's Params. Where a value cannot be had, a
// piece is Missing and says why.
//
// In code that was not optimized, parameters lie in the frame from the end of the
// prologue on only (PrologueEnd), although the debug information says so of the
// entry, too.
func (f *File) Locate(fn *Function, v *Variable, pc symbolize.VirtAddr) (loc Location) {
	f.mu.Lock()
	defer f.mu.Unlock()
	size := int64(-1)
	if v.Type != nil {
		size = v.Type.Size
	}
	var err error
	defer func() {
		if err != nil {
			loc = missing(size, err.Error())
		}
	}()
	defer f.rescue(&err)
	p, ok := v.where.(*place)
	if !ok || f.closed {
		return missing(size, errClosed.Error())
	}
	loc = f.locate(p, pc, size)
	if fn != nil {
		if entry, ok := fn.Entry(); ok && entry == pc {
			for i := range loc.Pieces {
				loc.Pieces[i].Entry = false // they are as they were
			}
		}
	}
	return loc
}

func (f *File) locate(p *place, pc symbolize.VirtAddr, size int64) Location {
	if p.e.u == nil {
		return missing(size, optimizedOut)
	}
	e, at := p.e.inherited(atLocation)
	if at == nil {
		if _, at := p.e.inherited(atConstValue); at != nil {
			return Location{Pieces: []Piece{constPiece(at, size)}}
		}
		return missing(size, optimizedOut)
	}
	expr, reason := e.u.expression(at, pc)
	if reason != "" {
		return missing(size, reason)
	}
	return context{u: e.u, code: p.code, pc: pc}.evaluate(expr, size)
}

func constPiece(v *value, size int64) Piece {
	b := append([]byte(nil), v.constant()...)
	if size >= 0 && int64(len(b)) > size {
		b = b[:size]
	}
	return Piece{Kind: Constant, Size: size, Const: b}
}

// expression is the location expression that counts at pc: the attribute's own,
// or that of its list. The reason says why there is none.
func (u *unit) expression(v *value, pc symbolize.VirtAddr) (expr []byte, reason string) {
	switch v.form {
	case formExprloc, formBlock, formBlock1, formBlock2, formBlock4:
		return v.b, ""
	}
	found := false
	otherwise, ok := u.locationList(v, func(r Range, e []byte) bool {
		expr, found = e, pc >= r.Start && pc < r.End
		return !found
	})
	switch {
	case found:
		return expr, ""
	case !ok:
		return nil, "its location is damaged"
	case otherwise != nil:
		return otherwise, ""
	}
	return nil, optimizedOut
}

// locationList visits the entries of a list of locations until yield returns
// false. otherwise is the expression for all other addresses; ok is false where
// the list is damaged.
func (u *unit) locationList(v *value, yield func(r Range, expr []byte) bool) (otherwise []byte, ok bool) {
	switch v.form {
	case formLoclistx:
		section := u.f.info.section("debug_loclists")
		off, ok := u.listOffset(section, u.loclistsBase, v.n)
		if !ok {
			return nil, false
		}
		return u.newList(at(section, off), yield)
	case formSecOffset, formData4, formData8:
		if u.version >= 5 {
			return u.newList(at(u.f.info.section("debug_loclists"), v.n), yield)
		}
		return nil, u.oldList(v.n, yield)
	}
	return nil, false
}

// oldList goes through a list of .debug_loc.
func (u *unit) oldList(off uint64, yield func(r Range, expr []byte) bool) (ok bool) {
	base := u.low
	for c := at(u.f.info.section("debug_loc"), off); ; {
		start, end := c.uint(u.addrSize), c.uint(u.addrSize)
		switch {
		case c.bad:
			return false
		case start == 0 && end == 0:
			return true
		case start == u.highest():
			base = end
			continue
		}
		expr := c.bytes(uint64(c.u16()))
		if !yield(Range{symbolize.VirtAddr(base + start), symbolize.VirtAddr(base + end)}, expr) {
			return true
		}
	}
}

// newList goes through a list of .debug_loclists.
func (u *unit) newList(c cursor, yield func(r Range, expr []byte) bool) (otherwise []byte, ok bool) {
	base := u.low
	for !c.bad {
		var start, end uint64
		switch c.u8() {
		case 0: // DW_LLE_end_of_list
			return otherwise, !c.bad
		case 1: // DW_LLE_base_addressx
			base, _ = u.indexed64(c.uleb())
			continue
		case 2: // DW_LLE_startx_endx
			start, _ = u.indexed64(c.uleb())
			end, _ = u.indexed64(c.uleb())
		case 3: // DW_LLE_startx_length
			start, _ = u.indexed64(c.uleb())
			end = start + c.uleb()
		case 4: // DW_LLE_offset_pair
			start = base + c.uleb()
			end = base + c.uleb()
		case 5: // DW_LLE_default_location
			otherwise = c.bytes(c.uleb())
			continue
		case 6: // DW_LLE_base_address
			base = c.uint(u.addrSize)
			continue
		case 7: // DW_LLE_start_end
			start, end = c.uint(u.addrSize), c.uint(u.addrSize)
		case 8: // DW_LLE_start_length
			start = c.uint(u.addrSize)
			end = start + c.uleb()
		case 9: // DW_LLE_view_pair, of GNU
			c.skipLEB()
			c.skipLEB()
			continue
		default:
			return nil, false
		}
		expr := c.bytes(c.uleb())
		if !c.bad && !yield(Range{symbolize.VirtAddr(start), symbolize.VirtAddr(end)}, expr) {
			return otherwise, true
		}
	}
	return nil, false
}
