package stack

import (
	"hash/maphash"
	"math/bits"
	"slices"

	"gorecord/perfevent"
	"gorecord/perfevent/machine"
)

// chainPlace is what the meaning of a callchain depends on beside its
// addresses.
type chainPlace struct {
	user   machine.Space
	kernel machine.KernelSpace
	mode   perfevent.Misc
}

// chainCache remembers which stack a recorded callchain means, so that a chain
// that was seen before costs one look and no walk. It holds a bounded amount
// of addresses and starts afresh when it is full: address spaces change, and
// entries for their former states are never found again.
type chainCache struct {
	secret  uint64
	buckets map[uint64]uint32 // hash → index+1 of the newest entry
	entries []cachedChain
	words   []perfevent.Addr
}

type cachedChain struct {
	place      chainPlace
	start, end uint32 // of the chain in words
	next       uint32 // index+1 of the next entry with the same hash
	id         StackID
}

// These bound the memory of the cache to some 40 MB.
const (
	maxCachedWords  = 2 << 20
	maxCachedChains = 256 << 10
)

func (c *chainCache) init() {
	c.secret = maphash.Bytes(maphash.MakeSeed(), nil) | 1
	c.buckets = map[uint64]uint32{}
}

// hash folds 64 by 64 bit products with a secret, so that no recording can be
// made to collide.
func (c *chainCache) hash(chain []perfevent.Addr) uint64 {
	h := c.secret ^ uint64(len(chain))
	for _, a := range chain {
		hi, lo := bits.Mul64(h^uint64(a), c.secret)
		h = hi ^ lo
	}
	return h
}

// find looks a chain up. slot is for add.
func (c *chainCache) find(place chainPlace, chain []perfevent.Addr) (slot uint64, id StackID, ok bool) {
	slot = c.hash(chain)
	for i := c.buckets[slot]; i != 0; i = c.entries[i-1].next {
		e := &c.entries[i-1]
		if e.place == place && slices.Equal(c.words[e.start:e.end], chain) {
			return slot, e.id, true
		}
	}
	return slot, NoStack, false
}

func (c *chainCache) add(slot uint64, place chainPlace, chain []perfevent.Addr, id StackID) {
	if len(c.words)+len(chain) > maxCachedWords || len(c.entries) == maxCachedChains {
		clear(c.buckets)
		c.entries, c.words = c.entries[:0], c.words[:0]
	}
	start := uint32(len(c.words))
	c.words = append(c.words, chain...)
	c.entries = append(c.entries, cachedChain{place, start, uint32(len(c.words)), c.buckets[slot], id})
	c.buckets[slot] = uint32(len(c.entries))
}
