package main

import (
	"fmt"
	"io/fs"
	"strings"

	"gorecord/perfevent/tracefs"
	"gorecord/record/probe"
)

// definitions makes the list of DEFs out of those of flags and the words behind
// the flags. A word that is a fetch argument belongs to the DEF before it, as
// in perf, which joins all words to one DEF.
func definitions(flagged, words []string) ([]string, error) {
	out := append([]string(nil), flagged...)
	for _, word := range words {
		switch {
		case len(out) > 0 && probe.IsFetchArg(word):
			out[len(out)-1] += " " + word
		case strings.HasPrefix(word, "-"):
			return nil, usageError{fmt.Sprintf("option %s stands behind a probe; options come first", word)}
		default:
			out = append(out, word)
		}
	}
	return out, nil
}

// events finds the places of all DEFs.
func (a *app) events(defs []string) ([]probe.Event, error) {
	var binary *probe.Binary
	if a.exec != "" {
		var err error
		if binary, err = probe.OpenBinary(a.exec); err != nil {
			return nil, err
		}
		defer binary.Close()
	}
	var out []probe.Event
	for _, def := range defs {
		parse := probe.ParseSpec
		if binary == nil {
			parse = probe.ParseKernelSpec
		}
		spec, err := parse(def)
		if err != nil {
			return nil, err
		}
		var found []probe.Event
		if binary != nil {
			found, err = binary.Resolve(spec, probe.Options{Separate: true, Inlines: a.inlines})
		} else {
			found = make([]probe.Event, 1)
			found[0], err = probe.ResolveKernel(spec)
		}
		if err != nil {
			return nil, err
		}
		for _, note := range found[0].Notes {
			a.say("Warning: %s\n", note)
		}
		out = append(out, found...)
	}
	return out, nil
}

// define prints the definitions of DEFs.
func (a *app) define(defs []string) error {
	events, err := a.events(defs)
	if err != nil {
		return err
	}
	for _, p := range probes(events) {
		line, err := p.Definition()
		if err != nil {
			return err
		}
		a.print(line + "\n")
	}
	return nil
}

// probes are the points of all events.
func probes(events []probe.Event) []tracefs.Probe {
	var out []tracefs.Probe
	for i := range events {
		out = append(out, events[i].Probes...)
	}
	return out
}

// addAll defines the probes of DEFs, all or none.
func (a *app) addAll(defs []string) error {
	events, err := a.events(defs)
	if err != nil {
		return err
	}
	dir, err := a.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Supports(events[0].Probes[0].Kind); err != nil {
		return fmt.Errorf("probe %s: %w", events[0].Place, err)
	}
	if err := a.nameAll(dir, events); err != nil {
		return err
	}
	all := probes(events)
	for i := range all {
		line, err := all[i].Definition()
		if err != nil {
			return err
		}
		a.detail("Writing event: %s\n", line)
	}
	if !a.dryRun {
		if err := dir.Add(all...); err != nil {
			return err
		}
	}
	a.sayAdded(events)
	return nil
}

// nameAll sees to it that each event has a name of its own.
func (a *app) nameAll(dir *tracefs.Dir, events []probe.Event) error {
	defined, err := dir.List()
	if defined == nil && err != nil {
		return err
	}
	taken := map[tracefs.EventName]bool{}
	for i := range defined {
		taken[defined[i].Event()] = true
	}
	for i := range events {
		name := events[i].Name()
		if taken[name] && !a.force {
			return fmt.Errorf("event %q: %w; delete it by goprobe -d %s, or add another one beside it by goprobe -f", name, fs.ErrExist, name)
		}
		free, err := probe.Unique(name.Name, func(n string) bool {
			return taken[tracefs.EventName{Group: name.Group, Name: n}]
		})
		if err != nil {
			return err
		}
		for n := range events[i].Probes {
			events[i].Probes[n].Name = free
		}
		taken[events[i].Name()] = true
	}
	return nil
}

// sayAdded words the success as perf does.
func (a *app) sayAdded(events []probe.Event) {
	s := ""
	if len(events) > 1 {
		s = "s"
	}
	a.say("Added new event%s:\n", s)
	for i := range events {
		p := &events[i].Probes[0]
		a.say("%s", listLine(p, events[i].Place, p.Args))
	}
	last := events[len(events)-1].Name()
	a.say("\nYou can now use it in all perf tools, such as:\n\n\tgorecord -e %s -aR sleep 1\n\n", last)
}

// listLine is one line about a probe, as perf words it.
func listLine(p *tracefs.Probe, place string, args []string) string {
	line := fmt.Sprintf("  %-20s (on %s", p.Event(), place)
	if p.Kind == tracefs.Uprobe {
		line += " in " + p.Path
	}
	if len(args) > 0 {
		line += " with " + strings.Join(args, " ")
	}
	return line + ")\n"
}
