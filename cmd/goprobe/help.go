package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

const synopsis = `Usage: goprobe -x PATH DEF…          add probes to a program or library
       goprobe DEF…                  add probes to the kernel
       goprobe -l [[GROUP:]EVENT…]   list all probes, or some
       goprobe -d [GROUP:]EVENT      delete probes

Probes stay until they are deleted. gorecord -e PATH:FUNC needs none of this:
it defines what it needs and takes it away again.

DEF is [[GROUP:]EVENT=]PLACE [ARG…], where PLACE is
  FUNC            the entry of a function; C++ and Rust names as written in
                  the source, with or without parameters
  FUNC%return     its return (never in Go programs)
  FUNC+OFFSET     an instruction, OFFSET bytes behind the entry
  0xOFFSET        a position in the file
  @0xADDRESS      an address as the ELF file has it
and ARG is [NAME=]%REGISTER, $retval, $comm, +OFFSET(%REGISTER), … with :TYPE
behind it, as the kernel's uprobetracer document describes. An ARG may stand
inside the quotes of its DEF or behind them.
`

const examples = `
Examples:
  goprobe -x ./main callee                        entry, as probe_main:callee
  goprobe -x ./main 'callee%return $retval:s32'   return, with its value
  goprobe -x ./main 'sum=callee a=%di:s32 b=%si:s32'
  goprobe -x ./main -D callee                     only print the definition
  goprobe -l                                      everybody's probes
  goprobe -d 'probe_main:*'

Exit status: 0 done; 129 wrong usage; else 256 less the errno, as perf has it:
254 not found, 239 exists, 243 no permission, 240 in use, 234 wrong definition,
161 not supported by this kernel.
`

// headings are the parts of the flags' help, in order.
var headings = []struct{ key, title string }{
	{"what to probe", "What to probe:"}, {"commands", "Commands:"}, {"how", "How:"},
}

// help is the text of --help.
func help(set *pflag.FlagSet) string {
	var b strings.Builder
	b.WriteString(synopsis)
	for _, h := range headings {
		b.WriteString("\n" + h.title + "\n")
		set.VisitAll(func(f *pflag.Flag) {
			key, usage, _ := strings.Cut(f.Usage, "|")
			if f.Hidden || key != h.key {
				return
			}
			value, usage := unquote(usage)
			if value != "" && f.NoOptDefVal == "" {
				value = " " + value
			} else if value != "" {
				value = " [" + value + "]"
			}
			name := "    --" + f.Name + value
			if f.Shorthand != "" {
				name = "-" + f.Shorthand + ", --" + f.Name + value
			}
			fmt.Fprintf(&b, "  %-30s %s\n", name, usage)
		})
	}
	b.WriteString("Every switch has a --no- form, such as --no-quiet.\n")
	b.WriteString(examples)
	return b.String()
}

// unquote finds the name of a flag's value, which its usage has in back quotes.
func unquote(usage string) (value, text string) {
	before, rest, ok := strings.Cut(usage, "`")
	if !ok {
		return "", usage
	}
	value, after, _ := strings.Cut(rest, "`")
	return value, before + value + after
}
