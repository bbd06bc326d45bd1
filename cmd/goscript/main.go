// Goscript prints a recording sample by sample.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"gorecord/cmd/internal/cli"
	"gorecord/perfevent/perfdata"
	"gorecord/report/script"
	"gorecord/symbolize"
	"gorecord/symbolize/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// options are what the command line says.
type options struct {
	input    string
	json     bool
	ns       bool
	maxStack int
	symfs    string
	kallsyms string
	demangle bool
	comms    []string
	pids     []string
	tids     []string
	cpus     []string
	events   []string
	quiet    bool
}

// command describes goscript.
func command(o *options) *cli.Command {
	c := cli.New("goscript", "print a recording sample by sample")
	c.Forms = []string{"[flags] [FILE]"}
	c.Text = `
Reads a recording made by gorecord or perf and prints a line for each sample, in the order of time and in the layout of
perf script; frames of callchains stand on lines of their own. Without FILE, perf.data is read.

With --json, each line is an object with the keys time (nanoseconds), cpu, pid, tid, comm, event, period, addr, ip,
symbol, offset, dso, args, callchain and branches, each left out where the recording lacks it; lines with the key lost
tell how many records did not fit into a buffer, lines with lost_samples how many samples the kernel counted as lost.`
	c.Examples = []cli.Example{
		{Line: "goscript", Does: "all samples of perf.data"},
		{Line: "goscript --json -i f.data | jq .args", Does: "the arguments of each hit"},
	}
	c.Statuses = []cli.Example{
		{Line: "0", Does: "printed"},
		{Line: "129", Does: "a flag cannot be understood"},
		{Line: "255", Does: "the recording cannot be read"},
	}
	c.Group("Input and output")
	c.StringVarP(&o.input, "input", "i", "perf.data", "read `FILE` (- for standard input, to its end)")
	c.BoolVar(&o.json, "json", false, "print a JSON object for each sample")
	c.BoolVar(&o.ns, "ns", false, "print times with nanoseconds")
	c.IntVar(&o.maxStack, "max-stack", 0, "print at most `N` frames of each callchain")
	force := false
	c.BoolVarP(&force, "force", "f", false, "accepted for perf's sake: the owner of a file does not matter")
	c.BoolVarP(&o.quiet, "quiet", "q", false, "print no warnings")
	c.Group("Which samples")
	c.StringSliceVarP(&o.comms, "comms", "c", nil, "only of threads called `COMM,…`")
	c.StringSliceVar(&o.pids, "pid", nil, "only of processes `PID,…`")
	c.StringSliceVar(&o.tids, "tid", nil, "only of threads `TID,…`")
	c.StringSliceVarP(&o.cpus, "cpu", "C", nil, "only on CPUs `N,…`")
	c.StringSliceVar(&o.events, "event", nil, "only of events `EVENT,…`")
	c.Group("Symbols")
	c.StringVar(&o.symfs, "symfs", "", "look for binaries below `DIR`")
	c.StringVar(&o.kallsyms, "kallsyms", "", "take kernel symbols from `FILE`")
	c.BoolVar(&o.demangle, "demangle", true, "show names of C++ and Rust as in the source")
	for _, f := range []struct{ name, short, wayOut string }{
		{"fields", "F", "--json prints all fields"},
		{"dump-raw-trace", "D", "perf script -D prints records"},
		{"ftrace", "", "the default layout has the same contents"},
		{"time", "", "pipe the lines through awk"},
		{"reltime", "", "times are those of the recording"},
		{"deltatime", "", "times are those of the recording"},
		{"dsos", "", "--json shows the dso of each frame"},
		{"symbols", "S", "--json shows the symbol of each frame"},
		{"show-lost-events", "", "--json shows them"},
	} {
		c.NotYet(f.name, f.short, f.wayOut)
	}
	return c
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var o options
	c := command(&o)
	if done, status := c.Main(args, stdout, stderr); done {
		return status
	}
	switch c.NArg() {
	case 0:
	case 1:
		o.input = c.Arg(0)
	default:
		return c.UsageError(stderr, fmt.Errorf("one recording at a time: %q", c.Args()))
	}
	selected, err := o.selection()
	if err != nil {
		return c.UsageError(stderr, err)
	}
	problems, err := o.write(ctx, stdin, stdout, selected)
	if !o.quiet {
		for _, p := range problems {
			c.Errorf(stderr, "warning: %s", p)
		}
	}
	switch {
	case errors.Is(err, syscall.EPIPE):
		return cli.ExitOK // the reader has seen enough
	case errors.Is(err, context.Canceled):
		return 128 + int(syscall.SIGINT)
	case err != nil:
		c.Errorf(stderr, "%v", err)
		return cli.ExitFail
	}
	return cli.ExitOK
}

func (o *options) open(stdin io.Reader) (*perfdata.Reader, error) {
	if o.input == "-" {
		return perfdata.Spool(stdin)
	}
	return perfdata.Open(o.input)
}

func (o *options) write(ctx context.Context, stdin io.Reader, w io.Writer, selected func(*script.Sample) bool) ([]string, error) {
	r, err := o.open(stdin)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	style := symbolize.DemangleShort
	if !o.demangle {
		style = symbolize.DemangleNone
	}
	store, err := symbolize.NewStore(symbolize.StoreOptions{Root: o.symfs, Demangle: style})
	if err != nil {
		return nil, err
	}
	defer store.Close()
	resolver := &stack.Resolver{
		Store: store, Local: os.DirFS("/"), Release: r.Info().OSRelease, Hostname: r.Info().Hostname,
	}
	if o.kallsyms != "" {
		f, err := os.Open(o.kallsyms)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if resolver.Kallsyms, err = symbolize.ReadKallsyms(f); err != nil {
			return nil, fmt.Errorf("%s: %w", o.kallsyms, err)
		}
	}
	return script.Write(ctx, w, r, resolver, script.Options{
		JSON: o.json, Nanoseconds: o.ns, MaxStack: o.maxStack, Select: selected,
	})
}

// selection makes one test of the lists that say which samples are shown; nil
// where all are.
func (o *options) selection() (func(*script.Sample) bool, error) {
	var tests []func(*script.Sample) bool
	numbers := func(name string, list []string, get func(*script.Sample) uint32) error {
		var want []uint32
		for _, text := range list {
			n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
			if err != nil {
				return fmt.Errorf("--%s: %q is no number", name, text)
			}
			want = append(want, uint32(n))
		}
		if want != nil {
			tests = append(tests, func(s *script.Sample) bool { return slices.Contains(want, get(s)) })
		}
		return nil
	}
	err := errors.Join(
		numbers("pid", o.pids, func(s *script.Sample) uint32 { return s.PID }),
		numbers("tid", o.tids, func(s *script.Sample) uint32 { return s.TID }),
		numbers("cpu", o.cpus, func(s *script.Sample) uint32 { return s.CPU }),
	)
	if o.comms != nil {
		tests = append(tests, func(s *script.Sample) bool { return slices.Contains(o.comms, s.Thread.Comm()) })
	}
	if o.events != nil {
		tests = append(tests, func(s *script.Sample) bool { return slices.Contains(o.events, s.Event.Name) })
	}
	if err != nil || tests == nil {
		return nil, err
	}
	return func(s *script.Sample) bool {
		for _, test := range tests {
			if !test(s) {
				return false
			}
		}
		return true
	}, nil
}
