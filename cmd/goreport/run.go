package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"gorecord/cmd/internal/cli"
	"gorecord/cmd/internal/recording"
	"gorecord/perfevent/perfdata"
	"gorecord/report"
	"gorecord/report/latency"
	"gorecord/report/pprof"
	"gorecord/report/text"
)

const exitInterrupted = 130

// usageError is an error of the command line that only the recording showed.
type usageError struct{ error }

// run is the command. It returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, c, done, status := parse(args, stdout, stderr)
	if done {
		return status
	}
	err := show(ctx, &o, c, stdin, stdout, stderr)
	var usage usageError
	switch {
	case err == nil:
		return cli.ExitOK
	case errors.As(err, &usage):
		return c.UsageError(stderr, usage.error)
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	c.Errorf(stderr, "%v", err)
	return cli.ExitFail
}

func show(ctx context.Context, o *options, c *cli.Command, stdin io.Reader, stdout, stderr io.Writer) error {
	r, captured, err := recording.Open(o.input, stdin)
	if err != nil {
		return err
	}
	defer r.Close()
	var header []byte
	if o.header || o.headerOnly {
		header = text.AppendHeader(nil, r, captured)
	}
	if o.headerOnly {
		_, err := stdout.Write(header)
		return err
	}
	if o.latency {
		return showLatency(ctx, o, c, r, stdout, stderr)
	}
	spec, err := o.spec(r)
	if err != nil {
		return err
	}
	load, closeStore, err := o.loading(r, spec)
	if err != nil {
		return err
	}
	defer closeStore()
	progress := newProgress(stderr, o, r)
	load.Progress = progress.at
	p, err := report.Load(ctx, r, load)
	progress.end()
	if err != nil {
		return err
	}
	tell(o, c, p, stderr)
	switch {
	case p.Stats.Damaged && len(p.Stats.Records) == 0:
		return fmt.Errorf("%s: nothing of the recording can be read", o.input)
	case o.stats:
		return text.WriteStats(stdout, p)
	case p.Samples() == 0:
		c.Errorf(stderr, "The %s data has no samples!", o.input)
		return nil
	case o.pprof != "":
		return writeOutput(o.pprof, stdout, func(w io.Writer) error {
			return pprof.Write(w, p, pprof.Options{Captured: captured})
		})
	}
	return text.Write(stdout, p, spec, o.textOptions(spec, header))
}

// tell says what could not be read or named: shortly, or all of it.
func tell(o *options, c *cli.Command, p *report.Profile, stderr io.Writer) {
	warn(o, c, p.Stats.Problems, stderr)
}

func warn(o *options, c *cli.Command, problems []string, stderr io.Writer) {
	if o.quiet {
		return
	}
	const few = 3
	if rest := len(problems) - few; rest > 0 && !o.verbose {
		problems = append(problems[:few:few], fmt.Sprintf("%d more such lines with -v", rest))
	}
	for _, line := range problems {
		c.Errorf(stderr, "warning: %s", line)
	}
}

// showLatency writes the table of calls.
func showLatency(ctx context.Context, o *options, c *cli.Command, r *perfdata.Reader, stdout, stderr io.Writer) error {
	filter, err := o.filterFor(r)
	if err != nil {
		return err
	}
	progress := newProgress(stderr, o, r)
	res, err := latency.Gather(ctx, r, latency.Options{Filter: filter, Progress: progress.at})
	progress.end()
	if err != nil {
		return fmt.Errorf("%s: %w", o.input, err)
	}
	warn(o, c, res.Problems, stderr)
	return latency.Text{Separator: o.rows.separator, Quiet: o.quiet}.Write(stdout, res)
}

// textOptions says how tables are written.
func (o *options) textOptions(spec *report.Spec, header []byte) text.Options {
	t := text.Options{
		Header: header, Quiet: o.quiet, Separator: o.rows.separator, PercentLimit: o.rows.percentLimit,
		TimeSlices:     o.filter.Words.Times,
		SkipChainFirst: o.fields == "" && strings.HasPrefix(o.sort, "sym"),
	}
	elided := o.elided(spec)
	if len(elided) == groupings(spec) {
		return t // something has to be left
	}
	for _, f := range elided {
		t.Filtered = append(t.Filtered, f.key.String()+": "+f.value)
		spec.Drop(f.key)
	}
	return t
}
