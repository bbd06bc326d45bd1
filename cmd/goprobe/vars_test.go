package main

import (
	"strings"
	"testing"

	"gorecord/symbolize/debuginfo"
)

// TestVars lists the variables of the seed's function, by all ways to name it.
func TestVars(t *testing.T) {
	const path = "../../testdata/seed/args/main-nopie"
	const want = "\t@<callee+0>\n\t\tint\ta\n\t\tint\tb\n"
	for _, place := range []string{"callee", "callee%return", "callee@main.c", "callee:0", "main.c:4", "0x1126", "@0x401126", "c*llee"} {
		title := place
		if place == "main.c:4" {
			title = "@" + place
		}
		status, out, errs := call(noDir, "-x", path, "-V", place)
		if want := "Available variables at " + title + "\n" + want; status != 0 || out != want {
			t.Errorf("%s: %d, %s\n%q\nwant\n%q", place, status, errs, out, want)
		}
	}
	for _, tt := range []struct{ args, want string }{
		{"-V callee --filter !a", "Available variables at callee\n\t@<callee+0>\n\t\tint\tb\n"},
		{"-V callee --range", "Available variables at callee\n\t@<callee+0>\n\t\t[VAL]\tint\ta\t@<callee+[0-49]>\n\t\t[VAL]\tint\tb\t@<callee+[0-49]>\n"},
		{"-V main", "Available variables at main\n\t@<main+0>\n\t\t(No matched variables)\n"},
		{"-V callee+4 main", "Available variables at callee+4\n\t@<callee+4>\n\t\tint\ta\n\t\tint\tb\nAvailable variables at main\n\t@<main+0>\n\t\t(No matched variables)\n"},
	} {
		if status, out, errs := call(noDir, append([]string{"-x", path}, strings.Fields(tt.args)...)...); status != 0 || out != tt.want {
			t.Errorf("%s: %d, %s\n%q\nwant\n%q", tt.args, status, errs, out, tt.want)
		}
	}
}

func TestPerfType(t *testing.T) {
	type T = debuginfo.Type
	char := &T{Kind: debuginfo.Char, Name: "char"}
	point := &T{Kind: debuginfo.Struct, Name: "struct point"}
	loop := &T{Kind: debuginfo.Pointer, Name: "*"}
	loop.Elem = loop
	for _, tt := range []struct {
		t    *T
		want string
	}{
		{char, "char"},
		{&T{Kind: debuginfo.Uint, Name: "long unsigned int"}, "long unsigned int"},
		{&T{Kind: debuginfo.Char, Name: "const volatile char"}, "char"},
		{&T{Kind: debuginfo.Pointer, Name: "const char *", Elem: &T{Kind: debuginfo.Char, Name: "const char"}}, "char*"},
		{&T{Kind: debuginfo.Pointer, Name: "void *"}, "void*"},
		{&T{Kind: debuginfo.Pointer, Name: "handle", Elem: char}, "handle"},
		{&T{Kind: debuginfo.Array, Name: "char [16]", Elem: char}, "char*"},
		{&T{Kind: debuginfo.Array, Name: "char [2][3]", Elem: &T{Kind: debuginfo.Array, Elem: char}}, "char*"},
		{&T{Kind: debuginfo.Pointer, Name: "int (*)(int)", Elem: &T{Kind: debuginfo.Func, Name: "int (int)"}}, "(function_type)*"},
		{&T{Kind: debuginfo.Pointer, Name: "struct point **", Elem: &T{Kind: debuginfo.Pointer, Name: "struct point *", Elem: point}}, "struct point**"},
		{loop, "void" + strings.Repeat("*", maxDepth+1)},
	} {
		if got := perfType(tt.t, 0); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.t.Name, got, tt.want)
		}
	}
}
