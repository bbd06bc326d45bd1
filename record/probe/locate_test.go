package probe

import (
	"fmt"
	"path/filepath"
	"testing"

	"gorecord/perfevent"
	"gorecord/perfevent/tracefs"
)

func spf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

func abs(t *testing.T, path string) string {
	t.Helper()
	p, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestLocate: positions at the entry, in the prologue, in a line, outside of debug information, without symbols, without a file.
func TestLocate(t *testing.T) {
	main := open(t, seedMain)
	callee, _ := main.Module().FileOffset(symbol(t, main, "callee").Addr)
	start, _ := main.Module().FileOffset(symbol(t, main, "_start").Addr)
	funcs := open(t, zoo+"funcs")
	f, _ := funcs.Module().FileOffset(symbol(t, funcs, "_ZN2ns1A1fEi").Addr)
	twice := open(t, zoo+"twice")
	other, _ := twice.Module().FileOffset(symbol(t, twice, "other").Addr)
	l, err := NewLocator()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	uprobe := func(path string, offset uint64, ret bool) tracefs.Probe {
		return tracefs.Probe{Kind: tracefs.Uprobe, Path: abs(t, path), Offset: perfevent.FileOffset(offset), Return: ret}
	}
	for _, tt := range []struct {
		probe tracefs.Probe
		want  string
	}{
		{uprobe(seedMain, uint64(callee), false), "callee@./main.c"},
		{uprobe(seedMain, uint64(callee), true), "callee%return@./main.c"},
		{uprobe(seedMain, uint64(callee)+4, false), "callee:2@./main.c"}, // past the prologue: printf
		{uprobe(seedMain, uint64(callee)+1, false), "callee+1@./main.c"},
		{uprobe(seedMain, uint64(callee)+6, false), "callee:2@./main.c"}, // within that line
		{uprobe(seedMain, uint64(start), false), "_start"},               // no debug information for it
		{uprobe(zoo+"funcs", uint64(f), false), "ns::A::f@./funcs.cc"},
		{uprobe(zoo+"twice", uint64(other)+4, false), "other+4"},
		{uprobe(zoo+"stripped", uint64(other), false), spf("%#x", uint64(other))},
		{uprobe("testdata/gone", 0x1139, true), "0x1139%return"},
		{uprobe(seedMain, 0x99999, false), "0x99999"},
		{tracefs.Probe{Kind: tracefs.Kprobe, Symbol: "_do_fork", Return: true}, "_do_fork%return"},
		{tracefs.Probe{Kind: tracefs.Kprobe, Symbol: "m:f", SymbolOffset: 16}, "m:f+16"},
		{tracefs.Probe{Kind: tracefs.Kprobe, Address: 0xffffffff81000000}, "0xffffffff81000000"},
	} {
		pos := l.Locate(&tt.probe)
		if got := pos.Describe(&tt.probe); got != tt.want {
			t.Errorf("%s:%#x is %q (%+v), want %q", tt.probe.Path, tt.probe.Offset, got, pos, tt.want)
		}
	}
}

func TestShorten(t *testing.T) {
	for file, want := range map[string]string{
		"/tmp/main.c": "/tmp/main.c",
		// perf's own words for libc's memcpy
		"../sysdeps/x86_64/multiarch/memcpy.c":      "x86_64/multiarch/memcpy.c",
		"/home/zlcao/uprobe/a/b/c/d/e/f/g/h/main.c": "uprobe/a/b/c/d/e/f/g/h/main.c",
		"abcdefghijklmnopqrstuvwxyz0123456789.c":    "ijklmnopqrstuvwxyz0123456789.c",
	} {
		if got := shorten(file); got != want {
			t.Errorf("shorten(%q) = %q, want %q", file, got, want)
		}
	}
}
