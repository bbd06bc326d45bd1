package machine

import "gorecord/perfevent"

// space is an address space: a persistent treap of mappings that do not
// overlap, ordered by address. A nil space is empty. No node is ever changed,
// so a space may be shared and compared by pointer.
type space = *node

type node struct {
	m           *Mapping
	left, right *node
	priority    uint32
}

// lookup finds the mapping that holds an address.
func lookup(s space, a perfevent.Addr) *Mapping {
	for s != nil {
		switch {
		case a < s.m.Start:
			s = s.left
		case a >= s.m.End:
			s = s.right
		default:
			return s.m
		}
	}
	return nil
}

// splitAt divides a space into the mappings that start before an address and
// those that start at or behind it.
func splitAt(s space, at perfevent.Addr) (before, from space) {
	if s == nil {
		return nil, nil
	}
	n := *s
	if n.m.Start < at {
		n.right, from = splitAt(n.right, at)
		return &n, from
	}
	before, n.left = splitAt(n.left, at)
	return before, &n
}

// join is the union of two spaces, the second of which lies wholly behind the
// first.
func join(a, b space) space {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.priority >= b.priority:
		n := *a
		n.right = join(a.right, b)
		return &n
	default:
		n := *b
		n.left = join(a, b.left)
		return &n
	}
}

func lastOf(s space) *Mapping {
	if s == nil {
		return nil
	}
	for s.right != nil {
		s = s.right
	}
	return s.m
}

// appendTo appends the mappings in address order.
func appendTo(dst []*Mapping, s space) []*Mapping {
	if s == nil {
		return dst
	}
	return appendTo(append(appendTo(dst, s.left), s.m), s.right)
}

// clear gives a space without the range [start, end): mappings that reach into
// it are cut, those inside are gone.
func (g *generator) clear(s space, start, end perfevent.Addr) (before, after space) {
	before, rest := splitAt(s, start)
	inside, after := splitAt(rest, end)
	if m := lastOf(before); m != nil && m.End > start {
		before, _ = splitAt(before, m.Start)
		before = join(before, g.leaf(m.part(m.Start, start)))
		if m.End > end {
			after = join(g.leaf(m.part(end, m.End)), after)
		}
	}
	if m := lastOf(inside); m != nil && m.End > end {
		after = join(g.leaf(m.part(end, m.End)), after)
	}
	return before, after
}

// insert gives a space that holds m in place of whatever was there.
func (g *generator) insert(s space, m *Mapping) space {
	before, after := g.clear(s, m.Start, m.End)
	return join(join(before, g.leaf(m)), after)
}

// remove gives a space with nothing in a range.
func (g *generator) remove(s space, start, end perfevent.Addr) space {
	return join(g.clear(s, start, end))
}

// generator makes leaves with priorities that no recording can foresee the
// order of; they keep the trees balanced.
type generator struct{ state uint64 }

func (g *generator) leaf(m *Mapping) space {
	// Weyl sequence through a finaliser of MurmurHash3.
	g.state += 0x9e3779b97f4a7c15
	z := g.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return &node{m: m, priority: uint32(z >> 32)}
}
