package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestFuncs(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-F", "c*"}, "callee\n"},
		{[]string{"--funcs=c*", "m*"}, "callee\nmain\n"},
		{[]string{"-F", "[cm]a*", "!callee"}, "main\n"},
		{[]string{"-F", "*@plt"}, "__cxa_finalize@plt\nputs@plt\n"},
		{[]string{"-F"}, "callee\nderegister_tm_clones\nframe_dummy\nmain\nregister_tm_clones\n"},
	} {
		status, out, errs := call(noDir, append([]string{"-x", seedMain}, tt.args...)...)
		if status != 0 || out != tt.want || errs != "" {
			t.Errorf("goprobe %q: %d, %q, %q; want %q", tt.args, status, out, errs, tt.want)
		}
	}
	if status, out, errs := call(noDir, "-x", seedMain, "-F", "zork"); status != 0 || out != "" || errs != "No name matches.\n" {
		t.Errorf("no match: %d, %q, %q", status, out, errs)
	}
}

// TestKernelFuncs: text and weak symbols of the kernel, those of modules left
// out.
func TestKernelFuncs(t *testing.T) {
	const text = "ffffffff81000000 T vfs_write\nffffffff81000000 t vfs_read\nffffffff81000000 T _stext\n" +
		"0000000000000000 D jiffies\n0000000000000000 W weak\nffffffffc0000000 t ext4_read\t[ext4]\n"
	list := func(text string) (int, string, string) {
		var out, errs strings.Builder
		a := app{open: noDir, proc: fstest.MapFS{"kallsyms": {Data: []byte(text)}}, stdout: &out, stderr: &errs}
		return a.run(t.Context(), []string{"-F"}), out.String(), errs.String()
	}
	if status, out, errs := list(text); status != 0 || out != "vfs_read\nvfs_write\nweak\n" {
		t.Errorf("%d, %q, %q", status, out, errs)
	}
	if status, _, errs := list(""); status != 161 || !strings.Contains(errs, "CONFIG_KALLSYMS") {
		t.Errorf("%d, %q", status, errs)
	}
}

// buildGo builds a small Go program.
func buildGo(t *testing.T, flags string) (bin string) {
	t.Helper()
	dir := t.TempDir()
	src := filepath.Join(dir, "main.go")
	bin = filepath.Join(dir, "prog")
	const program = "package main\n\ntype T struct{ n int }\n\n//go:noinline\nfunc (t *T) add(k int) int { t.n += k; return t.n }\n\nfunc main() { println(new(T).add(len(\"x\"))) }\n"
	if err := os.WriteFile(src, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-ldflags="+flags, "-o", bin, src)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GO111MODULE=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// TestStrippedGo: a Go program without symbols lists its functions.
func TestStrippedGo(t *testing.T) {
	bin := buildGo(t, "-s -w")
	status, out, errs := call(noDir, "-x", bin, "-F", "main.*")
	if status != 0 || out != "main.(*T).add\nmain.main\n" {
		t.Errorf("%d, %q, %q", status, out, errs)
	}
}

// TestMarkers: filters that begin with sdt_ list static markers.
func TestMarkers(t *testing.T) {
	const path = "../../testdata/programs/markers"
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"sdt_*:*"}, "sdt_markers:end\nsdt_markers:step\n"},
		{[]string{"sdt_*:st*"}, "sdt_markers:step\n"},
		{[]string{"sdt_* & !*:end"}, "sdt_markers:step\n"},
		{[]string{"sdt_nosuch:*", "main"}, "main\n"},
		{[]string{"sdt_*", "main"}, "sdt_markers:end\nsdt_markers:step\nmain\n"},
	} {
		status, out, errs := call(noDir, append([]string{"-x", path, "-F"}, tt.args...)...)
		if status != 0 || out != tt.want || errs != "" {
			t.Errorf("-F %q: %d, %q, %q; want %q", tt.args, status, out, errs, tt.want)
		}
	}
	if status, out, errs := call(noDir, "-x", seedMain, "-F", "sdt_*:*"); status != 0 || out != "" || errs != "No name matches.\n" {
		t.Errorf("a file without markers: %d, %q, %q", status, out, errs)
	}
	if status, _, errs := call(noDir, "-F", "sdt_*:*"); status != 129 || !strings.Contains(errs, "give one with -x PATH") {
		t.Errorf("without a file: %d, %q", status, errs)
	}
}

// TestGoSource: lines and variables of a Go function.
func TestGoSource(t *testing.T) {
	bin := buildGo(t, "")
	_, out, errs := call(noDir, "-x", bin, "-L", "main.(*T).add:0+1")
	if !strings.HasPrefix(out, "<main.(*T).add@") || !strings.HasSuffix(out, ":0>\n      0  func (t *T) add(k int) int { t.n += k; return t.n }\n") {
		t.Errorf("%q, %s", out, errs)
	}
	for _, place := range []string{"main.(*T).add", "main.(*T).add:0", "main.go:6"} {
		_, out, errs := call(noDir, "-x", bin, "-V", place)
		if !strings.Contains(out, "\t@<main.(*T).add+0>\n\t\t*main.T\tt\n\t\tint\tk\n") {
			t.Errorf("%s: %q, %s", place, out, errs)
		}
	}
	if _, out, errs := call(noDir, "-x", bin, "-V", "main.main:0"); !strings.HasPrefix(out, "Available variables at main.main:0\n\t@<main.main+0>\n") {
		t.Errorf("%q, %s", out, errs)
	}
}
