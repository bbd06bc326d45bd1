package debuginfo_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorecord/symbolize/debuginfo"
)

// reachable are the named structs and unions that a type leads to.
func reachable(t *debuginfo.Type, found map[string]*debuginfo.Type, seen map[*debuginfo.Type]bool) {
	if t == nil || seen[t] {
		return
	}
	seen[t] = true
	if t.Name != "" && len(t.Members) > 0 && !strings.Contains(t.Name, "{") {
		found[t.Name] = t
	}
	reachable(t.Elem, found, seen)
	for _, m := range t.Members {
		reachable(m.Type, found, seen)
	}
}

// fields words a type as the script in gdbTypes does.
func fields(t *debuginfo.Type, bases bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", t.Size)
	for _, m := range t.Members {
		name := m.Name
		if m.Embedded && bases {
			name = "base"
		}
		fmt.Fprintf(&b, " %s:%d:%d", name, m.Offset*8+int64(m.BitOffset), m.BitSize)
	}
	return b.String()
}

// gdbTypes asks gdb for sizes and fields of types, by their names.
func gdbTypes(t *testing.T, path string, names []string) map[string]string {
	t.Helper()
	var script strings.Builder
	script.WriteString("python\ndef show(name):\n    try:\n        t = gdb.lookup_type(name).strip_typedefs()\n    except gdb.error as e:\n        return\n" +
		"    s = str(t.sizeof)\n    for f in t.fields():\n        if getattr(f, 'bitpos', None) is None:\n            continue\n" +
		"        s += ' %s:%d:%d' % ('base' if f.is_base_class else f.name or '', f.bitpos, f.bitsize)\n    print('@@ %s @@ %s' % (name, s))\n")
	for _, name := range names {
		fmt.Fprintf(&script, "show(%q)\n", name)
	}
	script.WriteString("end\n")
	types := map[string]string{}
	for line := range strings.Lines(gdb(t, path, script.String())) {
		if rest, ok := strings.CutPrefix(line, "@@ "); ok {
			name, text, _ := strings.Cut(strings.TrimSpace(rest), " @@ ")
			types[name] = text
		}
	}
	return types
}

// TestTypesAgainstGDB: sizes, and the places of members, bit-fields and base
// classes are those that gdb sees, under the names that gdb knows them by.
func TestTypesAgainstGDB(t *testing.T) {
	rust, err := filepath.Abs("testdata/programs/shapes")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct {
		name, path string
		functions  []string
		want       int
	}{
		{"C, DWARF 4", build(t, "gcc", "c.c", "-gdwarf-4"), []string{"callee"}, 3},
		{"C, DWARF 3 (bit-fields from the highest bit)", build(t, "gcc", "c.c", "-gdwarf-3", "-gstrict-dwarf"), []string{"callee"}, 3},
		{"C, DWARF 2", build(t, "gcc", "c.c", "-gdwarf-2", "-gstrict-dwarf"), []string{"callee"}, 3},
		{"C, DWARF 5, compressed", build(t, "gcc", "c.c", "-gdwarf-5", "-gz"), []string{"callee"}, 3},
		{"C++, DWARF 4", build(t, "g++", "cpp.cc", "-std=c++20", "-gdwarf-4"), []string{"ns::Derived::method", "ns::over", "ns::ret", "ns::pair", "ns::Box<int>::f"}, 10},
		{"C++, the compiler's choice", build(t, "g++", "cpp.cc", "-std=c++20", "-g"), []string{"ns::Derived::method", "ns::over", "ns::ret", "ns::pair", "ns::Box<int>::f"}, 10},
		{"C++, type units, DWARF 4", build(t, "g++", "cpp.cc", "-std=c++20", "-gdwarf-4", "-fdebug-types-section"), []string{"ns::Derived::method", "ns::over", "ns::ret"}, 8},
		{"C++, type units, the compiler's choice", build(t, "g++", "cpp.cc", "-std=c++20", "-g", "-fdebug-types-section"), []string{"ns::Derived::method", "ns::over", "ns::ret"}, 8},
		{"Rust", rust, []string{"shapes::text", "shapes::shapes", "shapes::Point::scale"}, 5},
		{"Go", buildGo(t), []string{"main.(*T).Method", "main.Named"}, 5},
	} {
		t.Run(p.name, func(t *testing.T) {
			f := open(t, p.path)
			types := map[string]*debuginfo.Type{}
			for _, name := range p.functions {
				list, err := f.Find(name)
				if err != nil || len(list) == 0 {
					t.Fatalf("Find(%q): %v, %v", name, list, err)
				}
				for _, fn := range list {
					seen := map[*debuginfo.Type]bool{}
					reachable(fn.Return, types, seen)
					for _, v := range fn.Params {
						reachable(v.Type, types, seen)
					}
				}
			}
			known := gdbTypes(t, p.path, slices.Sorted(maps.Keys(types)))
			compared := 0
			for name, want := range known {
				if types[name].Kind == debuginfo.RustEnum || types[name].Kind == debuginfo.GoMap || types[name].Kind == debuginfo.GoChan {
					continue // gdb looks at them in other ways
				}
				if got := fields(types[name], !strings.HasPrefix(p.name, "Go")); got != want {
					t.Errorf("%s: %s, gdb: %s", name, got, want)
				}
				compared++
			}
			if compared < p.want {
				t.Errorf("gdb knows %d types of %v", compared, slices.Sorted(maps.Keys(types)))
			}
		})
	}
}

var kindNames = map[debuginfo.Kind]string{
	debuginfo.Unknown: "unknown", debuginfo.Void: "void", debuginfo.Bool: "bool", debuginfo.Int: "int", debuginfo.Uint: "uint",
	debuginfo.Char: "char", debuginfo.Float: "float", debuginfo.Complex: "complex", debuginfo.Enum: "enum",
	debuginfo.Pointer: "pointer", debuginfo.Reference: "reference", debuginfo.Struct: "struct", debuginfo.Union: "union",
	debuginfo.Array: "array", debuginfo.Func: "func", debuginfo.GoString: "gostring", debuginfo.GoSlice: "goslice",
	debuginfo.GoInterface: "gointerface", debuginfo.GoMap: "gomap", debuginfo.GoChan: "gochan", debuginfo.CPPString: "cppstring",
	debuginfo.RustStr: "ruststr", debuginfo.RustString: "ruststring", debuginfo.RustSlice: "rustslice", debuginfo.RustEnum: "rustenum",
}

// word describes a type in one line.
func word(t *debuginfo.Type) string {
	if t == nil {
		return "nothing"
	}
	s := fmt.Sprintf("%s %d %s", kindNames[t.Kind], t.Size, t.Name)
	if data, length, ok := t.StringParts(); ok {
		d, _ := data.Offset()
		s += fmt.Sprintf(" data %d", d)
		if n, ok := length.Offset(); ok {
			s += fmt.Sprintf(" length %d", n)
		} else {
			s += fmt.Sprintf(" length at %v", length)
		}
		if t.Elem != nil {
			s += " of " + t.Elem.Name
		}
	}
	return s
}

// TestKinds: what the types of parameters and results are, in each language.
func TestKinds(t *testing.T) {
	const rust = "testdata/programs/shapes"
	cpp := build(t, "g++", "cpp.cc", "-std=c++20", "-g")
	units := build(t, "g++", "cpp.cc", "-std=c++20", "-g", "-fdebug-types-section")
	old := build(t, "g++", "cpp.cc", "-std=c++20", "-g", "-D_GLIBCXX_USE_CXX11_ABI=0")
	golang := buildGo(t)
	for _, tt := range []struct {
		path, function, want string
	}{
		{cpp, "ns::Derived::method", "this: pointer 8 ns::Derived * const; s: reference 8 const std::string &; by: cppstring 32 std::string data 0 length 8 of char; " +
			"sv: cppstring 16 std::string_view data 8 length 0 of const char; m: enum 1 ns::Mode; returns int 4 int"},
		// Types in units of their own have lost their namespace.
		{units, "ns::Derived::method", "this: pointer 8 ns::Derived * const; s: reference 8 const std::string &; by: cppstring 32 std::string data 0 length 8 of char; " +
			"sv: cppstring 16 std::string_view data 8 length 0 of const char; m: enum 1 Mode; returns int 4 int"},
		{old, "ns::Derived::method", "this: pointer 8 ns::Derived * const; s: reference 8 const std::string &; by: cppstring 8 std::string data 0 length at [{false 0} {true -24}] of char; " +
			"sv: cppstring 16 std::string_view data 8 length 0 of const char; m: enum 1 ns::Mode; returns int 4 int"},
		{cpp, "ns::pair", "p: struct 8 ns::Pair; d: float 8 double; fl: float 4 float; i128: int 16 __int128; cd: complex 16 complex double; returns int 4 int"},
		{cpp, "ns::over(double, ns::Virt*, int&&, int&, std::vector<int, std::allocator<int> >, std::unique_ptr<int, std::default_delete<int> >)",
			"a: float 8 double; v: pointer 8 ns::Virt *; rr: reference 8 int &&; r: reference 8 int &; vec: struct 24 std::vector<int, std::allocator<int> >; " +
				"up: struct 8 std::unique_ptr<int, std::default_delete<int> >; returns int 4 int"},
		{cpp, "_ZN2ns12_GLOBAL__N_14anonEi", "x: int 4 int; returns int 4 int"},
		{golang, "main.(*T).Method", "t: pointer 8 *main.T; s: gostring 16 string data 0 length 8; b: goslice 24 []uint8 data 0 length 8 of uint8; e: gointerface 16 error; " +
			"a: gointerface 16 interface {}; returns nothing; n: int 8 int; err: gointerface 16 error"},
		{golang, "main.Named", "t: struct 152 main.T; m: gomap 8 map[string]int; ch: gochan 8 chan int; arr: array 3 [3]uint8; returns nothing; ~r0: int 8 int"},
		{golang, "main.Generic[go.shape.string]", "k: gostring 16 go.shape.string data 0 length 8; n: int 8 int; returns nothing; ~r0: gostring 16 go.shape.string data 0 length 8"},
		{rust, "shapes::text", "s: ruststr 16 &str data 0 length 8 of u8; owned: ruststring 24 alloc::string::String data 8 length 16; raw: rustslice 16 &[u16] data 0 length 8 of u16; " +
			"v: pointer 8 &alloc::vec::Vec<i32, alloc::alloc::Global>; returns uint 8 usize"},
		{rust, "shapes::scalars", "a: int 1 i8; b: uint 8 u64; c: bool 1 bool; d: char 4 char; e: float 4 f32; f: enum 1 shapes::Color; g: struct 8 (i32, u8); returns int 8 i64"},
		{rust, "shapes::shapes", "s: rustenum 16 shapes::Shape; o: rustenum 8 core::option::Option<&shapes::Point>; b: pointer 8 alloc::boxed::Box<shapes::Point, alloc::alloc::Global>; " +
			"p: pointer 8 *const u8; returns uint 4 u32"},
		{rust, "<shapes::Shape as shapes::Area>::area", "self: pointer 8 &shapes::Shape; returns uint 4 u32"},
	} {
		f := open(t, tt.path)
		fn := find(t, f, tt.function)
		var list []string
		for _, p := range fn.Params {
			list = append(list, p.Name+": "+word(p.Type))
		}
		list = append(list, "returns "+word(fn.Return))
		for _, p := range fn.Results {
			list = append(list, p.Name+": "+word(p.Type))
		}
		if got := strings.Join(list, "; "); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.function, got, tt.want)
		}
	}
}

// TestVariants: a Rust enum with data has a discriminant and variants, C's and
// Rust's plain ones have names for their values.
func TestVariants(t *testing.T) {
	f := open(t, "testdata/programs/shapes")
	fn := find(t, f, "shapes::shapes")
	shape := fn.Params[0].Type
	var got []string
	for _, v := range shape.Variants {
		got = append(got, fmt.Sprintf("%s=%d %v", v.Member.Name, v.Value, v.Default))
		for _, m := range v.Member.Type.Members {
			got = append(got, fmt.Sprintf("%s@%d", m.Name, m.Offset))
		}
	}
	want := []string{"Empty=0 false", "Circle=1 false", "__0@8", "Rect=2 false", "w@4", "h@8"}
	if d := shape.Discriminant; d == nil || d.Offset != 0 || d.Type.Size != 4 || !slices.Equal(got, want) {
		t.Errorf("shapes::Shape has discriminant %+v, variants %v", d, got)
	}
	option := fn.Params[1].Type
	if len(option.Variants) != 2 || option.Variants[0].Default || option.Variants[0].Member.Name != "None" || !option.Variants[1].Default {
		t.Errorf("Option<&Point> has variants %+v", option.Variants)
	}
	color := find(t, f, "shapes::scalars").Params[5].Type
	if want := []debuginfo.Enumerator{{Name: "Red", Value: 0}, {Name: "Green", Value: 5}}; !slices.Equal(color.Enumerators, want) {
		t.Errorf("shapes::Color: %v", color.Enumerators)
	}
	c := find(t, open(t, build(t, "gcc", "c.c", "-g")), "callee").Params[3].Type
	if want := []debuginfo.Enumerator{{Name: "RED", Value: 0}, {Name: "GREEN", Value: 5}, {Name: "BLUE", Value: -1}}; !slices.Equal(c.Enumerators, want) || !c.Signed {
		t.Errorf("enum color: %v, signed %v", c.Enumerators, c.Signed)
	}
}

// buildGo builds the program of testdata/gofixture.
func buildGo(t *testing.T) string {
	t.Helper()
	return shared(t, "testdata/gofixture", "go", ".")
}
