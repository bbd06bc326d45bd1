package main

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const open = math.MaxInt32

func TestParseLineRange(t *testing.T) {
	for _, tt := range []struct {
		text string
		want lineRange
	}{
		{"callee", lineRange{"callee", "", 0, open}},
		{"callee:3", lineRange{"callee", "", 3, open}},
		{"callee:3+4", lineRange{"callee", "", 3, 6}},
		{"callee:3-4", lineRange{"callee", "", 3, 4}},
		{"callee:0+1", lineRange{"callee", "", 0, 0}},
		{"callee@main.c:3", lineRange{"callee", "main.c", 3, open}},
		{"callee@src/main.c", lineRange{"callee", "src/main.c", 0, open}},
		{"src/main.c:10-20", lineRange{"src/main.c", "", 10, 20}},
		{"ns::T<a::b>::f", lineRange{"ns::T<a::b>::f", "", 0, open}},
		{"ns::T<a::b>::f:2", lineRange{"ns::T<a::b>::f", "", 2, open}},
		{"ns::f(int, char):2+2", lineRange{"ns::f(int, char)", "", 2, 3}},
		{"main.(*T).f:7", lineRange{"main.(*T).f", "", 7, open}},
		{"f:1+2147483647", lineRange{"f", "", 1, open}},
	} {
		if got, err := parseLineRange(tt.text); err != nil || got != tt.want {
			t.Errorf("%q: %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
	}
	for text, want := range map[string]string{
		"":             "names no function and no file",
		":3":           "", // a strange name, but one
		"@main.c":      "names no function",
		"f@":           "no file stands behind the @",
		"f:":           `"" is not START`,
		"f:x":          `"x" is not START`,
		"f:3+":         `"3+" is not START`,
		"f:3+4+5":      `"3+4+5" is not START`,
		"f:-3":         `"-3" is not START`,
		"f:4-2":        "it ends before it begins",
		"f:4+0":        "it ends before it begins",
		"f:9999999999": "9999999999 is no line's number",
	} {
		if _, err := parseLineRange(text); want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// FuzzLineRange: a range that can be read has a name and is not empty, and stays
// so where a function moves it; written anew it is the same.
func FuzzLineRange(f *testing.F) {
	for _, text := range []string{"callee", "a.c:3+4", "f@a.c:3-4", "ns::f:2", "f:2147483647+2147483647", "::", "f::2", "@:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := parseLineRange(text)
		if err != nil {
			return
		}
		if r.name == "" || r.start < 0 || r.start > r.end || r.end > math.MaxInt32 {
			t.Errorf("%q: %+v", text, r)
		}
		if start, end := r.shift(math.MaxInt32 - 1); start > end || end > math.MaxInt32 {
			t.Errorf("%q: %d to %d", text, start, end)
		}
		name := r.name
		if r.file != "" {
			name += "@" + r.file
		}
		again := name
		if i := strings.LastIndexByte(text, ':'); len(text) > len(name) {
			again = name + text[i:]
		}
		if r2, err := parseLineRange(again); err != nil || r2 != r {
			t.Errorf("%q: %+v, written anew as %q: %+v, %v", text, r, again, r2, err)
		}
	})
}

// TestLines shows the seed's function, whose source is named by a relative path.
func TestLines(t *testing.T) {
	t.Chdir("../../testdata/seed/args")
	const want = `<callee@./main.c:0>
      0  int callee(int a, int b)
         {
      2      printf("hello world %d.\n", a + b);
         
      4      return a+b;
      5  }
         
         int main(void)
         {    
`
	for _, args := range [][]string{{"-L", "callee"}, {"-L", "callee@main.c"}, {"-L", "callee:0"}} {
		if status, out, errs := call(noDir, append([]string{"-x", "main"}, args...)...); status != 0 || out != want {
			t.Errorf("%q: %d, %s\n%q\nwant\n%q", args, status, errs, out, want)
		}
	}
	_, out, _ := call(noDir, "-x", "main", "-L", "main.c:5+2")
	if want := "<./main.c:5>\n      5      printf(\"hello world %d.\\n\", a + b);\n         \n"; out != want {
		t.Errorf("%q, want %q", out, want)
	}
}

// TestLinesErrors: what cannot be shown gives one line and perf's status.
func TestLinesErrors(t *testing.T) {
	main, err := filepath.Abs("../../testdata/seed/args/main")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check := func(status int, want string, args ...string) {
		t.Helper()
		got, out, errs := call(noDir, append([]string{"-x", main}, args...)...)
		if got != status || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%q: %d, %q, %q; want %d, %q", args, got, out, errs, status, want)
		}
	}
	check(129, "is not START", "-L", "callee:x")
	check(129, `--line has nothing to do with "main"`, "-L", "callee", "main")
	check(254, "no code of", "-L", "callee:100")
	check(254, "did you mean callee?", "-L", "calle")
	check(254, "declares no function callee in x.c, but in ./main.c", "-L", "callee@x.c")
	check(254, "neither a function nor a source file nosuch.c", "-L", "nosuch.c")
	check(254, "the source ./main.c cannot be shown: no such file", "-L", "callee")
	check(254, "is not in "+dir, "-L", "callee", "-s", dir)
	write("main.c", "one\ntwo")
	check(234, "it has only 2 lines, but line 8 has code: it is not the file that was compiled", "-L", "callee")
	if err := os.Remove("main.c"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("main.c", 0o755); err != nil {
		t.Fatal(err)
	}
	check(234, "it is not a regular file", "-L", "callee")
	b, err := os.ReadFile(main)
	if err != nil {
		t.Fatal(err)
	}
	write("nodebug", strings.ReplaceAll(string(b), "\x00.debug_", "\x00.xxxxx_"))
	status, _, errs := call(noDir, "-x", "nodebug", "-L", "callee")
	if status != 254 || !strings.Contains(errs, "nodebug has no debug information: compile it with -g") {
		t.Errorf("no debug information: %d, %q", status, errs)
	}
	if status, _, errs := call(noDir, "-x", "/no/such", "-L", "callee"); status != 254 || !strings.Contains(errs, "/no/such") {
		t.Errorf("no file: %d, %q", status, errs)
	}
}

// TestSource: a folder stands for the first part of the source's path, as long
// a part as gives a file.
func TestSource(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a/b/x.c", "y.c"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for source, want := range map[string]string{
		"/a/b/x.c":        dir + "//a/b/x.c",
		"/build/a/b/x.c":  dir + "//a/b/x.c",
		"build/a/b/x.c":   dir + "//a/b/x.c",
		"/build/src/y.c":  dir + "//y.c",
		"./y.c":           dir + "/./y.c",
		"/build/b/x.c":    "",
		"/build/a/b/":     "",
		"/":               "",
		"x":               "",
		"/build/a/b/x.cc": "",
	} {
		f, path, err := openSource(source, dir)
		if (err == nil) != (want != "") || path != want {
			t.Errorf("%s: %q, %v; want %q", source, path, err, want)
		}
		if err == nil {
			f.Close()
		}
	}
}
