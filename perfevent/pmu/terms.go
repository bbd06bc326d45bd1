package pmu

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gorecord/perfevent"
)

// term is NAME or NAME=VALUE.
type term struct {
	name, value string
	hasValue    bool
}

func (t term) String() string {
	if t.hasValue {
		return t.name + "=" + t.value
	}
	return t.name
}

// number is the term's value; 1 where it has none.
func (t term) number() (uint64, error) {
	if !t.hasValue {
		return 1, nil
	}
	n, err := strconv.ParseUint(t.value, 0, 64)
	if err != nil {
		return 0, fmt.Errorf("term %s: %q is no number", t.name, t.value)
	}
	return n, nil
}

// parseTerms splits terms at commas outside quotes, and takes quotes off values.
func parseTerms(s string) ([]term, error) {
	parts, err := splitOutside(s, ',', `'"`)
	if err != nil {
		return nil, err
	}
	var out []term
	for _, part := range parts {
		part = strings.TrimSpace(part)
		if part == "" {
			if len(parts) == 1 {
				return nil, nil
			}
			return nil, fmt.Errorf("an empty term in %q", s)
		}
		name, value, has := strings.Cut(part, "=")
		if n := len(value); n >= 2 && (value[0] == '\'' || value[0] == '"') && value[n-1] == value[0] {
			value = value[1 : n-1]
		}
		out = append(out, term{strings.TrimSpace(name), strings.TrimSpace(value), has})
	}
	return out, nil
}

// withTerms reads NAME/TERMS/: a generic event, or a PMU's.
func (p *parser) withTerms(name, text string) error {
	terms, err := parseTerms(text)
	if err != nil {
		return err
	}
	if p.fixed(name) {
		return p.fixedTerms(name, terms)
	}
	return p.pmuTerms(name, terms)
}

func (p *parser) fixedTerms(name string, terms []term) error {
	for _, t := range terms {
		ok, err := p.general(t)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%s has no term %s; there are %s", name, t.name, strings.Join(generalTerms, ", "))
		}
	}
	return nil
}

// generalTerms are understood of every event.
var generalTerms = []string{"period", "freq", "name", "call-graph", "max-stack"}

// refusedTerms are perf's, with what does the same here.
var refusedTerms = map[string]string{
	"time":            "samples always carry their time",
	"inherit":         "threads and children are recorded unless -i is given",
	"no-inherit":      "give -i, for all events",
	"branch_type":     "branch stacks are not recorded",
	"stack-size":      "give --call-graph dwarf,SIZE for all events",
	"overwrite":       "give --overwrite for all events",
	"no-overwrite":    "it is so unless --overwrite is given",
	"percore":         "it is for perf stat",
	"aux-output":      "hardware tracing is not supported",
	"aux-sample-size": "hardware tracing is not supported",
	"metric-id":       "it is for perf stat",
}

// general reads a term that says how to sample. ok is false where it is none.
func (p *parser) general(t term) (ok bool, err error) {
	a := &p.event.Attr
	switch t.name {
	case "period", "freq":
		n, err := t.number()
		if err != nil {
			return true, err
		}
		if n == 0 || !t.hasValue {
			return true, fmt.Errorf("term %s needs a number above 0", t.name)
		}
		a.SamplePeriod = n
		a.Flags &^= perfevent.FlagFreq
		if t.name == "freq" {
			a.Flags |= perfevent.FlagFreq
		}
	case "name":
		if t.value == "" {
			return true, fmt.Errorf("term name needs a value")
		}
		p.event.Name = t.value
	case "call-graph":
		switch t.value {
		case "fp", "":
			a.SampleType |= perfevent.SampleCallchain
		case "no":
			p.event.NoCallchain = true
		default:
			return true, fmt.Errorf("term %s: only fp and no can be chosen for one event; give --call-graph %s for all", t, t.value)
		}
	case "max-stack":
		n, err := t.number()
		if err != nil || n == 0 || n > 1<<16-1 {
			return true, fmt.Errorf("term %s: %q is no number of frames from 1 to 65535", t.name, t.value)
		}
		a.SampleMaxStack = uint16(n)
	default:
		if hint, known := refusedTerms[t.name]; known {
			return true, fmt.Errorf("term %s is not supported: %s", t.name, hint)
		}
		return false, nil
	}
	return true, nil
}

// configTerm reads the terms that set a whole config field of a PMU's event:
// config, config1 to config4, rHEX and a bare number.
func configTerm(a *perfevent.Attr, t term) (ok bool, err error) {
	fields := map[string]*uint64{
		"config": &a.Config, "config1": &a.Config1, "config2": &a.Config2, "config3": &a.Config3, "config4": &a.Config4,
	}
	if field := fields[t.name]; field != nil {
		if !t.hasValue {
			return true, fmt.Errorf("term %s needs a value", t.name)
		}
		*field, err = t.number()
		return true, err
	}
	if t.hasValue {
		return false, nil
	}
	if config, ok := rawConfig(t.name); ok {
		a.Config = config
		return true, nil
	}
	if config, err := strconv.ParseUint(t.name, 0, 64); err == nil {
		a.Config = config
		return true, nil
	}
	return false, nil
}

// termNames are all terms of a PMU, for errors.
func (p *parser) termNames(device string) []string {
	out := slices.Concat(fileNames(p.sys, devicePath(device, "events")), fileNames(p.sys, devicePath(device, "format")), generalTerms, []string{"config", "config1", "config2"})
	slices.Sort(out)
	return slices.Compact(out)
}
