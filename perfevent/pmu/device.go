package pmu

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"gorecord/perfevent"
	"gorecord/perfevent/near"
)

// devices is where sysfs shows the machine's PMUs.
const devices = "bus/event_source/devices"

func devicePath(device, file string) string { return path.Join(devices, device, file) }

// pmuNames are the machine's PMUs, sorted; none where sysfs cannot be read.
func pmuNames(sys fs.FS) []string { return fileNames(sys, devices) }

func fileNames(sys fs.FS, dir string) []string {
	entries, err := fs.ReadDir(sys, dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		// NAME.scale, NAME.unit and the like belong to the event NAME.
		if !strings.Contains(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out
}

// anyPMU reads the name of an event that one of the machine's PMUs has.
func (p *parser) anyPMU(name string) (bool, error) {
	if !plainName(name) {
		return false, nil
	}
	var found []string
	for _, device := range pmuNames(p.sys) {
		if _, err := fs.Stat(p.sys, devicePath(device, "events/"+name)); err == nil {
			found = append(found, device)
		}
	}
	switch len(found) {
	case 0:
		return false, nil
	case 1:
		return true, p.pmuTerms(found[0], []term{{name: name}})
	}
	for i := range found {
		found[i] += "/" + name + "/"
	}
	return true, fmt.Errorf("several PMUs have it: %s; name one of them", strings.Join(found, ", "))
}

// plainName reports whether a name can be that of a PMU, an event or a term.
func plainName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '_', c == '-', c == '.', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		default:
			return false
		}
	}
	return s != "" && s[0] != '.'
}

// pmuTerms reads DEVICE/TERMS/.
func (p *parser) pmuTerms(device string, terms []term) error {
	typ, err := p.deviceType(device)
	if err != nil {
		return err
	}
	p.event.Attr.Type = typ
	var given []string
	for _, t := range terms {
		given = append(given, t.name)
	}
	for _, t := range terms {
		if err := p.pmuTerm(device, t, given); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) deviceType(device string) (perfevent.EventType, error) {
	b, err := fs.ReadFile(p.sys, devicePath(device, "type"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) || !plainName(device) {
		hint := near.Hint(near.Names(device, slices.Values(pmuNames(p.sys)), 3))
		if names := pmuNames(p.sys); hint == "" && len(names) > 0 {
			hint = "; it has " + strings.Join(names, ", ")
		}
		return 0, fmt.Errorf("this machine has no PMU %s%s", device, hint)
	}
	if err != nil {
		return 0, fmt.Errorf("read type of PMU %s: %w", device, err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("read type of PMU %s: %w", device, err)
	}
	return perfevent.EventType(n), nil
}

// pmuTerm reads one term: a field of the PMU's format, one of its events, or
// one that every PMU has. given are the names of all terms.
func (p *parser) pmuTerm(device string, t term, given []string) error {
	if !plainName(t.name) {
		return fmt.Errorf("%q is no term", t.name)
	}
	if ok, err := p.general(t); ok || err != nil {
		return err
	}
	format, err := fs.ReadFile(p.sys, devicePath(device, "format/"+t.name))
	if err == nil {
		return p.formatTerm(t, string(format))
	}
	alias, err := fs.ReadFile(p.sys, devicePath(device, "events/"+t.name))
	if err == nil && (!t.hasValue || t.value == "1") {
		return p.aliasTerms(device, t.name, strings.TrimSpace(string(alias)), given)
	}
	if ok, err := configTerm(&p.event.Attr, t); ok || err != nil {
		return err
	}
	names := p.termNames(device)
	hint := near.Hint(near.Names(t.name, slices.Values(names), 3))
	if hint == "" {
		hint = "; it has " + strings.Join(names, ", ")
	}
	return fmt.Errorf("PMU %s has no event or term %s%s", device, t.name, hint)
}

// aliasTerms sets the terms that an event of the PMU stands for. One with the
// value ? must be given by the user.
func (p *parser) aliasTerms(device, event, text string, given []string) error {
	terms, err := parseTerms(text)
	if err != nil {
		return fmt.Errorf("read event %s of PMU %s: %w", event, device, err)
	}
	for _, t := range terms {
		if t.value == "?" {
			if !slices.Contains(given, t.name) {
				return fmt.Errorf("event %s of PMU %s needs the term %s=NUMBER", event, device, t.name)
			}
			continue
		}
		format, err := fs.ReadFile(p.sys, devicePath(device, "format/"+t.name))
		if err == nil {
			err = p.formatTerm(t, string(format))
		} else if ok, configErr := configTerm(&p.event.Attr, t); ok {
			err = configErr
		} else if ok, generalErr := p.general(t); ok {
			err = generalErr
		}
		if err != nil {
			return fmt.Errorf("read event %s of PMU %s: %w", event, device, err)
		}
	}
	return nil
}

// formatTerm puts a term's value into the bits that its format names, such as
// "config:0-7,32-35", lowest bits first.
func (p *parser) formatTerm(t term, format string) error {
	value, err := t.number()
	if err != nil {
		return err
	}
	name, ranges, ok := strings.Cut(strings.TrimSpace(format), ":")
	a := &p.event.Attr
	fields := map[string]*uint64{
		"config": &a.Config, "config1": &a.Config1, "config2": &a.Config2, "config3": &a.Config3, "config4": &a.Config4,
	}
	field := fields[name]
	if !ok || field == nil {
		return fmt.Errorf("term %s: its format %q is none that is known", t.name, strings.TrimSpace(format))
	}
	rest, width := value, 0
	for r := range strings.SplitSeq(ranges, ",") {
		low, high, err := bitRange(r)
		if err != nil {
			return fmt.Errorf("term %s: %w", t.name, err)
		}
		n := high - low + 1
		mask := ^uint64(0) >> (64 - n)
		*field = *field&^(mask<<low) | (rest&mask)<<low
		rest >>= n // 0 for n = 64
		width += n
	}
	if rest != 0 {
		return fmt.Errorf("term %s: %#x has more than the %d bits of the field", t.name, value, width)
	}
	return nil
}

// bitRange reads LOW-HIGH or BIT.
func bitRange(s string) (low, high int, err error) {
	from, to, ok := strings.Cut(strings.TrimSpace(s), "-")
	if !ok {
		to = from
	}
	l, err1 := strconv.ParseUint(from, 10, 8)
	h, err2 := strconv.ParseUint(to, 10, 8)
	if err1 != nil || err2 != nil || l > h || h > 63 {
		return 0, 0, fmt.Errorf("%q is no range of bits", s)
	}
	return int(l), int(h), nil
}
