// Package recording is what the commands that read recordings have in common:
// how one is opened, which samples are meant, and where names of functions come
// from.
package recording

import (
	"fmt"
	"io"
	"os"
	"time"

	"gorecord/cmd/internal/cli"
	"gorecord/perfevent/perfdata"
	"gorecord/report"
	"gorecord/symbolize"
	"gorecord/symbolize/stack"
)

// Default is the recording that is read where none is named.
const Default = "perf.data"

// Choose gives the recording to read: that of -i, the argument, or the default.
func Choose(flag string, args []string) (string, error) {
	switch {
	case len(args) > 1:
		return "", fmt.Errorf("%q: one recording at a time", args[1])
	case len(args) == 1 && flag != "":
		return "", fmt.Errorf("two recordings, %q and %q: one at a time", flag, args[0])
	case len(args) == 1:
		return args[0], nil
	case flag == "":
		return Default, nil
	}
	return flag, nil
}

// Open opens a recording, "-" being standard input, and tells when it was
// written. The caller closes it.
func Open(path string, stdin io.Reader) (*perfdata.Reader, time.Time, error) {
	if path == "-" {
		r, err := perfdata.NewStream(stdin)
		if err != nil {
			err = fmt.Errorf("standard input: %w", err)
		}
		return r, time.Now(), err
	}
	r, err := perfdata.Open(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	captured := time.Now()
	if st, err := os.Stat(path); err == nil {
		captured = st.ModTime()
	}
	return r, captured, nil
}

// Filters say which samples are meant.
type Filters struct {
	Words         report.FilterWords
	DSOs, Symbols string
}

// Flags defines the flags of filters.
func (f *Filters) Flags(c *cli.Command) {
	c.StringArrayVar(&f.Words.Events, "event", nil, "only events `NAME,…`; with or without the group, globs allowed")
	c.StringVarP(&f.Words.Comms, "comms", "c", "", "only threads called `NAME,…`")
	c.StringVarP(&f.Symbols, "symbols", "S", "", "only hits in functions `NAME,…`")
	c.StringVar(&f.Words.PIDs, "pid", "", "only processes `PID,…`")
	c.StringVar(&f.Words.TIDs, "tid", "", "only threads `TID,…`")
	c.StringVarP(&f.Words.CPUs, "cpu", "C", "", "only CPUs such as `0-3,5`")
	c.StringVar(&f.Words.Times, "time", "", "only from `START,STOP` in seconds, or parts such as 10%-20% or 10%/2")
}

// Any reports whether there is any filter.
func (f *Filters) Any() bool {
	w := &f.Words
	return len(w.Events) > 0 || w.Comms+w.PIDs+w.TIDs+w.CPUs+w.Times+f.DSOs+f.Symbols != ""
}

// Symbols say where names of functions come from, and how they are shown.
type Symbols struct {
	symfs, kallsyms string
	demangle        bool
}

// Flags defines the flags of symbols.
func (s *Symbols) Flags(c *cli.Command) {
	c.Group("Symbols")
	c.StringVar(&s.symfs, "symfs", "", "look for files below `DIR`")
	c.StringVar(&s.kallsyms, "kallsyms", "", "read the kernel's symbols from `FILE`")
	c.BoolVar(&s.demangle, "demangle", true, "show C++ and Rust names as in the source")
}

// Resolver names the functions of a recording. The returned function gives up
// what it holds.
func (s *Symbols) Resolver(r *perfdata.Reader) (*stack.Resolver, func() error, error) {
	style := symbolize.DemangleShort
	if !s.demangle {
		style = symbolize.DemangleNone
	}
	store, err := symbolize.NewStore(symbolize.StoreOptions{Root: s.symfs, Demangle: style})
	if err != nil {
		return nil, nil, err
	}
	resolver := &stack.Resolver{
		Store: store, Local: os.DirFS("/"), Embedded: report.Embedded(r), Style: style,
		Release: r.Info().OSRelease, Hostname: r.Info().Hostname,
	}
	if s.kallsyms != "" {
		if resolver.Kallsyms, err = readKallsyms(s.kallsyms); err != nil {
			store.Close()
			return nil, nil, err
		}
	}
	return resolver, store.Close, nil
}

func readKallsyms(path string) (*symbolize.Kallsyms, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	k, err := symbolize.ReadKallsyms(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}
