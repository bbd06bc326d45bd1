package text

import (
	"bufio"
	"fmt"
	"io"

	"gorecord/report"
)

// Options say how a report is written.
type Options struct {
	// Header is the description of the recording to put in front (see
	// AppendHeader); empty puts a hint there.
	Header []byte
	// Quiet leaves out everything but the rows.
	Quiet bool
	// Separator stands between columns; with it they are not aligned and a
	// separator within a name becomes a full stop. Empty aligns.
	Separator string
	// PercentLimit hides rows that are less than this part of the whole.
	PercentLimit float64
	// Filtered are lines such as "comm: ls" that name what all rows share
	// and no column shows.
	Filtered []string
	// TimeSlices is the time filter, for the header.
	TimeSlices string
	// SkipChainFirst leaves out the first place of a chain that stands
	// alone: where rows are sorted by function it is the row itself.
	SkipChainFirst bool
}

// Write writes the tables of all events that have samples. The Profile must
// have been loaded with the dimensions that spec needs.
func Write(w io.Writer, p *report.Profile, spec *report.Spec, o Options) error {
	out := bufio.NewWriterSize(w, 1<<16)
	if !o.Quiet {
		writePreface(out, p, &o)
	}
	for _, t := range p.Tables {
		if !t.Selected || t.Samples == 0 {
			continue
		}
		h := p.Histogram(t, spec)
		if !o.Quiet {
			writeEvent(out, h, &o)
		}
		writeTable(out, h, &o)
		out.WriteString("\n\n")
	}
	return out.Flush()
}

func writePreface(out *bufio.Writer, p *report.Profile, o *Options) {
	if len(o.Header) > 0 {
		out.Write(o.Header)
	} else {
		out.WriteString("# To display the perf.data header info, please use --header/--header-only options.\n#\n")
	}
	for _, line := range o.Filtered {
		fmt.Fprintf(out, "# %s\n", report.Printable(line))
	}
	fmt.Fprintf(out, "#\n# Total Lost Samples: %d\n#\n", p.Stats.LostSamples)
	if p.Stats.LostRecords > p.Stats.LostSamples {
		fmt.Fprintf(out, "# Lost Records: %d in %d chunks, of all kinds (samples above included)\n#\n", p.Stats.LostRecords, p.Stats.LostChunks)
	}
}

// writeEvent writes the lines that say what a table is about.
func writeEvent(out *bufio.Writer, h *report.Histogram, o *Options) {
	n, unit := shortNumber(h.Samples)
	fmt.Fprintf(out, "# Samples: %d%c of event '%s'", n, unit, report.Printable(h.Table.Event.Name))
	if o.TimeSlices != "" {
		fmt.Fprintf(out, " (time slices: %s)", report.Printable(o.TimeSlices))
	}
	fmt.Fprintf(out, "\n# Event count (approx.): %d\n#\n", h.Period)
}

// shortNumber cuts a number down to thousands, millions or billions.
func shortNumber(n uint64) (uint64, byte) {
	unit := byte(' ')
	for _, u := range []byte("KMG") {
		if n <= 1000 {
			break
		}
		n /= 1000
		unit = u
	}
	return n, unit
}
