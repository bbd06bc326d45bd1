package script

import (
	"context"
	"errors"
	"io"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
	"gorecord/report"
	"gorecord/symbolize/stack"
)

// Options say what is shown.
type Options struct {
	// Layout is how a sample is shown.
	Layout Layout
	// Fields say what lines show (LayoutLines).
	Fields FieldSet
	// Nanoseconds shows times with nine digits in place of six.
	Nanoseconds bool
	// Relative shows times from the first sample on; Delta from the one before.
	Relative, Delta bool
	// HideChains shows the place of a sample in place of its callchain.
	HideChains bool
	// MaxStack bounds the frames that are shown of a stack; 0 sets no limit.
	MaxStack int
	// Filter says which samples are shown.
	Filter report.Filter
	// DSOs and Symbols let only samples through whose place is in one of these.
	DSOs, Symbols []string
	// Show tells which records that are no samples are shown, each kind on lines
	// of its own (LayoutLines).
	Show SidebandSet
}

// Layout is a form of output.
type Layout int

const (
	// LayoutLines is that of perf script.
	LayoutLines Layout = iota
	// LayoutJSON is one object a line.
	LayoutJSON
	// LayoutFtrace is that of the kernel's own trace file.
	LayoutFtrace
)

// Result is what is to be said of a recording that was shown.
type Result struct {
	// Samples is how many there were, shown or not; Records counts all records.
	Samples, Records uint64
	// Problems tells, in one line each, what could not be read or named.
	Problems []string
	// Damaged says that data of the recording are missing.
	Damaged bool
}

// Write shows the samples of a recording as they are read: one goroutine reads,
// sorts and names, others make text of what it gathered, some hundred samples
// at a time, and one writes that in order. Text is on its way before Write
// waits for more of a stream.
func Write(ctx context.Context, w io.Writer, r *perfdata.Reader, resolver *stack.Resolver, opts Options) (Result, error) {
	c, err := newCollector(r, resolver, opts)
	if err != nil {
		return Result{}, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	lines := newPipeline(w, c.formatter, stop)
	if opts.Layout == LayoutFtrace {
		lines.write([]byte(ftraceHead))
	}
	err = c.run(ctx, lines)
	if failed := lines.finish(); failed != nil {
		err = failed
	}
	return c.result(), err
}

// errDone stops reading where all that is asked for was shown.
var errDone = errors.New("done")

// period is how many events a sample stands for.
func period(e *perfdata.Event, s *perfevent.Sample) uint64 {
	if e.Attr.SampleType&(perfevent.SamplePeriod|perfevent.SampleRead) != 0 {
		return s.Period
	}
	return e.Attr.SamplePeriod
}
