package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"gorecord/cmd/internal/cli"
	"gorecord/cmd/internal/recording"
	"gorecord/perfevent/perfdata"
	"gorecord/report/script"
	"gorecord/report/text"
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
	r, captured, err := recording.Open(o.input, stdin)
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
	resolver, closeStore, err := o.symbols.Resolver(r)
	if err != nil {
		return script.Result{}, err
	}
	defer closeStore()
	return script.Write(ctx, w, r, resolver, opts)
}
