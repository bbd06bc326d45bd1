package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"gorecord/cmd/internal/cli"
	"gorecord/perfevent/perfdata"
	"gorecord/report"
	"gorecord/report/script"
	"gorecord/report/text"
	"gorecord/symbolize"
	"gorecord/symbolize/stack"
)

const exitInterrupted = 130

// errNothing says that a damaged recording has no whole record left.
var errNothing = errors.New("nothing of the recording can be read")

func (o *options) run(ctx context.Context, c *cli.Command, stdin io.Reader, stdout, stderr io.Writer) int {
	var err error
	if o.dump {
		err = o.dumpFile(stdin, stdout)
	} else {
		err = o.samples(ctx, c, stdin, stdout, stderr)
	}
	var usage usageError
	switch {
	case err == nil:
		return cli.ExitOK
	case errors.As(err, &usage):
		return c.UsageError(stderr, usage.error)
	case errors.Is(err, syscall.EPIPE):
		return cli.ExitOK // the reader has seen enough
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	c.Errorf(stderr, "%v", err)
	return cli.ExitFail
}

// samples prints the samples, and what is to be said of the recording.
func (o *options) samples(ctx context.Context, c *cli.Command, stdin io.Reader, stdout, stderr io.Writer) error {
	r, captured, err := o.open(stdin)
	if err != nil {
		return err
	}
	defer r.Close()
	result, err := o.write(ctx, r, captured, stdout)
	if !o.quiet {
		for _, p := range result.Problems {
			c.Errorf(stderr, "warning: %s", p)
		}
	}
	if err == nil && result.Damaged && result.Records == 0 {
		err = fmt.Errorf("%s: %w", o.input, errNothing)
	}
	return err
}

// usageError is an error of the command line that only the recording showed.
type usageError struct{ error }

// open opens the recording, and tells when it was written.
func (o *options) open(stdin io.Reader) (*perfdata.Reader, time.Time, error) {
	if o.input == "-" {
		r, err := perfdata.NewStream(stdin)
		if err != nil {
			err = fmt.Errorf("standard input: %w", err)
		}
		return r, time.Now(), err
	}
	r, err := perfdata.Open(o.input)
	if err != nil {
		return nil, time.Time{}, err
	}
	captured := time.Now()
	if st, err := os.Stat(o.input); err == nil {
		captured = st.ModTime()
	}
	return r, captured, nil
}

func (o *options) write(ctx context.Context, r *perfdata.Reader, captured time.Time, w io.Writer) (script.Result, error) {
	if o.header || o.headerOnly {
		if _, err := w.Write(text.AppendHeader(nil, r, captured)); err != nil || o.headerOnly {
			return script.Result{}, err
		}
	}
	opts, err := o.scriptOptions(r)
	if err != nil {
		return script.Result{}, usageError{err}
	}
	resolver, closeStore, err := o.resolver(r)
	if err != nil {
		return script.Result{}, err
	}
	defer closeStore()
	return script.Write(ctx, w, r, resolver, opts)
}

// resolver finds the names of functions.
func (o *options) resolver(r *perfdata.Reader) (*stack.Resolver, func() error, error) {
	style := symbolize.DemangleShort
	if !o.demangle {
		style = symbolize.DemangleNone
	}
	store, err := symbolize.NewStore(symbolize.StoreOptions{Root: o.symfs, Demangle: style})
	if err != nil {
		return nil, nil, err
	}
	resolver := &stack.Resolver{
		Store: store, Local: os.DirFS("/"), Release: r.Info().OSRelease, Hostname: r.Info().Hostname,
		Embedded: report.Embedded(r), Style: style,
	}
	if o.kallsyms != "" {
		if resolver.Kallsyms, err = readKallsyms(o.kallsyms); err != nil {
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
