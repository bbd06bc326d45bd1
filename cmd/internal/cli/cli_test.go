package cli

import (
	"bytes"
	"strings"
	"testing"
)

// sample makes a command of every kind of flag.
func sample() (c *Command, on, plain *bool, level *int) {
	c = New("tool", "do things")
	c.Forms = []string{"[flags] FILE"}
	c.Text = "First paragraph.\n\nSecond paragraph."
	c.Examples = []Example{{"tool f", "does it"}}
	c.Statuses = []Example{{"0", "done"}}
	c.Group("One")
	on = c.BoolP("colour", "c", true, "print in colour")
	plain = c.Bool("no-header", false, "leave the header out")
	c.Group("Two")
	level = c.IntP("level", "l", 3, "work at level `N`")
	c.NotYet("live", "", "use FILE")
	c.NotYet("window", "w", "use a bigger screen")
	return c, on, plain, level
}

func TestMainFlags(t *testing.T) {
	for _, test := range []struct {
		args   string
		done   bool
		status int
		on     bool
		plain  bool
		stderr string
	}{
		{args: "", on: true},
		{args: "--no-colour", on: false},
		{args: "--colour=false", on: false},
		{args: "--no-colour=false", on: true},
		{args: "--no-header", on: true, plain: true},
		{args: "--no-header --header", on: true},
		{args: "-h", done: true, on: true},
		{args: "--version", done: true, on: true},
		{args: "--live", done: true, status: ExitUsage, on: true, stderr: "tool: --live is not built yet; use FILE; see tool --help\n"},
		{args: "--live=x", done: true, status: ExitUsage, on: true, stderr: "tool: --live is not built yet; use FILE; see tool --help\n"},
		{args: "-w", done: true, status: ExitUsage, on: true, stderr: "tool: --window is not built yet; use a bigger screen; see tool --help\n"},
		{args: "--lev", done: true, status: ExitUsage, on: true, stderr: "tool: unknown flag: --lev (did you mean --level?); see tool --help\n"},
		{args: "--zzz", done: true, status: ExitUsage, on: true, stderr: "tool: unknown flag: --zzz; see tool --help\n"},
	} {
		c, on, plain, _ := sample()
		var stdout, stderr bytes.Buffer
		done, status := c.Main(strings.Fields(test.args), &stdout, &stderr)
		if done != test.done || status != test.status || stderr.String() != test.stderr {
			t.Errorf("%q: done %v, status %d, stderr %q", test.args, done, status, stderr.String())
		}
		if *on != test.on || *plain != test.plain {
			t.Errorf("%q: colour %v, no-header %v", test.args, *on, *plain)
		}
		if (stdout.Len() > 0) != (test.done && test.status == 0) {
			t.Errorf("%q: stdout %q", test.args, stdout.String())
		}
	}
}

func TestHelp(t *testing.T) {
	c, _, _, _ := sample()
	var stdout, stderr bytes.Buffer
	c.Main([]string{"--help"}, &stdout, &stderr)
	const want = `tool: do things

Usage:
  tool [flags] FILE

First paragraph.

Second paragraph.

One:
  -c, --colour              print in colour
  --no-header               leave the header out

Two:
  -l, --level N             work at level N

General:
  -h, --help                print this help
  --version                 print version, Go version, operating system and architecture

Each boolean flag has a form with --no- in front.

Examples:
  tool f
      does it

Exit status:
  0      done
`
	if got := stdout.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestMan(t *testing.T) {
	c, _, _, _ := sample()
	var stdout, stderr bytes.Buffer
	c.Main([]string{"--man"}, &stdout, &stderr)
	for _, want := range []string{".TH TOOL 1", ".SH NAME\ntool \\- do things\n", ".B \\-l, \\-\\-level N\n", "\n.PP\nSecond paragraph."} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("lacks %q:\n%s", want, stdout.String())
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a\x1b[31mb": "a?[31mb", "tab\tnew\n": "tab\tnew\n", "ünï\u009b": "ünï?", "\x7f": "?",
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
