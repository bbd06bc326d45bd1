package tracefs

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// EventName names an event: the folder events/GROUP/NAME.
type EventName struct{ Group, Name string }

// String gives GROUP:NAME, as perf and set_event write it.
func (e EventName) String() string { return e.Group + ":" + e.Name }

// Compare orders events by group, then by name.
func (e EventName) Compare(o EventName) int {
	return cmp.Or(strings.Compare(e.Group, o.Group), strings.Compare(e.Name, o.Name))
}

func (e EventName) file(name string) string {
	return path.Join("events", e.Group, e.Name, name)
}

// Match reports whether a name matches a pattern of *, ?, [a-z] and [!a-z],
// where a backslash takes the next character as it is. It reports an error for
// a pattern that is not whole.
func Match(pattern, name string) (bool, error) {
	ok, err := path.Match(strings.ReplaceAll(pattern, "[!", "[^"), name)
	if err != nil {
		return false, fmt.Errorf("pattern %q: %w", pattern, err)
	}
	return ok, nil
}

// isGlob reports whether the pattern can match anything but itself.
func isGlob(pattern string) bool { return strings.ContainsAny(pattern, `*?[\`) }

// Events lists the events whose group and name match (see Match), by group and
// name. Group "ftrace", whose entries are layouts of the kernel's own tracers
// and cannot be opened, is listed only when named in full. Nothing found is an
// empty list, not an error.
func (d *Dir) Events(group, name string) ([]EventName, error) {
	groups, err := d.matching("events", group)
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	var out []EventName
	for _, g := range groups {
		if g == "ftrace" && group != g {
			continue
		}
		names, err := d.matching(path.Join("events", g), name)
		if err != nil {
			return nil, fmt.Errorf("list events of group %s: %w", g, err)
		}
		for _, n := range names {
			out = append(out, EventName{g, n})
		}
	}
	slices.SortFunc(out, EventName.Compare)
	return out, nil
}

// matching lists the folders below dir that match. A folder that has gone in
// the meantime is empty.
func (d *Dir) matching(dir, pattern string) ([]string, error) {
	if !isGlob(pattern) {
		if !fs.ValidPath(pattern) || strings.Contains(pattern, "/") {
			return nil, nil
		}
		st, err := fs.Stat(d.fsys, path.Join(dir, pattern))
		if errors.Is(err, fs.ErrNotExist) || err == nil && !st.IsDir() {
			return nil, nil
		}
		return []string{pattern}, err
	}
	entries, err := fs.ReadDir(d.fsys, dir)
	if errors.Is(err, fs.ErrNotExist) && dir != "events" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		ok, err := Match(pattern, e.Name())
		if err != nil {
			return nil, err
		}
		if ok && e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// ID is the event's number: perf_event_attr.config of a tracepoint, and the
// first field of what it records. An event that does not exist gives an error
// that satisfies errors.Is(err, fs.ErrNotExist).
func (d *Dir) ID(group, name string) (uint64, error) {
	b, err := d.eventFile(group, name, "id")
	if err != nil {
		return 0, err
	}
	id, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	if err != nil {
		return 0, fmt.Errorf("read id of event %s:%s: %w", group, name, err)
	}
	return id, nil
}

// Format is the text that describes what the event records
// (Documentation/trace/events.rst). An event that does not exist gives an error
// that satisfies errors.Is(err, fs.ErrNotExist).
func (d *Dir) Format(group, name string) ([]byte, error) {
	return d.eventFile(group, name, "format")
}

func (d *Dir) eventFile(group, name, file string) ([]byte, error) {
	event := EventName{group, name}
	b, err := fs.ReadFile(d.fsys, event.file(file))
	switch {
	case errors.Is(err, fs.ErrInvalid):
		return nil, fmt.Errorf("event %s: %w: the name has characters that no event can have", event, fs.ErrNotExist)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("event %s: %w", event, fs.ErrNotExist)
	case err != nil:
		return nil, fmt.Errorf("read %s of event %s: %w", file, event, err)
	}
	return b, nil
}
