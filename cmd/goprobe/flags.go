package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// options are what the flags say.
type options struct {
	exec       string
	add        []string
	definition []string
	list       string
	del        []string

	gc, raw, dryRun, force, quiet, verbose, help, version bool
}

// flags defines the command's flags. A flag's usage begins with the heading
// that help puts it under, and a bar.
func flags(o *options) *pflag.FlagSet {
	set := pflag.NewFlagSet("goprobe", pflag.ContinueOnError)
	set.SetInterspersed(false) // an argument such as -4(%bp) is no option
	set.SortFlags = false
	set.Usage = func() {}

	set.StringVarP(&o.exec, "exec", "x", "", "what to probe|the program or library at `PATH`; without it the kernel")
	set.StringArrayVarP(&o.add, "add", "a", nil, "commands|add a probe; as `DEF` without a flag")
	set.StringArrayVarP(&o.definition, "definition", "D", nil, "commands|print the line that defines probe `DEF`, add nothing")
	set.StringVarP(&o.list, "list", "l", "", "commands|list probes, those that `[GROUP:]EVENT` patterns match")
	set.Lookup("list").NoOptDefVal = "*"
	set.StringArrayVarP(&o.del, "del", "d", nil, "commands|delete the probes that `[GROUP:]EVENT`, a pattern, matches")
	set.BoolVar(&o.gc, "gc", false, "commands|delete what killed recordings left behind")

	set.BoolVarP(&o.dryRun, "dry-run", "n", false, "how|change nothing, say what would be done")
	set.BoolVarP(&o.force, "force", "f", false, "how|add event_1, event_2 … where the name is taken")
	set.BoolVar(&o.raw, "raw", false, "how|with --list: the kernel's own lines")
	set.BoolVarP(&o.quiet, "quiet", "q", false, "how|say nothing but errors")
	set.BoolVarP(&o.verbose, "verbose", "v", false, "how|say what is written to the kernel")
	set.BoolVarP(&o.help, "help", "h", false, "how|show this help")
	set.BoolVar(&o.version, "version", false, "how|show the version")

	for _, f := range notYet {
		set.StringP(f.name, f.short, "", "")
		set.Lookup(f.name).NoOptDefVal = f.optional
		set.Lookup(f.name).Hidden = true
	}
	addNegations(set)
	return set
}

// notYet are flags that are known by name only.
var notYet = []struct{ name, short, optional, instead string }{
	{"funcs", "F", "*", "nm -C PATH lists the functions"},
	{"line", "L", "", "objdump -dl PATH shows the lines of a function"},
	{"vars", "V", "", "gdb -batch -ex 'info scope FUNC' PATH lists the variables"},
	{"where", "", "", "goprobe -x PATH -D FUNC shows the file offset, nm PATH the ELF address"},
	{"pid", "p", "", "a probe is on the file, for all processes that run it"},
}

func unsupported(set *pflag.FlagSet) error {
	for _, f := range notYet {
		if set.Changed(f.name) {
			return usageError{fmt.Sprintf("--%s is not supported yet; %s", f.name, f.instead)}
		}
	}
	return nil
}

// addNegations gives every boolean its --no-NAME.
func addNegations(set *pflag.FlagSet) {
	var booleans []*pflag.Flag
	set.VisitAll(func(f *pflag.Flag) {
		if f.Value.Type() == "bool" && f.Name != "help" && f.Name != "version" {
			booleans = append(booleans, f)
		}
	})
	for _, f := range booleans {
		no := set.VarPF(negation{f.Value}, "no-"+f.Name, "", "")
		no.NoOptDefVal = "true"
		no.Hidden = true
	}
}

// negation sets the opposite of what it is set to.
type negation struct{ pflag.Value }

func (n negation) Set(s string) error {
	v, err := strconv.ParseBool(s)
	if err != nil {
		return err
	}
	return n.Value.Set(strconv.FormatBool(!v))
}

func version() string {
	v := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		v = info.Main.Version
	}
	return strings.Join([]string{"goprobe", v, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}, " ")
}
