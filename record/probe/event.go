package probe

import (
	"debug/elf"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"gorecord/perfevent/hit"
	"gorecord/perfevent/tracefs"
	"gorecord/symbolize"
)

// Event is an event on one or more places that agree in what they record.
type Event struct {
	// Probes define it: the points of one event, with the group and event
	// names of perf's rules or of the user. Whether these are free is for the
	// caller to see.
	Probes []tracefs.Probe
	// Place is what the user meant, such as callee%return.
	Place string
	// Notes are remarks for the user, one line each.
	Notes []string
	// Hits says what its hits mean: one event, under the name of Probes, with
	// the names of values that it refers to.
	Hits hit.Description
}

// Name is the event's name.
func (e *Event) Name() tracefs.EventName { return e.Probes[0].Event() }

// Description is the place with its file, such as "callee%return in /bin/main".
func (e *Event) Description() string {
	p := &e.Probes[0]
	where := e.Place
	if n := len(e.Probes); n > 1 {
		where += fmt.Sprintf(" (%d places)", n)
	}
	if p.Kind == tracefs.Kprobe {
		return where + " in the kernel"
	}
	return where + " in " + p.Path
}

// Resolve finds the places of a probe, and what to record there. Places become
// points of one event where their arguments agree, otherwise several events. The
// errors are one line with the way out: *NotFoundError, *AmbiguousError,
// *NoReturnError and others.
func (b *Binary) Resolve(s Spec, o Options) ([]Event, error) {
	f := &finder{b: b, s: &s, o: o}
	sites, err := f.sites()
	if err != nil {
		return nil, err
	}
	p := &planner{finder: f, one: s.Kind != AtGlob && s.Kind != AtMarker}
	var plans []plan
	for _, site := range sites {
		plan, err := p.plan(site)
		if err != nil {
			return nil, err
		}
		if err := tracefs.CheckArgs(tracefs.Uprobe, s.Return && !plan.atReturn, architecture(b.module.Machine()), plan.args); err != nil {
			return nil, fmt.Errorf("probe %s of %s: %w", s.Place(), b.path, err)
		}
		plans = append(plans, plan)
	}
	events, err := p.group(plans)
	if err != nil {
		return nil, err
	}
	events[0].Notes = f.notes
	return events, nil
}

// architecture is what uname -m says of a machine.
func architecture(m elf.Machine) string {
	switch m {
	case elf.EM_X86_64:
		return "x86_64"
	case elf.EM_AARCH64:
		return "aarch64"
	}
	return ""
}

// group makes events of plans that agree.
func (p *planner) group(plans []plan) ([]Event, error) {
	var events []Event
	index := map[string]int{}
	for i := range plans {
		key, err := p.signature(&plans[i], i)
		if err != nil {
			return nil, err
		}
		n, known := index[key]
		if !known {
			n = len(events)
			index[key] = n
			events = append(events, p.event(&plans[i]))
		}
		p.addPoint(&events[n], &plans[i])
	}
	return events, nameApart(events)
}

// nameApart gives each event a name of its own.
func nameApart(events []Event) error {
	taken := map[tracefs.EventName]bool{}
	for i := range events {
		name := events[i].Name()
		free, err := Unique(name.Name, func(n string) bool { return taken[tracefs.EventName{Group: name.Group, Name: n}] })
		if err != nil {
			return err
		}
		events[i].rename(free)
		taken[events[i].Name()] = true
	}
	return nil
}

func (e *Event) rename(name string) {
	for i := range e.Probes {
		e.Probes[i].Name = name
	}
	e.Hits.Events[0].Name = e.Name().String()
}

// signature is what the points of an event must have in common: names and types
// of the kernel's fields, and what they mean.
func (p *planner) signature(plan *plan, index int) (string, error) {
	var key strings.Builder
	for _, arg := range plan.args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			name, value = "", arg
		}
		_, typ := cutType(value)
		fmt.Fprintf(&key, "%s:%s ", name, typ)
	}
	meaning, err := json.Marshal([]any{plan.values, plan.enums, plan.goid})
	if err != nil {
		return "", err
	}
	key.Write(meaning)
	if plan.marker != nil {
		key.WriteString(plan.marker.Provider + ":" + plan.marker.Name)
	}
	if p.o.Separate {
		if plan.atReturn {
			fmt.Fprintf(&key, " %#x", uint64(plan.function.Addr))
		} else {
			fmt.Fprintf(&key, " %d", index)
		}
	}
	return key.String(), nil
}

// event begins an event like a plan.
func (p *planner) event(plan *plan) Event {
	e := Event{Place: p.s.Place(), Hits: hit.Description{Enums: plan.enums}}
	if p.o.Separate && p.s.Kind == AtGlob {
		single := *p.s
		single.Kind, single.Function = AtFunction, plan.name
		e.Place = single.Place()
	}
	if plan.marker != nil {
		e.Place = "sdt:" + plan.marker.Provider + ":" + plan.marker.Name
	}
	e.Hits.Events = []hit.Event{{
		Path: p.b.path, BuildID: p.b.module.BuildID().String(),
		Return: p.s.Return, AtReturns: plan.atReturn, Registers: p.o.Registers,
		Values: plan.values, Goid: plan.goid, StackHi: plan.stackHi, SP: plan.sp,
	}}
	if p.b.module.IsGo() {
		e.Hits.GoTypes = p.goTypes(plan.values)
	}
	return e
}

// goTypes are the dynamic types that the interfaces among the values may hold.
func (p *planner) goTypes(values []hit.Value) []hit.GoType {
	wanted, empty := map[string]bool{}, false
	var walk func(values []hit.Value)
	walk = func(values []hit.Value) {
		for i := range values {
			v := &values[i]
			if v.Kind == hit.Interface {
				wanted[v.Type[strings.LastIndexByte(v.Type, '/')+1:]] = true
				empty = empty || v.Empty
			}
			walk(v.Members)
		}
	}
	walk(values)
	g, err := p.b.goInfo()
	if len(wanted) == 0 || err != nil {
		return nil
	}
	var out []hit.GoType
	seen := map[symbolize.VirtAddr]bool{}
	add := func(addr symbolize.VirtAddr, name string) {
		if addr != 0 && !seen[addr] {
			seen[addr] = true
			out = append(out, hit.GoType{Addr: uint64(addr), Name: name, Text: g.BeginsWithString(name)})
		}
	}
	for t := range g.Itabs() {
		if wanted[t.Interface] {
			add(t.Addr, t.Type)
		}
		if empty {
			add(t.TypeAddr, t.Type)
		}
	}
	return out
}

// addPoint adds a plan's place to an event.
func (p *planner) addPoint(e *Event, plan *plan) {
	probe := tracefs.Probe{
		Kind: tracefs.Uprobe, Return: p.s.Return && !plan.atReturn, Group: p.s.Group, Name: p.s.Event,
		Path: p.b.path, Offset: plan.offset, RefCtr: plan.semaphore, Args: plan.args,
	}
	if probe.Group == "" {
		probe.Group = GroupName(p.b.path)
		if plan.marker != nil {
			probe.Group = "sdt_" + functionEvent(plan.marker.Provider)
		}
	}
	if probe.Name == "" {
		probe.Name = p.eventName(plan)
	}
	e.Probes = append(e.Probes, probe)
	event := &e.Hits.Events[0]
	point := hit.Point{Function: plan.name, Entry: uint64(plan.function.Addr), Addr: uint64(plan.addr), Offset: uint64(plan.offset)}
	if plan.inlined != nil {
		point.Inlined, point.File, point.Line = plan.inlined.Into, plan.inlined.File, plan.inlined.Line
	} else if plan.debug != nil {
		point.File, point.Line = plan.debug.File, plan.debug.Line
	}
	event.Points = append(event.Points, point)
}

// eventName follows perf: the function's name, with the line where one was given.
func (p *planner) eventName(plan *plan) string {
	s := *p.s
	switch s.Kind {
	case AtGlob:
		if !p.o.Separate {
			s.Function = globName(s.Globs)
			break
		}
		s.Function = plan.name
	case AtMarker:
		s.Function = plan.marker.Name
	case AtFileLine:
		s.Function = plan.name
		if s.Function == "" {
			s.Function = filepath.Base(s.File)
		}
	}
	if s.Kind == AtGlob || s.Kind == AtFileLine {
		s.Kind, s.Number = AtFunction, 0
	}
	return EventName(&s)
}

// globName makes a name of a pattern's letters.
func globName(globs []string) string {
	name := strings.Trim(functionEvent(globs[0]), "_")
	if name == "" || len(globs) > 1 {
		return "functions"
	}
	return name
}
