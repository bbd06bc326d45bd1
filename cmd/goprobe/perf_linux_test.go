package main

import (
	"os"
	"os/exec"
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

// listed is a program whose lines and variables are compared with perf's.
const listed = `#include <stdio.h>
int global_counter = 3;
static int hidden;
typedef unsigned long size;
struct point { int x, y; };
union either { int i; float f; };
enum color { RED, GREEN };

static inline int sq(int v)
{
	int r = v * v;
	return r;
}

__attribute__((noinline)) static int gpsum(int a, int b)
{
	return a + b;
}

int gpwork(struct point *p, const char *name, int n)
{
	int i, sum = 0;
	struct point q = *p;

	for (i = 0; i < n; i++) {
		int t = sq(i);
		sum += t + q.x;
		hidden += t;
	}
	if (name)
		sum += gpsum(sum, q.y);
	return sum;
}

int gptypes(const struct point *const p, union either e, enum color c, size s, char text[], int (*f)(int), void *v,
	char **vector, const volatile int *cv)
{
	char buf[16];
	double d = 1.5;
	int grid[2][3] = { { 1 } };

	snprintf(buf, sizeof buf, "%d%f%d", p->x, d, grid[0][0]);
	return f(buf[0]) + e.i + c + (int)s + text[0] + (v != NULL) + **vector + *cv;
}

int main(int argc, char **argv)
{
	struct point p = { argc, 2 };

	global_counter += gpwork(&p, argv[0], 10);
	return gptypes(&p, (union either){ 1 }, GREEN, 2, argv[0], sq, argv, argv, &hidden) == global_counter;
}
`

// compile builds the program in each way.
func compile(t *testing.T, each func(t *testing.T, path string, optimized bool)) {
	t.Helper()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skipf("the comparison needs a compiler: %v", err)
	}
	oracle.Perf(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(dir, "listed.c")
	if err := os.WriteFile(source, []byte(listed), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{{"-O0", "-gdwarf-4"}, {"-O0", "-gdwarf-5"}, {"-O2", "-gdwarf-4"}, {"-O2", "-gdwarf-5"}} {
		path := filepath.Join(dir, "gplisted"+strings.Join(flags, ""))
		if out, err := exec.Command(gcc, append(flags, "-o", path, source)...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		t.Run(strings.Join(flags, ""), func(t *testing.T) { each(t, path, flags[0] != "-O0") })
	}
}

// TestLinesLikePerf: perf shows the same lines with the same numbers.
func TestLinesLikePerf(t *testing.T) {
	compile(t, func(t *testing.T, path string, optimized bool) {
		for _, lines := range []string{
			"sq", "gpsum", "gpwork", "gptypes", "main", "gpwork:3", "gpwork:3+4", "gpwork:3-6", "gpwork:5-5", "main:3-100",
			"gpsum@listed.c:0+2", "listed.c", "listed.c:20-30", "listed.c:14", "listed.c:45-200",
		} {
			if lines == "sq" && optimized {
				continue // perf numbers a line of gpwork, too, into which it is inlined
			}
			theirs, _ := perfProbe(t, "-x", path, "-L", lines)
			if status, out, errs := call(noDir, "-x", path, "-L", lines); status != 0 || out != theirs {
				t.Errorf("-L %s: %d, %s\n%s\nperf shows\n%s", lines, status, errs, out, theirs)
			}
		}
		folder := filepath.Dir(filepath.Dir(path))
		theirs, _ := perfProbe(t, "-x", path, "-s", folder, "-L", "gpsum")
		if _, out, errs := call(noDir, "-x", path, "-s", folder, "-L", "gpsum"); out != theirs {
			t.Errorf("-s: %s\n%s\nperf shows\n%s", errs, out, theirs)
		}
	})
}

// TestVarsLikePerf: perf lists the same variables in the same form. In optimized
// code it knows fewer (constants, and values that the debug information computes)
// and counts those of functions that are inlined at the place.
func TestVarsLikePerf(t *testing.T) {
	compile(t, func(t *testing.T, path string, optimized bool) {
		places := []string{"gpsum", "gpwork", "gptypes", "main", "gptypes%return"}
		if !optimized {
			places = append(places, "sq", "sq:2", "gpwork+4", "gpwork:6", "gptypes:7", "listed.c:11", "listed.c:27", "sq@listed.c")
		}
		for _, place := range places {
			for _, flags := range [][]string{nil, {"--externs"}, {"--range"}, {"--range", "--externs"}, {"--filter", "!n*"}} {
				if optimized && strings.HasSuffix(path, "-4") && slices.Contains(flags, "--range") {
					continue // perf 6.1 never comes back from lists of DWARF 4
				}
				args := append([]string{"-x", path, "-V", place}, flags...)
				theirs, _ := perfProbe(t, args...)
				status, out, errs := call(noDir, args...)
				if status != 0 {
					t.Errorf("%v: %d, %s", args, status, errs)
				}
				checkVars(t, args, out, theirs, optimized)
			}
		}
	})
}

// checkVars compares lists of variables. perf 6.1 does not know void pointers.
func checkVars(t *testing.T, args []string, ours, theirs string, optimized bool) {
	t.Helper()
	lines := func(text string) []string {
		list := strings.Split(strings.ReplaceAll(text, "(unknown_type)", "void*"), "\n")
		slices.Sort(list)
		return list
	}
	missing := 0
	for _, line := range lines(theirs) {
		inOurs := strings.Contains(ours, line)
		if optimized && strings.HasPrefix(line, "\t\t[INV]\t") { // what we may know more of
			inOurs = strings.Contains(ours, strings.TrimPrefix(line, "\t\t[INV]"))
		}
		if !inOurs {
			missing++
		}
	}
	if missing > 0 || !optimized && !slices.Equal(lines(ours), lines(theirs)) {
		t.Errorf("%v: %d lines are missing\n%s\nperf prints\n%s", args, missing, ours, theirs)
	}
}
