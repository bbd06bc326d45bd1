package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"

	"gorecord/perfevent/tracefs"
)

// run is the command: it reads args, does the work, and gives the exit status.
// stdin is not read.
func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	a := app{open: tracefs.Open, stdout: stdout, stderr: stderr}
	return a.run(ctx, args)
}

// app is one call of the command. Tests give it a folder of their own.
type app struct {
	open           func() (*tracefs.Dir, error)
	stdout, stderr io.Writer
	opts           options
}

func (a *app) run(ctx context.Context, args []string) int {
	set := flags(&a.opts)
	if err := set.Parse(args); errors.Is(err, pflag.ErrHelp) || err == nil && a.opts.help {
		fmt.Fprint(a.stdout, help(set))
		return 0
	} else if err != nil {
		return a.fail(usageError{err.Error()})
	}
	if a.opts.version {
		fmt.Fprintln(a.stdout, version())
		return 0
	}
	if err := a.do(ctx, set); err != nil {
		return a.fail(err)
	}
	return 0
}

// do runs the one command that the flags ask for.
func (a *app) do(ctx context.Context, set *pflag.FlagSet) error {
	if err := unsupported(set); err != nil {
		return err
	}
	commands, err := a.commands(set)
	if err != nil {
		return err
	}
	switch commands[0] {
	case "list":
		return a.list(listPatterns(a.opts.list, set.Args()))
	case "del":
		return a.del(ctx, a.opts.del)
	case "gc":
		return a.collect(ctx)
	case "definition":
		defs, err := definitions(a.opts.definition, set.Args())
		if err != nil {
			return err
		}
		return a.define(defs)
	}
	defs, err := definitions(a.opts.add, set.Args())
	if err != nil {
		return err
	}
	return a.add(defs)
}

// commands finds which of the commands are asked for; it must be one.
func (a *app) commands(set *pflag.FlagSet) ([]string, error) {
	var found []string
	for _, name := range []string{"list", "del", "gc", "definition", "add"} {
		if set.Changed(name) && (name != "gc" || a.opts.gc) {
			found = append(found, name)
		}
	}
	switch {
	case len(found) > 1:
		return nil, usageError{fmt.Sprintf("--%s cannot be used with --%s", found[1], found[0])}
	case len(found) == 0 && set.NArg() == 0:
		return nil, usageError{"nothing to do: name a function to probe, or give --list or --del"}
	case len(found) == 0:
		return []string{"add"}, nil
	case (found[0] == "del" || found[0] == "gc") && set.NArg() > 0:
		return nil, usageError{fmt.Sprintf("--%s takes no further argument %q; repeat --del for several patterns", found[0], set.Arg(0))}
	}
	return found, nil
}

// usageError is a mistake in the command line.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// fail reports an error, once, and gives the exit status for it.
func (a *app) fail(err error) int {
	fmt.Fprintf(a.stderr, "goprobe: %s\n", clean(err.Error()))
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintln(a.stderr, "Try 'goprobe --help'.")
	}
	return exitStatus(err)
}

// say writes a message for the user, unless --quiet.
func (a *app) say(format string, args ...any) {
	if !a.opts.quiet {
		fmt.Fprint(a.stderr, clean(fmt.Sprintf(format, args...)))
	}
}

// detail writes a message that --verbose asks for.
func (a *app) detail(format string, args ...any) {
	if a.opts.verbose {
		fmt.Fprint(a.stderr, clean(fmt.Sprintf(format, args...)))
	}
}

// clean shows control characters of names as \xNN, so that none reaches a
// terminal; lines and tabs stay.
func clean(s string) string {
	isControl := func(c rune) bool { return c != '\n' && c != '\t' && (c < ' ' || c >= 0x7f && c < 0xa0) }
	if strings.IndexFunc(s, isControl) < 0 {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		if isControl(c) {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

