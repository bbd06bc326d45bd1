package report

import (
	"cmp"
	"math"
	"slices"

	"gorecord/symbolize/stack"
)

// rowUse says how a row of the table belongs to an entry: because it hit the
// entry's place (wholeChain), or because that is at some index of its
// callchain.
type rowUse struct {
	row uint32
	at  int32
}

const wholeChain = -1

// CallNode is part of a call tree: places that followed each other in all of
// its chains.
type CallNode struct {
	Places []*Place
	// Hits and Samples are those of chains that end here, and Below and
	// SamplesBelow those of chains that go on in Children, whether or not
	// they were left out.
	Hits, Samples       uint64
	Below, SamplesBelow uint64
	Children            []*CallNode
	// Parents are the places between the root and Places; only for chains of
	// CallsFlat and CallsFolded.
	Parents []*Place
}

// Total is the period of all chains that go through the node.
func (n *CallNode) Total() uint64 { return n.Hits + n.Below }

// TotalSamples is the number of samples of all chains through the node.
func (n *CallNode) TotalSamples() uint64 { return n.Samples + n.SamplesBelow }

// Calls is the call tree of an entry, with what CallOptions leave of it. The
// root stands for the entry and has no places. With CallsFlat and CallsFolded
// its children are whole chains. It is made anew at each call.
func (h *Histogram) Calls(e *Entry) *CallNode {
	o := &h.Spec.Calls
	root := &CallNode{}
	if o.Mode == CallsNone {
		return root
	}
	least := uint64(float64(h.Period) * (o.MinPercent / 100))
	if o.Mode != CallsFractal && e.Total < least {
		return root // nothing of it can be left
	}
	b := newTreeBuilder(h)
	for _, u := range e.uses {
		b.add(u)
	}
	b.finish(root, 0)
	switch o.Mode {
	case CallsGraph:
		root.prune(func(*CallNode) uint64 { return least })
	case CallsFractal:
		root.prune(func(n *CallNode) uint64 {
			return uint64(math.Ceil(float64(n.Below) * (o.MinPercent / 100)))
		})
	default:
		root.Children = chains(root, nil, least, nil)
		slices.SortStableFunc(root.Children, func(a, b *CallNode) int { return cmp.Compare(b.Hits, a.Hits) })
	}
	return root
}

// prune leaves the children that weigh enough, heaviest first.
func (n *CallNode) prune(least func(parent *CallNode) uint64) {
	limit := least(n)
	n.Children = slices.DeleteFunc(n.Children, func(c *CallNode) bool { return c.Total() < limit })
	slices.SortStableFunc(n.Children, func(a, b *CallNode) int { return cmp.Compare(b.Total(), a.Total()) })
	for _, c := range n.Children {
		c.prune(least)
	}
}

// chains lists the nodes in which chains end.
func chains(n *CallNode, parents []*Place, least uint64, list []*CallNode) []*CallNode {
	for _, c := range n.Children {
		if len(c.Children) > 0 {
			list = chains(c, slices.Concat(parents, c.Places), least, list)
		}
		if c.Hits > 0 && c.Hits >= least {
			whole := *c
			whole.Parents, whole.Children = parents, nil
			list = append(list, &whole)
		}
	}
	return list
}

// treeBuilder makes the tree of one entry's chains, with a node for each
// place.
type treeBuilder struct {
	h      *Histogram
	places *placeTable
	nodes  []treeNode
	index  map[uint64]int32 // parent<<32 | place
	chain  []stack.FrameID  // scratch
}

type treeNode struct {
	place         int32
	first, next   int32 // child and sibling; 0 is none, as the root is neither
	hits, samples uint64
}

func newTreeBuilder(h *Histogram) *treeBuilder {
	b := &treeBuilder{h: h, places: h.callPlaces, index: map[uint64]int32{}}
	b.nodes = make([]treeNode, 1, 64)
	return b
}

// add puts the part of a row's chain that belongs to the entry into the tree.
// An entry that was hit has whole chains; a caller has, in caller order, those
// from itself to the place that was hit, in callee order, those from itself
// outwards.
func (b *treeBuilder) add(u rowUse) {
	row := &b.h.Table.Rows[u.row]
	b.chain = b.h.appendChain(b.chain[:0], row)
	chain := b.chain
	callers := b.h.Spec.Calls.Callers
	if u.at != wholeChain {
		if callers {
			chain = chain[:u.at+1]
		} else {
			chain = chain[u.at:]
		}
	}
	if len(chain) == 0 {
		return
	}
	at := int32(0)
	for i := range chain {
		f := chain[i]
		if callers {
			f = chain[len(chain)-1-i]
		}
		at = b.child(at, b.places.of[f])
	}
	b.nodes[at].hits += row.Period
	b.nodes[at].samples += row.Samples
}

func (b *treeBuilder) child(parent, place int32) int32 {
	k := uint64(parent)<<32 | uint64(place)
	if id, ok := b.index[k]; ok {
		return id
	}
	id := int32(len(b.nodes))
	b.index[k] = id
	b.nodes = append(b.nodes, treeNode{place: place, next: b.nodes[parent].first})
	b.nodes[parent].first = id
	return id
}

// finish fills a CallNode with the children of a tree node, joining nodes that
// have nothing of their own and one child. Children are in the order of their
// places, the highest address first, which decides between equals.
func (b *treeBuilder) finish(n *CallNode, id int32) {
	for c := b.nodes[id].first; c != 0; c = b.nodes[c].next {
		child := &CallNode{}
		at := c
		for {
			child.Places = append(child.Places, &b.places.places[b.nodes[at].place])
			only := b.nodes[at].first
			if b.nodes[at].samples > 0 || only == 0 || b.nodes[only].next != 0 {
				break
			}
			at = only
		}
		child.Hits, child.Samples = b.nodes[at].hits, b.nodes[at].samples
		b.finish(child, at)
		n.Below += child.Total()
		n.SamplesBelow += child.TotalSamples()
		n.Children = append(n.Children, child)
	}
	slices.SortFunc(n.Children, func(x, y *CallNode) int { return compareForTree(x.Places[0], y.Places[0]) })
}

func compareForTree(a, b *Place) int {
	if c := cmp.Compare(b.dso, a.dso); c != 0 {
		return c
	}
	if c := cmp.Compare(b.order(), a.order()); c != 0 {
		return c
	}
	return cmp.Compare(b.offset, a.offset)
}

// order is the number by which places of one file are ordered.
func (p *Place) order() uint64 {
	if p.Symbol != "" {
		return p.start
	}
	return p.Address
}
