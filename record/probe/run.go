package probe

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gorecord/perfevent/tracefs"
)

// MatchRun decides whether an event that does not exist can be defined for a
// run of a program: GROUP is what GroupName gives for the program's file, under
// its own name or that of a link to it, and EVENT is the event of one of its
// functions, with __return for the return. ok is false where the group is
// another's. Where the group is the program's but the function cannot be
// probed, the error says why. The event has the
// name that was asked for; the caller puts it into a group of its own.
func MatchRun(event tracefs.EventName, program string, o Options) (e Event, ok bool, err error) {
	if !strings.HasPrefix(event.Group, KernelGroup+"_") {
		return Event{}, false, nil
	}
	if GroupName(program) != event.Group {
		resolved, err := filepath.EvalSymlinks(program)
		if err != nil || GroupName(resolved) != event.Group {
			return Event{}, false, nil
		}
	}
	b, err := OpenBinary(program)
	if err != nil {
		return Event{}, true, fmt.Errorf("event %s: %w", event, err)
	}
	defer b.Close()
	spec, err := b.specOf(event.Name)
	if err != nil {
		return Event{}, true, fmt.Errorf("event %s does not exist and cannot be defined for this run: %w", event, err)
	}
	spec.Group, spec.Event = event.Group, event.Name
	events, err := b.Resolve(spec, o)
	if err != nil {
		return Event{}, true, fmt.Errorf("event %s does not exist and cannot be defined for this run: %w", event, err)
	}
	return events[0], true, nil
}

// specOf finds the function that an event's name stands for.
func (b *Binary) specOf(event string) (Spec, error) {
	if len(b.code(b.module.Find(event))) > 0 {
		return Spec{Function: event}, nil
	}
	function, isReturn := strings.CutSuffix(event, returnSuffix)
	if len(b.code(b.module.Find(function))) > 0 {
		return Spec{Function: function, Return: isReturn}, nil
	}
	// The event's name may be that of a function whose own is no identifier.
	var found []string
	for name := range b.functionNames() {
		if functionEvent(name) == function && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		return Spec{}, b.notFound(function)
	case 1:
		return Spec{Function: found[0], Return: isReturn}, nil
	}
	return Spec{}, fmt.Errorf("probe %s: %s has several functions that could be meant: %s; name one as %s:FUNC", function, b.path, strings.Join(found[:min(len(found), 8)], ", "), b.path)
}
