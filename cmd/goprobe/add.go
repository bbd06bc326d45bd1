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

// points finds the places of all DEFs.
func (a *app) points(defs []string) ([]probe.Point, error) {
	var binary *probe.Binary
	if a.exec != "" {
		var err error
		if binary, err = probe.OpenBinary(a.exec); err != nil {
			return nil, err
		}
		defer binary.Close()
	}
	var out []probe.Point
	for _, def := range defs {
		parse := probe.ParseSpec
		if binary == nil {
			parse = probe.ParseKernelSpec
		}
		spec, err := parse(def)
		if err != nil {
			return nil, err
		}
		var point probe.Point
		if binary != nil {
			point, err = binary.Resolve(spec, probe.Options{})
		} else {
			point, err = probe.ResolveKernel(spec)
		}
		if err != nil {
			return nil, err
		}
		for _, note := range point.Notes {
			a.say("Warning: %s\n", note)
		}
		out = append(out, point)
	}
	return out, nil
}

// define prints the definitions of DEFs.
func (a *app) define(defs []string) error {
	points, err := a.points(defs)
	if err != nil {
		return err
	}
	for i := range points {
		line, err := points[i].Probe.Definition()
		if err != nil {
			return err
		}
		a.print(line + "\n")
	}
	return nil
}

// addAll defines the probes of DEFs, all or none.
func (a *app) addAll(defs []string) error {
	points, err := a.points(defs)
	if err != nil {
		return err
	}
	dir, err := a.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Supports(points[0].Probe.Kind); err != nil {
		return fmt.Errorf("probe %s: %w", points[0].Place, err)
	}
	if err := a.nameAll(dir, points); err != nil {
		return err
	}
	probes := make([]tracefs.Probe, len(points))
	for i := range points {
		probes[i] = points[i].Probe
		line, err := probes[i].Definition()
		if err != nil {
			return err
		}
		a.detail("Writing event: %s\n", line)
	}
	if !a.dryRun {
		if err := dir.Add(probes...); err != nil {
			return err
		}
	}
	a.sayAdded(points)
	return nil
}

// nameAll sees to it that each point has an event of its own.
func (a *app) nameAll(dir *tracefs.Dir, points []probe.Point) error {
	probes, err := dir.List()
	if probes == nil && err != nil {
		return err
	}
	taken := map[tracefs.EventName]bool{}
	for i := range probes {
		taken[probes[i].Event()] = true
	}
	for i := range points {
		p := &points[i].Probe
		if taken[p.Event()] && !a.force {
			return fmt.Errorf("event %q: %w; delete it by goprobe -d %s, or add another one beside it by goprobe -f", p.Event(), fs.ErrExist, p.Event())
		}
		p.Name, err = probe.Unique(p.Name, func(name string) bool {
			return taken[tracefs.EventName{Group: p.Group, Name: name}]
		})
		if err != nil {
			return err
		}
		taken[p.Event()] = true
	}
	return nil
}

// sayAdded words the success as perf does.
func (a *app) sayAdded(points []probe.Point) {
	s := ""
	if len(points) > 1 {
		s = "s"
	}
	a.say("Added new event%s:\n", s)
	for i := range points {
		p := &points[i].Probe
		a.say("%s", listLine(p, points[i].Place, p.Args))
	}
	last := points[len(points)-1].Probe.Event()
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
