package text

import (
	"bufio"
	"fmt"
	"io"
	"slices"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
	"gorecord/report"
)

// WriteStats writes how many records of each type a recording has, and how
// many samples of each event, in the layout of perf report --stats.
func WriteStats(w io.Writer, p *report.Profile) error {
	out := bufio.NewWriter(w)
	var types []perfevent.RecordType
	var total uint64
	for t, n := range p.Stats.Records {
		types = append(types, t)
		total += n
	}
	slices.Sort(types)
	fmt.Fprintf(out, "\nAggregated stats:\n%16s events: %10d\n", "TOTAL", total)
	for _, t := range types {
		n := p.Stats.Records[t]
		fmt.Fprintf(out, "%16s events: %10d  (%4.1f%%)\n", perfdata.RecordName(t), n, 100*float64(n)/float64(total))
	}
	for _, t := range p.Tables {
		if !t.Selected || t.Samples == 0 && t.LostSamples == 0 {
			continue
		}
		fmt.Fprintf(out, "%s stats:\n", report.Printable(t.Event.Name))
		fmt.Fprintf(out, "%16s events: %10d\n", "SAMPLE", t.Samples)
		if t.LostSamples > 0 {
			fmt.Fprintf(out, "%16s events: %10d\n", "LOST_SAMPLES", t.LostSamples)
		}
	}
	return out.Flush()
}
