package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// Help is the text that --help prints.
func (c *Command) Help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\nUsage:\n", c.Name, c.Summary)
	for _, form := range c.Forms {
		fmt.Fprintf(&b, "  %s %s\n", c.Name, form)
	}
	if c.Text != "" {
		fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(c.Text))
	}
	for _, group := range c.groups {
		flags := c.members(group)
		if len(flags) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s:\n", group)
		for _, f := range flags {
			left, usage := flagColumns(f)
			if len(left) > 24 {
				fmt.Fprintf(&b, "  %s\n  %-24s  ", left, "")
			} else {
				fmt.Fprintf(&b, "  %-24s  ", left)
			}
			b.WriteString(strings.ReplaceAll(usage, "\n", "\n"+strings.Repeat(" ", 28)) + "\n")
		}
	}
	fmt.Fprint(&b, "\nEach boolean flag has a form with --no- in front.\n")
	if len(c.Examples) > 0 {
		fmt.Fprint(&b, "\nExamples:\n")
		for _, e := range c.Examples {
			fmt.Fprintf(&b, "  %s\n      %s\n", e.Line, e.Does)
		}
	}
	if len(c.Statuses) > 0 {
		fmt.Fprint(&b, "\nExit status:\n")
		for _, e := range c.Statuses {
			fmt.Fprintf(&b, "  %-6s %s\n", e.Line, e.Does)
		}
	}
	return b.String()
}

func (c *Command) members(group string) []*pflag.Flag {
	var flags []*pflag.Flag
	c.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && len(f.Annotations[groupKey]) == 1 && f.Annotations[groupKey][0] == group {
			flags = append(flags, f)
		}
	})
	return flags
}

// flagColumns gives a flag's names with its argument, and its description. The
// argument's name stands in back quotes in the description.
func flagColumns(f *pflag.Flag) (left, usage string) {
	arg, usage := pflag.UnquoteUsage(f)
	if f.Shorthand != "" {
		left = "-" + f.Shorthand + ", "
	}
	left += "--" + f.Name
	switch {
	case f.Value.Type() == "bool" || arg == "":
	case f.NoOptDefVal != "":
		left += "[=" + arg + "]"
	default:
		left += " " + arg
	}
	return left, usage
}

// Man is the manual page, in the language of man(7), made of what Help prints.
func (c *Command) Man() string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH %s 1 \"\" gorecord \"User Commands\"\n", strings.ToUpper(c.Name))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n", c.Name, roff(c.Summary))
	for i, form := range c.Forms {
		if i > 0 {
			b.WriteString(".br\n")
		}
		fmt.Fprintf(&b, ".B %s\n%s\n", c.Name, roff(form))
	}
	if c.Text != "" {
		fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", roff(strings.ReplaceAll(strings.TrimSpace(c.Text), "\n\n", "\n.PP\n")))
	}
	b.WriteString(".SH OPTIONS\n")
	for _, group := range c.groups {
		flags := c.members(group)
		if len(flags) == 0 {
			continue
		}
		fmt.Fprintf(&b, ".SS %s\n", roff(group))
		for _, f := range flags {
			left, usage := flagColumns(f)
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(left), roff(usage))
		}
	}
	b.WriteString(".PP\nEach boolean flag has a form with \\-\\-no\\- in front.\n")
	manList(&b, "EXAMPLES", c.Examples)
	manList(&b, "EXIT STATUS", c.Statuses)
	return b.String()
}

func manList(b *strings.Builder, title string, list []Example) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, ".SH %s\n", title)
	for _, e := range list {
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", roff(e.Line), roff(e.Does))
	}
}

// roff escapes text for man(7); lines that start with a request of its own
// (".PP") stay requests.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && line != ".PP" {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
