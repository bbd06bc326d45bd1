// Package cli is what the commands have in common at their outermost layer:
// flags in groups, the --no- form of each boolean, help, man pages and version
// from one description, and the form of error lines.
package cli

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Exit statuses that the commands share with perf.
const (
	ExitOK    = 0
	ExitUsage = 129 // a flag, argument or event that cannot be understood
	ExitFail  = 255 // something could not be opened or was not permitted
)

// Example is a command line and what it does.
type Example struct{ Line, Does string }

// Command describes a command: what it is called with, and how it is
// documented. Flags are defined on the embedded set, after Group.
type Command struct {
	*pflag.FlagSet
	Name     string
	Summary  string   // one line, lower case, for the head of help and man page
	Forms    []string // what may follow the name
	Text     string   // paragraphs of the description
	Examples []Example
	Statuses []Example // exit status and its meaning

	group  string
	groups []string
	notYet map[string]string
}

const (
	groupKey  = "group"
	hiddenKey = "negation"
)

// New makes a command with the flags that all commands have.
func New(name, summary string) *Command {
	c := &Command{FlagSet: pflag.NewFlagSet(name, pflag.ContinueOnError), Name: name, Summary: summary, notYet: map[string]string{}}
	c.SortFlags = false
	c.Usage = func() {}
	c.FlagSet.Init(name, pflag.ContinueOnError)
	return c
}

// Group starts a group of flags: those defined from here on belong to it.
func (c *Command) Group(title string) {
	c.assign()
	c.group = title
	if !slices.Contains(c.groups, title) {
		c.groups = append(c.groups, title)
	}
}

// assign puts flags that have no group into the current one.
func (c *Command) assign() {
	c.VisitAll(func(f *pflag.Flag) {
		if len(f.Annotations[groupKey]) == 0 {
			c.SetAnnotation(f.Name, groupKey, []string{c.group})
		}
	})
}

// NotYet declares a flag that the command does not have yet. Using it, with or
// without a value, is an error that names the way out.
func (c *Command) NotYet(name, short, wayOut string) {
	f := c.VarPF(&absent{}, name, short, "")
	f.NoOptDefVal = "true"
	f.Hidden = true
	c.notYet[name] = wayOut
}

type absent struct{}

func (*absent) String() string   { return "" }
func (*absent) Set(string) error { return nil }
func (*absent) Type() string     { return "" }

// negation is the --no- form of a boolean flag.
type negation struct{ of pflag.Value }

func (n negation) String() string { return "false" }
func (n negation) Type() string   { return "bool" }
func (n negation) Set(v string) error {
	switch v {
	case "true":
		return n.of.Set("false")
	case "false":
		return n.of.Set("true")
	}
	return fmt.Errorf("%q is neither true nor false", v)
}

// negate gives each boolean flag its --no- form, or, where the flag itself is
// called no-X, the form X.
func (c *Command) negate() {
	var flags []*pflag.Flag
	c.VisitAll(func(f *pflag.Flag) {
		if f.Value.Type() == "bool" {
			flags = append(flags, f)
		}
	})
	for _, f := range flags {
		name, cut := strings.CutPrefix(f.Name, "no-")
		if !cut {
			name = "no-" + f.Name
		}
		if c.Lookup(name) != nil {
			continue
		}
		n := c.VarPF(negation{f.Value}, name, "", "")
		n.NoOptDefVal = "true"
		n.Hidden = true
		c.SetAnnotation(name, hiddenKey, []string{f.Name})
	}
}

// Main parses the arguments. Where it has dealt with them itself (help, version
// or an error, which it printed), done is true and status is the exit status.
func (c *Command) Main(args []string, stdout, stderr io.Writer) (done bool, status int) {
	c.Group("General")
	help := c.BoolP("help", "h", false, "print this help")
	version := c.Bool("version", false, "print version, Go version, operating system and architecture")
	man := c.Bool("man", false, "print the manual page, in the language of man(7)")
	c.MarkHidden("man")
	c.assign()
	c.negate()
	if err := c.Parse(args); err != nil {
		return true, c.UsageError(stderr, err)
	}
	switch {
	case *help:
		fmt.Fprint(stdout, c.Help())
	case *version:
		fmt.Fprintln(stdout, c.Name, Version())
	case *man:
		fmt.Fprint(stdout, c.Man())
	default:
		if err := c.checkAbsent(); err != nil {
			return true, c.UsageError(stderr, err)
		}
		return false, 0
	}
	return true, ExitOK
}

func (c *Command) checkAbsent() error {
	var err error
	c.Visit(func(f *pflag.Flag) {
		if wayOut, ok := c.notYet[f.Name]; ok && err == nil {
			err = fmt.Errorf("--%s is not built yet; %s", f.Name, wayOut)
		}
	})
	return err
}

// UsageError prints an error of the command line and returns the status that
// goes with it. For an unknown flag it names those that come near.
func (c *Command) UsageError(stderr io.Writer, err error) int {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		if near := c.near(unknown.GetSpecifiedName()); len(near) > 0 {
			err = fmt.Errorf("%w (did you mean %s?)", err, strings.Join(near, " or "))
		}
	}
	c.Errorf(stderr, "%v; see %s --help", err, c.Name)
	return ExitUsage
}

// near lists the flags that start as the given name does, as perf completes
// abbreviated options, or contain it.
func (c *Command) near(name string) []string {
	var starts, contains []string
	c.VisitAll(func(f *pflag.Flag) {
		switch {
		case len(name) < 2 || f.Hidden:
		case strings.HasPrefix(f.Name, name):
			starts = append(starts, "--"+f.Name)
		case strings.Contains(f.Name, name) || strings.HasPrefix(name, f.Name):
			contains = append(contains, "--"+f.Name)
		}
	})
	near := append(starts, contains...)
	return near[:min(len(near), 3)]
}

// Errorf prints one line, behind the command's name.
func (c *Command) Errorf(stderr io.Writer, format string, args ...any) {
	fmt.Fprintf(stderr, "%s: %s\n", c.Name, Printable(fmt.Sprintf(format, args...)))
}

// Printable replaces control characters, so that names from recordings and
// binaries cannot command a terminal.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r >= ' ' && r != 0x7f && (r < 0x80 || r >= 0xa0) {
			return r
		}
		return '?'
	}, s)
}

// Version is the version of the module that the program was built from, with
// the Go version, operating system and architecture.
func Version() string {
	version := "devel"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		version = info.Main.Version
	}
	return fmt.Sprintf("%s %s %s/%s", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
