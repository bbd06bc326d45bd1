package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"gorecord/cmd/internal/cli"
	"gorecord/perfevent/tracefs"
)

// run is the command: it reads args, does the work, and gives the exit status.
// Nothing is read from stdin.
func run(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	a := app{open: tracefs.Open, proc: os.DirFS("/proc"), stdout: stdout, stderr: stderr}
	return a.run(ctx, args)
}

// app is one call of the command. Tests give it a tracing folder and a /proc of
// their own.
type app struct {
	options
	command        *cli.Command
	open           func() (*tracefs.Dir, error)
	proc           fs.FS
	stdout, stderr io.Writer
}

func (a *app) run(ctx context.Context, args []string) int {
	a.command = flags(&a.options)
	if done, status := a.command.Main(args, a.stdout, a.stderr); done {
		return status
	}
	err := a.do(ctx)
	var usage usageError
	switch {
	case err == nil:
		return cli.ExitOK
	case errors.As(err, &usage):
		return a.command.UsageError(a.stderr, err)
	}
	for line := range strings.Lines(err.Error()) { // several errors, joined
		a.command.Errorf(a.stderr, "%s", strings.TrimSuffix(line, "\n"))
	}
	return exitStatus(err)
}

// usageError is a mistake in the command line.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// do does the one thing that the flags ask for.
func (a *app) do(ctx context.Context) error {
	what, err := a.task()
	if err != nil {
		return err
	}
	words := a.command.Args()
	switch what {
	case "list":
		return a.printList(listPatterns(a.list, words))
	case "del":
		return a.delete(ctx, a.del)
	case "gc":
		return a.collect(ctx)
	case "funcs":
		return a.printFuncs(a.filters(words))
	case "line":
		return a.printLines(a.line)
	case "vars":
		return a.printVars(append(a.vars, words...))
	case "where":
		return a.printWhere(append(a.where, words...))
	case "definition":
		defs, err := definitions(a.definition, words)
		if err != nil {
			return err
		}
		return a.define(defs)
	}
	defs, err := definitions(a.options.add, words)
	if err != nil {
		return err
	}
	return a.addAll(defs)
}

// alone are the tasks that take no words behind the flags.
var alone = []string{"del", "gc", "line"}

// hints say what to do instead.
var hints = map[string]string{"del": "; repeat --del for several patterns"}

// task finds what to do; only one thing can be asked for.
func (a *app) task() (string, error) {
	var found []string
	for _, name := range []string{"list", "del", "gc", "funcs", "line", "vars", "where", "definition", "add"} {
		if a.command.Changed(name) && (name != "gc" || a.gc) {
			found = append(found, name)
		}
	}
	switch {
	case a.command.Changed("pid") && !slices.Contains(found, "where"):
		return "", usageError{"--pid goes with --where: a probe stands in the file, for all processes that run it"}
	case len(found) > 1:
		return "", usageError{fmt.Sprintf("--%s cannot be used with --%s", found[1], found[0])}
	case len(found) == 0 && a.command.NArg() == 0:
		return "", usageError{"nothing to do: name a function to probe, or give --list or --del"}
	case len(found) == 0:
		return "add", nil
	case slices.Contains(alone, found[0]) && a.command.NArg() > 0:
		return "", usageError{fmt.Sprintf("--%s has nothing to do with %q%s", found[0], a.command.Arg(0), hints[found[0]])}
	}
	return found[0], nil
}

// say writes a message for the user, unless --quiet.
func (a *app) say(format string, args ...any) {
	if !a.quiet {
		fmt.Fprint(a.stderr, cli.Printable(fmt.Sprintf(format, args...)))
	}
}

// detail writes a message that --verbose asks for.
func (a *app) detail(format string, args ...any) {
	if a.verbose {
		a.say(format, args...)
	}
}

// print writes a result.
func (a *app) print(line string) { fmt.Fprint(a.stdout, cli.Printable(line)) }
