package debuginfo_test

import (
	"maps"
	"slices"
	"testing"
)

// TestFileLines: the lines with code are those that perf 6.1 numbers.
func TestFileLines(t *testing.T) {
	for program, want := range map[string][]int{
		"small-4-O0": {5, 6, 8, 9, 10, 11, 12, 14, 15, 16},
		"small-5-O0": {5, 6, 8, 9, 10, 11, 12, 14, 15, 16},
		"small-4-O2": {6, 8, 9, 10, 12, 15, 16},
		"small-5-O2": {6, 8, 9, 10, 12, 15, 16},
	} {
		f := open(t, "testdata/programs/"+program)
		files, err := f.FileLines("small.c")
		if err != nil || len(files) != 1 {
			t.Fatalf("%s: %v, %v", program, files, err)
		}
		for path, lines := range files {
			if !slices.Equal(lines, want) {
				t.Errorf("%s: %s has code at %v, want %v", program, path, lines, want)
			}
			if again, err := f.FileLines(path); err != nil || !maps.EqualFunc(again, files, slices.Equal[[]int]) {
				t.Errorf("%s: %s: %v, %v", program, path, again, err)
			}
		}
		for _, name := range []string{"all.c", "no.c", ""} {
			if files, err := f.FileLines(name); err != nil || len(files) != 0 {
				t.Errorf("%s: %q: %v, %v", program, name, files, err)
			}
		}
		f.Close()
		if files, err := f.FileLines("small.c"); err == nil {
			t.Errorf("%s: a closed file has lines: %v", program, files)
		}
	}
}
