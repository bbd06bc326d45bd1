package main

import "gorecord/cmd/internal/cli"

// options are what the flags say.
type options struct {
	exec       string
	add        []string
	definition []string
	list       string
	del        []string
	funcs      string
	line       string
	source     string
	vars       []string
	filter     string
	where      []string
	pids       []int

	externs, ranges                                 bool
	gc, raw, dryRun, force, inlines, quiet, verbose bool
}

const description = `
Adds probes to functions of programs, libraries and the kernel, as perf probe does; gorecord and perf record them as
GROUP:EVENT. Probes stay until they are deleted. For a single recording none is needed: gorecord -e probe_BASE:FUNC
defines what it needs and takes it away again.

DEF is [[GROUP:]EVENT=]PLACE [ARG…], where PLACE is one of
  FUNC, FUNC+OFFSET     a function's entry, or an instruction; C++ and Rust functions as the source calls them, with or
                        without parameters
  FUNC%return           its return; in Go programs, which a return probe crashes, at each returning instruction
  FUNC%returns          the same for all languages
  FUNC:LINE, FILE:LINE  a line of the source, counted from where the function is declared, or from the file's first
  FUNC@FILE             one of several functions of the name
  GLOB, {GLOB,!GLOB}    each function that matches
  sdt:PROVIDER:NAME     a static marker
  0xOFFSET, @0xADDRESS  a position in the file, an address as the ELF file states it
and ARG is what to record with each hit: a parameter or variable by its name (a, req->uri.len, *p, buf:string), $args for
all parameters, $retval, or what the kernel's uprobetracer document has: [NAME=]%REGISTER, $comm, +OFFSET(%REGISTER) and
so on, with :TYPE behind. ARGs stand inside the quotes of their DEF; those of the kernel's kind may stand behind it.

FILTER is made of globs (*, ?, [a-z], [!a-z], \c for a character c as it is), ! for not, & for and, | for or, and parentheses:
'http_* & !*_init'. Of several, each adds functions, but for those that begin with !, which leave functions out. Without
one it is "` + defaultFilter + `". A FILTER that begins with sdt_ lists static markers, as sdt_PROVIDER:NAME; a probe
on one is written sdt:PROVIDER:NAME.

LINES is START, START+COUNT or START-END. Those of FUNC are counted from the line where it is declared, which is 0; those of
FILE from 1. FUNC@FILE chooses one of several functions of the name.`

// flags describes goprobe.
func flags(o *options) *cli.Command {
	c := cli.New("goprobe", "add, list and delete probes on functions")
	c.Forms = []string{"-x PATH [flags] DEF…", "[flags] DEF…  (kernel)", "-l [[GROUP:]EVENT…]", "-d [GROUP:]EVENT", "[-x PATH] -F [FILTER…]", "-x PATH -L FUNC|FILE[:LINES]", "-x PATH -V PLACE…", "-x PATH --where PLACE [-p PID]"}
	c.Text = description
	c.Examples = []cli.Example{
		{Line: "goprobe -x ./main callee", Does: "the entry of callee, as probe_main:callee"},
		{Line: "goprobe -x ./main 'callee%return $retval:s32'", Does: "its return, with the value, as probe_main:callee__return"},
		{Line: "goprobe -x ./main 'sum=callee a=%di:s32 b=%si:s32'", Does: "two arguments from registers, as probe_main:sum"},
		{Line: "goprobe -x ./main -D callee", Does: "only print the line for uprobe_events"},
		{Line: "goprobe -x ./main -F 'c*'", Does: "the functions whose names begin with c"},
		{Line: "goprobe -x ./libx.so -F 'sdt_*'", Does: "its static markers"},
		{Line: "goprobe -x ./main -L callee:0+5", Does: "its first five lines of source"},
		{Line: "goprobe -x ./main -V callee", Does: "the variables that a probe on callee can record"},
		{Line: "goprobe -x ./main --where callee -p 4711", Does: "where process 4711 has callee, and whether a probe is armed there"},
		{Line: "goprobe -l", Does: "everybody's probes, with function and source line"},
		{Line: "goprobe -d 'probe_main:*'", Does: "delete all of that group"},
	}
	c.Statuses = []cli.Example{
		{Line: "0", Does: "done"},
		{Line: "129", Does: "the command line cannot be understood"},
		{Line: "161", Does: "this kernel is built without it"},
		{Line: "234", Does: "wrong definition, or several functions of the name"},
		{Line: "239", Does: "an event of the name exists"},
		{Line: "240", Does: "the event is in use"},
		{Line: "243", Does: "not permitted"},
		{Line: "254", Does: "no such function, file or event"},
	}
	c.SetInterspersed(false) // an argument such as -4(%bp) is no option
	c.Group("What to probe")
	c.StringVarP(&o.exec, "exec", "x", "", "the program or library at `PATH`; without it the kernel")
	c.Group("What to do")
	c.StringArrayVarP(&o.add, "add", "a", nil, "add the probe `DEF`, as without a flag")
	c.StringArrayVarP(&o.definition, "definition", "D", nil, "print the line that defines the probe `DEF`, add nothing")
	c.StringVarP(&o.list, "list", "l", "", "list probes; those that patterns `[GROUP:]EVENT` match, here or behind")
	c.Lookup("list").NoOptDefVal = "*"
	c.StringArrayVarP(&o.del, "del", "d", nil, "delete the probes that the pattern `[GROUP:]EVENT` matches")
	c.StringVarP(&o.funcs, "funcs", "F", "", "list the functions that could be probed; those that `FILTER`, here or behind, wants")
	c.Lookup("funcs").NoOptDefVal = defaultFilter
	c.StringVarP(&o.line, "line", "L", "", "show the source lines `FUNC[:LINES]` or FILE[:LINES], with numbers where a probe can stand")
	c.StringArrayVarP(&o.vars, "vars", "V", nil, "list the variables that can be read at `PLACE`")
	c.StringArrayVar(&o.where, "where", nil, "tell where `PLACE` lies: ELF address, file offset, section, source line, code")
	c.IntSliceVarP(&o.pids, "pid", "p", nil, "with --where: the address in process `PID`, and what stands in its memory")
	c.BoolVar(&o.gc, "gc", false, "delete what recorders that were killed left behind")
	c.Group("How to do it")
	c.BoolVarP(&o.dryRun, "dry-run", "n", false, "change nothing, say what would be done")
	c.BoolVarP(&o.force, "force", "f", false, "where the name is taken, add event_1, event_2 and so on")
	c.BoolVar(&o.inlines, "inlines", true, "probe inlined copies of functions, too")
	c.BoolVar(&o.raw, "raw", false, "with --list: the kernel's own lines")
	c.BoolVar(&o.externs, "externs", false, "with --vars: global variables of the source file, too")
	c.BoolVar(&o.ranges, "range", false, "with --vars: show where each variable has a value, those that have none at PLACE as well")
	c.StringVar(&o.filter, "filter", defaultVarFilter, "with --vars: only the variables that `FILTER` wants")
	c.StringVarP(&o.source, "source", "s", "", "with --line: look for source files in the folder `DIR`")
	c.BoolVarP(&o.quiet, "quiet", "q", false, "print nothing but errors")
	c.BoolVarP(&o.verbose, "verbose", "v", false, "say what is written to the kernel")
	return c
}
