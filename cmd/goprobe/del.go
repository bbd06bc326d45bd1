package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"gorecord/perfevent/tracefs"
)

// notHit says that a pattern matched no event. It matches fs.ErrNotExist.
type notHit struct{ pattern string }

func (e notHit) Error() string {
	return fmt.Sprintf("%q does not hit any event; goprobe -l lists them", e.pattern)
}
func (e notHit) Is(target error) bool { return target == fs.ErrNotExist }

// delete deletes the events that match. It fails where nothing matches at all; a
// pattern without a match beside others that have one is only told.
func (a *app) delete(ctx context.Context, patterns []string) error {
	dir, err := a.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	probes, listErr := dir.List()
	var events []tracefs.EventName
	var missed []string
	for _, pattern := range patterns {
		hit := false
		for i := range probes {
			ok, err := matchesAny([]string{pattern}, probes[i].Event())
			if err != nil {
				return usageError{err.Error()}
			}
			if ok {
				events, hit = append(events, probes[i].Event()), true
			}
		}
		if !hit {
			missed = append(missed, pattern)
		}
	}
	switch {
	case len(events) == 0 && listErr != nil:
		return listErr
	case len(events) == 0:
		return notHit{missed[0]}
	}
	for _, pattern := range missed {
		a.say("%v\n", notHit{pattern})
	}
	slices.SortFunc(events, tracefs.EventName.Compare)
	return a.remove(ctx, dir, slices.Compact(events))
}

// remove deletes events, and tells which are gone.
func (a *app) remove(ctx context.Context, dir *tracefs.Dir, events []tracefs.EventName) error {
	for _, event := range events {
		a.detail("Writing event: -:%s/%s\n", event.Group, event.Name)
	}
	var err error
	left := map[tracefs.EventName]bool{}
	if !a.dryRun {
		if err = dir.Delete(ctx, events...); err != nil {
			probes, listErr := dir.List()
			if err = errors.Join(err, listErr); probes == nil {
				return err
			}
			for i := range probes {
				left[probes[i].Event()] = true
			}
		}
	}
	for _, event := range events {
		if !left[event] {
			a.say("Removed event: %s\n", event)
		}
	}
	return err
}

// collect deletes what owners that are dead left behind.
func (a *app) collect(ctx context.Context) error {
	dir, err := a.open()
	if err != nil {
		return err
	}
	defer dir.Close()
	if a.dryRun {
		return a.listDead(dir)
	}
	removed, err := dir.Sweep(ctx, a.proc)
	for _, event := range removed {
		a.say("Removed event: %s\n", event)
	}
	return err
}

func (a *app) listDead(dir *tracefs.Dir) error {
	probes, err := dir.List()
	var events []tracefs.EventName
	for i := range probes {
		if owner, ok := tracefs.ParseOwner(probes[i].Group); ok && owner.Dead(a.proc) {
			events = append(events, probes[i].Event())
		}
	}
	slices.SortFunc(events, tracefs.EventName.Compare)
	for _, event := range slices.Compact(events) {
		a.say("Removed event: %s\n", event)
	}
	return err
}
