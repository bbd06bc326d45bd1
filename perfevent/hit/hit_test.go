package hit

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gorecord/perfevent/format"
)

// formatOf describes an event with fields, each "TYPE NAME;OFFSET SIZE SIGNED".
func formatOf(t testing.TB, fields ...string) *format.Event {
	t.Helper()
	text := "name: hit\nID: 7\nformat:\n\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n"
	for _, f := range fields {
		decl, rest, _ := strings.Cut(f, ";")
		w := strings.Fields(rest)
		text += "\tfield:" + decl + ";\toffset:" + w[0] + ";\tsize:" + w[1] + ";\tsigned:" + w[2] + ";\n"
	}
	e, err := format.Parse([]byte(text + "\nprint fmt: \"\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

var le = binary.LittleEndian

// TestValues: each kind of value, as text and as JSON, from the raw data of a
// tracepoint.
func TestValues(t *testing.T) {
	f := formatOf(t, "unsigned long __probe_ip;8 8 0", "u64 x;16 8 0", "u64 y;24 8 0", "u64 arr[4];32 32 0", "__data_loc char[] s;64 4 1")
	raw := make([]byte, 68)
	le.PutUint64(raw[8:], 0x401126)
	text := "he\"y\x1b\x00"
	le.PutUint32(raw[64:], uint32(len(raw))|uint32(len(text))<<16)
	raw = append(raw, text...)
	for _, tt := range []struct {
		name       string
		x, y       uint64
		arr        string
		value      Value
		text, json string
	}{
		{"int", math.MaxUint64, 0, "", Value{Kind: Int, Source: "x", Size: 4}, "-1", "-1"},
		{"uint", math.MaxUint64, 0, "", Value{Kind: Uint, Source: "x", Size: 2}, "65535", "65535"},
		{"in the upper half", 5 << 32, 0, "", Value{Kind: Int, Source: "x", Offset: 4, Size: 4}, "5", "5"},
		{"bit-field", 0xd << 3, 0, "", Value{Kind: Int, Source: "x", Size: 4, BitOffset: 3, BitSize: 4}, "-3", "-3"},
		{"hex", 0x1234, 0, "", Value{Kind: Hex, Source: "x", Size: 8}, "0x1234", `"0x1234"`},
		{"nil pointer of Go", 0, 0, "", Value{Kind: Hex, Type: "*main.T", Source: "x", Size: 8}, "nil", `"nil"`},
		{"bool", 1, 0, "", Value{Kind: Bool, Source: "x", Size: 1}, "true", "true"},
		{"char", 'z', 0, "", Value{Kind: Char, Source: "x", Size: 1}, "122 'z'", "122"},
		{"high char", 200, 0, "", Value{Kind: Char, Source: "x", Size: 1}, "200", "200"},
		{"double", math.Float64bits(2.5), 0, "", Value{Kind: Float, Source: "x", Size: 8}, "2.5", "2.5"},
		{"float", uint64(math.Float32bits(0.1)), 0, "", Value{Kind: Float, Source: "x", Size: 4}, "0.1", "0.1"},
		{"infinity", math.Float64bits(math.Inf(1)), 0, "", Value{Kind: Float, Source: "x", Size: 8}, "+Inf", `"+Inf"`},
		{"enum", 5, 0, "", Value{Kind: EnumKind, Source: "x", Size: 4, Names: 1}, "Green", `"Green"`},
		{"enum without the name", 9, 0, "", Value{Kind: EnumKind, Source: "x", Size: 4, Names: 1}, "9", "9"},
		{"flags", 1 | 4 | 64, 0, "", Value{Kind: Flags, Source: "x", Size: 4, Names: 2}, "A|C|0x40", `"A|C|0x40"`},
		{"text", 0, 0, "", Value{Kind: Text, Source: "s"}, `"he\"y\x1b"`, `"he\"y\u001b"`},
		{"string", 3, 0, "abcdef", Value{Kind: String, Source: "arr", Size: 32, Length: &Value{Kind: Int, Source: "x", Size: 8}}, `"abc"`, `"abc"`},
		{"string that was cut", 99, 0, strings.Repeat("a", 32), Value{Kind: String, Source: "arr", Size: 32, Length: &Value{Kind: Int, Source: "x", Size: 8}}, `"` + strings.Repeat("a", 32) + `"...`, `"` + strings.Repeat("a", 32) + `"`},
		{"string of negative length", math.MaxUint64, 0, "a", Value{Kind: String, Source: "arr", Size: 32, Length: &Value{Kind: Int, Source: "x", Size: 8}}, "<not recorded>", "null"},
		{"struct", 1, 2, "", Value{Kind: Struct, Members: []Value{{Name: "a", Kind: Int, Source: "x", Size: 4}, {Name: "b", Kind: Int, Source: "y", Size: 4}}}, "{a=1, b=2}", `{"a":1,"b":2}`},
		{"array", 0, 0, "\x01\x00\x02\x00", Value{Kind: Array, Source: "arr", Size: 4, Members: []Value{{Kind: Uint, Size: 2}}}, "[1, 2]", "[1,2]"},
		{"slice", 9, 0, "\x01\x02\x03\x04", Value{Kind: Array, Source: "arr", Size: 4, Members: []Value{{Kind: Uint, Size: 1}}, Length: &Value{Kind: Int, Source: "x", Size: 8}}, "[1, 2, 3, 4, ...]", "[1,2,3,4]"},
		{"nil interface", 0, 0, "", Value{Kind: Interface, Type: "error", Members: []Value{{Kind: Hex, Source: "x", Size: 8}, {Kind: Hex, Source: "y", Size: 8}}}, "nil", "null"},
		{"error", 0x500000, 0, "gone", Value{Kind: Interface, Type: "error", Members: []Value{{Kind: Hex, Source: "x", Size: 8}, {Kind: Hex, Source: "y", Size: 8}, {Kind: String, Source: "arr", Size: 4}}}, `*errors.errorString("gone")`, `{"type":"*errors.errorString","text":"gone"}`},
		{"unknown type", 0x500008, 0, "", Value{Kind: Interface, Type: "error", Members: []Value{{Kind: Hex, Source: "x", Size: 8}, {Kind: Hex, Source: "y", Size: 8}}}, "0x500008", `{"type":"0x500008"}`},
		{"missing", 0, 0, "", Value{Kind: Missing, Why: "optimized out"}, "<optimized out>", "null"},
		{"no such field", 0, 0, "", Value{Kind: Int, Source: "zz", Size: 4}, "<not recorded>", "null"},
		{"wrong size", 0, 0, "", Value{Kind: Int, Source: "x", Size: 3}, "<not recorded>", "null"},
	} {
		le.PutUint64(raw[16:], tt.x)
		le.PutUint64(raw[24:], tt.y)
		clear(raw[32:64])
		copy(raw[32:64], tt.arr)
		tt.value.Name = "v"
		d := &Description{
			Events:  []Event{{Name: "g:e", Points: []Point{{Addr: 0x401126}}, Values: []Value{tt.value}}},
			Enums:   []Enum{{Names: []EnumName{{"Red", 0}, {"Green", 5}}}, {Names: []EnumName{{"A", 1}, {"B", 2}, {"C", 4}}}},
			GoTypes: []GoType{{Addr: 0x500000, Name: "*errors.errorString", Text: true}},
		}
		v := NewValues(d, &d.Events[0], f, le, "x86_64")
		s := Sample{Raw: raw}
		if got := string(v.AppendHit(nil, &s)); got != "(401126) v="+tt.text {
			t.Errorf("%s: %s, want v=%s", tt.name, got, tt.text)
		}
		got := "{" + string(v.AppendJSON(nil, &s)) + "}"
		if got != `{"v":`+tt.json+`}` || !json.Valid([]byte(got)) {
			t.Errorf("%s: JSON %s, want %s", tt.name, got, tt.json)
		}
	}
}

// TestHits: the beginning of a hit's text, goroutines, and the bias of programs
// that are loaded elsewhere.
func TestHits(t *testing.T) {
	f := formatOf(t, "unsigned long __probe_func;8 8 0", "unsigned long __probe_ret_ip;16 8 0", "u64 goid;24 8 0", "u64 x;32 8 0")
	raw := make([]byte, 40)
	le.PutUint64(raw[8:], 0x555555555126)
	le.PutUint64(raw[16:], 0x555555555200)
	le.PutUint64(raw[24:], 19)
	le.PutUint64(raw[32:], 0x555555559000)
	d := &Description{
		Events: []Event{{
			Name: "g:e", Return: true, Goid: "goid", Points: []Point{{Addr: 0x999}, {Addr: 0x1126}},
			Values: []Value{{Name: "v", Kind: Interface, Members: []Value{{Kind: Hex, Source: "x", Size: 8}, {Kind: Hex, Source: "x", Size: 8}}}},
		}},
		GoTypes: []GoType{{Addr: 0x5000, Name: "main.T"}},
	}
	v := NewValues(d, d.Event("g:e:u"), f, le, "x86_64")
	if got := string(v.AppendHit(nil, &Sample{Raw: raw})); got != "(555555555126 <- 555555555200) goid=19 v=main.T" {
		t.Error(got)
	}
	if d.Event("g:ee") != nil || (*Description)(nil).Event("g:e") != nil {
		t.Error("a wrong event was found")
	}
}

// TestRegisters: values in the user registers of samples.
func TestRegisters(t *testing.T) {
	d := &Description{Events: []Event{{Registers: true, Values: []Value{
		{Name: "a", Kind: Int, Source: "di", Size: 4}, {Name: "b", Kind: Int, Source: "si", Offset: 4, Size: 4}, {Name: "c", Kind: Int, Source: "r8", Size: 4},
	}}}}
	v := NewValues(d, &d.Events[0], nil, le, "x86_64")
	s := Sample{IP: 0x401126, Regs: []uint64{7 << 32, 8}, Mask: 1<<4 | 1<<5} // si, di
	if got := string(v.AppendHit(nil, &s)); got != "(401126) a=8 b=7 c=<not recorded>" {
		t.Error(got)
	}
}

func description() *Description {
	return &Description{
		Events: []Event{{
			Name: "probe_main:callee", Path: "/bin/main", BuildID: "abcd", AtReturns: true, Return: true, Goid: "goid",
			Points: []Point{{Function: "callee", Entry: 0x1126, Addr: 0x1130, Offset: 0x130, File: "main.c", Line: 3}},
			Values: []Value{{Name: "a", Kind: EnumKind, Names: 1, Source: "a", Size: 4, Length: &Value{Kind: Int}, Members: []Value{{Kind: Missing, Why: "gone", Names: 1}}}},
		}},
		Enums: []Enum{{Type: "color", Names: []EnumName{{"red", 1}}}},
	}
}

func TestCodec(t *testing.T) {
	d := description()
	b, err := Encode(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []int{0, 3} { // streams pad records with zeros
		got, err := Decode(append(bytes.Clone(b), make([]byte, more)...))
		if diff := cmp.Diff(d, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
	}
	for n := range len(b) {
		if _, err := Decode(b[:n]); err == nil {
			t.Fatalf("%d of %d bytes gave no error", n, len(b))
		}
	}
}

// TestAdd: numbers of enums go on, and the description that is added stays.
func TestAdd(t *testing.T) {
	d, o := description(), description()
	d.Add(o)
	if v := d.Events[1].Values[0]; len(d.Enums) != 2 || v.Names != 2 || v.Members[0].Names != 2 || d.Events[0].Values[0].Names != 1 {
		t.Errorf("%+v", d)
	}
	if diff := cmp.Diff(description(), o); diff != "" {
		t.Error(diff)
	}
}

// FuzzDecode: hostile descriptions are errors or are shown, in bounded time and
// without control characters.
func FuzzDecode(f *testing.F) {
	b, err := Encode(description())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b, []byte("raw"))
	text, err := json.Marshal(description())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, []byte("\x01\x02\x03\x04\x05\x06\x07\x08\x09"))
	parsed := formatOf(f, "unsigned long __probe_ip;8 8 0", "u64 a;16 8 0", "u64 goid;24 8 0", "u64 arr[4];32 32 0")
	f.Fuzz(func(t *testing.T, b, raw []byte) {
		d, err := Decode(b)
		if err != nil {
			d = &Description{}
			if json.Unmarshal(b, d) != nil {
				return
			}
		}
		for i := range d.Events {
			s := Sample{Raw: raw, IP: 1, Regs: []uint64{1, 2}, Mask: 3}
			v := NewValues(d, &d.Events[i], parsed, le, "x86_64")
			if out := v.AppendHit(nil, &s); bytes.ContainsFunc(out, func(r rune) bool { return r < ' ' }) {
				t.Fatalf("control characters: %q", out)
			}
			if out := "{" + string(v.AppendJSON(nil, &s)) + "}"; !json.Valid([]byte(out)) {
				t.Fatalf("no JSON: %s", out)
			}
		}
	})
}
