package debuginfo_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"gorecord/symbolize"
	"gorecord/symbolize/debuginfo"
)

// builds are the ways to compile a source.
var builds = [][]string{{"-O0", "-gdwarf-4"}, {"-O0", "-gdwarf-5"}, {"-O2", "-gdwarf-4"}, {"-O2", "-gdwarf-5"}}

// registers are gdb's names of DWARF's numbers.
func registers() []string {
	if runtime.GOARCH == "arm64" {
		var list []string
		for i := range 31 {
			list = append(list, fmt.Sprintf("$x%d", i))
		}
		return append(list, "$sp")
	}
	return strings.Fields("$rax $rdx $rcx $rbx $rsi $rdi $rbp $rsp $r8 $r9 $r10 $r11 $r12 $r13 $r14 $r15 $rip")
}

// expressions say in gdb's words what a variable is, and where we think that it
// lies; "" where that is not one piece of memory or one general register.
func expressions(v *debuginfo.Variable, loc debuginfo.Location) (gdbs, ours string) {
	if len(loc.Pieces) != 1 {
		return "", ""
	}
	p := loc.Pieces[0]
	names := registers()
	typ := v.Type.Name
	name := v.Name
	switch v.Type.Kind {
	case debuginfo.Reference: // gdb shows what they refer to
		typ, name = "long", "(long)&"+v.Name
	case debuginfo.Array:
		return "", ""
	}
	switch {
	case p.Entry || p.Kind == debuginfo.Register && p.Reg >= len(names):
		return "", ""
	case p.Kind == debuginfo.Register && v.Type.Kind != debuginfo.Struct:
		return name, fmt.Sprintf("(%s)%s", typ, names[p.Reg])
	case p.Kind == debuginfo.Memory:
		addr := fmt.Sprintf("%#x", uint64(p.Address.Static))
		if p.Address.Base >= 0 {
			addr = names[p.Address.Base]
		}
		for _, s := range p.Address.Steps {
			if s.Deref {
				addr = "*(long*)(" + addr + ")"
			}
			addr = fmt.Sprintf("((long)(%s)+(%d))", addr, s.Add)
		}
		return name, fmt.Sprintf("*(%s*)(%s)", typ, addr)
	}
	return "", ""
}

// tryCommand makes gdb go on after an error, and show where the caller's frame
// begins.
const tryCommand = `
python
class Try(gdb.Command):
    def __init__(self):
        super().__init__("try", gdb.COMMAND_USER)
    def invoke(self, arg, tty):
        try:
            gdb.execute(arg)
        except gdb.error as e:
            print("error: %s" % e)
Try()
class CFA(gdb.Command):
    def __init__(self):
        super().__init__("cfa", gdb.COMMAND_USER)
    def invoke(self, arg, tty):
        at = gdb.execute("info frame", to_string=True).split("frame at ")[1]
        print("cfa = %d" % int(at.split(":")[0], 16))
CFA()
end
set style enabled off
set confirm off
set backtrace past-main on
set pagination off
set width 0
`

func gdb(t *testing.T, path, script string) string {
	t.Helper()
	if _, err := exec.LookPath("gdb"); err != nil {
		t.Skip(err)
	}
	commands := filepath.Join(t.TempDir(), "commands")
	if err := os.WriteFile(commands, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("gdb", "-q", "-batch", "-nx", "-x", commands, path)
	b, err := cmd.CombinedOutput()
	out := string(b)
	for _, evidence := range []string{"ptrace: ", "Python scripting is not supported"} {
		if strings.Contains(out, evidence) {
			t.Skipf("gdb cannot be used here: %s", out)
		}
	}
	if err != nil {
		t.Fatalf("gdb: %v\n%s", err, out)
	}
	return out
}

// TestLocationsAgainstGDB stops at instructions of a running program and lets
// gdb read each variable in its own way and where Locate says.
func TestLocationsAgainstGDB(t *testing.T) {
	programs := []struct {
		compiler, source string
		functions        []string
	}{
		{"gcc", "c.c", []string{"callee", "big", "main"}},
		{"gcc", "lines.c", []string{"work", "main"}},
		{"g++", "cpp.cc", []string{"ns::Derived::method", "ns::over", "ns::ret", "ns::pair", "ns::Box<int>::f", "operator+"}},
	}
	for _, p := range programs {
		for _, flags := range builds {
			for _, frame := range []string{"-fomit-frame-pointer", "-fno-omit-frame-pointer"} {
				flags := append(slices.Clone(flags), "-no-pie", frame)
				if p.compiler == "g++" {
					if frame == "-fno-omit-frame-pointer" {
						continue // takes long to compile
					}
					flags = append(flags, "-std=c++20")
				}
				t.Run(fmt.Sprint(p.source, flags), func(t *testing.T) {
					t.Parallel()
					path := build(t, p.compiler, p.source, flags...)
					compareWithGDB(t, path, p.functions)
				})
			}
		}
	}
}

func compareWithGDB(t *testing.T, path string, functions []string) {
	f := open(t, path)
	var script strings.Builder
	script.WriteString(tryCommand)
	planned := 0
	for _, name := range functions {
		list, err := f.Find(name)
		if err != nil || len(list) == 0 {
			t.Errorf("Find(%q): %d, %v", name, len(list), err)
		}
		for _, fn := range list {
			planned += planStops(t, f, fn, &script)
		}
	}
	script.WriteString("run >/dev/null\n")
	out := gdb(t, path, script.String())
	compared := 0
	lines := strings.Split(out, "\n")
	for i := 0; i+2 < len(lines); i++ {
		what, ok := strings.CutPrefix(lines[i], "@@ ")
		if !ok {
			continue
		}
		_, want, okWant := strings.Cut(lines[i+1], " = ")
		_, got, okGot := strings.Cut(lines[i+2], " = ")
		if !okWant || !okGot {
			continue // gdb says why it cannot
		}
		if want != got {
			t.Errorf("%s is %s, gdb: %s", what, got, want)
		}
		compared++
	}
	t.Logf("%d values compared of %d planned", compared, planned)
	if compared < planned/4 || compared == 0 {
		t.Errorf("%d values compared of %d planned\n%s", compared, planned, out)
	}
}

// planStops writes what gdb does at some instructions of a function, and says
// how many values it will compare there.
func planStops(t *testing.T, f *debuginfo.File, fn *debuginfo.Function, script *strings.Builder) int {
	planned := 0
	for _, pc := range stops(f, fn) {
		fmt.Fprintf(script, "tbreak *%#x\ncommands\nsilent\n", uint64(pc))
		if reg, off, ok := f.CFA(pc); ok {
			fmt.Fprintf(script, "printf \"@@ %s+%#x: CFA\\n\"\n", fn.Name, uint64(pc))
			fmt.Fprintf(script, "cfa\nprint (long)%s+(%d)\n", registers()[reg], off)
			planned++
		} else {
			t.Errorf("%s: no CFA at %#x", fn.Name, uint64(pc))
		}
		seen := map[string]bool{}
		for _, v := range f.VarsAt(fn, pc) {
			if seen[v.Name] {
				continue // hidden by one of an inner block
			}
			seen[v.Name] = true
			if name, e := expressions(&v, f.Locate(fn, &v, pc)); e != "" {
				fmt.Fprintf(script, "printf \"@@ %s+%#x: %s\\n\"\ntry print %s\ntry print %s\n", fn.Name, uint64(pc), v.Name, name, e)
				planned++
			}
		}
		script.WriteString("continue\nend\n")
	}
	return planned
}

// stops are the places of a function's statements, its entry, and where its
// prologue ends.
func stops(f *debuginfo.File, fn *debuginfo.Function) []symbolize.VirtAddr {
	entry, ok := fn.Entry()
	if !ok {
		return nil
	}
	list := []symbolize.VirtAddr{entry}
	for _, l := range f.FunctionLines(fn) {
		addrs, _ := f.LineAddrs(fn.File, l.Line)
		for _, a := range addrs {
			if a >= fn.Ranges[0].Start && a < fn.Ranges[0].End {
				list = append(list, a)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
