package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// built are programs of the project that tests build, once each.
var built sync.Map

// program builds a package of the project and gives the path of the binary.
func program(t *testing.T, pkg string, flags ...string) string {
	t.Helper()
	key := pkg + strings.Join(flags, " ")
	once, _ := built.LoadOrStore(key, sync.OnceValues(func() (string, error) {
		dir, err := os.MkdirTemp(binaries, "")
		if err != nil {
			return "", err
		}
		path := filepath.Join(dir, filepath.Base(pkg))
		cmd := exec.Command("go", append(append([]string{"build", "-o", path}, flags...), "gorecord/"+pkg)...)
		cmd.Dir = filepath.Dir(testdata)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
		}
		return path, nil
	}))
	path, err := once.(func() (string, error))()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// goscript prints a recording of the current folder.
func goscript(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(program(t, "cmd/goscript"), args...).Output()
	if err != nil {
		t.Fatalf("goscript %q: %v", args, err)
	}
	return string(out)
}

// goreport reports a recording of the current folder.
func goreport(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(program(t, "cmd/goreport"), args...).Output()
	if err != nil {
		t.Fatalf("goreport %q: %v", args, err)
	}
	return string(out)
}

// traces are the events and texts of a recording, one line each.
func traces(t *testing.T) string { return goscript(t, "-F", "event,trace") }

// matches checks lines, in their order, against patterns.
func matches(t *testing.T, text string, patterns ...string) {
	t.Helper()
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool { return strings.TrimSpace(l) == "" })
	if len(lines) != len(patterns) {
		t.Errorf("%d lines, want %d:\n%s", len(lines), len(patterns), text)
		return
	}
	for i, p := range patterns {
		if !regexp.MustCompile("^" + p + "$").MatchString(strings.TrimSpace(lines[i])) {
			t.Errorf("line %d is %q, want %s", i+1, lines[i], p)
		}
	}
}

// TestArguments: two arguments and a result of the seed's second program, in
// both builds: by name, by register, and without tracefs.
func TestArguments(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	for _, name := range []string{"main", "main-nopie"} {
		for _, way := range []struct {
			what  string
			flags []string
		}{
			{"names", []string{"-e", "./" + name + ":callee a b", "-e", "./" + name + ":callee%return $retval"}},
			{"all", []string{"-e", "./" + name + ":callee $args", "-e", "./" + name + ":callee%returns $retval"}},
			{"registers", []string{"-e", "./" + name + ":callee a=%di:s32 b=%si:s32", "-e", "./" + name + ":callee%return arg1=%ax:s32"}},
			{"no tracefs", []string{"--without-tracefs", "-e", "./" + name + ":callee a b", "-e", "./" + name + ":callee%return $retval"}},
			{"registers, no tracefs", []string{"--without-tracefs", "-e", "./" + name + ":callee a=%di:s32 b=%si:s32", "-e", "./" + name + ":callee%return arg1=%ax:s32"}},
		} {
			t.Run(name+" "+way.what, func(t *testing.T) {
				dir := t.TempDir()
				copyProgram(t, dir, "seed/args/"+name)
				if got := gorecord(t, dir, append(way.flags, "./"+name)...); got.status != 0 {
					t.Fatalf("%+v", got)
				}
				matches(t, traces(t), `probe_main:callee: \([0-9a-f]+\) a=8 b=9`, `probe_main:callee__return: \([0-9a-f]+( <- [0-9a-f]+)?\) arg1=17`)
				var args []map[string]any
				for line := range strings.Lines(goscript(t, "--json")) {
					var e struct{ Args map[string]any }
					if err := json.Unmarshal([]byte(line), &e); err != nil {
						t.Fatal(err)
					}
					args = append(args, e.Args)
				}
				if len(args) != 2 || args[0]["a"] != 8.0 || args[0]["b"] != 9.0 || args[1]["arg1"] != 17.0 {
					t.Errorf("JSON: %v", args)
				}
			})
		}
	}
}

// goCalls are what goprog does with main.callee.
const goCalls = 8000

// TestGoProgram: entries and returns of a function that eight goroutines call on
// growing stacks, in a program with symbols and in a stripped one. The program
// ends as it does without probes, and each call is paired.
func TestGoProgram(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	for _, build := range []struct {
		name  string
		flags []string
		args  string // of the entry
		named bool
	}{
		{"with symbols", nil, " $args", true},
		{"stripped", []string{"-ldflags=-s -w"}, "", false},
		{"pie", []string{"-buildmode=pie"}, " $args", true},
	} {
		t.Run(build.name, func(t *testing.T) {
			dir := t.TempDir()
			prog := filepath.Join(dir, "goprog")
			if err := os.Link(program(t, "testdata/programs/goprog", build.flags...), prog); err != nil {
				t.Fatal(err)
			}
			result := "main.callee%return"
			if build.named {
				result += " $retval"
			}
			got := gorecord(t, dir, "-m", "4M", "-e", "./goprog:main.callee"+build.args, "-e", "./goprog:"+result, "./goprog", fmt.Sprint(goCalls))
			if got.status != 0 {
				t.Fatalf("%+v", got)
			}
			latency := goreport(t, "--latency")
			if !regexp.MustCompile(fmt.Sprintf(`(?m)^ *main\.callee .*\b%d\b|^ *%d .*main\.callee`, goCalls, goCalls)).MatchString(latency) {
				t.Errorf("%d calls are not all paired:\n%s", goCalls, latency)
			}
			if !build.named {
				if line, _, _ := strings.Cut(traces(t), "\n"); !regexp.MustCompile(`: \([0-9a-f]+\) goid=\d+$`).MatchString(line) {
					t.Errorf("the first hit: %q", line)
				}
				return
			}
			checkGoValues(t)
		})
	}
}

// checkGoValues compares arguments and results with what the program computes.
func checkGoValues(t *testing.T) {
	t.Helper()
	names := []string{"alpha", "beta", "gamma", "δελτα"}
	ids := map[int]bool{}
	results := map[string]int{}
	for line := range strings.Lines(goscript(t, "--json")) {
		var e struct {
			Event string
			Args  struct {
				Goid int
				ID   *int
				Name string
				R0   *int `json:"r0"`
				R1   any  `json:"r1"`
			}
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		switch a := e.Args; {
		case a.Goid <= 0:
			t.Fatalf("no goroutine: %s", line)
		case a.ID != nil:
			ids[*a.ID] = true
			if a.Name != names[*a.ID%len(names)] {
				t.Fatalf("the name of id %d: %s", *a.ID, line)
			}
		case a.R0 == nil:
			t.Fatalf("neither argument nor result: %s", line)
		case a.R1 != nil:
			if failed, ok := a.R1.(map[string]any); !ok || failed["text"] != "every tenth id fails" || *a.R0 != 0 {
				t.Fatalf("the error: %s", line)
			}
			results["error"]++
		default:
			results["nil"]++
		}
	}
	if len(ids) != goCalls || results["error"] != goCalls/10 || results["nil"] != goCalls*9/10 {
		t.Errorf("%d ids, results %v", len(ids), results)
	}
}

// TestManyFunctions: all functions of a program as one event, entries and
// returns, and functions left out.
func TestManyFunctions(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	dir := t.TempDir()
	copyProgram(t, dir, "programs/stack3")
	got := gorecord(t, dir, "-e", "all=./stack3:{*,!_*,!callee} $args", "-e", "back=./stack3:{a,b*,callee}%returns", "./stack3", "10")
	if got.status != 0 {
		t.Fatalf("%+v", got)
	}
	if !strings.Contains(got.stderr, "functions match") {
		t.Errorf("stderr: %s", got.stderr)
	}
	hits := map[string]int{}
	for line := range strings.Lines(goscript(t, "-F", "event,ip,sym")) {
		f := strings.Fields(line)
		_, event, _ := strings.Cut(f[0], ":") // functions with other arguments have events of their own
		hits[strings.TrimRight(event, "_:0123456789")+" "+f[len(f)-1]]++
	}
	for _, name := range []string{"a", "b"} {
		if hits["all "+name] != 10 || hits["back "+name] != 10 {
			t.Errorf("%s: %v", name, hits)
		}
	}
	if hits["all callee"] != 0 || hits["back callee"] != 10 {
		t.Errorf("callee: %v", hits)
	}
}

// TestDefinitionsThatFail: each gives one line with the way out, and nothing is
// defined.
func TestDefinitionsThatFail(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	dir := t.TempDir()
	copyProgram(t, dir, "seed/args/main")
	stripDebug(t, filepath.Join(dir, "main"), filepath.Join(dir, "nodebug"))
	for _, tt := range []struct {
		name, event, want string
		status            int
	}{
		{"unknown function", "./main:calle", "did you mean callee?", 129},
		{"inside an instruction", "./main:callee+2", "a probe inside it would break the program", 129},
		{"missing file", "./nothing:callee", "no such file", 129},
		{"unknown argument", "./main:callee aa", "has no variable of this name here", 129},
		{"wrong fetch argument", "./main:callee a=%zz:s32", "argument a=%zz:s32, column 3, at %zz:s32: x86_64 has no register zz", 129},
		{"wrong type", "./main:callee a:s33", `"s33" is no type`, 129},
		{"no debug information", "./nodebug:main a", "use registers, such as arg1=%di:s32", 129},
		{"result of an entry", "./main:callee $retval", "only returns have it; write callee%return", 129},
		{"unknown line", "./main:main.c:1000", "main.c", 129},
		{"unknown marker", "./main:sdt:a:b", "it has no markers at all", 129},
		{"no match", "./main:nothing*", "has no such function", 129},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := gorecord(t, dir, "-e", tt.event, "./main")
			if got.status != tt.status || !strings.Contains(got.stderr, tt.want) || strings.Count(got.stderr, "\n") != 1 {
				t.Errorf("status %d, %q; want %d and one line with %q", got.status, got.stderr, tt.status, tt.want)
			}
		})
	}
}

// stripDebug copies a program without its debug information.
func stripDebug(t *testing.T, from, to string) {
	t.Helper()
	out, err := exec.Command("strip", "--strip-debug", "-o", to, from).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// compiled builds a C++ program of testdata.
func compiled(t *testing.T, dir, source string, flags ...string) {
	t.Helper()
	name := strings.TrimSuffix(filepath.Base(source), filepath.Ext(source))
	args := append(flags, "-g", "-o", filepath.Join(dir, name), filepath.Join(testdata, source))
	out, err := exec.Command("g++", args...).CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("g++ %q: %v\n%s", args, err, out)
	}
}

// TestCPlusPlus: methods, templates, a lambda, references, enums, bit-fields,
// arrays, strings and structures, in code with and without optimization. Where a
// value cannot be had, the reason stands in its place.
func TestCPlusPlus(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	const req = `{id=42, uri={data="GET /", len=5}, weight=2.5, a=5, b=-3, c=Green, arr=[1, 2, 3, 4], name="bob"}`
	for _, build := range []struct {
		flags []string
		f     string // a float in a register
		d     string
		sv    string
	}{
		{[]string{"-O0"}, "1.5", "1.25", `"abc"`},
		{[]string{"-O2"}, "<it is in %xmm0, and the kernel reads no vector registers in probes>", "<it is in %xmm0, and the kernel reads no vector registers in probes>", "<optimized out>"},
	} {
		t.Run(build.flags[0], func(t *testing.T) {
			dir := t.TempDir()
			compiled(t, dir, "programs/shapes.cpp", build.flags...)
			got := gorecord(t, dir, "-e", "in=./shapes:{ns::*,main::*,!*string*} $args", "-e", "some=./shapes:ns::handle r->uri.len u=r->uri.data:string r->b *r", "-e", "out=./shapes:{ns::*,!*string*}%return $retval", "./shapes")
			if got.status != 0 {
				t.Fatalf("%+v", got)
			}
			text := goscript(t, "-F", "sym,trace")
			for _, want := range []string{
				`s="hello \"world\"\n" ok=true`, `x=10 sv=` + build.sv, "ref=" + req, "c=Blue f=" + build.f + ` ch=122 'z' uc=200`,
				`len=5 u="GET /" b=-3 r=` + req, `n=40`, `arg1="` + strings.Repeat("x", 40) + `"`, `s="abcd"`, `arg1={data="abcd", len=4}`,
				`arg1="some text"`, `arg1=true`, `arg1=Green`, "d=" + build.d, "arg1=<it is in %xmm0", `u={data="GET /", len=5} big=` + req, `arg1={data="GET /", len=47}`, "q=8", "arg1=18", "arg1=16", "arg1=90",
			} {
				if !strings.Contains(text, want) {
					t.Errorf("%s is not in\n%s", want, text)
				}
			}
		})
	}
}

// TestRust: methods, closures and values of a prebuilt Rust program, whose
// unoptimized values gdb shows alike.
func TestRust(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	dir := t.TempDir()
	b, err := os.ReadFile("../../symbolize/debuginfo/testdata/programs/shapes")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "shapes"), b, 0o755); err != nil {
		t.Fatal(err)
	}
	if got := gorecord(t, dir, "-e", "in=./shapes:{shapes::*} $args", "-e", "out=./shapes:shapes::*%return $retval", "./shapes"); got.status != 199 { // what it computes
		t.Fatalf("%+v", got)
	}
	text := goscript(t, "-F", "sym,trace")
	for _, want := range []string{`owned="world"`, "by=2", "f=Green g={__0=1, __1=8}", "p=0x0", "d=120 'x'", "arg1=14", "arg1=139", "s=<optimized out>"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
}

// TestMarkers: a static marker fires with its arguments, and its semaphore is up
// only as long.
func TestMarkers(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	dir := t.TempDir()
	copyProgram(t, dir, "programs/markers")
	got := gorecord(t, dir, "-e", "./markers:sdt:markers:*", "./markers", "2")
	if got.status != 0 || got.stdout != "2 steps, 2 heard\n" || !strings.Contains(got.stderr, "arg2 (8@(%r8,%rdx,8)) is more than a register") {
		t.Fatalf("%+v", got)
	}
	matches(t, traces(t), `sdt_markers:step: \([0-9a-f]+\) arg1=0 arg3=0 arg4=\d+`, `sdt_markers:step: \([0-9a-f]+\) arg1=1 arg3=-1 arg4=\d+`, `sdt_markers:end: \([0-9a-f]+\) arg1=2 arg2=4711`)
	if got := gorecord(t, dir, "-e", "sdt_markers:end", "./markers", "2"); got.status != 0 || got.stdout != "2 steps, 0 heard\n" {
		t.Errorf("by the event's name: %+v", got)
	}
	if got := gorecord(t, dir, "-e", "sdt_markers:stop", "./markers", "2"); got.status != 129 || !strings.Contains(got.stderr, "it has sdt:markers:step, sdt:markers:end") {
		t.Errorf("unknown marker: %+v", got)
	}
}

// TestLibraryByName: a library as the loader finds it.
func TestLibraryByName(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	dir := t.TempDir()
	if got := gorecord(t, dir, "-e", "libc:getenv name=+0(%di):string", "env", "--version"); got.status != 0 || !strings.Contains(got.stderr, "libc:getenv is defined for this run: getenv in /") {
		t.Fatalf("%+v", got)
	}
	if !strings.Contains(traces(t), ` name="`) {
		t.Errorf("getenv: %s", traces(t))
	}
}

// TestDeepRecursion: the kernel follows 64 calls that have not returned, probes on
// returning instructions all of them.
func TestDeepRecursion(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	dir := t.TempDir()
	compiled(t, dir, "programs/recursion.cpp", "-O0")
	for place, want := range map[string][]string{
		"%return":  {"        64 ", "136 entries beyond the 64 outstanding calls"},
		"%returns": {"       200 "},
	} {
		if got := gorecord(t, dir, "-e", "./recursion:descend n", "-e", "./recursion:descend"+place, "./recursion", "200"); got.status != 0 {
			t.Fatalf("%+v", got)
		}
		text := goreport(t, "--latency")
		for _, line := range want {
			if !strings.Contains(text, line) {
				t.Errorf("%s: %q is not in\n%s", place, line, text)
			}
		}
	}
}

// TestInlined: inlined copies are counted, and probed on request.
func TestInlined(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	dir := t.TempDir()
	compiled(t, dir, "programs/recursion.cpp", "-O1", "-fno-ipa-icf")
	got := gorecord(t, dir, "-e", "./recursion:twice", "./recursion", "5")
	if got.status != 129 || !strings.Contains(got.stderr, "has no code of its own") || !strings.Contains(got.stderr, "--inlines probes these copies") {
		t.Errorf("%+v", got)
	}
	got = gorecord(t, dir, "--inlines", "-e", "./recursion:twice", "./recursion", "5")
	if n := samples(t, "perf.data"); got.status != 0 || n["probe_recursion:twice"] == 0 {
		t.Errorf("%+v, samples %v", got, n)
	}
}
