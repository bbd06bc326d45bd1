package format

import (
	"testing"
)

const seedFormat = `name: sys_enter
ID: 17
format:
` + common + `
	field:long id;	offset:8;	size:8;	signed:1;
	field:unsigned long args[6];	offset:16;	size:48;	signed:0;
	field:__data_loc char[] name;	offset:64;	size:4;	signed:0;

print fmt: "NR %ld (%lx, %*s) %s %s %pS %pI6c %pM", REC->id, REC->args[0], 3, __get_str(name), __print_flags(REC->id & 3, "|", {1, "A"}, {(2 | 4), "B"}), REC->id ? __print_symbolic(REC->id, {0, "x"}) : "y", (void *)REC->id, REC->args, __print_hex(__get_dynamic_array(name), 3)
`

// FuzzParse: whatever the text, parsing and printing end, do not panic, and give
// texts of bounded length.
func FuzzParse(f *testing.F) {
	f.Add([]byte(seedFormat), make([]byte, 68))
	f.Add([]byte("name: a\nID: 1\nfield:__rel_loc u64[] x;\toffset:0;\tsize:4;\nprint fmt: \"%s\", __get_bitmask(x)"), []byte{0, 0, 255, 255})
	f.Add([]byte("name: a\nID: 1\nfield:char x[9];\toffset:65530;\tsize:65535;\nprint fmt: \"%4000s%.9d%c\", REC->x, -1 << 200, 'x'"), []byte{})
	f.Add([]byte("name: a\nID: 1\nprint fmt: \"%d\", ((((((1 % 0))))))"), []byte{1})
	f.Add([]byte("name: a\nID: 1\nprint fmt: \"%d\", (int)-(1 << 63) / -1"), []byte{1})
	f.Fuzz(func(t *testing.T, text, raw []byte) {
		e, err := Parse(text)
		if err != nil {
			return
		}
		p := NewPrinter(e, Env{})
		out := p.Append(nil, raw)
		if limit := maxText + 8*maxRaw*(len(e.Fields)+2) + len(text); len(out) > limit {
			t.Errorf("%d bytes of format and %d of data give %d bytes of text", len(text), len(raw), len(out))
		}
		for i := range e.Fields {
			f := &e.Fields[i]
			f.Uint(raw, p.env.Order)
			f.Text(raw, p.env.Order)
			for j := range min(f.Len(raw, p.env.Order), 100) {
				f.Elem(raw, p.env.Order, j)
			}
		}
	})
}

func BenchmarkPrint(b *testing.B) {
	for _, bench := range []struct {
		name, print string
		fields      []string
		raw         []byte
	}{
		{"probe", `"(%lx)", REC->ip`, []string{"unsigned long ip;8 0"}, raw(uint64(0x401126))},
		{"sys_enter", `"NR %ld (%lx, %lx, %lx, %lx, %lx, %lx)", REC->id, REC->args[0], REC->args[1], REC->args[2], REC->args[3], REC->args[4], REC->args[5]`,
			[]string{"long id;8 1", "unsigned long args[6];48 0"}, raw(int64(1), [6]uint64{1, 0x563ceed94000, 1, 0x7f6aec7944f0})},
		{"flags", `"%s", __print_flags(REC->a, "|", {1, "R"}, {2, "W"}, {4, "X"})`, []string{"u32 a;4 0"}, raw(uint32(6))},
	} {
		b.Run(bench.name, func(b *testing.B) {
			p := NewPrinter(event(b, bench.print, bench.fields...), Env{})
			data := append(append([]byte(nil), commonRaw...), bench.raw...)
			buf := make([]byte, 0, 256)
			b.ReportAllocs()
			for b.Loop() {
				buf = p.Append(buf[:0], data)
			}
		})
	}
}

// TestNoAllocation: printing a sample allocates nothing once the room is there.
func TestNoAllocation(t *testing.T) {
	p := NewPrinter(event(t, `"%s %d %p", __print_flags(REC->a, "|", {1, "R"}, {2, "W"}), REC->a, REC->b`, "u32 a;4 0", "void * b;8 0"), Env{})
	data := append(append([]byte(nil), commonRaw...), raw(uint32(3), uint64(5))...)
	buf := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() { buf = p.Append(buf[:0], data) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
