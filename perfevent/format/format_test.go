package format

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// raw lays out values one behind the other, little-endian.
func raw(values ...any) []byte {
	var b []byte
	for _, v := range values {
		switch v := v.(type) {
		case string:
			b = append(b, v...)
		default:
			b, _ = binary.Append(b, binary.LittleEndian, v)
		}
	}
	return b
}

const common = `	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:unsigned char common_flags;	offset:2;	size:1;	signed:0;
	field:unsigned char common_preempt_count;	offset:3;	size:1;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;
`

var commonRaw = raw(uint16(77), uint8(0), uint8(0), int32(42))

// event parses a format with the given fields, "TYPE NAME SIZE[ signed]", laid
// out one behind the other.
func event(t testing.TB, print string, fields ...string) *Event {
	t.Helper()
	var b strings.Builder
	b.WriteString("name: ev\nID: 77\nformat:\n" + common + "\n")
	offset := 8
	for _, f := range fields {
		decl, rest, _ := strings.Cut(f, ";")
		var size, signed int
		fmt.Sscan(rest, &size, &signed)
		fmt.Fprintf(&b, "\tfield:%s;\toffset:%d;\tsize:%d;\tsigned:%d;\n", decl, offset, size, signed)
		offset += size
	}
	b.WriteString("\nprint fmt: " + print + "\n")
	e, err := Parse([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestParse(t *testing.T) {
	e := event(t, `"%s", __get_str(name)`,
		"__data_loc char[] name;4 0", "char comm[16];16 0", "unsigned long args[6];48 0", "int pid;4 1",
		"const char * reason;8 0", "__rel_loc u32[] list;4 0", "u8 mac[6];6 0", "bool ok;1 0")
	if e.Name != "ev" || e.ID != 77 || len(e.Common) != 4 || len(e.Fields) != 8 {
		t.Fatalf("%+v", e)
	}
	for _, want := range []Field{
		{Name: "name", Type: "char", Offset: 8, Size: 4, Kind: Text, ElemSize: 1, Dynamic: true},
		{Name: "comm", Type: "char", Offset: 12, Size: 16, Kind: Text, ElemSize: 1},
		{Name: "args", Type: "unsigned long", Offset: 28, Size: 48, Kind: Array, ElemSize: 8},
		{Name: "pid", Type: "int", Offset: 76, Size: 4, Signed: true},
		{Name: "reason", Type: "const char *", Offset: 80, Size: 8},
		{Name: "list", Type: "u32", Offset: 88, Size: 4, Kind: Array, ElemSize: 4, Dynamic: true, Relative: true},
		{Name: "mac", Type: "u8", Offset: 92, Size: 6, Kind: Array, ElemSize: 1},
		{Name: "ok", Type: "bool", Offset: 98, Size: 1},
		{Name: "common_pid", Type: "int", Offset: 4, Size: 4, Signed: true},
	} {
		if f := e.Field(want.Name); f == nil || *f != want {
			t.Errorf("%s: got %+v, want %+v", want.Name, f, want)
		}
	}
	if e.Field("nosuch") != nil {
		t.Error("a field that does not exist")
	}
}

func TestParseErrors(t *testing.T) {
	for _, text := range []string{
		"", "name: x\n", "ID: 1\n", "name: x\nID: y\n",
		"name: x\nID: 1\nformat:\n\tfield:int a\n",
		"name: x\nID: 1\nformat:\n\tfield:int a;\toffset:99999999;\tsize:4;\n",
		"name: x\nID: 1\nformat:\n\tfield:int a;\toffset:0;\tsize:-4;\n",
		"name: x\nID: 1\nformat:\n\tfield:;\toffset:0;\tsize:4;\n",
		"name: x\nID: 1\n" + strings.Repeat("field:int a;\toffset:0;\tsize:4;\n", maxFields+1),
	} {
		if e, err := Parse([]byte(text)); err == nil {
			t.Errorf("%.60q parses as %+v", text, e)
		}
	}
}

// TestPrint: print formats as the kernel's events have them, and what perf
// prints.
func TestPrint(t *testing.T) {
	longs := func(v ...uint64) []byte { return raw(v) }
	for _, test := range []struct {
		name, print string
		fields      []string
		raw         []byte
		want        string
	}{
		{"probe", `"(%lx)", REC->__probe_ip`, []string{"unsigned long __probe_ip;8 0"}, longs(0x401126), "(401126)"},
		{"return probe", `"(%lx <- %lx)", REC->__probe_func, REC->__probe_ret_ip`,
			[]string{"unsigned long __probe_func;8 0", "unsigned long __probe_ret_ip;8 0"}, longs(0x401126, 0x40116a), "(401126 <- 40116a)"},
		{"probe with arguments", `"(%lx) a=%d s=\"%s\"", REC->ip, REC->a, __get_str(s)`,
			[]string{"unsigned long ip;8 0", "s32 a;4 1", "__data_loc char[] s;4 0"},
			raw(uint64(16), int32(-5), uint32(24|3<<16), "hi\x00"), `(10) a=-5 s="hi"`},
		{"array elements", `"NR %ld (%lx, %lx)", REC->id, REC->args[0], REC->args[1]`,
			[]string{"long id;8 1", "unsigned long args[2];16 0"}, raw(int64(-1), uint64(2), uint64(255)), "NR -1 (2, ff)"},
		{"element behind the end", `"%lx", REC->args[7]`, []string{"unsigned long args[2];16 0"}, longs(1, 2), "0"},
		{"symbolic", `"%s %s", __print_symbolic(REC->a, {0, "zero"}, {(1 << 2), "four"}), __print_symbolic(REC->b, {0, "zero"})`,
			[]string{"int a;4 1", "int b;4 1"}, raw(int32(4), int32(9)), "four 0x9"},
		{"flags", `"%s|%s|%s", __print_flags(REC->a, "|", {1, "R"}, {2, "W"}, {0, ((void *)0)}), __print_flags(REC->b, "|", {0, "none"}, {1, "R"}), __print_flags(REC->b, "|", {1, "R"})`,
			[]string{"u32 a;4 0", "u32 b;4 0"}, raw(uint32(11), uint32(0)), "R|W|0x8|none|"},
		{"unknown enumerators match nothing", `"%s", __print_symbolic(REC->a, {TCP_SOMETHING, "x"}, {3, "three"})`,
			[]string{"int a;4 1"}, raw(int32(0)), "0x0"},
		{"the kernel's softirqs", `"%s", __print_symbolic(REC->a, {RCU_SOFTIRQ, "RCU"})`, []string{"int a;4 1"}, raw(int32(9)), "RCU"},
		{"choice and comparison", `"%s", REC->a < 0 ? "neg" : REC->a > 10 && REC->a != 12 ? "big" : "small"`, []string{"int a;4 1"}, raw(int32(-3)), "neg"},
		{"unsigned arithmetic", `"%lu", (0 - REC->a) / 250`, []string{"unsigned long a;8 0"}, longs(1000), "73786976294838202"},
		{"precedence", `"%d %d", 1 + 2 * 3 - 8 / 4 % 2, REC->a >> 4 & 0xf | 1 << 8`, []string{"u32 a;4 0"}, raw(uint32(0xabc)), "7 267"},
		{"division by zero", `"%d", 7 / REC->a`, []string{"int a;4 1"}, raw(int32(0)), "0"},
		{"casts", `"%d %d %llu", (s8)REC->a, (int)(unsigned char)REC->a, (unsigned long long)(u16)REC->a`, []string{"u32 a;4 0"}, raw(uint32(0x1ff)), "-1 255 511"},
		{"casts to types of the kernel", `"%d %llx %d", (uint)(REC->a), (xfs_any_t)REC->b, (int64_t)REC->a`, []string{"u32 a;4 0", "u64 b;8 0"}, raw(uint32(7), uint64(0x1_0000_0000)), "7 100000000 7"},
		{"empty list", `"%s", __print_symbolic(REC->a, {})`, []string{"u32 a;4 0"}, raw(uint32(7)), "0x7"},
		{"device numbers", `"%d,%d", ((unsigned int) ((REC->dev) >> 20)), ((unsigned int) ((REC->dev) & ((1U << 20) - 1)))`,
			[]string{"dev_t dev;4 0"}, raw(uint32(254<<20 | 3)), "254,3"},
		{"widths", `"[%5d][%-5d][%05d][%#x][%.3s][%6s][%-6s][%03u][%+d]", REC->a, REC->a, REC->a, REC->a, "abcdef", "ab", "ab", REC->a, REC->a`,
			[]string{"int a;4 1"}, raw(int32(42)), "[   42][42   ][00042][0x2a][abc][    ab][ab    ][042][+42]"},
		{"width from an argument", `"[%*d][%.*s]", 4, REC->a, 2, "abc"`, []string{"int a;4 1"}, raw(int32(7)), "[   7][ab]"},
		{"percent and escapes", `"100%% \"x\"\t%c\n", REC->c`, []string{"char c;1 0"}, raw(uint8('y')), "100% \"x\"\ty"},
		{"pointers", `"%p %p %pS", REC->a, REC->b, REC->c`, []string{"void * a;8 0", "void * b;8 0", "void * c;8 0"},
			longs(0xffff888100000000, 0, 0x1010), "0xffff888100000000 (nil) start+0x10"},
		{"functions", `"%ps %pS", (void *)REC->c, (void *)REC->d`, []string{"unsigned long c;8 0", "unsigned long d;8 0"}, longs(0x1010, 0), "start 0x0"},
		{"the kernel's strings", `"%s %s", REC->s, REC->t`, []string{"const char * s;8 0", "const char * t;8 0"}, longs(0x2000, 0x3000), "text 0x3000"},
		{"addresses", `"%pI4 %pI6c %pM", REC->v4, REC->v6, REC->mac`, []string{"__u8 v4[4];4 0", "__u8 v6[16];16 0", "u8 mac[6];6 0"},
			raw([]byte{127, 0, 0, 1}, append(make([]byte, 15), 1), []byte{2, 3, 4, 5, 6, 255}), "127.0.0.1 ::1 02:03:04:05:06:ff"},
		{"socket addresses", `"%pISpc", REC->sa`, []string{"__u8 sa[28];28 0"}, raw(uint16(2), []byte{0x1f, 0x90, 10, 0, 0, 7}, make([]byte, 20)), "10.0.0.7:8080"},
		{"hex and arrays", `"%s %s %s", __print_hex(__get_dynamic_array(d), __get_dynamic_array_len(d)), __print_hex_str(REC->b, 2), __print_array(REC->w, 2, 2)`,
			[]string{"__data_loc u8[] d;4 0", "u8 b[2];2 0", "u16 w[2];4 0"}, raw(uint32(18|2<<16), []byte{1, 0xab}, uint16(3), uint16(0x40), []byte{0xde, 0xad}), "de ad 01ab {0x3,0x40}"},
		{"relative data", `"%s", __get_rel_str(s)`, []string{"__rel_loc char[] s;4 0", "u32 pad;4 0"}, raw(uint32(4|3<<16), uint32(0), "ok\x00"), "ok"},
		{"seconds", `"%llu.%09llu", __print_ns_to_secs(REC->t), __print_ns_without_secs(REC->t)`, []string{"u64 t;8 0"}, longs(3_000_000_007), "3.000000007"},
		{"likely", `"%d", __builtin_expect(!!(REC->a), 0) ? 1 : 2`, []string{"int a;4 1"}, raw(int32(0)), "2"},
		{"sizeof", `"%zu %zu", sizeof(REC->a), sizeof(unsigned long)`, []string{"u32 a[4];16 0"}, make([]byte, 16), "16 8"},
		{"cpumask", `"%s", __get_cpumask(m)`, []string{"__data_loc unsigned long[] m;4 0"}, raw(uint32(12|8<<16), uint64(0x5)), "5"},
		{"wide cpumask", `"%s", __get_bitmask(m)`, []string{"__data_loc unsigned long[] m;4 0"}, raw(uint32(12|8<<16), uint64(0x1_0000_0005)), "1,00000005"},
		{"neighbouring strings", `"a" "b%d" "c", 1`, nil, nil, "ab1c"},
		{"data that end early", `"%d %s %lx", REC->a, REC->s, REC->w[0]`, []string{"int a;4 1", "char s[8];8 0", "u64 w[1];8 0"}, raw(uint16(1)), "0  0"},
		{"unknown function", `"%d", made_up(REC->a)`, []string{"int a;4 1", "u32 b;4 0", "char s[4];4 0", "u8 d[2];2 0"}, raw(int32(-1), uint32(16), "hi\x00\x00", []byte{1, 2}),
			"[FAILED TO PARSE] a=-1 b=0x10 s=hi d=ARRAY[01, 02]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := event(t, test.print, test.fields...)
			data := append(append([]byte(nil), commonRaw...), test.raw...)
			p := NewPrinter(e, testEnv)
			got := string(p.Append(nil, data))
			if got != test.want {
				t.Errorf("got  %s\nwant %s (%v)", got, test.want, p.Err())
			}
			if again := string(p.Append(nil, data)); again != got {
				t.Errorf("the second time: %s", again)
			}
		})
	}
}

var testEnv = Env{
	Symbol: func(a uint64) (string, uint64, bool) { return "start", a - 0x1000, a >= 0x1000 && a < 0x2000 },
	String: func(a uint64) (string, bool) { return "text", a == 0x2000 },
}

// TestQuick: quick conversions print what evaluated ones do, of whole and of cut
// data.
func TestQuick(t *testing.T) {
	e, err := Parse([]byte("name: x\nID: 1\nformat:\n" +
		"\tfield:int a;\toffset:8;\tsize:4;\tsigned:1;\n\tfield:u64 b;\toffset:16;\tsize:8;\tsigned:0;\n" +
		"\tfield:short c;\toffset:12;\tsize:2;\tsigned:1;\n\tfield:u8 d;\toffset:14;\tsize:1;\tsigned:0;\n" +
		"\tfield:char s[8];\toffset:24;\tsize:8;\tsigned:0;\n\tfield:unsigned long args[3];\toffset:32;\tsize:24;\tsigned:0;\n" +
		"\tfield:__data_loc char[] t;\toffset:56;\tsize:4;\tsigned:0;\n\n" +
		`print fmt: "%d %u %x %ld %lx %hhd|%d %lu %llx %hx|%d %u|%d %lx|%s|%lx %d %lx|%s %s", REC->a, REC->a, REC->a, REC->a, REC->a, REC->a, ` +
		`REC->b, REC->b, (unsigned long long)REC->b, REC->b, REC->c, REC->c, REC->d, REC->d, REC->s, REC->args[0], REC->args[1], REC->args[2], REC->t, __get_str(t)` + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	fast := NewPrinter(e, Env{})
	slow := NewPrinter(e, Env{})
	if fast.Err() != nil {
		t.Fatal(fast.Err())
	}
	made := 0
	for i := range slow.pieces {
		if slow.pieces[i].quick.kind != notQuick {
			made++
		}
		slow.pieces[i].quick = quick{}
	}
	if made < 19 {
		t.Errorf("only %d conversions are quick", made)
	}
	random := rand.New(rand.NewPCG(1, 2))
	raw := make([]byte, 80)
	for range 2000 {
		for i := range raw {
			if raw[i] = byte(random.Uint32()); random.IntN(3) == 0 {
				raw[i] = byte(255 * random.IntN(2))
			}
		}
		binary.LittleEndian.PutUint32(raw[56:], uint32(60+random.IntN(30))|uint32(random.IntN(24))<<16)
		cut := raw[:min(len(raw), random.IntN(2*len(raw)))]
		if got, want := string(fast.Append(nil, cut)), string(slow.Append(nil, cut)); got != want {
			t.Fatalf("%x:\n%q, want\n%q", cut, got, want)
		}
	}
}
