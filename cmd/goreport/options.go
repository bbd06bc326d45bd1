package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"gorecord/cmd/internal/cli"
	"gorecord/cmd/internal/recording"
	"gorecord/report"
)

// options are what the command line says.
type options struct {
	input      string
	sort       string
	fields     string
	filter     recording.Filters
	rows       rowOptions
	calls      report.CallOptions
	callsSet   bool
	inverted   bool
	symbols    recording.Symbols
	header     bool
	headerOnly bool
	stats      bool
	latency    bool
	pprof      string
	quiet      bool
	verbose    bool
}

type rowOptions struct {
	children       bool
	samples        bool
	period         bool
	cpuModes       bool
	hideUnresolved bool
	percentLimit   float64
	limitSet       bool
	separator      string
	maxStack       int
}

const description = `
Reads a recording made by gorecord or perf and prints, for each event, a table of what was hit, in the layout of
perf report --stdio: for recordings with callchains also with what each function called, and call trees.

Without FILE, perf.data is read.`

// command describes goreport.
func command(o *options) *cli.Command {
	c := cli.New("goreport", "show what is in a recording")
	c.Forms = []string{"[flags] [FILE]"}
	c.Text = description
	c.Examples = []cli.Example{
		{Line: "goreport", Does: "where the events in perf.data hit"},
		{Line: "goreport --no-children -g caller -s dso,symbol", Does: "what takes the time itself, with the ways that lead there"},
		{Line: "goreport -s comm --comms nginx,php --time 10%-20%", Does: "two programs in a part of the recording"},
		{Line: "goreport -s trace -n", Does: "what tracepoints said, and how often"},
		{Line: "goreport --latency", Does: "how long calls took, of functions whose entry and return were recorded"},
		{Line: "goreport --pprof p.pb.gz && go tool pprof -http=: p.pb.gz", Does: "look at it in pprof"},
	}
	c.Statuses = []cli.Example{
		{Line: "0", Does: "reported, or the recording has no samples (said on stderr)"},
		{Line: "129", Does: "a flag or a key cannot be understood"},
		{Line: "130", Does: "ended by Ctrl-C"},
		{Line: "255", Does: "the recording cannot be read"},
	}
	inputFlags(c, o)
	tableFlags(c, o)
	callFlags(c, o)
	filterFlags(c, o)
	o.symbols.Flags(c)
	viewFlags(c, o)
	notYet(c)
	return c
}

func inputFlags(c *cli.Command, o *options) {
	c.Group("Input")
	force := false
	c.StringVarP(&o.input, "input", "i", "", "read `FILE` (default perf.data; - for standard input, to its end)")
	c.BoolVarP(&force, "force", "f", false, "accepted: whose file it is does not matter here")
}

func tableFlags(c *cli.Command, o *options) {
	c.Group("Tables")
	stdio := true
	c.StringVarP(&o.sort, "sort", "s", "", "group and sort by `KEY,…`: comm, dso, symbol, pid (thread), tgid (process), tid, cpu, trace,\n"+
		"or values: overhead, overhead_sys, overhead_us, overhead_children, sample, period;\n"+
		"+KEY adds to the default comm,dso,symbol (trace for tracepoints with arguments)")
	c.StringVarP(&o.fields, "fields", "F", "", "columns `KEY,…`: the same keys")
	c.BoolVar(&o.rows.children, "children", true, "add what a function called to its overhead (where callchains were recorded)")
	c.BoolVarP(&o.rows.samples, "show-nr-samples", "n", false, "show numbers of samples")
	c.BoolVar(&o.rows.period, "show-total-period", false, "show sums of periods")
	c.BoolVar(&o.rows.cpuModes, "show-cpu-utilization", false, "show overhead in the kernel and in programs apart")
	c.Var(percentLimit{&o.rows}, "percent-limit", "leave out what is less than `PERCENT`")
	c.StringVarP(&o.rows.separator, "field-separator", "t", "", "put `SEP` between columns instead of aligning them")
	c.BoolVarP(&o.rows.hideUnresolved, "hide-unresolved", "U", false, "leave out what has no function name")
	c.BoolVar(&stdio, "stdio", true, "accepted: there is no other interface")
}

func callFlags(c *cli.Command, o *options) {
	c.Group("Call trees")
	calls := c.VarPF(callGraph{o}, "call-graph", "g", "show call trees as `TYPE,MIN,…`: graph, fractal, flat, folded or none; least percentage,\n"+
		"most entries; caller or callee first; function or address; percent, period or count\n"+
		"(default graph,0.5,caller,function,percent; callee with --no-children)")
	calls.NoOptDefVal = defaultCalls
	c.BoolVarP(&o.inverted, "inverted", "G", false, "callers first, as -g caller")
	c.BoolFunc("no-call-graph", "no call trees, as -g none", func(string) error {
		return o.calls.Parse("none")
	})
	c.IntVar(&o.rows.maxStack, "max-stack", 1024, "use the innermost `N` frames of each callchain")
	inline := true
	c.BoolVar(&inline, "inline", true, "accepted: inlined functions are not found yet")
}

func filterFlags(c *cli.Command, o *options) {
	c.Group("Filters")
	o.filter.Flags(c)
	c.StringVarP(&o.filter.DSOs, "dsos", "d", "", "only hits in files `NAME,…`")
}

func viewFlags(c *cli.Command, o *options) {
	c.Group("Output")
	c.BoolVar(&o.header, "header", false, "show what the recording says of itself, in front")
	c.BoolVar(&o.headerOnly, "header-only", false, "show nothing else")
	c.BoolVar(&o.stats, "stats", false, "count records instead")
	c.StringVar(&o.pprof, "pprof", "", "write a profile for go tool pprof to `FILE` (- for standard output)")
	c.BoolVar(&o.latency, "latency", false, "show how long calls took, from the entries and returns of functions")
	c.BoolVarP(&o.quiet, "quiet", "q", false, "print only rows, and no warnings")
	c.BoolVarP(&o.verbose, "verbose", "v", false, "say all that could not be read or named")
}

func notYet(c *cli.Command) {
	const throughPprof = "--pprof FILE, then go tool pprof"
	for _, f := range []struct{ name, short, wayOut string }{
		{"calls", "", "goscript lists entries and returns in order"},
		{"by", "", "it goes with --latency"},
		{"from", "", "it goes with --latency"},
		{"to", "", "it goes with --latency"},
		{"key", "", "it goes with --latency"},
		{"flamegraph", "", throughPprof + " -http=: FILE shows a flame graph"},
		{"folded", "", "-g folded,0 -s comm prints folded callchains"},
		{"json", "", "goscript --json prints every sample"},
		{"annotate", "", throughPprof + " -disasm shows instructions"},
		{"firefox", "", throughPprof + " -http=: FILE"},
		{"speedscope", "", "speedscope opens the file of --pprof"},
		{"perfetto", "", throughPprof + " -http=: FILE"},
		{"http", "", throughPprof + " -http=: FILE"},
		{"diff", "", throughPprof + " -diff_base BASE FILE compares two"},
		{"fail-if", "", "it goes with --diff"},
		{"from-trace", "", "record with gorecord"},
		{"value", "", "it goes with --pprof; EVENT_event sums up periods"},
		{"inlines", "", "--pprof FILE, then go tool pprof -list FUNCTION"},
		{"vmlinux", "k", "--kallsyms FILE reads the kernel's symbols"},
		{"parent", "p", "-g caller shows who called"},
		{"hierarchy", "", "-s KEY,… shows every combination as a row"},
		{"group", "", "events are shown one after the other"},
		{"branch-stack", "b", "callchains are shown with -g"},
		{"mem-mode", "", "perf report --mem-mode reads the same file"},
		{"dump-raw-trace", "D", "goscript lists every sample"},
		{"show-info", "I", "--header shows what is commonly needed"},
		{"tasks", "", "-s tgid,comm shows processes with samples"},
		{"mmaps", "", "goscript lists every sample with its file"},
		{"column-widths", "w", "-t SEP does not align columns"},
	} {
		c.NotYet(f.name, f.short, f.wayOut)
	}
}

// defaultCalls stands for -g without a value.
const defaultCalls = "default"

type callGraph struct{ o *options }

func (v callGraph) String() string { return "" }
func (v callGraph) Type() string   { return "type" }
func (v callGraph) Set(s string) error {
	v.o.callsSet = true
	if s == defaultCalls {
		s = ""
	}
	return v.o.calls.Parse(s)
}

// percentLimit sets the limit of rows and that of call trees.
type percentLimit struct{ rows *rowOptions }

func (v percentLimit) String() string { return "" }
func (v percentLimit) Type() string   { return "percent" }
func (v percentLimit) Set(s string) error {
	var limit float64
	if _, err := fmt.Sscanf(strings.TrimSuffix(s, "%"), "%g", &limit); err != nil || !(limit >= 0) || limit > 100 {
		return fmt.Errorf("%q is no percentage", s)
	}
	v.rows.percentLimit, v.rows.limitSet = limit, true
	return nil
}

// attachCalls writes -g TYPE and -gTYPE, which perf takes, as -g=TYPE, which
// pflag does. What follows -g but is no type may be the file.
func attachCalls(args []string) []string {
	out := make([]string, 0, len(args))
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			return append(out, args[i:]...)
		}
		if takesValue(a) && i+1 < len(args) {
			out = append(out, a, args[i+1])
			i++
			continue
		}
		if before, value, ok := splitShort(a); ok && value != "" {
			a = before + "=" + value
		} else if (ok || a == "--call-graph") && i+1 < len(args) && report.IsCallWord(args[i+1]) {
			i++
			a += "=" + args[i]
		}
		out = append(out, a)
	}
	return out
}

const (
	shortBooleans = "fnUGqvh"
	shortValues   = "isFtcdSC"
)

// splitShort finds -g in an argument of bundled short flags, and what stands
// behind it.
func splitShort(a string) (before, value string, ok bool) {
	if len(a) < 2 || a[0] != '-' || a[1] == '-' {
		return "", "", false
	}
	rest := strings.TrimLeft(a[1:], shortBooleans)
	if !strings.HasPrefix(rest, "g") {
		return "", "", false
	}
	value = strings.TrimPrefix(rest[1:], "=")
	return a[:len(a)-len(rest)+1], value, true
}

// takesValue reports whether the argument is a flag whose value is the next
// argument, which must not be taken for a flag then.
func takesValue(a string) bool {
	if name, ok := strings.CutPrefix(a, "--"); ok {
		switch name {
		case "input", "sort", "fields", "percent-limit", "field-separator", "max-stack", "event", "comms", "dsos", "symbols",
			"pid", "tid", "cpu", "time", "symfs", "kallsyms", "pprof":
			return true
		}
		return false
	}
	if len(a) < 2 || a[0] != '-' {
		return false
	}
	rest := strings.TrimLeft(a[1:], shortBooleans)
	return len(rest) == 1 && strings.Contains(shortValues, rest)
}

// parse reads the command line. Where done is true, the command ends with
// status.
func parse(args []string, stdout, stderr io.Writer) (o options, c *cli.Command, done bool, status int) {
	o.calls = report.DefaultCallOptions()
	c = command(&o)
	if done, status = c.Main(attachCalls(args), stdout, stderr); done {
		return o, c, true, status
	}
	if err := o.check(c.Args()); err != nil {
		return o, c, true, c.UsageError(stderr, err)
	}
	return o, c, false, 0
}

// check refuses what cannot go together, and fills in the file.
func (o *options) check(args []string) error {
	var err error
	if o.input, err = recording.Choose(o.input, args); err != nil {
		return err
	}
	switch {
	case o.rows.separator == ".":
		return errors.New("-t .: the full stop stands for separators within names; choose another")
	case o.rows.maxStack < 1:
		return fmt.Errorf("--max-stack %d: at least one frame is needed", o.rows.maxStack)
	case o.pprof != "" && (o.stats || o.headerOnly):
		return errors.New("--pprof does not go with --stats or --header-only; call goreport twice")
	}
	if o.inverted {
		o.calls.Callers, o.calls.OrderSet = true, true
	}
	if o.rows.limitSet {
		o.calls.MinPercent = o.rows.percentLimit
	}
	return nil
}
