package stack

import (
	"gorecord/perfevent"
	"gorecord/perfevent/machine"
)

// AddressID numbers the interned addresses from 0.
type AddressID uint32

// StackID numbers the interned stacks. NoStack is the empty one.
type StackID uint32

// NoStack is the stack without frames.
const NoStack StackID = 0

// Address is a place in code that was seen.
type Address struct {
	// Mapping is the one that the place was first seen through; nil where
	// nothing was mapped there.
	Mapping *machine.Mapping
	// Position is the place in the mapping's module (see
	// machine.Mapping.Position), or without a mapping the address itself.
	Position uint64
	// Runtime is the address at which the place was first seen.
	Runtime perfevent.Addr
	// Mode tells where the CPU was: kernel, user, hypervisor or guest.
	Mode perfevent.Misc
	// Return says that the address is one to return to: it lies behind the
	// call that the frame is in, and may lie in the next function already.
	Return bool
}

// Module is what the place belongs to, nil where that is unknown.
func (a *Address) Module() *machine.Module {
	if a.Mapping == nil {
		return nil
	}
	return a.Mapping.Module
}

// addressKey makes places equal. module is -1 without a mapping.
type addressKey struct {
	position uint64
	module   int32
	mode     uint8
	ret      bool
}

// Node is one frame of a stack: its address and the stack of its callers.
type Node struct {
	Callers StackID
	Address AddressID
}

// Interner gives numbers to addresses and stacks. It allocates only for what
// it has not seen before. It is for one goroutine.
type Interner struct {
	machine   *machine.Machine
	maxStack  int
	addresses []Address
	addressID map[addressKey]AddressID
	nodes     []Node
	nodeID    map[Node]StackID
	chains    chainCache
	recent    [recentAddresses]recentAddress
	scratch   []AddressID
	markers   uint64
}

// NewInterner makes an Interner for samples of a machine that is kept up to
// date by the caller. Of stacks with more than maxStack frames the innermost
// are kept; 0 sets no limit.
func NewInterner(m *machine.Machine, maxStack int) *Interner {
	in := &Interner{
		machine:   m,
		maxStack:  maxStack,
		addressID: map[addressKey]AddressID{},
		nodes:     make([]Node, 1), // NoStack
		nodeID:    map[Node]StackID{},
	}
	in.chains.init()
	return in
}

// Addresses are all addresses so far, by number. The slice belongs to the
// Interner and must not be changed.
func (in *Interner) Addresses() []Address { return in.addresses }

// Nodes are the stacks so far: entry n is the innermost frame of stack n, and
// the stack that called it, whose number is smaller. Entry 0 stands for
// NoStack. The slice belongs to the Interner and must not be changed.
func (in *Interner) Nodes() []Node { return in.nodes }

// UnknownMarkers counts context markers in callchains that no kernel known
// here writes; the frames behind them are taken as those before.
func (in *Interner) UnknownMarkers() uint64 { return in.markers }

// recentAddresses is the number of addresses that Address remembers.
const recentAddresses = 256

// recentAddress is the answer to a question, as long as nothing was mapped
// since.
type recentAddress struct {
	place chainPlace
	a     perfevent.Addr
	id    AddressID
	used  bool
}

// Address interns the address that a sample was taken at, with the CPU in the
// given mode.
func (in *Interner) Address(t *machine.Thread, mode perfevent.Misc, a perfevent.Addr) AddressID {
	place := in.place(t, mode)
	r := &in.recent[(a^a>>8)%recentAddresses]
	if r.a == a && r.used && r.place == place {
		return r.id
	}
	id := in.intern(in.mapping(t, place.mode, a), place.mode, a, false)
	*r = recentAddress{place, a, id, true}
	return id
}

// place is what the meaning of an address depends on beside itself.
func (in *Interner) place(t *machine.Thread, mode perfevent.Misc) chainPlace {
	return chainPlace{t.Process.Space(), in.machine.KernelSpace(), mode.CPUMode()}
}

// mapping finds what is at an address in the kernel or in a process.
func (in *Interner) mapping(t *machine.Thread, mode perfevent.Misc, a perfevent.Addr) *machine.Mapping {
	switch mode {
	case perfevent.MiscKernel:
		return in.machine.LookupKernel(a)
	case perfevent.MiscUser:
		return t.Lookup(a)
	}
	return nil
}

func (in *Interner) intern(m *machine.Mapping, mode perfevent.Misc, a perfevent.Addr, ret bool) AddressID {
	k := addressKey{position: uint64(a), module: -1, mode: uint8(mode), ret: ret}
	if m != nil {
		k.module, k.position = int32(m.Module.Index), m.Position(a)
	}
	id, ok := in.addressID[k]
	if !ok {
		id = AddressID(len(in.addresses))
		in.addressID[k] = id
		in.addresses = append(in.addresses, Address{Mapping: m, Position: k.position, Runtime: a, Mode: mode, Return: ret})
	}
	return id
}

// Stack interns a sample's callchain, innermost address first, context markers
// included. mode is that of the sample; it holds until the first marker.
func (in *Interner) Stack(t *machine.Thread, mode perfevent.Misc, chain []perfevent.Addr) StackID {
	if len(chain) == 0 {
		return NoStack
	}
	where := in.place(t, mode)
	slot, id, ok := in.chains.find(where, chain)
	if !ok {
		in.walk(t, mode.CPUMode(), chain)
		id = in.join(in.scratch)
		in.chains.add(slot, where, chain, id)
	}
	return id
}

// walk puts the addresses of a callchain into scratch. The first address
// behind a marker is where the CPU was, in the kernel or when it entered it;
// all others are return addresses.
func (in *Interner) walk(t *machine.Thread, mode perfevent.Misc, chain []perfevent.Addr) {
	in.scratch = in.scratch[:0]
	inKernel, ret := mode == perfevent.MiscKernel, false
	for _, a := range chain {
		if a < perfevent.ContextMax {
			m := in.mapping(t, mode, a)
			if m == nil && inKernel && mode == perfevent.MiscUser {
				m = t.LookupFormer(a)
			}
			in.scratch = append(in.scratch, in.intern(m, mode, a, ret))
			ret = true
			if len(in.scratch) == in.maxStack {
				return
			}
			continue
		}
		if a == perfevent.ContextUserDeferred {
			// What follows is a cookie for a record to come, no address.
			return
		}
		if m, ok := contextMode(a); ok {
			mode, ret = m, false
		} else {
			in.markers++
		}
	}
}

func contextMode(a perfevent.Addr) (perfevent.Misc, bool) {
	switch a {
	case perfevent.ContextKernel:
		return perfevent.MiscKernel, true
	case perfevent.ContextUser:
		return perfevent.MiscUser, true
	case perfevent.ContextHV:
		return perfevent.MiscHypervisor, true
	case perfevent.ContextGuestKernel, perfevent.ContextGuest:
		return perfevent.MiscGuestKernel, true
	case perfevent.ContextGuestUser:
		return perfevent.MiscGuestUser, true
	}
	return 0, false
}

// join makes a stack of addresses, innermost first.
func (in *Interner) join(addrs []AddressID) StackID {
	id := NoStack
	for i := len(addrs) - 1; i >= 0; i-- {
		n := Node{Callers: id, Address: addrs[i]}
		next, ok := in.nodeID[n]
		if !ok {
			next = StackID(len(in.nodes))
			in.nodes = append(in.nodes, n)
			in.nodeID[n] = next
		}
		id = next
	}
	return id
}
