package text

import (
	"bufio"
	"unicode/utf8"

	"gorecord/report"
)

// writeTable writes the column header and all rows.
func writeTable(out *bufio.Writer, h *report.Histogram, o *Options) {
	columns := newColumns(h, o)
	if !o.Quiet {
		writeColumnHeader(out, h, columns, o)
	}
	g := &graph{out: out, h: h, o: o}
	var line []byte
	for _, e := range h.Entries {
		if h.Percent(e.Total) < o.PercentLimit {
			continue
		}
		line = appendRow(line[:0], columns, h, e, o)
		out.Write(append(line, '\n'))
		g.write(e)
	}
}

func appendRow(dst []byte, columns []column, h *report.Histogram, e *report.Entry, o *Options) []byte {
	for i, c := range columns {
		if o.Separator == "" || i > 0 {
			dst = append(dst, separator(o)...)
		}
		start := len(dst)
		dst = c.cell(dst, h, e, o)
		if i < len(columns)-1 {
			dst = spaces(dst, c.width-utf8.RuneCount(dst[start:]))
		}
	}
	return dst
}
