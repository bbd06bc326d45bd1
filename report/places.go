package report

import (
	"strconv"

	"gorecord/perfevent"
	"gorecord/perfevent/machine"
	"gorecord/symbolize/stack"
)

// Place is what tables show of a code address: a file and a function in it, or
// without a name the address.
type Place struct {
	// DSO is the short name of the file, [unknown] where nothing was mapped.
	DSO string
	// Symbol is the name of the function, empty where it is not known.
	Symbol string
	// Address is, for a place without a Symbol, its position in its file or
	// in the module of the kernel, or the runtime address where there is
	// neither.
	Address uint64
	// Level is perf's letter for the CPU mode: k kernel, . user, g guest
	// kernel, u guest user, H hypervisor or unknown.
	Level byte
	// Mapped says that something was mapped there.
	Mapped bool

	start   uint64 // of the symbol
	dso     int32  // number of the DSO name
	runtime uint64 // an address at which the place was first seen
	offset  uint64 // from the symbol's start, of places kept apart by address
	fine    bool   // the addresses of a function are places of their own
}

// Unknown is what a place without a mapping shows as its file.
const Unknown = "[unknown]"

// Text is the name of the place in a call tree: its function, with the offset
// in it where addresses are kept apart, or the address at which the place was
// first seen.
func (p *Place) Text() string {
	if p.Symbol != "" && p.fine {
		return p.Symbol + " +" + strconv.FormatUint(p.offset, 10)
	}
	if p.Symbol != "" {
		return p.Symbol
	}
	if p.runtime == 0 {
		return "0"
	}
	return "0x" + strconv.FormatUint(p.runtime, 16)
}

// placeKey makes places equal. As in perf, files are told apart by their short
// names only; but two functions with different names are never taken for one.
type placeKey struct {
	dso     int32
	symbol  string
	address uint64 // start of the symbol, or the address without one
	level   byte   // without a symbol
	offset  int64  // -1 where all addresses of a function are one place
}

// placeTable numbers the places of a Profile's frames.
type placeTable struct {
	places  []Place
	of      []int32 // by stack.FrameID
	nowhere int32   // the place of samples whose address was not kept
	dsos    map[string]int32
	index   map[placeKey]int32
}

// newPlaces finds the place of every frame. byAddress keeps the addresses of a
// function apart.
func newPlaces(p *Profile, byAddress bool) *placeTable {
	t := &placeTable{dsos: map[string]int32{}, index: map[placeKey]int32{}}
	t.of = make([]int32, p.Names.Len())
	for i := range t.of {
		id := stack.FrameID(i)
		t.of[i] = t.intern(&p.Addresses[p.Names.AddressOf(id)], p.Names.Frame(id), byAddress)
	}
	t.nowhere = int32(len(t.places))
	t.places = append(t.places, Place{DSO: Unknown, Level: level(perfevent.MiscCPUModeUnknown), dso: t.dso(Unknown)})
	return t
}

func (t *placeTable) intern(a *stack.Address, f *stack.Frame, byAddress bool) int32 {
	p := Place{DSO: Unknown, Address: a.Position, Level: level(a.Mode), runtime: uint64(a.Runtime)}
	if m := a.Module(); m != nil {
		p.DSO, p.Mapped = m.ShortName(), true
		if m.Kind == machine.KernelModule {
			p.Address += uint64(a.Mapping.Offset) - uint64(a.Mapping.Start)
		}
	}
	p.dso = t.dso(p.DSO)
	k := placeKey{dso: p.dso, address: p.Address, level: p.Level, offset: -1}
	if f.Symbol != nil {
		p.Symbol, p.start = f.Symbol.Name, f.Symbol.Start
		k = placeKey{dso: p.dso, symbol: f.Symbol.SystemName, address: p.start, offset: -1}
		if byAddress {
			p.fine, p.offset = true, f.Offset
			k.offset = int64(f.Offset)
		}
	}
	if id, ok := t.index[k]; ok {
		return id
	}
	id := int32(len(t.places))
	t.places = append(t.places, p)
	t.index[k] = id
	return id
}

func (t *placeTable) dso(name string) int32 {
	id, ok := t.dsos[name]
	if !ok {
		id = int32(len(t.dsos))
		t.dsos[name] = id
	}
	return id
}

// level is the letter for a CPU mode.
func level(mode perfevent.Misc) byte {
	switch mode {
	case perfevent.MiscKernel:
		return 'k'
	case perfevent.MiscUser:
		return '.'
	case perfevent.MiscGuestKernel:
		return 'g'
	case perfevent.MiscGuestUser:
		return 'u'
	}
	return 'H'
}
