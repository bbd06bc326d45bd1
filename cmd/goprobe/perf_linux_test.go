package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorecord/testdata/oracle"
)

// TestFuncsLikePerf: perf lists the same names, and variables besides.
func TestFuncsLikePerf(t *testing.T) {
	oracle.Perf(t)
	for _, file := range []string{seedMain, seedNopie, "/lib/x86_64-linux-gnu/libc.so.6", "/bin/bash"} {
		path, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); err != nil {
			continue
		}
		theirs, _ := perfProbe(t, "-x", path, "-F")
		status, out, errs := call(noDir, "-x", path, "-F")
		if status != 0 {
			t.Errorf("%s: status %d, %s", path, status, errs)
		}
		checkFuncs(t, path, strings.Split(strings.TrimSpace(out), "\n"), strings.Split(strings.TrimSpace(theirs), "\n"))
	}
	theirs, _ := perfProbe(t, "-F")
	if _, out, errs := call(noDir, "-F"); out != theirs {
		t.Errorf("functions of the kernel: %d bytes, perf prints %d; %s", len(out), len(theirs), errs)
	}
}

// checkFuncs: ours are among perf's, in order; what perf has besides, is data.
func checkFuncs(t *testing.T, path string, ours, theirs []string) {
	code, err := fileFunctions(path)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(code)
	i := 0
	for _, name := range theirs {
		switch _, isCode := slices.BinarySearch(code, name); {
		case i < len(ours) && ours[i] == name:
			i++
		case isCode:
			t.Errorf("%s: perf lists the function %s here, goprobe does not", path, name)
		}
	}
	if i < len(ours) {
		t.Errorf("%s: goprobe lists %s, perf does not", path, ours[i])
	}
}
