package pmu

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"gorecord/perfevent"
)

// Event is an event that a user named.
type Event struct {
	// Name is what the user wrote, modifiers included, as perf shows it; or
	// the value of the term name=.
	Name string
	// Attr holds what the name says: type, config, breakpoint, exclusions,
	// and what terms say of sampling. All else is for the recorder to set.
	Attr perfevent.Attr
	// PreciseMax asks for the highest precise_ip that the kernel takes (:P).
	// Attr has 3; the recorder lowers it until the event opens.
	PreciseMax bool
	// NoCallchain forbids the call chain for this event, whatever is asked
	// for all (call-graph=no).
	NoCallchain bool
}

// UnknownError says that no event of the machine, or known to perf, has the
// name. Something other than this package may know it.
type UnknownError struct {
	Name string
	Near []string // names that may have been meant, nearest first
	hint string
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("event %s: no such event%s", e.Name, e.hint)
}

// Parse reads one event. sys is /sys. Errors are one line that names the event;
// see UnknownError.
func Parse(sys fs.FS, spec string) (Event, error) {
	spec = strings.TrimSpace(spec)
	p := parser{sys: sys, event: Event{Name: spec}}
	// perf counts the host alone where no modifier says otherwise.
	p.event.Attr.Flags = perfevent.FlagExcludeGuest
	if err := p.parse(spec); err != nil {
		if u, ok := err.(*UnknownError); ok {
			return Event{}, u
		}
		return Event{}, fmt.Errorf("event %s: %w", spec, err)
	}
	return p.event, nil
}

type parser struct {
	sys   fs.FS
	event Event
}

func (p *parser) parse(spec string) error {
	switch {
	case spec == "":
		return fmt.Errorf("the name is empty")
	case strings.HasPrefix(spec, "{"):
		return fmt.Errorf("groups of events are not supported; name them one by one, separated by commas")
	case strings.HasPrefix(spec, "mem:"):
		return p.breakpoint(spec[len("mem:"):])
	}
	if name, terms, mods, ok := cutTerms(spec); ok {
		if err := p.withTerms(name, terms); err != nil {
			return err
		}
		return p.modify(mods)
	}
	if ok, err := p.numbers(spec); ok || err != nil {
		return err
	}
	name, mods, has := strings.Cut(spec, ":")
	if err := p.named(name, spec); err != nil {
		return err
	}
	if has && mods == "" {
		return fmt.Errorf("no modifier stands behind the colon")
	}
	return p.modify(mods)
}

// named reads a name without terms.
func (p *parser) named(name, spec string) error {
	if p.fixed(name) {
		return nil
	}
	if reason, ok := toolEvents[name]; ok {
		return fmt.Errorf("%s", reason)
	}
	found, err := p.anyPMU(name)
	if found || err != nil {
		return err
	}
	return p.unknown(spec, name)
}

// fixed reads the names that need no look at the machine.
func (p *parser) fixed(name string) bool {
	a := &p.event.Attr
	if e, ok := symbols[name]; ok {
		a.Type, a.Config = e.typ, e.config
		return true
	}
	if config, ok := cacheConfig(name); ok {
		a.Type, a.Config = perfevent.TypeHWCache, config
		return true
	}
	if config, ok := rawConfig(name); ok {
		a.Type, a.Config = perfevent.TypeRaw, config
		return true
	}
	return false
}

// rawConfig reads rHEX.
func rawConfig(name string) (uint64, bool) {
	if len(name) < 2 || name[0] != 'r' {
		return 0, false
	}
	config, err := strconv.ParseUint(name[1:], 16, 64)
	return config, err == nil && !strings.ContainsAny(name, "_+-")
}

// numbers reads TYPE:CONFIG[:MODIFIERS].
func (p *parser) numbers(spec string) (bool, error) {
	parts := strings.Split(spec, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return false, nil
	}
	typ, err1 := strconv.ParseUint(parts[0], 0, 32)
	config, err2 := strconv.ParseUint(parts[1], 0, 64)
	if err1 != nil || err2 != nil {
		return false, nil
	}
	p.event.Attr.Type, p.event.Attr.Config = perfevent.EventType(typ), config
	if len(parts) == 3 {
		return true, p.modify(parts[2])
	}
	return true, nil
}

func (p *parser) modify(mods string) error {
	if mods == "" {
		return nil
	}
	max, err := ApplyModifiers(&p.event.Attr, mods)
	p.event.PreciseMax = max
	return err
}
