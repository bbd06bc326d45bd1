package symbolize

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// The radix sort orders like a stable comparison sort, whatever digits differ.
func TestSortEntries(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 2, 3, 100, 5000} {
		for _, mask := range []uint64{0, 0xf, 0xfff000, 0xffffffff, ^uint64(0), 0xff00000000000001} {
			entries := make([]entry, n)
			for i := range entries {
				entries[i] = entry{addr: rng.Uint64()&mask | 0x400000&^mask, name: uint32(i)}
			}
			want := slices.Clone(entries)
			slices.SortStableFunc(want, func(a, b entry) int {
				switch {
				case a.addr < b.addr:
					return -1
				case a.addr > b.addr:
					return 1
				}
				return 0
			})
			sortEntries(entries)
			if !slices.Equal(entries, want) {
				t.Fatalf("%d entries, mask %#x: not in stable order", n, mask)
			}
		}
	}
}

// Overlapping ranges of every kind: look-up gives what a scan of all gives.
func TestLookupOverlaps(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		x := symbolIndex{}
		x.names[tableSym] = "\x00name\x00"
		n := 1 + rng.IntN(12)
		entries := make([]entry, n)
		for i := range entries {
			entries[i].addr = rng.Uint64N(40)
			entries[i].end = entries[i].addr + rng.Uint64N(20)
			entries[i].name = 1
		}
		x.add(entries)
		x.finish()
		for a := range uint64(70) {
			want := -1
			for i, e := range x.entries {
				if e.addr <= a && (a < e.end || a == e.addr) {
					want = i // the last to start
				}
			}
			got, ok := x.lookup(a)
			if ok != (want >= 0) || ok && got != &x.entries[want] {
				t.Fatalf("lookup(%d) of %+v = %+v, %v, want index %d", a, x.entries, got, ok, want)
			}
		}
	}
}

func TestBetterName(t *testing.T) {
	for _, test := range []struct {
		first, second string
		want          bool
		why           string
	}{
		{"_exit", "exit", true, "fewer underscores"},
		{"exit", "_exit", false, "fewer underscores"},
		{"__libc_malloc", "malloc", true, "underscores before length"},
		{"malloc", "cfree", false, "the longer name"},
		{"cfree", "malloc", true, "the longer name"},
		{"abc", "abd", false, "the first of equals"},
		{"SyS_read", "sys_read", true, "not the old alias of a system call"},
		{"_ZN1AC1Ev", "_ZN1AC2Ev", false, "constructors that demangle alike"},
		{"_Z1fv", "long_name", true, "demangled, f is short and has no underscore"},
		{"long_name", "_Z1fv", false, "demangled, f is short"},
		{"_Z9very_longv", "short", false, "demangled, very_long has no underscore"},
	} {
		if got := betterName(test.second, test.first); got != test.want {
			t.Errorf("%s after %s: %v, want %v: %s", test.second, test.first, got, test.want, test.why)
		}
	}
}
