package tracefs

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func fakeDir() *Dir {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	return NewDir(fstest.MapFS{
		"events/enable":                       file("0\n"),
		"events/header_page":                  file("x"),
		"events/sched/enable":                 file("0\n"),
		"events/sched/sched_switch/id":        file("316\n"),
		"events/sched/sched_switch/format":    file("name: sched_switch\nID: 316\n"),
		"events/sched/sched_waking/id":        file("318\n"),
		"events/raw_syscalls/sys_enter/id":    file("370\n"),
		"events/ftrace/function/id":           file("1\n"),
		"events/probe_main/callee/id":         file("many\n"),
		"events/probe_main/callee__return/id": file("2000\n"),
	}, nil)
}

func TestEvents(t *testing.T) {
	for _, tt := range []struct{ group, name, want string }{
		{"sched", "sched_switch", "sched:sched_switch"},
		{"sched", "*", "sched:sched_switch sched:sched_waking"},
		{"sched", "sched_w?king", "sched:sched_waking"},
		{"*", "*_[!w]*", "probe_main:callee__return raw_syscalls:sys_enter sched:sched_switch"},
		{"*", "function", ""}, // layouts of the kernel's tracers are no events
		{"ftrace", "*", "ftrace:function"},
		{"sched", "nosuch", ""},
		{"nosuch", "*", ""},
		{"..", "*", ""},
		{"sched/sched_switch", "*", ""},
		{"sched", "enable", ""}, // a file, not an event
		{`probe\_main`, "callee", "probe_main:callee"},
	} {
		events, err := fakeDir().Events(tt.group, tt.name)
		var names []string
		for _, e := range events {
			names = append(names, e.String())
		}
		if got := strings.Join(names, " "); got != tt.want || err != nil {
			t.Errorf("Events(%q, %q) = %q, %v, want %q", tt.group, tt.name, got, err, tt.want)
		}
	}
	if _, err := fakeDir().Events("*", "[a"); err == nil || !strings.Contains(err.Error(), `"[a"`) {
		t.Errorf("a broken pattern gave %v", err)
	}
	empty := NewDir(fstest.MapFS{}, nil)
	if _, err := empty.Events("*", "*"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder without events gave %v", err)
	}
}

func TestIDAndFormat(t *testing.T) {
	d := fakeDir()
	if id, err := d.ID("sched", "sched_switch"); id != 316 || err != nil {
		t.Errorf("ID = %d, %v, want 316", id, err)
	}
	if f, err := d.Format("sched", "sched_switch"); !strings.HasPrefix(string(f), "name: sched_switch\n") || err != nil {
		t.Errorf("Format = %q, %v", f, err)
	}
	for _, name := range []string{"nosuch", "", "..", "a/b", "../sched_switch"} {
		if _, err := d.ID("sched", name); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "sched:"+name) {
			t.Errorf("ID of %q: %v, want a not-exist error that names it", name, err)
		}
	}
	if _, err := d.ID("probe_main", "callee"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ID of a broken id file: %v", err)
	}
}

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true}, {"*", "probe_main:callee", true}, {"probe_main:c*", "probe_main:callee", true},
		{"[!a-c]*", "callee", false}, {"[^a-c]*", "main", true}, {`\*`, "*", true}, {`\*`, "x", false},
	} {
		if got, err := Match(tt.pattern, tt.name); got != tt.want || err != nil {
			t.Errorf("Match(%q, %q) = %v, %v", tt.pattern, tt.name, got, err)
		}
	}
}

func TestEventNameOrder(t *testing.T) {
	names := []EventName{{"b", "a"}, {"a", "b"}, {"a", "a"}}
	slices.SortFunc(names, EventName.Compare)
	if want := []EventName{{"a", "a"}, {"a", "b"}, {"b", "a"}}; !slices.Equal(names, want) {
		t.Errorf("sorted: %v", names)
	}
}
