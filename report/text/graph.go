package text

import (
	"bufio"
	"strconv"
	"strings"

	"gorecord/report"
)

// graph writes the callchains of rows.
type graph struct {
	out *bufio.Writer
	h   *report.Histogram
	o   *Options
}

const graphMargin = "            "

func (g *graph) write(e *report.Entry) {
	calls := &g.h.Spec.Calls
	if calls.Mode == report.CallsNone {
		return
	}
	root := g.h.Calls(e)
	switch calls.Mode {
	case report.CallsFlat:
		g.flat(root)
	case report.CallsFolded:
		g.folded(root)
	default:
		g.tree(e, root)
	}
}

// limit is the number of entries to show of n.
func (g *graph) limit(n int) int {
	if limit := g.h.Spec.Calls.Limit; limit > 0 {
		return min(n, limit)
	}
	return n
}

// value is what a branch weighs, as a part of total where percents are shown.
func (g *graph) value(period, samples, total uint64) string {
	switch g.h.Spec.Calls.Value {
	case report.CallPeriod:
		return strconv.FormatUint(period, 10)
	case report.CallCount:
		return strconv.FormatUint(samples, 10)
	}
	p := 0.0
	if total > 0 {
		p = float64(period) * 100 / float64(total)
	}
	return strconv.FormatFloat(p, 'f', 2, 64) + "%"
}

func (g *graph) line(parts ...string) {
	for _, p := range parts {
		g.out.WriteString(p)
	}
	g.out.WriteByte('\n')
}

func text(p *report.Place) string { return report.Printable(p.Text()) }

// tree writes a call tree, in parts of all samples or of each parent.
func (g *graph) tree(e *report.Entry, root *report.CallNode) {
	margin := graphMargin
	wrote := false
	parent, total := root, g.h.Period
	if len(root.Children) == 1 && root.Children[0].Total() == e.Total {
		// The only branch, with all that the row has: no need to say how much.
		parent = root.Children[0]
		margin, wrote = g.trunk(parent)
	}
	if g.h.Spec.Calls.Mode == report.CallsFractal {
		total = e.Total
	}
	if len(parent.Children) > 0 {
		g.branches(parent, total, 1, 1, margin)
		wrote = true
	}
	if wrote {
		g.line()
	}
}

// trunk writes the places of the one node that everything grows from, and
// gives the margin for what follows.
func (g *graph) trunk(n *report.CallNode) (margin string, wrote bool) {
	margin = graphMargin
	places := n.Places
	if g.o.SkipChainFirst {
		places = places[1:]
	}
	for i, p := range places[:g.limit(len(places))] {
		if i == 0 {
			g.line(margin, "|")
			g.line(margin, "---", text(p))
			margin += "   "
			continue
		}
		g.line(margin, text(p))
	}
	return margin, len(places) > 0
}

// branches writes the children of a node. bars has a bit for every level whose
// vertical bar goes on.
func (g *graph) branches(parent *report.CallNode, total uint64, depth int, bars uint64, margin string) {
	fractal := g.h.Spec.Calls.Mode == report.CallsFractal
	nodes := parent.Children
	remaining, remainingSamples := total, parent.SamplesBelow
	shown := nodes[:g.limit(len(nodes))]
	below := bars
	for i, n := range shown {
		remaining -= min(remaining, n.Total())
		remainingSamples -= min(remainingSamples, n.TotalSamples())
		if i == len(nodes)-1 && (!fractal || remaining == 0) {
			below &^= 1 << (depth - 1)
		}
		g.gap(depth, bars, margin)
		for j, p := range n.Places {
			label := ""
			if j == 0 {
				label = g.value(n.Total(), n.TotalSamples(), total)
			}
			g.branchLine(p, label, depth, below, margin)
		}
		if len(n.Children) > 0 || fractal && n.Below > 0 {
			childTotal := total
			if fractal {
				childTotal = n.Below
			}
			g.branches(n, childTotal, depth+1, below|1<<depth, margin)
		}
	}
	if fractal && remaining > 0 && remaining != total {
		if g.h.Spec.Calls.Value == report.CallCount && remainingSamples == 0 {
			return
		}
		below &^= 1 << (depth - 1)
		g.out.WriteString(margin)
		g.bars(depth, below, g.value(remaining, remainingSamples, total))
		g.line("[...]")
	}
}

// gap writes the line above a branch.
func (g *graph) gap(depth int, bars uint64, margin string) {
	g.out.WriteString(margin)
	for i := range depth {
		if bars>>i&1 != 0 {
			g.out.WriteString("|          ")
		} else {
			g.out.WriteString("           ")
		}
	}
	g.line()
}

// branchLine writes one place of a branch; the first has a label.
func (g *graph) branchLine(p *report.Place, label string, depth int, bars uint64, margin string) {
	g.out.WriteString(margin)
	g.bars(depth, bars, label)
	g.line(text(p))
}

func (g *graph) bars(depth int, bars uint64, label string) {
	for i := range depth {
		if bars>>i&1 != 0 {
			g.out.WriteByte('|')
		} else {
			g.out.WriteByte(' ')
		}
		if label != "" && i == depth-1 {
			g.out.WriteString("--" + label + "--")
		} else {
			g.out.WriteString("          ")
		}
	}
}

// flat writes every chain as a list.
func (g *graph) flat(root *report.CallNode) {
	for _, n := range root.Children[:g.limit(len(root.Children))] {
		g.line("           ", g.value(n.Total(), n.TotalSamples(), g.h.Period))
		for _, places := range [][]*report.Place{n.Parents, n.Places} {
			for _, p := range places {
				g.line("                ", text(p))
			}
		}
		g.line()
	}
}

// folded writes every chain as one line.
func (g *graph) folded(root *report.CallNode) {
	sep := ";"
	if g.o.Separator != "" {
		sep = g.o.Separator
	}
	for _, n := range root.Children[:g.limit(len(root.Children))] {
		names := make([]string, 0, len(n.Parents)+len(n.Places))
		for _, places := range [][]*report.Place{n.Parents, n.Places} {
			for _, p := range places {
				names = append(names, text(p))
			}
		}
		g.line(g.value(n.Hits, n.Samples, g.h.Period), " ", strings.Join(names, sep))
	}
}
