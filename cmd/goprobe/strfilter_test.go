package main

import (
	"errors"
	"path"
	"strings"
	"testing"
)

func TestFilter(t *testing.T) {
	for _, tt := range []struct{ filter, yes, no string }{
		{"callee", "callee", "calle callee2 xcallee"},
		{"c*", "c callee", "main xc"},
		{"*", "a main.(*T).f", ""},
		{"*ll*e", "callee alle", "callex"},
		{"a*b*c", "abc aXbXc abbc", "ab ac abcd"},
		{"m?in", "main mxin", "min maain"},
		{"[a-c]x", "ax bx cx", "dx x"},
		{"[!a-c]x", "dx -x", "ax"},
		{"[]a]x", "]x ax", "bx"},
		{"[a-]x", "ax -x", "bx"},
		{`a\*`, "a*", "ab"},
		{`\(a\)`, "(a)", "a"},
		{`main.\(\*T\).*`, "main.(*T).f main.(*T).g/h", "main.T.f"},
		{"*/http.*", "net/http.Get", "net.Dial"},
		{"!a*", "b", "a ab"},
		{"!!a", "a", "b"},
		{"a|b", "a b", "c"},
		{"a* & !ab", "ac", "ab b"},
		{"x | a* & !ab", "x ac", "ab"},
		{"(x | a*) & !ab & !x", "ac", "ab x"},
		{"!(a|b)", "c", "a b"},
		{"  a  ", "a", "b"},
		{"!_* & !*@plt", "main", "_start printf@plt"},
		{"!__k???tab_* & !__crc_*", "a", "__ksymtab_x __crc_x"},
	} {
		f, err := parseFilter(tt.filter)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, name := range strings.Fields(tt.yes) {
			if !f(name) {
				t.Errorf("%q does not match %q", tt.filter, name)
			}
		}
		for _, name := range strings.Fields(tt.no) {
			if f(name) {
				t.Errorf("%q matches %q", tt.filter, name)
			}
		}
	}
}

func TestFilterErrors(t *testing.T) {
	for _, tt := range []struct {
		filter string
		column int
		reason string
	}{
		{"", 1, "a pattern is missing"},
		{"!c* & ", 7, "a pattern is missing"},
		{"(c*", 4, "a ) is missing"},
		{"a)", 2, "nothing was expected here"},
		{"a b", 3, "nothing was expected here"},
		{"| a", 1, "before the |"},
		{"a & | b", 5, "before the |"},
		{"a & [b", 5, "[ has no ] behind it"},
		{`a\`, 1, "nothing follows the backslash"},
		{"a!b", 2, "nothing was expected here"},
	} {
		_, err := parseFilter(tt.filter)
		var e *filterError
		if !errors.As(err, &e) || e.column != tt.column || !strings.Contains(e.reason, tt.reason) {
			t.Errorf("%q: %v, want column %d, %s", tt.filter, err, tt.column, tt.reason)
		}
	}
}

// FuzzFilter: an expression either has an error, or answers for each name the
// opposite of what it says negated; globs without operators say what those of
// path/filepath say.
func FuzzFilter(f *testing.F) {
	for _, text := range []string{"!_* & !*@plt", "(a|b*)&![c-d]?", `\(x\)`, "[!a]b", "a**b*c", "!(a&b)|c", "[a-", `a\`, "(0)\x00"} {
		f.Add(text, "abc")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		wanted, err := parseFilter(text)
		if err != nil {
			return
		}
		not, err := parseFilter("!(" + text + ")")
		if err != nil {
			t.Fatalf("%q can be read, its negation cannot: %v", text, err)
		}
		if wanted(name) == not(name) {
			t.Errorf("%q and its negation agree about %q", text, name)
		}
		if strings.ContainsAny(text, "&|!() []\\/\t\n\v\f\r") || strings.Contains(name, "/") || !ascii(text+name) {
			return
		}
		if want, err := path.Match(text, name); err == nil && want != wanted(name) {
			t.Errorf("%q matches %q: %v, want %v", text, name, wanted(name), want)
		}
	})
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 })
}

// TestWords: several filters are alternatives, those that begin with ! restrict.
func TestWords(t *testing.T) {
	f, err := nameFilter([]string{"c*", "!callee", "m*"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"callee": false, "caller": true, "main": true, "x": false} {
		if f(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}
