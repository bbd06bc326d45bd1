package main

import (
	"strings"
	"testing"

	"gorecord/symbolize/debuginfo"
)

func TestParseSourcePlace(t *testing.T) {
	for _, tt := range []struct {
		text string
		want sourcePlace
	}{
		{"callee", sourcePlace{name: "callee", line: -1}},
		{"callee%return", sourcePlace{name: "callee", line: -1}},
		{"callee+0x10", sourcePlace{name: "callee", offset: 16, line: -1}},
		{"callee:3", sourcePlace{name: "callee", line: 3}},
		{"callee:+3", sourcePlace{name: "callee", line: 3}},
		{"callee@main.c:3", sourcePlace{name: "callee", file: "main.c", line: 3}},
		{"src/main.c:10", sourcePlace{name: "src/main.c", line: 10}},
		{"ns::T<a::b>::f", sourcePlace{name: "ns::T<a::b>::f", line: -1}},
		{"main.(*T).f:7", sourcePlace{name: "main.(*T).f", line: 7}},
		{"0x1139", sourcePlace{offset: 0x1139, line: -1, inFile: true}},
		{"@0x401126", sourcePlace{addr: 0x401126, line: -1}},
	} {
		tt.want.text = tt.text
		if got, err := parseSourcePlace(tt.text); err != nil || got != tt.want {
			t.Errorf("%q: %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
	}
	for _, text := range []string{"", "%return", "@main.c", "f:99999999999", "f+99999999999999999999999", "0xfffffffffffffffff", "@0xfffffffffffffffff"} {
		if p, err := parseSourcePlace(text); err == nil {
			t.Errorf("%q: %+v", text, p)
		}
	}
}

// FuzzSourcePlace: what can be read names something, and its parts are its own.
func FuzzSourcePlace(f *testing.F) {
	for _, text := range []string{"callee+4", "a.c:3", "f@a.c:3%return", "ns::f:2", "0x10", "@0x10", "::", "f::2", "+1", ":1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parseSourcePlace(text)
		if err != nil {
			return
		}
		if p.name == "" && !p.inFile && !strings.HasPrefix(text, "@0") || p.line < -1 {
			t.Errorf("%q: %+v", text, p)
		}
		if !strings.Contains(text, p.name) || !strings.Contains(text, p.file) {
			t.Errorf("%q: %+v", text, p)
		}
	})
}

// TestVars lists the variables of the seed's function, by all ways to name it.
func TestVars(t *testing.T) {
	const path = "../../testdata/seed/args/main-nopie"
	const want = "\t@<callee+0>\n\t\tint\ta\n\t\tint\tb\n"
	for _, place := range []string{"callee", "callee%return", "callee@main.c", "callee:0", "main.c:4", "0x1126", "@0x401126"} {
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
