package pprof

import (
	"encoding/hex"
	"slices"

	"github.com/google/pprof/profile"

	"gorecord/perfevent/machine"
	"gorecord/report"
	"gorecord/symbolize/stack"
)

// places makes the mappings, locations and functions of a profile.
type places struct {
	p         *report.Profile
	prof      *profile.Profile
	byAddress []*profile.Location // by stack.AddressID
	locations map[locationKey]*profile.Location
	mappings  map[mappingKey]*profile.Mapping
	functions map[functionKey]*profile.Function
	// weight counts the frames that samples have in a mapping.
	weight map[*profile.Mapping]uint64
}

// mappingKey makes mappings of one part of a file equal, in whatever process
// and at whatever address.
type mappingKey struct {
	module *machine.Module
	offset uint64
}

type locationKey struct {
	mapping *profile.Mapping
	address uint64
}

type functionKey struct {
	symbol *stack.Symbol // nil: name tells
	name   string
	file   string
}

func newPlaces(p *report.Profile, prof *profile.Profile) *places {
	return &places{
		p: p, prof: prof,
		byAddress: make([]*profile.Location, len(p.Addresses)),
		locations: map[locationKey]*profile.Location{},
		mappings:  map[mappingKey]*profile.Mapping{},
		functions: map[functionKey]*profile.Function{},
		weight:    map[*profile.Mapping]uint64{},
	}
}

// location is that of an address.
func (l *places) location(id stack.AddressID) *profile.Location {
	if have := l.byAddress[id]; have != nil {
		return have
	}
	a := &l.p.Addresses[id]
	m := l.mapping(a.Mapping)
	k := locationKey{m, l.address(a, m)}
	loc, ok := l.locations[k]
	if !ok {
		if m != nil && k.address >= m.Limit && k.address < ^uint64(0) {
			// The kernel goes on behind the range that recorders give it.
			m.Limit = k.address + 1
		}
		loc = &profile.Location{ID: uint64(len(l.prof.Location) + 1), Mapping: m, Address: k.address, Line: l.lines(id)}
		l.prof.Location = append(l.prof.Location, loc)
		l.locations[k] = loc
	}
	l.byAddress[id] = loc
	return loc
}

// address is the address of a place in terms of its mapping in the profile,
// which may have lain elsewhere in the process that hit the place.
func (l *places) address(a *stack.Address, m *profile.Mapping) uint64 {
	address := uint64(a.Runtime)
	if m != nil {
		address = m.Start + uint64(a.Runtime-a.Mapping.Start)
	}
	if a.Return && address > 0 && (m == nil || address > m.Start) {
		address--
	}
	return address
}

func (l *places) mapping(m *machine.Mapping) *profile.Mapping {
	if m == nil {
		return nil
	}
	k := mappingKey{m.Module, uint64(m.Offset)}
	pm, ok := l.mappings[k]
	if !ok {
		pm = &profile.Mapping{
			ID: uint64(len(l.prof.Mapping) + 1), Start: uint64(m.Start), Offset: uint64(m.Offset),
			File: report.Printable(m.Module.Name), BuildID: hex.EncodeToString([]byte(m.Module.BuildID)),
			HasFunctions: true,
		}
		l.prof.Mapping = append(l.prof.Mapping, pm)
		l.mappings[k] = pm
	}
	limit := pm.Start + uint64(m.End-m.Start)
	if limit < pm.Start {
		limit = ^uint64(0)
	}
	pm.Limit = max(pm.Limit, limit)
	return pm
}

// mainFirst puts the file with the most frames in front of all mappings.
func (l *places) mainFirst() {
	var best *profile.Mapping
	for k, m := range l.mappings {
		if k.module.Kind != machine.File {
			continue
		}
		if best == nil || l.weight[m] > l.weight[best] || l.weight[m] == l.weight[best] && m.ID < best.ID {
			best = m
		}
	}
	if best == nil {
		return
	}
	i := slices.Index(l.prof.Mapping, best)
	copy(l.prof.Mapping[1:i+1], l.prof.Mapping[:i])
	l.prof.Mapping[0] = best
	for i, m := range l.prof.Mapping {
		m.ID = uint64(i + 1)
	}
}

// lines are the functions at an address, the innermost first.
func (l *places) lines(id stack.AddressID) []profile.Line {
	frames := l.p.Names.Frames(id)
	lines := make([]profile.Line, len(frames))
	m := l.mapping(l.p.Addresses[id].Mapping)
	for i := range frames {
		f := &frames[i]
		lines[i] = profile.Line{Function: l.function(&l.p.Addresses[id], f), Line: int64(f.Line)}
		if m != nil {
			m.HasFilenames = m.HasFilenames || f.File != ""
			m.HasLineNumbers = m.HasLineNumbers || f.Line != 0
			m.HasInlineFrames = m.HasInlineFrames || f.Inlined
		}
	}
	return lines
}

func (l *places) function(a *stack.Address, f *stack.Frame) *profile.Function {
	k := functionKey{symbol: f.Symbol, file: report.Printable(f.File)}
	name, system := "", ""
	if f.Symbol != nil {
		name, system = report.Printable(f.Symbol.Name), report.Printable(f.Symbol.SystemName)
	} else {
		name = unnamed(a)
		system, k.name = name, name
	}
	fn, ok := l.functions[k]
	if !ok {
		fn = &profile.Function{ID: uint64(len(l.prof.Function) + 1), Name: name, SystemName: system, Filename: k.file}
		l.prof.Function = append(l.prof.Function, fn)
		l.functions[k] = fn
	}
	return fn
}

// unnamed stands for all functions of a file whose names are not known.
func unnamed(a *stack.Address) string {
	m := a.Module()
	if m == nil {
		return report.Unknown
	}
	name := report.Printable(m.ShortName())
	if len(name) > 0 && name[0] == '[' {
		return name
	}
	return "[" + name + "]"
}
