package main

import (
	"errors"
	"fmt"
	"strings"

	"gorecord/cmd/internal/cli"
	"gorecord/cmd/internal/recording"
	"gorecord/perfevent/perfdata"
	"gorecord/report"
	"gorecord/report/script"
)

// options are what the command line says.
type options struct {
	input      string
	quiet      bool
	json       bool
	ftrace     bool
	dump       bool
	header     bool
	headerOnly bool
	fields     []string
	ns         bool
	reltime    bool
	deltatime  bool
	maxStack   int
	hideChains bool
	filter     recording.Filters
	symbols    recording.Symbols
	show       [len(sidebandFlags)]bool

	fieldSet script.FieldSet
}

// sidebandFlags are --show-NAME-events, and --show-all-events.
var sidebandFlags = [...]struct {
	name, does string
	set        script.SidebandSet
}{
	{"task", "print COMM, FORK and EXIT records", script.ShowTasks},
	{"mmap", "print MMAP and MMAP2 records", script.ShowMmaps},
	{"switch", "print SWITCH records", script.ShowSwitches},
	{"namespace", "print NAMESPACES records", script.ShowNamespaces},
	{"cgroup", "print CGROUP records", script.ShowCgroups},
	{"lost", "print LOST and LOST_SAMPLES records", script.ShowLost},
	{"bpf", "print KSYMBOL and BPF_EVENT records", script.ShowBPF},
	{"text-poke", "print TEXT_POKE records", script.ShowTextPokes},
}

const description = `
Reads a recording made by gorecord or perf and prints a line for each sample, in the order of time and in the layout of
perf script; frames of callchains stand on lines of their own. Without FILE, perf.data is read. A recording that comes
through a pipe is printed while it comes.

Recordings in file and pipe mode are read, compressed or not, of either byte order, packed by gzip, folders of perf record
--threads, and those of simpleperf and hiperf. Of damaged or unfinished ones everything that is left is printed, and a line
on stderr tells what is missing and from where.

With --json, each line is an object with the keys time (nanoseconds), cpu, pid, tid, comm, event, period, addr, ip,
symbol, offset, dso, args, callchain and branches, each left out where the recording lacks it; lines with the key lost
tell how many records did not fit into a buffer, lines with lost_samples how many samples the kernel counted as lost.`

// command describes goscript.
func command(o *options) *cli.Command {
	c := cli.New("goscript", "print a recording sample by sample")
	c.Forms = []string{"[flags] [FILE]"}
	c.Text = description
	c.Examples = []cli.Example{
		{Line: "goscript", Does: "all samples of perf.data"},
		{Line: "goscript -F comm,time,event,trace --deltatime", Does: "chosen fields, with the time since the line before"},
		{Line: "goscript --json -i f.data | jq .args", Does: "the arguments of each hit"},
		{Line: "gorecord -o - -e sched:sched_switch -a | goscript -i -", Does: "print while recording"},
	}
	c.Statuses = []cli.Example{
		{Line: "0", Does: "printed, as far as the recording goes"},
		{Line: "129", Does: "a flag cannot be understood"},
		{Line: "130", Does: "ended by Ctrl-C"},
		{Line: "255", Does: "the recording cannot be read, or nothing of it is left"},
	}
	force := false
	c.Group("Input and output")
	c.StringVarP(&o.input, "input", "i", "", "read `FILE` (default perf.data; - for standard input)")
	c.BoolVar(&o.json, "json", false, "print a JSON object for each sample")
	c.BoolVar(&o.ftrace, "ftrace", false, "print in the layout of the kernel's trace file")
	c.BoolVarP(&o.dump, "dump-raw-trace", "D", false, "print the file itself as text, every part of it in the order of the file: header, attributes,\n"+
		"records, features; nothing is left out, and the text tells every byte")
	c.BoolVar(&o.header, "header", false, "print what the recording says of itself, in front")
	c.BoolVar(&o.headerOnly, "header-only", false, "print nothing else")
	c.BoolVarP(&force, "force", "f", false, "accepted for perf's sake: the owner of a file does not matter")
	c.BoolVarP(&o.quiet, "quiet", "q", false, "print no warnings")
	c.Group("Lines")
	c.StringArrayVarP(&o.fields, "fields", "F", nil, "print `FIELD,…`; +FIELD and -FIELD change what is printed by default; TYPE:FIELD,… is for events\n"+
		"of a type (hw, sw, trace, raw, break). Fields:\n"+wrapped(script.FieldNames()))
	c.BoolVar(&o.ns, "ns", false, "print times with nanoseconds")
	c.BoolVar(&o.reltime, "reltime", false, "print times since the first sample")
	c.BoolVar(&o.deltatime, "deltatime", false, "print times since the sample before")
	c.IntVar(&o.maxStack, "max-stack", 0, "print at most `N` frames of each callchain")
	c.BoolVarP(&o.hideChains, "hide-call-graph", "G", false, "print the place of a sample, not its callchain")
	for i, f := range sidebandFlags {
		c.BoolVar(&o.show[i], "show-"+f.name+"-events", false, f.does)
	}
	c.Group("Which samples")
	o.filter.Flags(c)
	c.StringVar(&o.filter.DSOs, "dsos", "", "only hits in files `NAME,…`")
	o.symbols.Flags(c)
	inline := true
	c.BoolVar(&inline, "inline", true, "accepted: inlined functions are not found yet")
	for _, f := range []struct{ name, short, wayOut string }{
		{"vmlinux", "k", "--kallsyms FILE reads the kernel's symbols"},
		{"itrace", "", "hardware traces are not decoded; perf script does it"},
		{"per-event-dump", "", "--event NAME prints one event"},
		{"script", "s", "--json feeds scripts in any language"},
		{"gen-script", "g", "--json feeds scripts in any language"},
		{"list", "l", "there are no scripts; --json feeds those in any language"},
		{"show-round-events", "", "-D prints where rounds end"},
		{"show-info", "I", "--header prints what is commonly needed"},
		{"Latency", "L", "--ftrace prints latency letters"},
	} {
		c.NotYet(f.name, f.short, f.wayOut)
	}
	return c
}

// wrapped breaks a list of names into lines for the help text.
func wrapped(list string) string {
	const width = 90
	var lines []string
	for len(list) > width {
		at := strings.LastIndexByte(list[:width], ',') + 1
		lines = append(lines, list[:at])
		list = list[at:]
	}
	return strings.Join(append(lines, list), "\n")
}

// check refuses what cannot go together, and fills in the file.
func (o *options) check(args []string) error {
	var err error
	if o.input, err = recording.Choose(o.input, args); err != nil {
		return err
	}
	switch {
	case o.json && o.ftrace, o.json && o.dump, o.ftrace && o.dump:
		return errors.New("--json, --ftrace and -D: choose one")
	case o.dump && (len(o.fields) > 0 || o.filter.Any()):
		return errors.New("-D prints the whole file; fields and filters are for samples")
	case len(o.fields) > 0 && (o.json || o.ftrace):
		return errors.New("-F is for lines: --json prints all fields, --ftrace has its own")
	case o.reltime && o.deltatime:
		return errors.New("--reltime and --deltatime: choose one")
	case o.maxStack < 0:
		return fmt.Errorf("--max-stack %d: not below 0, which stands for all", o.maxStack)
	}
	for _, text := range o.fields {
		if err := o.fieldSet.Add(text); err != nil {
			return err
		}
	}
	return nil
}

// scriptOptions are what the recording is shown with.
func (o *options) scriptOptions(r *perfdata.Reader) (script.Options, error) {
	s := script.Options{
		Fields: o.fieldSet, Nanoseconds: o.ns, Relative: o.reltime, Delta: o.deltatime, MaxStack: o.maxStack,
		HideChains: o.hideChains, DSOs: report.Words(o.filter.DSOs), Symbols: report.Words(o.filter.Symbols),
	}
	switch {
	case o.json:
		s.Layout = script.LayoutJSON
	case o.ftrace:
		s.Layout = script.LayoutFtrace
	}
	for i, f := range sidebandFlags {
		if o.show[i] {
			s.Show |= f.set
		}
	}
	var err error
	s.Filter, err = o.filter.Words.Filter(r.Info())
	return s, err
}
