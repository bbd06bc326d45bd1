package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"gorecord/perfevent/tracefs"
	"gorecord/record/probe"
)

// listPatterns are the patterns of --list: its own value, and the words behind
// the flags.
func listPatterns(value string, words []string) []string {
	if value != "*" || len(words) == 0 {
		words = append([]string{value}, words...)
	}
	return words
}

// matchesAny reports whether one of the patterns matches an event's name, alone
// or with its group in front.
func matchesAny(patterns []string, event tracefs.EventName) (bool, error) {
	for _, pattern := range patterns {
		for _, name := range []string{event.Name, event.String()} {
			if ok, err := tracefs.Match(pattern, name); ok || err != nil {
				return ok, err
			}
		}
	}
	return false, nil
}

// printList prints the probes that match, in perf's order: those of the kernel, then
// those of programs, entries before returns.
func (a *app) printList(patterns []string) error {
	dir, err := a.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	if _, err := matchesAny(patterns, tracefs.EventName{}); err != nil {
		return usageError{err.Error()}
	}
	if a.raw {
		return a.listRaw(dir, patterns)
	}
	probes, listErr := dir.List()
	probes = slices.DeleteFunc(probes, func(p tracefs.Probe) bool {
		ok, _ := matchesAny(patterns, p.Event())
		return !ok
	})
	slices.SortStableFunc(probes, comparePerf)
	locator, err := probe.NewLocator()
	if err != nil {
		return err
	}
	defer locator.Close()
	for i := range probes {
		p := &probes[i]
		position := locator.Locate(p)
		a.print(listLine(p, position.Describe(p), argNames(p.Args)))
	}
	return listErr
}

// comparePerf orders probes as perf lists them: by the text of the kernel's
// line, of each kind apart.
func comparePerf(a, b tracefs.Probe) int {
	if a.Kind != b.Kind {
		return int(b.Kind) - int(a.Kind)
	}
	key := func(p *tracefs.Probe) string {
		head := "p"
		if p.Return {
			head = "r"
		}
		return fmt.Sprintf("%s:%s/%s %s:%016x", head, p.Group, p.Name, p.Path, uint64(p.Offset))
	}
	return strings.Compare(key(&a), key(&b))
}

// argNames are the names that the kernel lists in front of arguments.
func argNames(args []string) []string {
	var out []string
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		out = append(out, name)
	}
	return out
}

// listRaw prints the kernel's lines as they are.
func (a *app) listRaw(dir *tracefs.Dir, patterns []string) error {
	for _, name := range []string{"kprobe_events", "uprobe_events"} {
		b, err := fs.ReadFile(dir.FS(), name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("list probes: %w", err)
		}
		for line := range strings.Lines(string(b)) {
			p, err := tracefs.ParseProbe(line)
			if err != nil && !slices.Contains(patterns, "*") {
				return err
			}
			if ok, _ := matchesAny(patterns, p.Event()); ok {
				a.print(line)
			}
		}
	}
	return nil
}
