package tracefs

import (
	"errors"
	"strings"
	"testing"
)

// fetchArgs are arguments, and whether the kernel takes them for a uprobe on
// x86-64: at an entry and at a return.
var fetchArgs = []struct {
	arg            string
	entry, return_ bool
	want           string // in the error
}{
	{"%di", true, true, ""},
	{"a=%di:s32", true, true, ""},
	{"%r15:x8", true, true, ""},
	{"%flags", true, true, ""},
	{"+8(%sp)", true, true, ""},
	{"-0x10(%bp):u16", true, true, ""},
	{"+u0(%di):ustring", true, true, ""},
	{"s=+0(+8(%di)):string", true, true, ""},
	{"$retval", false, true, "only returns have $retval"},
	{"r=$retval:s64", false, true, "only returns have $retval"},
	{"$stack", true, true, ""},
	{"$stack0:s32", true, true, ""},
	{"$comm", true, true, ""},
	{"$comm:string", true, true, ""},
	{"@+0x4010:s32", true, true, ""},
	{"@0x401000", true, true, ""},
	{`\1234`, true, true, ""},
	{`\-5:s32`, true, true, ""},
	{`\"text"`, true, true, ""},
	{"+0(%di):u8[16]", true, true, ""},
	{"+0(%di):x64[64]", true, true, ""},
	{"+0(%di):b3@5/32", true, true, ""},
	{"%di:b32@32/64", true, true, ""},
	{"%di:char", true, true, ""},
	{strings.Repeat("n", 32) + "=%di", true, true, ""},

	{"%zz", false, false, "x86_64 has no register zz"},
	{"%rdi", false, false, "did you mean di"},
	{"a=%di:s33", false, false, "it is no type"},
	{"a=%di:", false, false, "it is no type"},
	{"%di:string", false, false, "write +0(%di):string"},
	{"%di:u8[4]", false, false, "only memory holds an array"},
	{"+0(%di):u8[65]", false, false, "1 to 64 elements"},
	{"+0(%di):u8[0]", false, false, "1 to 64 elements"},
	{"+0(%di):u8[4", false, false, "a ] is missing"},
	{"+0(%di):b3@30/32", false, false, "not within its container"},
	{"+0(%di):b3@3/24", false, false, "8, 16, 32 or 64 bits"},
	{"+8(%sp", false, false, "a ) is missing"},
	{"+8", false, false, "stands no (…)"},
	{"+x(%di)", false, false, "is no offset"},
	{"+0(%zz)", false, false, "no register zz"},
	{"+0($comm)", false, false, "has no address"},
	{"$foo", false, false, "no variable of the kernel's"},
	{"$stackx", false, false, "the number of a word"},
	{"$arg1", false, false, "$argN is for the kernel's functions"},
	{"@main", false, false, "symbols are for the kernel"},
	{"@+x", false, false, "stands no number"},
	{`\x`, false, false, "stands no number"},
	{`\"text`, false, false, `a " is missing`},
	{"1a=%di", false, false, "is no name"},
	{"common_pid=%di", false, false, "the kernel's own"},
	{"%di:symbol", false, false, "is for the kernel's functions"},
	{strings.Repeat("n", 33) + "=%di", false, false, "at most 32"},
	{"a=", false, false, "nothing to fetch"},
	{"a=di", false, false, "no fetch argument begins so"},
}

func TestCheckArgs(t *testing.T) {
	for _, tt := range fetchArgs {
		for _, isReturn := range []bool{false, true} {
			ok := tt.entry
			if isReturn {
				ok = tt.return_
			}
			err := CheckArgs(Uprobe, isReturn, "x86_64", []string{tt.arg})
			var ae *ArgError
			if (err == nil) != ok || err != nil && (!errors.As(err, &ae) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%s (return %v): %v, want %q", tt.arg, isReturn, err, tt.want)
			}
		}
	}
	if err := CheckArgs(Uprobe, false, "x86_64", []string{"a=%di", "a=%si"}); err == nil || !strings.Contains(err.Error(), "is taken") {
		t.Errorf("equal names: %v", err)
	}
	if err := CheckArgs(Uprobe, false, "x86_64", make([]string, 129)); err == nil {
		t.Error("129 arguments")
	}
	if err := CheckArgs(Kprobe, false, "aarch64", []string{"$arg1", "%x3:u64", "@jiffies", "$arg1:string"}); err != nil {
		t.Errorf("kernel, arm64: %v", err)
	}
	if err := CheckArgs(Uprobe, false, "riscv64", []string{"%whatever"}); err != nil {
		t.Errorf("registers that are not known: %v", err)
	}
	err := CheckArgs(Uprobe, false, "x86_64", []string{"a=+0(%zz):string"})
	if err == nil || err.Error() != "argument a=+0(%zz):string, column 6, at %zz):string: x86_64 has no register zz; registers are %ax, %bx, %cx, %dx, %si, %di, %bp, %sp and so on" {
		t.Errorf("%v", err)
	}
}

func FuzzCheckArgs(f *testing.F) {
	for _, tt := range fetchArgs {
		f.Add(tt.arg)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		for _, kind := range []Kind{Uprobe, Kprobe} {
			if err := CheckArgs(kind, true, "x86_64", []string{arg}); err != nil {
				var ae *ArgError
				if !errors.As(err, &ae) || ae.Column < 0 || ae.Column > len(arg) {
					t.Fatalf("%q: %v", arg, err)
				}
			}
		}
	})
}
