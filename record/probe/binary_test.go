package probe

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gorecord/perfevent/tracefs"
	"gorecord/symbolize"
)

const (
	seedMain  = "../../testdata/seed/main"
	seedNopie = "../../testdata/seed/main-nopie"
	zoo       = "testdata/zoo/"
)

func open(t *testing.T, path string) *Binary {
	t.Helper()
	b, err := OpenBinary(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func resolveAll(t *testing.T, b *Binary, text string, o Options) ([]Event, error) {
	t.Helper()
	s, err := ParseSpec(text)
	if err != nil {
		t.Fatal(err)
	}
	return b.Resolve(s, o)
}

// resolve gives the first event of a probe.
func resolve(t *testing.T, b *Binary, text string) (Event, error) {
	t.Helper()
	events, err := resolveAll(t, b, text, Options{})
	if err != nil {
		return Event{}, err
	}
	return events[0], nil
}

// symbol finds the address of the one symbol with this name in the table.
func symbol(t *testing.T, b *Binary, name string) symbolize.Symbol {
	t.Helper()
	for s := range b.Module().Symbols() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("%s has no symbol %s", b.Path(), name)
	panic("unreachable")
}

// TestResolve: both builds of the seed's program, whose symbols are at the
// file offset (PIE) and 0x400000 above it.
func TestResolve(t *testing.T) {
	for _, tt := range []struct {
		path string
		base uint64
	}{{seedMain, 0}, {seedNopie, 0x400000}} {
		b := open(t, tt.path)
		abs, err := filepath.Abs(tt.path)
		if err != nil {
			t.Fatal(err)
		}
		callee := symbol(t, b, "callee")
		off := uint64(callee.Addr) - tt.base
		for _, c := range []struct {
			text, event, place string
			offset             uint64
			ret                bool
		}{
			{"callee", "callee", "callee", off, false},
			{"callee%return", "callee__return", "callee%return", off, true},
			{"callee+4", "callee", "callee+4", off + 4, false},
			{"x=callee%return", "x", "callee%return", off, true}, // as the user says, without __return
			{spf("0x%x", off), spf("abs_%x", off), spf("0x%x", off), off, false},
			{spf("0x%x%%return", off), spf("abs_%x__return", off), spf("0x%x%%return", off), off, true},
			{spf("@0x%x", uint64(callee.Addr)), spf("abs_%x", uint64(callee.Addr)), spf("@0x%x", uint64(callee.Addr)), off, false},
		} {
			p, err := resolve(t, b, c.text)
			if err != nil {
				t.Error(err)
				continue
			}
			want := tracefs.Probe{Kind: tracefs.Uprobe, Return: c.ret, Group: "probe_main", Name: c.event, Path: abs}
			got := p.Probes[0]
			if uint64(got.Offset) != c.offset || p.Place != c.place || len(p.Notes) != 0 {
				t.Errorf("%s of %s: offset %#x, place %q, notes %q; want %#x, %q", c.text, tt.path, got.Offset, p.Place, p.Notes, c.offset, c.place)
			}
			got.Offset = 0
			if g, w := got.Event(), want.Event(); g != w || got.Return != want.Return || got.Path != want.Path || got.Kind != want.Kind {
				t.Errorf("%s of %s: %+v, want %+v", c.text, tt.path, got, want)
			}
		}
	}
}

func TestResolveErrors(t *testing.T) {
	main := open(t, seedMain)
	nopie := open(t, seedNopie)
	callee := symbol(t, main, "callee")
	funcs := open(t, zoo+"funcs")
	f1, f2 := symbol(t, funcs, "_ZN2ns1A1fEi"), symbol(t, funcs, "_ZN2ns1A1fEd")
	twice := open(t, zoo+"twice")
	stripped := open(t, zoo+"stripped")
	for _, tt := range []struct {
		b    *Binary
		text string
		is   error
		want string
	}{
		{main, "calle", fs.ErrNotExist, "has no such function; did you mean callee?"},
		{main, "nothing_like_it", fs.ErrNotExist, "probe nothing_like_it: "},
		{main, "callee+400", nil, "the offset is behind the end of callee, which has"},
		{main, "0x99999999", nil, "no loaded part of"},
		{main, "0x10", nil, "has data there, not code"},
		{nopie, "0x401126", nil, "give an ELF address as @0x401126"},
		{nopie, "@0x1126", nil, "has this address in the file"},
		{main, spf("0x%x%%return", uint64(callee.Addr)+4), nil, "4 bytes into callee"},
		{funcs, "ns::A::f", nil, spf("has 2 functions of this name; choose one: @%#x (ns::A::f(int)), @%#x (ns::A::f(double))", uint64(f1.Addr), uint64(f2.Addr))},
		{funcs, "variable", fs.ErrNotExist, "the name is that of a variable"},
		{funcs, "ns::A::h", fs.ErrNotExist, "did you mean ns::A::f"},
		{main, "callee $retval", nil, "argument $retval: only returns have it; write callee%return"},
		{twice, "helper", nil, "has 2 functions of this name; choose one: @0x"},
		{stripped, "start", fs.ErrNotExist, "it has no symbols of functions (stripped): give a file offset"},
	} {
		p, err := resolve(t, tt.b, tt.text)
		if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("%s: %+v, %v\nwant %q", tt.text, p, err, tt.want)
			continue
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than one line: %q", tt.text, err)
		}
	}
	var ambiguous *AmbiguousError
	if _, err := resolve(t, twice, "helper"); !errors.As(err, &ambiguous) || len(ambiguous.Candidates) != 2 {
		t.Errorf("helper: %v, want an AmbiguousError with both", err)
	}
}

// TestResolveNames: the spellings of a C++ function, operators among them.
func TestResolveNames(t *testing.T) {
	b := open(t, zoo+"funcs")
	for text, name := range map[string]string{
		"_ZN2ns1A1fEi": "_ZN2ns1A1fEi", "ns::A::f(int)": "_ZN2ns1A1fEi", "ns::A::f(double)": "_ZN2ns1A1fEd", "plain": "_Z5plaini", "start": "start",
		"ns::A::operator==": "_ZN2ns1AeqEi", "ns::A::operator==(int)": "_ZN2ns1AeqEi",
	} {
		p, err := resolve(t, b, text)
		if err != nil {
			t.Error(err)
			continue
		}
		want, _ := b.Module().FileOffset(symbol(t, b, name).Addr)
		if uint64(p.Probes[0].Offset) != uint64(want) {
			t.Errorf("%s is at %#x, want %#x", text, p.Probes[0].Offset, want)
		}
	}
}

// TestResolveVersions: of several versions the one that new programs get is
// taken, and the others are named.
func TestResolveVersions(t *testing.T) {
	b := open(t, zoo+"versions.so")
	p, err := resolve(t, b, "renamed")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("readelf", "--dyn-syms", "-W", b.Path()).Output()
	if err != nil {
		t.Skip(err)
	}
	var current, old string
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) < 8 {
			continue
		}
		switch f[7] {
		case "renamed@@V2":
			current = strings.TrimLeft(f[1], "0")
		case "renamed@V1":
			old = strings.TrimLeft(f[1], "0")
		}
	}
	if got := spf("%x", uint64(p.Probes[0].Offset)); got != current || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "renamed@V1 at @0x"+old) {
		t.Errorf("offset %s, notes %q; readelf has the new one at %s, the old one at %s", got, p.Notes, current, old)
	}
	p, err = resolve(t, b, "chosen")
	if err != nil || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "(chosen) is a GNU indirect function.") {
		t.Errorf("chosen: %v, notes %q", err, p.Notes)
	}
}

func TestOpenBinaryErrors(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("no ELF file at all, but long enough to have a header of one in it"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path string
		is   error
		want string
	}{
		{filepath.Join(dir, "gone"), fs.ErrNotExist, "gone: no such file"},
		{dir, nil, "it is not a regular file"},
		{text, symbolize.ErrNotELF, text},
		{zoo + "twice.o", nil, "neither a program nor a shared library"},
	} {
		_, err := OpenBinary(tt.path)
		if err == nil || !strings.Contains(err.Error(), tt.want) || tt.is != nil && !errors.Is(err, tt.is) {
			t.Errorf("OpenBinary(%s) = %v, want %q", tt.path, err, tt.want)
		}
	}
}

// TestOpenBinaryPath: links are followed, except to names that no definition
// can hold.
func TestOpenBinaryPath(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(seedMain)
	if err != nil {
		t.Fatal(err)
	}
	good, odd := filepath.Join(dir, "good"), filepath.Join(dir, "o d d")
	for _, path := range []string{good, odd} {
		if err := os.WriteFile(path, content, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, strings.ReplaceAll(path, " ", "")+"-link"); err != nil {
			t.Fatal(err)
		}
	}
	if b := open(t, good+"-link"); b.Path() != good {
		t.Errorf("through a link: %s, want %s", b.Path(), good)
	}
	link := filepath.Join(dir, "odd-link")
	if b := open(t, link); b.Path() != link {
		t.Errorf("through a link to %q: %s, want the link", odd, b.Path())
	}
	if _, err := OpenBinary(odd); err == nil || !strings.Contains(err.Error(), "use a link") {
		t.Errorf("OpenBinary(%q) = %v", odd, err)
	}
}

// goProgram builds a small Go program.
func goProgram(t *testing.T, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	const source = "package main\n\ntype db struct{ n int }\n\n//go:noinline\nfunc (d *db) query(a int) int { return a + d.n }\n\nfunc main() { println((&db{2}).query(3)) }\n"
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", append(append([]string{"build", "-o", "prog"}, flags...), "main.go")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); errors.Is(err, exec.ErrNotFound) {
		t.Skip(err)
	} else if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "prog")
}

// TestGoReturn: a return of a Go function is caught where its code returns, by
// points of one event, unless a return probe is forced.
func TestGoReturn(t *testing.T) {
	b := open(t, goProgram(t))
	events, err := resolveAll(t, b, "main.(*db).query%return", Options{})
	if err != nil {
		t.Fatal(err)
	}
	query := symbol(t, b, "main.(*db).query")
	for _, p := range events[0].Probes {
		at, _ := b.Module().VirtAddr(symbolize.FileOffset(p.Offset))
		if p.Return || at <= query.Addr || at >= query.Addr+symbolize.VirtAddr(query.Size) {
			t.Errorf("a point of the return: %+v", p)
		}
	}
	if h := events[0].Hits.Events[0]; !h.Return || !h.AtReturns || len(h.Points) != len(events[0].Probes) {
		t.Errorf("hits: %+v", h)
	}
	if events, err := resolveAll(t, b, "main.(*db).query%return", Options{AllowGoReturn: true}); err != nil || !events[0].Probes[0].Return {
		t.Errorf("forced: %+v, %v", events, err)
	}
	p, err := resolve(t, b, "main.(*db).query")
	if err != nil || p.Probes[0].Name != "main_db_query" || p.Probes[0].Return {
		t.Errorf("entry: %+v, %v", p, err)
	}
}

func TestResolveKernel(t *testing.T) {
	for text, want := range map[string]string{
		"do_fork":                 "p:probe/do_fork do_fork",
		"do_fork%return $retval":  "r:probe/do_fork__return do_fork $retval",
		"myprobe=_do_fork+4":      "p:probe/myprobe _do_fork+4",
		"g:x=kernel_clone a=%di":  "p:g/x kernel_clone a=%di",
		"tcp_sendmsg.constprop.0": "p:probe/tcp_sendmsg tcp_sendmsg.constprop.0",
	} {
		s, err := ParseSpec(text)
		if err != nil {
			t.Error(err)
			continue
		}
		p, err := ResolveKernel(s)
		if err != nil {
			t.Error(err)
			continue
		}
		if def, err := p.Probes[0].Definition(); def != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", text, def, err, want)
		}
	}
	for _, text := range []string{"0x1139", "@0x1139", "ns::f(int)", "main/x"} {
		s, err := ParseSpec(text)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := ResolveKernel(s); err == nil {
			t.Errorf("%s: %+v, want an error", text, p)
		}
	}
}

func TestMatchRun(t *testing.T) {
	link := filepath.Join(t.TempDir(), "other-name")
	abs, err := filepath.Abs(seedMain)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(abs, link); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ group, event, program, place string }{
		{"probe_main", "callee", seedNopie, "callee"},
		{"probe_main", "callee__return", seedNopie, "callee%return"},
		{"probe_main", "callee", link, "callee"}, // the file behind the link
		{"probe_other", "callee", link, "callee"},
		{"probe_funcs", "plain", zoo + "funcs", "plain"},
		{"probe_funcs", "ns_A_operator__return", zoo + "funcs", "ns::A::operator==%return"},
	} {
		p, ok, err := MatchRun(tracefs.EventName{Group: tt.group, Name: tt.event}, tt.program, Options{})
		if !ok || err != nil || p.Place != tt.place || p.Probes[0].Group != tt.group || p.Probes[0].Name != tt.event {
			t.Errorf("%s:%s of %s: %+v, %v, %v", tt.group, tt.event, tt.program, p, ok, err)
		}
	}
	for _, tt := range []struct{ group, event, program string }{
		{"probe_man", "callee", seedNopie}, {"sched", "sched_switch", seedNopie}, {"probe", "callee", seedNopie}, {"main", "callee", seedNopie},
	} {
		if p, ok, err := MatchRun(tracefs.EventName{Group: tt.group, Name: tt.event}, tt.program, Options{}); ok || err != nil {
			t.Errorf("%s:%s of %s: %+v, %v, %v, want no match", tt.group, tt.event, tt.program, p, ok, err)
		}
	}
	for _, tt := range []struct{ group, event, program, want string }{
		{"probe_main", "calle", seedNopie, "event probe_main:calle does not exist and cannot be defined for this run: probe calle: "},
		{"probe_main", "calle", seedNopie, "did you mean callee?"},
		{"probe_funcs", "ns_A_f", zoo + "funcs", "2 functions of this name"},
		{"probe_binary_test", "callee", "binary_test.go", ""},
	} {
		if p, ok, err := MatchRun(tracefs.EventName{Group: tt.group, Name: tt.event}, tt.program, Options{}); !ok || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s:%s of %s: %+v, %v, %v, want %q", tt.group, tt.event, tt.program, p, ok, err, tt.want)
		}
	}
}
