package tracefs

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParseProbe: what the kernel lists, what perf and the seed post write, and
// the definition that each stands for.
func TestParseProbe(t *testing.T) {
	tests := []struct {
		line string
		want Probe
		def  string // "" where it is the line itself
	}{
		{ // uprobe_events of Linux 6.18, defined by perf 6.1
			line: "p:probe_main/callee /tmp/tf/main-nopie:0x0000000000001126",
			want: Probe{Kind: Uprobe, Group: "probe_main", Name: "callee", Path: "/tmp/tf/main-nopie", Offset: 0x1126},
			def:  "p:probe_main/callee /tmp/tf/main-nopie:0x1126",
		},
		{
			line: "r:probe_main/callee__return /tmp/tf/main-nopie:0x0000000000001126 arg1=$retval",
			want: Probe{Kind: Uprobe, Return: true, Group: "probe_main", Name: "callee__return", Path: "/tmp/tf/main-nopie", Offset: 0x1126, Args: []string{"arg1=$retval"}},
			def:  "r:probe_main/callee__return /tmp/tf/main-nopie:0x1126 arg1=$retval",
		},
		{
			line: `p:grp1/lit /tmp/tf/main:0x0000000000001139 x=\1 y=\"imm" ar=+0(%di):u8[4] bf=%di:b4@2/32 u=+u0(%di):string`,
			want: Probe{Kind: Uprobe, Group: "grp1", Name: "lit", Path: "/tmp/tf/main", Offset: 0x1139,
				Args: []string{`x=\1`, `y=\"imm"`, "ar=+0(%di):u8[4]", "bf=%di:b4@2/32", "u=+u0(%di):string"}},
			def: `p:grp1/lit /tmp/tf/main:0x1139 x=\1 y=\"imm" ar=+0(%di):u8[4] bf=%di:b4@2/32 u=+u0(%di):string`,
		},
		{
			line: "p:s/refc /tmp/tf/main:0x0000000000001139(0x10) a=%di:s32\n",
			want: Probe{Kind: Uprobe, Group: "s", Name: "refc", Path: "/tmp/tf/main", Offset: 0x1139, RefCtr: 0x10, Args: []string{"a=%di:s32"}},
			def:  "p:s/refc /tmp/tf/main:0x1139(0x10) a=%di:s32",
		},
		{ // a path with the characters that also divide a place
			line: "p:g/odd /tmp/co:lon/pa(r)%x+1:0x0000000000001139",
			want: Probe{Kind: Uprobe, Group: "g", Name: "odd", Path: "/tmp/co:lon/pa(r)%x+1", Offset: 0x1139},
			def:  "p:g/odd /tmp/co:lon/pa(r)%x+1:0x1139",
		},
		{ // the seed's own lines
			line: "p:callee /home/zlcao/uprobe/main:0x63a",
			want: Probe{Kind: Uprobe, Name: "callee", Path: "/home/zlcao/uprobe/main", Offset: 0x63a},
		},
		{
			line: "r:callee_ret /home/zlcao/uprobe/main:0x63a",
			want: Probe{Kind: Uprobe, Return: true, Name: "callee_ret", Path: "/home/zlcao/uprobe/main", Offset: 0x63a},
		},
		{
			line: "p:kprobes/myprobe _do_fork",
			want: Probe{Kind: Kprobe, Group: "kprobes", Name: "myprobe", Symbol: "_do_fork"},
		},
		{
			line: "r4:kprobes/myretprobe _do_fork arg1=$retval",
			want: Probe{Kind: Kprobe, Return: true, MaxActive: 4, Group: "kprobes", Name: "myretprobe", Symbol: "_do_fork", Args: []string{"arg1=$retval"}},
		},
		{
			line: "r:myretprobe _do_fork $retval",
			want: Probe{Kind: Kprobe, Return: true, Name: "myretprobe", Symbol: "_do_fork", Args: []string{"$retval"}},
		},
		{ // %return as a suffix, in both kinds
			line: "p:g/b1 /tmp/tf/main:0x1139%return(0x20)",
			want: Probe{Kind: Uprobe, Return: true, Group: "g", Name: "b1", Path: "/tmp/tf/main", Offset: 0x1139, RefCtr: 0x20},
			def:  "r:g/b1 /tmp/tf/main:0x1139(0x20)",
		},
		{
			line: "p:g/k1 kernel_clone%return",
			want: Probe{Kind: Kprobe, Return: true, Group: "g", Name: "k1", Symbol: "kernel_clone"},
			def:  "r:g/k1 kernel_clone",
		},
		{ // modules, offsets, addresses
			line: "p:probe/x virtio_blk:virtio_queue_rqs+16",
			want: Probe{Kind: Kprobe, Group: "probe", Name: "x", Symbol: "virtio_blk:virtio_queue_rqs", SymbolOffset: 16},
		},
		{
			line: "p:kprobes/p_0xffffffff81000000 0xffffffff81000000",
			want: Probe{Kind: Kprobe, Group: "kprobes", Name: "p_0xffffffff81000000", Address: 0xffffffff81000000},
		},
		{ // GROUP.NAME; decimal offset; no name at all
			line: "p:g.n /tmp/tf/main:4409",
			want: Probe{Kind: Uprobe, Group: "g", Name: "n", Path: "/tmp/tf/main", Offset: 4409},
			def:  "p:g/n /tmp/tf/main:0x1139",
		},
		{
			line: "p /tmp/tf/main:0x1139",
			want: Probe{Kind: Uprobe, Path: "/tmp/tf/main", Offset: 0x1139},
		},
	}
	for _, tt := range tests {
		got, err := ParseProbe(tt.line)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("ParseProbe(%q):\n%s", tt.line, diff)
		}
		want := tt.def
		if want == "" {
			want = tt.line
		}
		def, err := got.Definition()
		if def != want || err != nil {
			t.Errorf("Definition of %q = %q, %v, want %q", tt.line, def, err, want)
		}
		if again, err := ParseProbe(def); err != nil || !cmp.Equal(again, got) {
			t.Errorf("ParseProbe(%q) = %+v, %v, want what it came from", def, again, err)
		}
	}
}

func TestParseProbeErrors(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"", "need a type and a place"},
		{"p:g/n", "need a type and a place"},
		{"x:g/n do_fork", `"x" is neither p nor r`},
		{"-:g/n do_fork", `"-" is neither p nor r`},
		{"r99999:g/n f", `"99999" is no number`},
		{"p: f", `"" is no event name`},
		{"p:a/b/c f", `"a/b/c" is no event name`},
		{"p:g/n /bin/ls:", `"" is no position in a file`},
		{"p:g/n /bin/ls:main", `"main" is no position in a file`},
		{"p:g/n /bin/ls:0x10(zz)", `"(zz)" is no position of a reference counter`},
		{"p:g/n /bin/ls:0x10(0x20", `"(0x20" is no position of a reference counter`},
		{"p:g/n /bin/ls:0x10%entry", "%entry is not known"},
		{"p:g/n :/1", `the path is empty`},
		{"p:g/n 0xzz", `"0xzz" is no address`},
		{"p:g/n f+g", `"g" is no offset`},
		{"p:g/n +1", "it names no symbol"},
		{"p:g/n f%ret", "%ret is not known"},
	} {
		_, err := ParseProbe(tt.line)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ParseProbe(%q) = %v, want %q", tt.line, err, tt.want)
		}
	}
}

// TestDefinitionRefuses: what the kernel would misread never reaches it.
func TestDefinitionRefuses(t *testing.T) {
	good := func(change func(*Probe)) Probe {
		p := Probe{Kind: Uprobe, Group: "g", Name: "n", Path: "/bin/ls", Offset: 0x1139}
		change(&p)
		return p
	}
	tests := []struct {
		name  string
		probe Probe
		want  string
	}{
		{"no kind", good(func(p *Probe) { p.Kind = 0 }), "neither a uprobe nor a kprobe"},
		{"space in the path", good(func(p *Probe) { p.Path = "/bin/a b" }), "use a link"},
		{"remark in the path", good(func(p *Probe) { p.Path = "/bin/a#b" }), "use a link"},
		{"byte a0 in the path", good(func(p *Probe) { p.Path = "/bin/à" }), `"\xa0"`},
		{"newline in the path", good(func(p *Probe) { p.Path = "/bin/a\nb" }), "use a link"},
		{"relative path", good(func(p *Probe) { p.Path = "ls" }), "not absolute"},
		{"minus in the group", good(func(p *Probe) { p.Group = "a-b" }), `"a-b"`},
		{"digit first", good(func(p *Probe) { p.Name = "1a" }), `"1a"`},
		{"long name", good(func(p *Probe) { p.Name = strings.Repeat("n", 64) }), "63"},
		{"group alone", good(func(p *Probe) { p.Name = "" }), "without an event name"},
		{"newline in an argument", good(func(p *Probe) { p.Args = []string{"a=%di\n-:g/n"} }), `"\n"`},
		{"empty argument", good(func(p *Probe) { p.Args = []string{""} }), "argument"},
		{"maxactive", good(func(p *Probe) { p.MaxActive = 3 }), "kernel functions only"},
		{"symbol of a uprobe", good(func(p *Probe) { p.Symbol = "f" }), "not on a kernel symbol"},
		{"too long", good(func(p *Probe) { p.Args = []string{"a=" + strings.Repeat("x", 4096)} }), "4094"},
		{"path of a kprobe", Probe{Kind: Kprobe, Symbol: "f", Path: "/bin/ls"}, "not on a position in a file"},
		{"kprobe nowhere", Probe{Kind: Kprobe, Name: "n"}, "names no kernel symbol"},
		{"kprobe entry with maxactive", Probe{Kind: Kprobe, Symbol: "f", MaxActive: 1}, "return probes only"},
		{"kprobe with too many", Probe{Kind: Kprobe, Symbol: "f", Return: true, MaxActive: 5000}, "4096"},
		{"kprobe symbol", Probe{Kind: Kprobe, Symbol: "f+1"}, "none that the kernel takes"},
	}
	for _, tt := range tests {
		line, err := tt.probe.Definition()
		var de *DefinitionError
		if !errors.As(err, &de) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %q, %v, want a DefinitionError with %q", tt.name, line, err, tt.want)
		}
	}
}

// FuzzParseProbe: what parses and can be written means the same when read back.
func FuzzParseProbe(f *testing.F) {
	f.Add("p:probe_main/callee /tmp/tf/main-nopie:0x0000000000001126 a=%di:s32")
	f.Add("r4:kprobes/myretprobe _do_fork+3 arg1=$retval")
	f.Add("p:g/b1 /tmp/tf/ma:in:0x1139%return(0x20)")
	f.Add("p:kprobes/p_0 0xffffffff81000000")
	f.Fuzz(func(t *testing.T, line string) {
		p, err := ParseProbe(line)
		if err != nil {
			return
		}
		def, err := p.Definition()
		if err != nil {
			return
		}
		if strings.ContainsAny(def, "\n\x00") {
			t.Fatalf("definition %q is more than one line", def)
		}
		again, err := ParseProbe(def)
		if err != nil || !cmp.Equal(p, again) {
			t.Fatalf("%q: %+v became %+v, %v", def, p, again, err)
		}
	})
}
