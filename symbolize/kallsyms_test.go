package symbolize

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

const someKallsyms = `ffffffff81000000 T _stext
ffffffff81000000 T _text
ffffffff81000100 t first
ffffffff81000180 W weak_one
ffffffff81000180 t second
ffffffff81000190 a absolute
ffffffff81000200 r constant
ffffffff81000210 R _etext
ffffffff81000300 d variable
ffffffff81000400 B zeroed
ffffffffc0002000 t mod_b_func	[mod_b]
ffffffffc0001080 t mod_a_late	[mod_a]
ffffffffc0001000 T mod_a_func	[mod_a]
ffffffffc0001040 t $x	[mod_a]
ffffffffc0003010 t bpf_prog_6deef7357e7b4530	[bpf]
`

func readKallsyms(t testing.TB, text string) *Kallsyms {
	t.Helper()
	k, err := ReadKallsyms(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKallsymsLookup(t *testing.T) {
	k := readKallsyms(t, someKallsyms)
	for _, test := range []struct {
		addr RuntimeAddr
		want string
	}{
		{0xffffffff80ffffff, ""},
		{0xffffffff81000000, "_text+0"}, // the last of several at an address
		{0xffffffff810000ff, "_text+255"},
		{0xffffffff81000100, "first+0"},
		{0xffffffff81000185, "second+5"}, // not ended by an absolute one
		{0xffffffff81000205, "second+133"},
		{0xffffffff81000300, "variable+0"},
		{0xffffffff81001fff, "zeroed+7167"}, // up to a page further, rounded up
		{0xffffffff81002000, ""},
		{0xffffffffc0001050, "mod_a:mod_a_func+80"},
		{0xffffffffc000107f, "mod_a:mod_a_func+127"},
		{0xffffffffc0002fff, "mod_b:mod_b_func+4095"},
		{0xffffffffc0003000, ""},
		{0xffffffffc0003011, "bpf:bpf_prog_6deef7357e7b4530+1"},
		{0xffffffffffffffff, ""},
	} {
		sym, off, ok := k.Lookup(test.addr)
		got := ""
		if ok {
			got = fmt.Sprintf("%s+%d", sym.Name, off)
			if sym.Module != "" {
				got = sym.Module + ":" + got
			}
		}
		if got != test.want {
			t.Errorf("Lookup(%#x) = %q, want %q", uint64(test.addr), got, test.want)
		}
	}
}

func TestKallsymsAddress(t *testing.T) {
	k := readKallsyms(t, someKallsyms)
	for name, want := range map[string]RuntimeAddr{
		"_stext": 0xffffffff81000000, "_text": 0xffffffff81000000, "_etext": 0xffffffff81000210,
		"weak_one": 0xffffffff81000180, "second": 0xffffffff81000180, "variable": 0xffffffff81000300,
		"constant": 0, "mod_a_func": 0, "absent": 0,
	} {
		if got, ok := k.Address(name); got != want || ok != (want != 0) {
			t.Errorf("Address(%s) = %#x, %v, want %#x", name, uint64(got), ok, uint64(want))
		}
	}
	want := []KernelModule{
		{"mod_a", 0xffffffffc0001000, 0xffffffffc0002000},
		{"mod_b", 0xffffffffc0002000, 0xffffffffc0003000},
		{"bpf", 0xffffffffc0003010, 0xffffffffc0005000},
	}
	if got := k.Modules(); !slices.Equal(got, want) {
		t.Errorf("Modules() = %#x, want %#x", got, want)
	}
}

func TestKallsymsRestricted(t *testing.T) {
	hidden := readKallsyms(t, "0000000000000000 T _text\n0000000000000000 t f\t[m]\n")
	if _, _, ok := hidden.Lookup(0); !hidden.Restricted() || ok || hidden.Modules() != nil {
		t.Errorf("all addresses zero: restricted %v, finds something %v", hidden.Restricted(), ok)
	}
	if _, ok := hidden.Address("_text"); ok {
		t.Error("all addresses zero: an address was given")
	}
	if readKallsyms(t, "").Restricted() {
		t.Error("an empty list is not a restricted one")
	}
	// Per-CPU symbols start at 0 in a list that hides nothing.
	if k := readKallsyms(t, "0000000000000000 A fixed_percpu_data\nffffffff81000000 T _text\n"); k.Restricted() {
		t.Error("one address of zero makes no restricted list")
	}
}

func TestKallsymsErrors(t *testing.T) {
	for name, text := range map[string]string{
		"no address": "T _text", "no type": "ffffffff81000000", "no name": "ffffffff81000000 T ",
		"no columns": "ffffffff81000000T_text", "ELF": "\x7fELF\x02\x01\x01", "too long": strings.Repeat("f", maxKallsymsLine+1),
	} {
		if _, err := ReadKallsyms(strings.NewReader("ffffffff80000000 t f\n" + text)); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%s: %v, want an error that names line 2", name, err)
		}
	}
	broken := errors.New("broken")
	if _, err := ReadKallsyms(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("broken reader: %v", err)
	}
}

func TestKallsymsLookupDoesNotAllocate(t *testing.T) {
	k := readKallsyms(t, someKallsyms)
	if n := testing.AllocsPerRun(100, func() {
		if _, _, ok := k.Lookup(0xffffffffc0001050); !ok {
			t.Fatal("not found")
		}
	}); n != 0 {
		t.Errorf("%v allocations for a look-up, want none", n)
	}
}

// manyKallsyms is a list of the size that distributions have.
func manyKallsyms() []byte {
	var b bytes.Buffer
	for i := range 200_000 {
		fmt.Fprintf(&b, "%016x %c some_function_of_the_kernel_%d\n", 0xffffffff81000000+uint64(i)*64, "Ttrd"[i%4], i)
	}
	return b.Bytes()
}

func BenchmarkReadKallsyms(b *testing.B) {
	texts := map[string][]byte{"200k": manyKallsyms()}
	if text, err := os.ReadFile("/proc/kallsyms"); err == nil {
		texts["here"] = text
	}
	for name, text := range texts {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := ReadKallsyms(bytes.NewReader(text)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkKallsymsLookup(b *testing.B) {
	k, err := ReadKallsyms(bytes.NewReader(manyKallsyms()))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	i := uint64(0)
	for b.Loop() {
		i = (i*6364136223846793005 + 1442695040888963407)
		if _, _, ok := k.Lookup(RuntimeAddr(0xffffffff81000000 + i>>20%(199_000*64))); !ok {
			b.Fatal("not found")
		}
	}
}
