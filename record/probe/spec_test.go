package probe

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// args are arguments as parseArg reads them.
func args(words ...string) []Arg {
	var out []Arg
	for _, word := range words {
		a, err := parseArg(word)
		if err != nil {
			panic(err)
		}
		out = append(out, a)
	}
	return out
}

func TestParseSpec(t *testing.T) {
	for _, tt := range []struct {
		text  string
		want  Spec
		place string // what Place gives; "" where it is text
	}{
		{text: "callee", want: Spec{Function: "callee"}},
		{text: "callee%return", want: Spec{Function: "callee", Return: true}},
		{text: "callee+4", want: Spec{Function: "callee", Number: 4}},
		{text: "callee+0x10", want: Spec{Function: "callee", Number: 16}, place: "callee+16"},
		{text: "callee+0", want: Spec{Function: "callee"}, place: "callee"},
		{text: "0x63a", want: Spec{Kind: AtFileOffset, Number: 0x63a}},
		{text: "0x63a%return", want: Spec{Kind: AtFileOffset, Number: 0x63a, Return: true}},
		{text: "@0x401126", want: Spec{Kind: AtAddress, Number: 0x401126}},
		{text: "x=callee", want: Spec{Event: "x", Function: "callee"}, place: "callee"},
		{text: "g:x=callee%return $retval", want: Spec{Group: "g", Event: "x", Function: "callee", Return: true, Args: args("$retval")}, place: "callee%return"},
		{text: "callee a=%di:s32  b=+8(%sp) $comm", want: Spec{Function: "callee", Args: args("a=%di:s32", "b=+8(%sp)", "$comm")}, place: "callee"},
		{text: " k=0x10 x=%ax", want: Spec{Event: "k", Kind: AtFileOffset, Number: 0x10, Args: args("x=%ax")}, place: "0x10"},
		// names of other languages
		{text: "ns::A::f(int, char *)", want: Spec{Function: "ns::A::f(int, char *)"}},
		{text: "f=ns::g<int, char>%return", want: Spec{Event: "f", Function: "ns::g<int, char>", Return: true}, place: "ns::g<int, char>%return"},
		{text: "ns::A::operator==(int)", want: Spec{Function: "ns::A::operator==(int)"}},
		{text: "ns::A::operator==", want: Spec{Function: "ns::A::operator=="}},
		{text: "ns::A::operator+", want: Spec{Function: "ns::A::operator+"}},
		{text: "ns::A::operator%", want: Spec{Function: "ns::A::operator%"}},
		{text: "main.(*DB).Query", want: Spec{Function: "main.(*DB).Query"}},
		{text: "net/http.(*Server).Serve+9", want: Spec{Function: "net/http.(*Server).Serve", Number: 9}},
		{text: "core::ptr::drop_in_place<alloc::string::String>", want: Spec{Function: "core::ptr::drop_in_place<alloc::string::String>"}},
		{text: "foo.isra.0", want: Spec{Function: "foo.isra.0"}},
		// lines, patterns, markers
		{text: "callee:2", want: Spec{Kind: AtFunctionLine, Function: "callee", Number: 2}},
		{text: "callee:+2", want: Spec{Kind: AtFunctionLine, Function: "callee", Number: 2}, place: "callee:2"},
		{text: "callee:0", want: Spec{Function: "callee"}, place: "callee"},
		{text: "ns::f:2", want: Spec{Kind: AtFunctionLine, Function: "ns::f", Number: 2}},
		{text: "main.callee:+3", want: Spec{Kind: AtFunctionLine, Function: "main.callee", Number: 3}, place: "main.callee:3"},
		{text: "main.c:10", want: Spec{Kind: AtFileLine, File: "main.c", Number: 10}},
		{text: "src/main.c:10", want: Spec{Kind: AtFileLine, File: "src/main.c", Number: 10}},
		{text: "callee@main.c", want: Spec{Function: "callee", File: "main.c"}},
		{text: "callee@main.c:2", want: Spec{Kind: AtFunctionLine, Function: "callee", File: "main.c", Number: 2}},
		{text: "memcpy@@GLIBC_2.14", want: Spec{Function: "memcpy@@GLIBC_2.14"}},
		{text: "memcpy@GLIBC_2.2.5", want: Spec{Function: "memcpy@GLIBC_2.2.5"}},
		{text: "cal*", want: Spec{Kind: AtGlob, Globs: []string{"cal*"}}},
		{text: "main.*%return", want: Spec{Kind: AtGlob, Globs: []string{"main.*"}, Return: true}},
		{text: "main.(*DB).*", want: Spec{Kind: AtGlob, Globs: []string{"main.(*DB).*"}}},
		{text: "{main.*, net/http.*, !main.init*} $args", want: Spec{Kind: AtGlob, Globs: []string{"main.*", "net/http.*"}, Except: []string{"main.init*"}, Args: args("$args")}, place: "{main.*,net/http.*,!main.init*}"},
		{text: "main.* !main.init* $args", want: Spec{Kind: AtGlob, Globs: []string{"main.*"}, Except: []string{"main.init*"}, Args: args("$args")}, place: "{main.*,!main.init*}"},
		{text: "f(int*)", want: Spec{Function: "f(int*)"}},
		{text: "A::operator*", want: Spec{Function: "A::operator*"}},
		{text: "A::operator->*", want: Spec{Function: "A::operator->*"}},
		{text: "callee%returns $retval", want: Spec{Function: "callee", Return: true, AtReturns: true, Args: args("$retval")}, place: "callee%returns"},
		{text: "sdt:libc:setjmp", want: Spec{Kind: AtMarker, Provider: "libc", Function: "setjmp"}},
		{text: "sdt_libc:setjmp", want: Spec{Kind: AtMarker, Provider: "libc", Function: "setjmp"}, place: "sdt:libc:setjmp"},
	} {
		got, err := ParseSpec(tt.text)
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("ParseSpec(%q):\n%s", tt.text, diff)
		}
		place := tt.place
		if place == "" {
			place = tt.text
		}
		if got.Place() != place {
			t.Errorf("Place of %q is %q, want %q", tt.text, got.Place(), place)
		}
	}
}

func TestParseSpecErrors(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "names no function"},
		{"%return", "names no function"},
		{"n=", "names no function"},
		{"=callee", `"" cannot be a name`},
		{":n=callee", `"" cannot be a name`},
		{"g:=callee", `"" cannot be a name`},
		{"a:b:c=callee", `"b:c" cannot be a name`},
		{"a-b=callee", `"a-b" cannot be a name`},
		{strings.Repeat("n", 64) + "=callee", "at most 63"},
		{"callee%foo", "%foo is not known; only %return is"},
		{"callee+4%return", "without an offset"},
		{"callee+", "no offset stands behind the +"},
		{"callee+99999999999999999999", "is no number of bytes"},
		{"callee+4+4", "more than one offset"},
		{"1139", "a position in the file is written 0xOFFSET"},
		{"0x1139+4", "begins with no digit"},
		{"callee;a=*", "source patterns"},
		{"@main", "@ needs an ELF address"},
		{"g:callee", "to give the event a name write g:callee=FUNC, here g:callee=callee"},
		{"callee:2%return", "%return stands for a whole function, not for a line"},
		{"sdt:a:b%return", "not for a marker"},
		{"{a*,b", "a } is missing"},
		{"{a*,}", "an empty one"},
		{"{!a*}", "only leave functions out"},
		{"callee x=$args", "takes no name and no type"},
		{"callee a:u7", `"u7" is no type`},
		{"callee &a", "addresses of variables cannot be taken"},
		{"callee a.", `"." makes no sense`},
		{"callee a[x]", "an index is a number"},
		{"callee a->", `"->" makes no sense`},
		{"callee x=", `argument "x=": it is no name of a parameter`},
	} {
		s, err := ParseSpec(tt.text)
		var se *SyntaxError
		if !errors.As(err, &se) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ParseSpec(%q) = %+v, %v, want a SyntaxError with %q", tt.text, s, err, tt.want)
		}
	}
}

func TestIsFetchArg(t *testing.T) {
	for word, want := range map[string]bool{
		"%di": true, "a=%di:s32": true, "$retval": true, "r=$stack0": true, "$comm": true, "+8(%sp)": true, "s=+0(%di):string": true,
		"-4(%bp)": true, "+u0(%di):ustring": true, "@0x1234": true, "@+0x10": true, "@sym": true, `x=\1`: true, `y=\"imm"`: true, "ar=+0(%di):u8[4]": true,
		"a": false, "callee": false, "x=callee": false, "main%return": false, "callee+4": false, "+4": false, "$args": false, "$params": false, "v=$vars": false, "": false, "$": false,
	} {
		if got := IsFetchArg(word); got != want {
			t.Errorf("IsFetchArg(%q) = %v", word, got)
		}
	}
}

func TestParseEvent(t *testing.T) {
	files := map[string]bool{"./main": true, "/usr/lib/co:lon": true, "dir/prog": true}
	isFile := func(path string) bool { return files[path] }
	for _, tt := range []struct {
		text, path string
		spec       Spec
	}{
		{"./main:callee", "./main", Spec{Function: "callee"}},
		{"x=./main:callee%return $retval", "./main", Spec{Event: "x", Function: "callee", Return: true, Args: args("$retval")}},
		{"./main:callee a=%di", "./main", Spec{Function: "callee", Args: args("a=%di")}},
		{"/usr/lib/co:lon:f+4", "/usr/lib/co:lon", Spec{Function: "f", Number: 4}},
		{"./main:ns::f(int)", "./main", Spec{Function: "ns::f(int)"}},
		{"dir/prog:net/http.(*Server).Serve", "dir/prog", Spec{Function: "net/http.(*Server).Serve"}},
		{"/no/such:f", "/no/such", Spec{Function: "f"}},
		{"./main:0x1139", "./main", Spec{Kind: AtFileOffset, Number: 0x1139}},
		{"./main:@0x401126", "./main", Spec{Kind: AtAddress, Number: 0x401126}},
		{"k:do_fork", "", Spec{Function: "do_fork"}},
		{"g:x=k:do_fork%return", "", Spec{Group: "g", Event: "x", Function: "do_fork", Return: true}},
	} {
		path, spec, ok, err := ParseEvent(tt.text, isFile)
		if path != tt.path || !ok || err != nil || !cmp.Equal(spec, tt.spec) {
			t.Errorf("ParseEvent(%q) = %q, %+v, %v, %v", tt.text, path, spec, ok, err)
		}
	}
	for _, text := range []string{"cpu-clock:u", "sched:sched_switch", "probe_main:callee", "./main", "cycles", ""} {
		if path, spec, ok, err := ParseEvent(text, isFile); ok || err != nil {
			t.Errorf("ParseEvent(%q) = %q, %+v, %v, %v, want no probe", text, path, spec, ok, err)
		}
	}
	if _, _, ok, err := ParseEvent("./main:callee a:q", isFile); !ok || err == nil {
		t.Errorf("a wrong argument gave %v, %v", ok, err)
	}
}

func TestParseArg(t *testing.T) {
	for _, tt := range []struct {
		text  string
		want  Arg
		label string
	}{
		{"a", Arg{Kind: Named, Root: "a"}, "a"},
		{"x=a:u64", Arg{Kind: Named, Name: "x", Root: "a", Type: "u64"}, "x"},
		{"r->uri.len", Arg{Kind: Named, Root: "r", Path: []Access{{Member: "uri"}, {Member: "len"}}}, "len"},
		{"**p", Arg{Kind: Named, Derefs: 2, Root: "p"}, "p"},
		{"arr[3].x", Arg{Kind: Named, Root: "arr", Path: []Access{{Index: 3}, {Member: "x"}}}, "x"},
		{"arr[0x10]", Arg{Kind: Named, Root: "arr", Path: []Access{{Index: 16}}}, "arr"},
		{"t.0", Arg{Kind: Named, Root: "t", Path: []Access{{Member: "0"}}}, "0"},
		{"buf:string", Arg{Kind: Named, Root: "buf", Type: "string"}, "buf"},
		{"größe", Arg{Kind: Named, Root: "größe"}, "größe"},
		{"$args", Arg{Kind: AllParams}, ""},
		{"$vars", Arg{Kind: AllVars}, ""},
		{"r=$retval:s32", Arg{Kind: RetVal, Name: "r", Type: "s32"}, "r"},
		{"$retval", Arg{Kind: RetVal}, ""},
		{"+0($retval):string", Arg{Kind: Fetch}, ""},
		{"a=%di:s32", Arg{Kind: Fetch, Name: "a"}, "a"},
	} {
		got, err := parseArg(tt.text)
		tt.want.Text = tt.text
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil || got.label() != tt.label {
			t.Errorf("parseArg(%q): %v, label %q\n%s", tt.text, err, got.label(), diff)
		}
	}
}

// FuzzParseSpec: what parses is what its parts say when written again.
func FuzzParseSpec(f *testing.F) {
	f.Add("g:x=ns::f(int)%return $retval")
	f.Add("callee+4 a=%di:s32")
	f.Add("@0x401126")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSpec(text)
		if err != nil {
			return
		}
		again := s.Place()
		if s.Event != "" {
			again = s.Event + "=" + again
		}
		if s.Group != "" {
			again = s.Group + ":" + again
		}
		for _, arg := range s.Args {
			again += " " + arg.Text
		}
		if got, err := ParseSpec(again); err != nil || !cmp.Equal(got, s) {
			t.Fatalf("%q is %+v, but %q is %+v, %v", text, s, again, got, err)
		}
	})
}
