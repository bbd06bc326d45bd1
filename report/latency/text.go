package latency

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"gorecord/report"
)

// Text says how a Result is written.
type Text struct {
	// Separator stands between columns, which are not aligned then, and times
	// are plain nanoseconds.
	Separator string
	Quiet     bool // only rows
}

// quantiles that a table shows.
var quantiles = []struct {
	name string
	q    float64
}{{"min", 0}, {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1}}

// Write writes a table, a function a row, and below it what stayed unpaired.
func (t Text) Write(w io.Writer, r *Result) error {
	b := bufio.NewWriter(w)
	if !t.Quiet {
		t.head(b, r)
	}
	for _, f := range r.Functions {
		if f.Pairs > 0 {
			t.row(b, f)
		}
	}
	if !t.Quiet {
		t.unpaired(b, r)
	}
	return b.Flush()
}

func (t Text) head(b *bufio.Writer, r *Result) {
	pairs := uint64(0)
	for _, f := range r.Functions {
		pairs += f.Pairs
	}
	fmt.Fprintf(b, "#\n# Total Lost Samples: %d\n#\n# Calls: %d  of %d functions, by their total time\n#\n", r.Lost, pairs, len(r.Functions))
	names := []string{"calls", "total", "self"}
	for _, q := range quantiles {
		names = append(names, q.name)
	}
	names = append(names, "function")
	if t.Separator != "" {
		fmt.Fprintf(b, "# %s\n", strings.Join(names, t.Separator))
		return
	}
	fmt.Fprintf(b, "#%9s", names[0])
	for _, n := range names[1 : len(names)-1] {
		fmt.Fprintf(b, " %10s", n)
	}
	fmt.Fprintf(b, "  %s\n#\n", names[len(names)-1])
}

func (t Text) row(b *bufio.Writer, f *Function) {
	cells := []string{strconv.FormatUint(f.Pairs, 10), t.time(f.Total), t.time(f.Self)}
	for _, q := range quantiles {
		cells = append(cells, t.time(f.Quantile(q.q)))
	}
	name := label(f)
	if t.Separator != "" {
		fmt.Fprintf(b, "%s%s%s\n", strings.Join(cells, t.Separator), t.Separator, name)
		return
	}
	fmt.Fprintf(b, "%10s", cells[0])
	for _, c := range cells[1:] {
		fmt.Fprintf(b, " %10s", c)
	}
	fmt.Fprintf(b, "  %s\n", name)
}

func label(f *Function) string {
	name := report.Printable(f.Name)
	if f.Path != "" {
		name += "  " + report.Printable(filepath.Base(f.Path))
	}
	return name
}

// time writes nanoseconds with four digits and a unit.
func (t Text) time(ns uint64) string {
	if t.Separator != "" {
		return strconv.FormatUint(ns, 10)
	}
	units := []struct {
		name string
		ns   float64
	}{{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}}
	for _, u := range units {
		if v := float64(ns) / u.ns; v >= 1 {
			digits := 3
			for x := v; x >= 10 && digits > 0; x /= 10 {
				digits--
			}
			return strconv.FormatFloat(v, 'f', digits, 64) + u.name
		}
	}
	return strconv.FormatUint(ns, 10) + "ns"
}

// unpaired tells of each function what has no partner, and why.
func (t Text) unpaired(b *bufio.Writer, r *Result) {
	for _, f := range r.Functions {
		for _, line := range []struct {
			n    uint64
			what string
		}{
			{f.Entries, "entries without a return (left by a jump or panic, or the return was lost)"},
			{f.Returns, "returns without an entry (begun before the recording, or the entry was lost)"},
			{f.Open, "calls still going on at the end"},
			{f.Restarts, "entries that began again on a larger stack, not counted as calls"},
			{f.BeyondDepth, "entries beyond the 64 outstanding calls that the kernel's return probes follow (%returns knows no such limit)"},
		} {
			if line.n > 0 {
				fmt.Fprintf(b, "# %s: %d %s\n", report.Printable(f.Name), line.n, line.what)
			}
		}
	}
}
