package hit

// pageMask are the bits of an address that the place where a program is loaded
// does not change.
const pageMask = 0xfff

// PointAt finds the point that was hit at a runtime address, and how far the
// program is from the addresses of its file. Of several points at the same place
// in a page, the first one that fits the address unmoved is taken, then any: ok
// is false where none fits.
func (e *Event) PointAt(ip uint64) (p *Point, bias uint64, ok bool) {
	for i := range e.Points {
		at := &e.Points[i]
		if at.Addr == ip {
			return at, 0, true
		}
		if p == nil && (ip-at.Addr)&pageMask == 0 {
			p = at
		}
	}
	if p == nil {
		return nil, 0, false
	}
	return p, ip - p.Addr, true
}
