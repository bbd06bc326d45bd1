package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzFile asks everything of a file that may be anything: each question is
// answered, or ends with an error that is told.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		"../../testdata/programs/liblate.so", "../../testdata/seed/args/main-nopie", "../../symbolize/debuginfo/testdata/programs/small-4-O2",
	} {
		b, err := os.ReadFile(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{
			{"-F"}, {"-F", "sdt_*"}, {"--where", "callee"}, {"--where", "@0x401126"}, {"--where", "0x1000"},
			{"-L", "callee"}, {"-L", "small.c"}, {"-V", "callee", "--externs", "--range"}, {"-V", "main.c:5"}, {"-V", "@0x401126"},
		} {
			status, _, errs := call(noDir, append([]string{"-x", path}, args...)...)
			if (status != 0) != strings.Contains(errs, "goprobe: ") {
				t.Errorf("%q: status %d, %q", args, status, errs)
			}
		}
	})
}
