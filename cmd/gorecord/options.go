package main

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gorecord/cmd/internal/cli"
	"gorecord/record"
)

// options are what the command line says.
type options struct {
	events     []eventOption
	target     targetOptions
	sampling   record.Sampling
	ringPages  int
	output     outputOptions
	level      int
	noCompress bool
	quiet      bool
	verbose    bool
	failOnLoss bool
	inlines    bool
	force      bool
	noTracefs  bool
	delay      time.Duration
	duration   time.Duration
	command    []string
}

// eventOption is one -e with the --filter that follows it.
type eventOption struct{ list, filter string }

// outputOptions say where the recording goes.
type outputOptions struct {
	path      string
	named     bool // by -o
	stream    bool // to standard output, in pipe mode
	maxSize   uint64
	switchAt  switchOption
	keepFiles int
	timestamp bool // the file's name tells the time
}

// stamped reports whether files have names with times.
func (o *outputOptions) stamped() bool { return o.timestamp || o.switchAt.on }

type targetOptions struct {
	all  bool
	cpus []int
	pids []int
	tids []int
}

// eventList is the value of -e, filterOption that of --filter, which belongs to
// the -e before it.
type eventList struct{ events *[]eventOption }

func (v eventList) String() string { return "" }
func (v eventList) Type() string   { return "event" }
func (v eventList) Set(s string) error {
	*v.events = append(*v.events, eventOption{list: s})
	return nil
}

type filterOption struct{ events *[]eventOption }

func (v filterOption) String() string { return "" }
func (v filterOption) Type() string   { return "filter" }
func (v filterOption) Set(s string) error {
	events := *v.events
	if len(events) == 0 {
		return errors.New("--filter belongs to the -e before it, and there is none")
	}
	e := &events[len(events)-1]
	if e.filter != "" {
		s = "(" + e.filter + ") && (" + s + ")"
	}
	e.filter = s
	return nil
}

const description = `
Records events of a command, of running processes, or of the whole machine into a file that goreport, goscript,
go tool pprof (through goreport) and perf read.

Without a command and without a target, everything is recorded until Ctrl-C.

An event is GROUP:NAME, a tracepoint or probe of the kernel's tracing folder, with wildcards; or a counter or clock by
perf's name (cycles, cpu-clock, page-faults, L1-dcache-loads, rHEX, PMU/TERMS/, mem:ADDR:rw); modifiers follow a colon.

A probe is PATH:PLACE [ARG…], where PATH is a file's path or the name of a library, as in libc:malloc, and PLACE one of
  FUNC, FUNC+OFF        a function's entry, or an instruction; C++ and Rust functions as the source calls them
  FUNC%return           its return; in Go programs at each returning instruction
  FUNC%returns          the same for all languages, at any depth of recursion
  FUNC:LINE, FILE:LINE  a line of the source, counted from the function's beginning or the file's
  GLOB, {GLOB,!GLOB}    all functions that match, as one event
  sdt:PROVIDER:NAME     a static marker
  0xOFFSET, @0xADDR     a position in the file, an address as the ELF file states it
and ARG is a parameter or variable by its name, with members and elements (req->uri.len, *p, buf:string), $args for all
parameters, $retval for the result, or what the kernel's uprobetracer document calls a fetch argument (a=%di:s32). Names
and types come from debug information. k:FUNC is a function of the kernel. And an event probe_BASE:FUNC that does not
exist is the function FUNC of the command's file where the file's name gives BASE. Probes are defined for this run and
gone when it ends: nothing has to be prepared, and nothing stays behind. What a killed recorder leaves, the next one
removes.`

// command describes gorecord.
func command(o *options) *cli.Command {
	c := cli.New("gorecord", "record events into a perf.data file")
	c.Forms = []string{"[flags] [--] command [args]", "[flags] -p PID | -t TID | -a"}
	c.Text = description
	c.Examples = []cli.Example{
		{Line: "gorecord -e probe_main:callee ./main-nopie", Does: "each call of callee in the command"},
		{Line: "gorecord -e './app:parse $args' -e './app:parse%return $retval' ./app", Does: "calls of a function, its arguments and results"},
		{Line: "gorecord -e './server:main.*' -p $(pidof server)", Does: "all functions of a Go program's main package"},
		{Line: "gorecord -g ./server", Does: "where the command spends its time, with callers"},
		{Line: "gorecord -a -F 99 -g -- sleep 10", Does: "the whole machine for ten seconds"},
		{Line: "gorecord -e 'sched:sched_process_*' -a", Does: "tracepoints of the machine until Ctrl-C"},
		{Line: "gorecord -a -e sched:sched_switch -o - | goscript -i -", Does: "a recording that is read while it is made"},
		{Line: "gorecord -a -g --switch-output=5m --switch-max-files=12", Does: "the last hour, in files of five minutes"},
		{Line: "gorecord -e raw_syscalls:sys_enter --filter 'id == 1' -p 4711", Does: "write(2) calls of a process"},
	}
	c.Statuses = []cli.Example{
		{Line: "N", Does: "the command's own exit status; 128 and the signal's number where a signal ended it"},
		{Line: "0", Does: "without a command: recorded"},
		{Line: "130", Does: "ended by Ctrl-C, without a command; the file is whole"},
		{Line: "129", Does: "a flag or an event cannot be understood"},
		{Line: "141", Does: "the reader of the pipe that the recording went to is gone"},
		{Line: "255", Does: "something could not be opened, written, or was not permitted"},
	}
	c.SetInterspersed(false)
	eventFlags(c, o)
	probeFlags(c, o)
	targetFlags(c, o)
	outputFlags(c, o)
	notYet(c)
	return c
}

func eventFlags(c *cli.Command, o *options) {
	c.Group("Events and samples")
	c.VarP(eventList{&o.events}, "event", "e", "record `EVENT`s, separated by commas; may be given again\n"+
		"(default cycles, or cpu-clock where there is no such counter)")
	c.Var(filterOption{&o.events}, "filter", "record only hits of the -e before that match `EXPR`, as in 'a > 7'")
	c.Uint64VarP(&o.sampling.Period, "event-period", "c", 0, "sample each `N`th event")
	c.VarP(frequency{&o.sampling.Frequency}, "freq", "F", "sample `N` times a second (or max)")
	c.BoolVarP(&o.sampling.Callchain, "callgraph", "g", false, "record callchains by frame pointers")
	c.Var(callGraph{&o.sampling.Callchain}, "call-graph", "record callchains; `HOW` is fp (frame pointers)")
	c.BoolVarP(&o.sampling.NoInherit, "no-inherit", "i", false, "leave out threads and processes that start later")
	c.VarP(clock{&o.sampling}, "clockid", "k", "take times from `CLOCK`: monotonic, monotonic_raw, realtime, boottime, tai")
	raw := true
	c.BoolVarP(&raw, "raw-samples", "R", true, "keep the raw data of tracepoints (always done)")
	c.BoolVarP(&o.sampling.Addresses, "data", "d", false, "record the addresses that samples are about")
	c.BoolVarP(&o.sampling.Periods, "period", "P", false, "record the period with each sample, also where it is fixed")
	timestamps := true
	c.BoolVarP(&timestamps, "timestamp", "T", true, "record the time of each sample (always done)")
}

func probeFlags(c *cli.Command, o *options) {
	c.Group("Probes")
	c.BoolVar(&o.inlines, "inlines", false, "probe the inlined copies of functions, too")
	c.BoolVar(&o.force, "force", false, "let a return probe of the kernel onto a Go program, which kills it sooner or later;\n"+
		"without it, %return of a Go function is caught at its returning instructions")
	c.BoolVar(&o.noTracefs, "without-tracefs", false, "place probes without tracefs (done by itself where tracefs cannot be written):\n"+
		"only values in registers can be recorded, from at most 16 places")
}

func targetFlags(c *cli.Command, o *options) {
	c.Group("What to record")
	c.BoolVarP(&o.target.all, "all-cpus", "a", false, "all processes on all CPUs")
	c.VarP(cpuList{&o.target.cpus}, "cpu", "C", "only on these CPUs, such as `0-3,5`")
	c.VarP(numberList{&o.target.pids}, "pid", "p", "running processes `PID,…` with all their threads")
	c.VarP(numberList{&o.target.tids}, "tid", "t", "running threads `TID,…`")
	c.VarP(milliseconds{&o.delay}, "delay", "D", "start recording `MS` milliseconds after the command")
	c.DurationVar(&o.duration, "duration", 0, "stop recording after `TIME`, such as 10s")
}

func outputFlags(c *cli.Command, o *options) {
	c.Group("Output")
	c.StringVarP(&o.output.path, "output", "o", "perf.data", "write to `FILE`; one that exists becomes FILE.old;\n"+
		"- is standard output, in pipe mode, as is a pipe without -o")
	c.VarP(ringSize{&o.ringPages}, "mmap-pages", "m", "buffer `SIZE` for each CPU: pages, or bytes with B, K, M or G\n(default: by the memory lock limit, at most 16M)")
	level := c.VarPF(compressionLevel{&o.level}, "compression-level", "z", "compress with zstd level `N`, 1 to 22 (default 3)")
	level.NoOptDefVal = "3"
	c.BoolVar(&o.noCompress, "no-compress", false, "do not compress (default in pipe mode)")
	c.Var(byteSize{&o.output.maxSize}, "max-size", "stop when the file has `SIZE`, such as 100M (units B, K, M, G)")
	c.VarPF(&o.output.switchAt, "switch-output", "", "begin another file at SIGUSR2, at a size (100M) or after a time (30s, 5m);\n"+
		"the files are FILE.YYYYMMDDhhmmssnn").NoOptDefVal = "signal"
	c.IntVar(&o.output.keepFiles, "switch-max-files", 0, "with --switch-output, keep the last `N` files only")
	c.BoolVar(&o.output.timestamp, "timestamp-filename", false, "put the time of the end behind the file's name")
	c.BoolVar(&o.failOnLoss, "fail-on-loss", false, "exit with 255 where samples were lost")
	c.BoolVarP(&o.quiet, "quiet", "q", false, "print nothing but errors")
	c.BoolVarP(&o.verbose, "verbose", "v", false, "say what is opened and what was written")
}

func notYet(c *cli.Command) {
	for _, f := range []struct{ name, short, wayOut string }{
		{"cgroup", "G", "record with -a, and filter with goreport"},
		{"stat", "s", "goreport -s tid shows threads"},
		{"no-samples", "n", "perf stat counts without sampling"},
		{"realtime", "r", "chrt -f PRIO gorecord … runs the recorder with priority"},
		{"switch-output-event", "", "send SIGUSR2 to gorecord --switch-output when it happens"},
		{"overwrite", "", "record everything and look at the end with goscript"},
		{"wait-for", "", "wait with pidof, then record with -p"},
		{"control", "", "-D delays the start and --duration bounds the recording"},
		{"live", "", "record, then show the events with goscript"},
		{"when", "", "record everything and search with goscript"},
		{"before", "", "it goes with --when"},
		{"after", "", "it goes with --when"},
		{"count", "", "goreport -n counts samples; the sampling period is -c"},
		{"interval", "I", "it goes with counting"},
		{"keep-stacks", "", "-g records frame-pointer callchains"},
		{"no-embed", "", "symbols are not embedded yet in any case"},
		{"embed", "", "goreport reads symbols from the binaries"},
		{"cost", "", "compare the command's run time with and without the probe"},
		{"max-overhead", "", "choose less frequent events, or --filter"},
		{"list", "", "ls /sys/kernel/tracing/events, and perf list"},
		{"doctor", "", "the errors of gorecord name what refuses"},
	} {
		c.NotYet(f.name, f.short, f.wayOut)
	}
}

// frequency is a number of samples a second, or max.
type frequency struct{ to *uint64 }

func (v frequency) String() string { return "" }
func (v frequency) Type() string   { return "n" }
func (v frequency) Set(s string) error {
	if s == "max" {
		b, err := os.ReadFile("/proc/sys/kernel/perf_event_max_sample_rate")
		if err != nil {
			return err
		}
		s = strings.TrimSpace(string(b))
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil || n == 0 {
		return fmt.Errorf("%q is no number of samples a second", s)
	}
	*v.to = n
	return nil
}

type callGraph struct{ to *bool }

func (v callGraph) String() string { return "" }
func (v callGraph) Type() string   { return "how" }
func (v callGraph) Set(s string) error {
	if s != "fp" {
		return fmt.Errorf("call graphs by %q are not built yet; use fp, with programs built with -fno-omit-frame-pointer", s)
	}
	*v.to = true
	return nil
}

type clock struct{ to *record.Sampling }

var clocks = map[string]int32{
	"monotonic": unix.CLOCK_MONOTONIC, "mono": unix.CLOCK_MONOTONIC,
	"monotonic_raw": unix.CLOCK_MONOTONIC_RAW, "raw": unix.CLOCK_MONOTONIC_RAW,
	"realtime": unix.CLOCK_REALTIME, "real": unix.CLOCK_REALTIME,
	"boottime": unix.CLOCK_BOOTTIME, "boot": unix.CLOCK_BOOTTIME, "tai": unix.CLOCK_TAI,
}

func (v clock) String() string { return "" }
func (v clock) Type() string   { return "clock" }
func (v clock) Set(s string) error {
	name := strings.TrimPrefix(strings.ToLower(s), "clock_")
	id, ok := clocks[name]
	if !ok {
		return fmt.Errorf("unknown clock %q; there are monotonic, monotonic_raw, realtime, boottime and tai", s)
	}
	v.to.ClockID, v.to.UseClock = id, true
	return nil
}

type cpuList struct{ to *[]int }

func (v cpuList) String() string { return "" }
func (v cpuList) Type() string   { return "cpus" }
func (v cpuList) Set(s string) error {
	cpus, err := record.ParseCPUs(s)
	*v.to = cpus
	return err
}

type numberList struct{ to *[]int }

func (v numberList) String() string { return "" }
func (v numberList) Type() string   { return "numbers" }
func (v numberList) Set(s string) error {
	for part := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n <= 0 {
			return fmt.Errorf("%q is no process or thread number", part)
		}
		*v.to = append(*v.to, n)
	}
	return nil
}

type milliseconds struct{ to *time.Duration }

func (v milliseconds) String() string { return "" }
func (v milliseconds) Type() string   { return "ms" }
func (v milliseconds) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return fmt.Errorf("%q is no number of milliseconds (starting disabled, -1, needs --control, which is not built yet)", s)
	}
	*v.to = time.Duration(n) * time.Millisecond
	return nil
}

// ringSize is a number of pages, or of bytes with a unit; it is rounded up to a
// power of two pages.
type ringSize struct{ pages *int }

func (v ringSize) String() string { return "" }
func (v ringSize) Type() string   { return "size" }
func (v ringSize) Set(s string) error {
	const most = 1 << 31
	page := uint64(os.Getpagesize())
	number := strings.TrimRight(s, "BKMGbkmg")
	unit := strings.ToUpper(s[len(number):])
	n, err := strconv.ParseUint(number, 10, 32)
	factor, known := map[string]uint64{"": page, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[unit]
	if err != nil || n == 0 || !known || n > most/factor {
		return fmt.Errorf("%q is no buffer size: give pages, or bytes as in 512K or 8M, at most 2G", s)
	}
	pages := (n*factor + page - 1) / page
	*v.pages = 1 << bits.Len64(pages-1)
	return nil
}

type compressionLevel struct{ to *int }

func (v compressionLevel) String() string { return "" }
func (v compressionLevel) Type() string   { return "level" }
func (v compressionLevel) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > 22 {
		return fmt.Errorf("%q is no zstd level: levels are 1 to 22", s)
	}
	*v.to = n
	return nil
}

// attachLevel writes -z5, which perf takes, as -z=5, which pflag does. It stops
// where the command begins.
func attachLevel(args []string) []string {
	out := make([]string, 0, len(args))
	for i, a := range args {
		if a == "--" || !strings.HasPrefix(a, "-") && !takesValue(args, i) {
			return append(out, args[i:]...)
		}
		if level, ok := strings.CutPrefix(a, "-z"); ok && level != "" && !strings.HasPrefix(level, "=") {
			a = "-z=" + level
		}
		out = append(out, a)
	}
	return out
}

// takesValue reports whether the argument at i is the value of the flag before
// it.
func takesValue(args []string, i int) bool {
	if i == 0 {
		return false
	}
	prev := args[i-1]
	if name, ok := strings.CutPrefix(prev, "--"); ok {
		switch name {
		case "event", "filter", "event-period", "freq", "call-graph", "clockid", "cpu", "pid", "tid", "delay", "duration", "output", "mmap-pages",
			"max-size", "switch-max-files":
			return true
		}
		return false
	}
	// The last letter of bundled short flags may take a value: -aF 99.
	return strings.HasPrefix(prev, "-") && len(prev) > 1 && strings.ContainsAny(prev[len(prev)-1:], "ecFkCptDom") &&
		!strings.ContainsAny(prev[1:len(prev)-1], "ecFkCptDomz")
}

// parse reads the command line. Where done is true, the command ends with
// status.
func parse(args []string, stdout, stderr io.Writer) (o options, c *cli.Command, done bool, status int) {
	c = command(&o)
	if done, status = c.Main(attachLevel(args), stdout, stderr); done {
		return o, c, true, status
	}
	o.command = c.Args()
	o.output.named = c.Changed("output")
	err := o.check()
	if err == nil {
		err = o.output.direct(stdout)
	}
	if err != nil {
		return o, c, true, c.UsageError(stderr, err)
	}
	return o, c, false, 0
}

// check refuses what cannot go together.
func (o *options) check() error {
	t := &o.target
	switch {
	case o.output.path == "":
		return errors.New("-o needs the name of a file")
	case t.all && (len(t.pids) > 0 || len(t.tids) > 0):
		return errors.New("-a records everything: it does not go with -p or -t")
	case o.sampling.Period > 0 && o.sampling.Frequency > 0:
		return errors.New("-c and -F exclude each other")
	}
	return nil
}
