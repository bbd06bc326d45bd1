package symbolize

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestDemangle(t *testing.T) {
	for _, test := range []struct{ name, short, full string }{
		{"main", "main", "main"},
		{"", "", ""},
		{"_Z", "_Z", "_Z"},
		{"_R", "_R", "_R"},
		{"__libc_start_main", "__libc_start_main", "__libc_start_main"},
		{"main.(*T).f", "main.(*T).f", "main.(*T).f"},
		{"_ZN2ns4overEi", "ns::over", "ns::over(int)"},
		{"_ZNKSt6vectorIiSaIiEE4sizeEv", "std::vector<int, std::allocator<int> >::size", "std::vector<int, std::allocator<int> >::size() const"},
		{"_Z6largerIiET_S0_S0_", "larger<int>", "int larger<int>(int, int)"},
		{"_ZN2ns1fEi.cold", "ns::f", "ns::f(int) [clone .cold]"},
		{"_ZN2ns1fEi.part.0", "ns::f", "ns::f(int) [clone .part.0]"},
		{"_ZN2ns1fEi@plt", "ns::f@plt", "ns::f(int)@plt"},
		{"_Z5foo_vi@@V1", "foo_v", "foo_v(int)"},
		{"_ZTV1A", "vtable for A", "vtable for A"},
		// Rust, legacy. Its hash needs five different digits.
		{"_ZN3std3sys9backtrace28__rust_begin_short_backtrace17h0123456789abcdefE", "std::sys::backtrace::__rust_begin_short_backtrace", "std::sys::backtrace::__rust_begin_short_backtrace"},
		{"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE.llvm.123", "core::fmt::Formatter::pad", "core::fmt::Formatter::pad"},
		{"_ZN42_$LT$$RF$T$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE", "<&T as core::fmt::Debug>::fmt", "<&T as core::fmt::Debug>::fmt"},
		{"_ZN1a1b17h0000000000000000E", "a::b::h0000000000000000", "a::b::h0000000000000000"},
		{"_ZN3a$Q1b17h0123456789abcdefE", "a$Q::b", "a$Q::b"},
		// Rust, v0.
		{"_RNvCskwGfYPst2Cb_3foo16example_function", "foo::example_function", "foo::example_function"},
		{"_RNvMs_Cs4Cv8Wi1oAIB_7mycrateNtB4_7Example3foo", "<mycrate::Example>::foo", "<mycrate::Example>::foo"},
		{"_RNvXCs15kBYyAo9fc_7mycrateNtB2_7ExampleNtB2_5Trait3foo", "<mycrate::Example as mycrate::Trait>::foo", "<mycrate::Example as mycrate::Trait>::foo"},
		{"_RINvCs7qp2U7fqm6G_7mycrate7exampleiyEB2_", "mycrate::example::<isize, u64>", "mycrate::example::<isize, u64>"},
		{"_RNCNvCsgStHSCytQ6I_7mycrate4main0B3_", "mycrate::main::{closure#0}", "mycrate::main::{closure#0}"},
		{"_RNCNCNCNvC1a1f00s_0", "a::f::{closure#0}::{closure#0}::{closure#1}", "a::f::{closure#0}::{closure#0}::{closure#1}"},
		{"_RNvC1au8gdel_5qa", "a::gödel", "a::gödel"},
		{"_RIC1aTiEE", "a::<(isize,)>", "a::<(isize,)>"},
		{"_RIC1aKj7b_Kb1_Kb0_Kln3_Kc41_KpE", "a::<123, true, false, -3, 'A', _>", "a::<123, true, false, -3, 'A', _>"},
		{"_RIC1aKo123456789abcdef01_E", "a::<0x123456789abcdef01>", "a::<0x123456789abcdef01>"},
		{"_RIC1aRAhj4_QSePlOmE", "a::<&[u8; 4], &mut [str], *const i32, *mut u32>", "a::<&[u8; 4], &mut [str], *const i32, *mut u32>"},
		{"_RIC1aFUKCiEuFG_RL0_eEzE", `a::<unsafe extern "C" fn(isize), for<'a> fn(&'a str) -> !>`, `a::<unsafe extern "C" fn(isize), for<'a> fn(&'a str) -> !>`},
		{"_RIC1aDNtC1b2TrIB4_lEp4ItemmEL_E", "a::<dyn b::Tr + b::Tr<i32, Item = u32>>", "a::<dyn b::Tr + b::Tr<i32, Item = u32>>"},
		{"_RIC1aKRe616263_KRAl1_l2_EKTl1_EKVNtC1b2OkTl5_EKVNtC1b1SS1xl1_EE", `a::<"abc", &[1, 2], (1,), b::Ok(5), b::S { x: 1 }>`, `a::<"abc", &[1, 2], (1,), b::Ok(5), b::S { x: 1 }>`},
		{"_RNvC1a1f.llvm.123", "a::f", "a::f"},
		{"_RNSC1a1f", "a::{shim:f#0}", "a::{shim:f#0}"},
		{"_RNvC1a2f", "_RNvC1a2f", "_RNvC1a2f"}, // cut off
		{"_RB_", "_RB_", "_RB_"},                // refers to itself
		{"_RNvC9999999999991a", "_RNvC9999999999991a", "_RNvC9999999999991a"},
		{"_R1NvC1a1f", "_R1NvC1a1f", "_R1NvC1a1f"}, // a later version
	} {
		if got := Demangle(test.name); got != test.short {
			t.Errorf("Demangle(%q)\n got %q\nwant %q", test.name, got, test.short)
		}
		if got := DemangleAs(test.name, DemangleFull); got != test.full {
			t.Errorf("in full, %q\n got %q\nwant %q", test.name, got, test.full)
		}
		if got := DemangleAs(test.name, DemangleNone); got != test.name {
			t.Errorf("not at all, %q: %q", test.name, got)
		}
	}
}

// Names that would print without end, or nest too deep, stay as they are.
func TestDemangleBounds(t *testing.T) {
	double := "_RIC1aT" + strings.Repeat("m", 30) // a tuple that later ones refer to, doubled each time
	at := 5
	for range 40 {
		here := len(double) - 2
		double += "T" + strings.Repeat("B"+base62(at)+"_", 8) + "E"
		at = here
	}
	for name, symbol := range map[string]string{
		"doubling":      double + "EE",
		"deep types":    "_RIC1a" + strings.Repeat("R", 100_000) + "lE",
		"deep paths":    "_R" + strings.Repeat("Nv", 100_000) + "C1a1f",
		"deep C++":      "_Z1f" + strings.Repeat("P", 100_000) + "i",
		"C++ templates": "_Z1f" + strings.Repeat("1aI", 20_000) + strings.Repeat("E", 20_000),
	} {
		if got := Demangle(symbol); len(got) > max(len(symbol), maxDemangled) {
			t.Errorf("%s: %d bytes", name, len(got))
		}
	}
}

func base62(v int) string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	if v == 0 {
		return ""
	}
	v--
	s := string(digits[v%62])
	for v /= 62; v > 0; v /= 62 {
		s = string(digits[v%62]) + s
	}
	return s
}

// Names of the libraries of this system: Rust names are those of c++filt, which
// shares its code with perf, without exception; of C++ names nearly all.
func TestDemangleAgainstCxxfilt(t *testing.T) {
	if _, err := exec.LookPath("c++filt"); err != nil {
		t.Skipf("the comparison needs c++filt: %v", err)
	}
	var symbols []string
	seen := map[string]bool{}
	collect := func(m *Module) {
		for s := range m.Symbols() {
			if mangled(s.Name) && !strings.Contains(s.Name, "@") && !seen[s.Name] && len(symbols) < 60_000 {
				seen[s.Name] = true
				symbols = append(symbols, s.Name)
			}
		}
	}
	for _, file := range append(systemFiles(), rustFiles()...) {
		if m, err := OpenModule(file); err == nil {
			collect(m)
			m.Close()
		}
	}
	if len(symbols) < 1000 {
		t.Skipf("only %d mangled names on this system", len(symbols))
	}
	cmd := exec.Command("c++filt", "-p", "-i")
	cmd.Stdin = strings.NewReader(strings.Join(symbols, "\n"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(want) != len(symbols) {
		t.Fatalf("c++filt gave %d lines to %d names", len(want), len(symbols))
	}
	differ, rust := 0, 0
	for i, name := range symbols {
		// libiberty prints constants of over 64 bits wrong.
		isRust := strings.HasPrefix(name, "_R") && !strings.Contains(want[i], "0x")
		if isRust {
			rust++
		}
		if got := Demangle(name); got != want[i] {
			if isRust {
				t.Errorf("%s\n got %s\nwant %s", name, got, want[i])
			}
			differ++
		}
	}
	t.Logf("%d names, %d of them Rust v0; %d differ", len(symbols), rust, differ)
	if differ > len(symbols)/100 {
		t.Errorf("%d of %d names differ from c++filt", differ, len(symbols))
	}
}

// rustFiles are libraries of a Rust toolchain, where one is installed.
func rustFiles() []string {
	out, err := exec.Command("rustc", "--print", "sysroot").Output()
	if err != nil {
		return nil
	}
	found, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "lib", "librustc_driver-*.so"))
	return found
}

func BenchmarkDemangle(b *testing.B) {
	for name, symbol := range map[string]string{
		"plain":  "__libc_start_main",
		"c++":    "_ZNSt6vectorIN2ns3BoxIiEESaIS2_EE9push_backERKS2_",
		"v0":     "_RNvXCs15kBYyAo9fc_7mycrateNtB2_7ExampleNtB2_5Trait3foo",
		"legacy": "_ZN42_$LT$$RF$T$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Demangle(symbol)
			}
		})
	}
}
