package tracefs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
)

func TestOwnerGroup(t *testing.T) {
	for _, o := range []Owner{{1, 2, 3}, {4194304, 1<<64 - 1, 1<<64 - 1}, {7, 0, 0}} {
		group := o.Group()
		if !IsIdentifier(group) {
			t.Errorf("%q cannot be a group", group)
		}
		if got, ok := ParseOwner(group); got != o || !ok {
			t.Errorf("ParseOwner(%q) = %+v, %v, want %+v", group, got, ok, o)
		}
	}
	for _, group := range []string{
		"probe_main", "gorecord_", "gorecord_1_2", "gorecord_1_2_3_4", "gorecord_1_2_x", "gorecord_-1_2_3",
		"gorecord_01_2_3", "gorecord_99999999999_2_3", "xgorecord_1_2_3", "gorecord_1_2_+3",
	} {
		if o, ok := ParseOwner(group); ok {
			t.Errorf("ParseOwner(%q) = %+v, want none", group, o)
		}
	}
}

// procOf is a /proc as the process 100 sees it, with its own pid namespace.
func procOf(changes map[string]string) fstest.MapFS {
	stat := func(pid int, comm string, start uint64) string {
		return fmt.Sprintf("%d (%s) S 1 1 1 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 %d 4096 5 18446744073709551615\n", pid, comm, start)
	}
	files := map[string]string{
		"1/stat":              stat(1, "init", 4),
		"self/stat":           stat(100, "gorecord", 5000),
		"self/status":         "Name:\tgorecord\nPid:\t100\nNSpid:\t100\n",
		"self/timens_offsets": "monotonic           0         0\nboottime            0         0\n",
		"100/stat":            stat(100, "gorecord", 5000),
		"200/stat":            stat(200, "odd) R 7 (name", 6000),
	}
	maps.Copy(files, changes)
	fsys := fstest.MapFS{"self/ns/pid": {Data: []byte("pid:[4026531836]"), Mode: fs.ModeSymlink | 0o777}}
	for name, content := range files {
		if content != "" {
			fsys[name] = &fstest.MapFile{Data: []byte(content)}
		}
	}
	return fsys
}

func TestSelf(t *testing.T) {
	got, err := Self(procOf(nil))
	if want := (Owner{100, 5000, 4026531836}); got != want || err != nil {
		t.Errorf("Self = %+v, %v, want %+v", got, err, want)
	}
	// A time namespace that is an hour and a half second ahead.
	got, err = Self(procOf(map[string]string{"self/timens_offsets": "boottime 10 500000000\n"}))
	if want := (Owner{100, 5000 - 1050, 4026531836}); got != want || err != nil {
		t.Errorf("Self in a time namespace = %+v, %v, want %+v", got, err, want)
	}
	// In a container with the host's proc, the pid is the container's.
	got, err = Self(procOf(map[string]string{"self/status": "NSpid:\t100\t7\n"}))
	if got.PID != 7 || err != nil {
		t.Errorf("Self in a container = %+v, %v, want pid 7", got, err)
	}
	for _, broken := range []map[string]string{
		{"self/stat": ""}, {"self/stat": "100 (x) S 1"}, {"self/stat": "no name"}, {"self/status": "Name: x\n"}, {"self/status": "NSpid: x\n"},
		{"self/timens_offsets": "boottime x y\n"},
	} {
		if o, err := Self(procOf(broken)); err == nil {
			t.Errorf("Self with %v = %+v, want an error", broken, o)
		}
	}
}

func TestDead(t *testing.T) {
	const ns = 4026531836
	tests := []struct {
		name    string
		owner   Owner
		changes map[string]string
		want    bool
	}{
		{"oneself", Owner{100, 5000, ns}, nil, false},
		{"another that lives, with parentheses in its name", Owner{200, 6000, ns}, nil, false},
		{"gone", Owner{300, 6000, ns}, nil, true},
		{"its pid is another's now", Owner{200, 5999, ns}, nil, true},
		{"another pid namespace", Owner{300, 6000, ns + 1}, nil, false},
		{"proc of the namespace above", Owner{300, 6000, ns}, map[string]string{"self/status": "NSpid:\t100\t7\n"}, false},
		{"proc hides processes", Owner{300, 6000, ns}, map[string]string{"1/stat": ""}, false},
		{"unreadable stat", Owner{200, 6000, ns}, map[string]string{"200/stat": "200 (x"}, false},
		{"no own status", Owner{300, 6000, ns}, map[string]string{"self/status": ""}, false},
	}
	for _, tt := range tests {
		if got := tt.owner.Dead(procOf(tt.changes)); got != tt.want {
			t.Errorf("%s: Dead = %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestSweep: only the groups of dead owners go; what is on is switched off
// before; one that stays busy does not keep the others.
func TestSweep(t *testing.T) {
	const ns = 4026531836
	dead, alive, foreign := Owner{300, 1, ns}.Group(), Owner{200, 6000, ns}.Group(), Owner{300, 1, ns + 1}.Group()
	k := newKernel(t)
	k.set("uprobe_events", strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(
		"p:D/b /bin/x:0x1\np:D/b /bin/x:0x2\nr:D/a /bin/x:0x1\np:D/busy /bin/x:0x1\np:A/a /bin/x:0x1\np:F/a /bin/x:0x1\np:probe_main/callee /bin/x:0x1\n",
		"D/", dead+"/"), "A/", alive+"/"), "F/", foreign+"/"))
	k.set("kprobe_events", "p:"+dead+"/k _do_fork\n")
	k.set("events/"+dead+"/a/enable", "1\n")
	k.set("events/"+dead+"/b/enable", "0\n")
	k.script["uprobe_events -:"+dead+"/busy"] = slices.Repeat([]error{syscall.EBUSY}, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	removed, err := k.dir().Sweep(ctx, procOf(nil))
	if want := []EventName{{dead, "a"}, {dead, "b"}, {dead, "k"}}; !slices.Equal(removed, want) {
		t.Errorf("removed %v, want %v", removed, want)
	}
	if !errors.Is(err, syscall.EBUSY) || !strings.Contains(err.Error(), dead+":busy") {
		t.Errorf("error %v does not name the busy event", err)
	}
	k.expect("events/"+dead+"/a/enable 0", "uprobe_events -:"+dead+"/a", "uprobe_events -:"+dead+"/b",
		"uprobe_events -:"+dead+"/busy", "kprobe_events -:"+dead+"/k")
}

func FuzzParseOwner(f *testing.F) {
	f.Add("gorecord_1_2_3")
	f.Add("gorecord_4194304_18446744073709551615_18446744073709551615")
	f.Fuzz(func(t *testing.T, group string) {
		if o, ok := ParseOwner(group); ok && o.Group() != group {
			t.Fatalf("%q became %q", group, o.Group())
		}
	})
}
