package text

import (
	"bufio"
	"strconv"
	"strings"
	"unicode/utf8"

	"gorecord/report"
)

// column is one column of a table.
type column struct {
	key   report.Key
	width int
}

// Widths that perf gives its columns at least.
const (
	percentWidth    = 8
	numberWidth     = 12
	addressWidth    = 16 // digits of an address
	addressColumn   = len("[.] 0x") + addressWidth
	threadPrefix    = len("1234567:")
	wholeTableWidth = 1 << 16 // no name in a recording is longer
)

func newColumns(h *report.Histogram, o *Options) []column {
	columns := make([]column, len(h.Spec.Fields))
	for i, k := range h.Spec.Fields {
		columns[i] = column{key: k, width: len(header(k, h.Spec))}
		columns[i].width = max(columns[i].width, valueWidth(k))
		if !k.IsValue() {
			columns[i].measure(h, o)
		}
	}
	return columns
}

func valueWidth(k report.Key) int {
	switch k {
	case report.KeyOverhead, report.KeyOverheadSys, report.KeyOverheadUs, report.KeyOverheadChildren,
		report.KeyOverheadGuestSys, report.KeyOverheadGuestUs:
		return percentWidth
	case report.KeySample, report.KeyPeriod:
		return numberWidth
	}
	return 0
}

// header is what stands over a column. The overhead is that of the function
// itself where a column with that of its callees stands beside it by default.
func header(k report.Key, s *report.Spec) string {
	if k == report.KeyOverhead && s.Children && len(s.Fields) > 1 &&
		s.Fields[0] == report.KeyOverheadChildren && s.Fields[1] == report.KeyOverhead {
		return "Self"
	}
	return k.Header()
}

// measure makes a column wide enough for every entry.
func (c *column) measure(h *report.Histogram, o *Options) {
	for _, e := range h.Entries {
		c.width = max(c.width, c.need(e, o))
	}
	c.width = min(c.width, wholeTableWidth)
}

// need is the width that an entry needs.
func (c *column) need(e *report.Entry, o *Options) int {
	switch c.key {
	case report.KeyThread, report.KeyTID, report.KeyTGID:
		return threadPrefix + textWidth(e.ThreadComm)
	case report.KeyComm:
		return textWidth(e.Comm)
	case report.KeyTrace:
		return textWidth(e.Trace)
	case report.KeySymbol:
		if e.Place.Symbol == "" {
			return addressColumn
		}
		return len("[.] ") + textWidth(e.Place.Symbol)
	case report.KeyDSO:
		n := 0
		if e.Place.Mapped {
			n = textWidth(e.Place.DSO)
		}
		if e.Place.Symbol == "" && o.Separator == "" {
			n = max(n, addressWidth)
		}
		return n
	}
	return 0
}

func textWidth(s string) int { return utf8.RuneCountInString(report.Printable(s)) }

func writeColumnHeader(out *bufio.Writer, h *report.Histogram, columns []column, o *Options) {
	out.WriteString("# ")
	for i, c := range columns {
		if i > 0 {
			out.WriteString(separator(o))
		}
		text := header(c.key, h.Spec)
		pad := strings.Repeat(" ", max(0, c.width-len(text)))
		if c.key.IsValue() {
			out.WriteString(pad + text)
		} else {
			out.WriteString(text + pad)
		}
	}
	out.WriteByte('\n')
	if o.Separator != "" {
		return
	}
	out.WriteString("# ")
	for i, c := range columns {
		if i > 0 {
			out.WriteString("  ")
		}
		out.WriteString(strings.Repeat(".", c.width))
	}
	out.WriteString("\n#\n")
}

func separator(o *Options) string {
	if o.Separator != "" {
		return o.Separator
	}
	return "  "
}

// cell appends the content of a column for an entry. Names are padded to the
// column's width, functions and values are not.
func (c *column) cell(dst []byte, h *report.Histogram, e *report.Entry, o *Options) []byte {
	switch c.key {
	case report.KeySample, report.KeyPeriod:
		return number(dst, e.Value(c.key), c.width, o)
	case report.KeyThread, report.KeyTID:
		return c.thread(dst, e.TID, e.ThreadComm, o)
	case report.KeyTGID:
		return c.thread(dst, e.PID, e.ThreadComm, o)
	case report.KeyComm:
		return padded(dst, name(e.Comm, o), c.width)
	case report.KeyDSO:
		return padded(dst, name(e.Place.DSO, o), c.width)
	case report.KeySymbol:
		return symbol(dst, e.Place, o)
	case report.KeyCPU:
		return cpu(dst, e.CPU, c.width)
	case report.KeyTrace:
		return append(dst, name(e.Trace, o)...)
	}
	return percent(dst, h.Percent(e.Value(c.key)), c.width, o)
}

// name makes a text fit for a table.
func name(s string, o *Options) string {
	s = report.Printable(s)
	if o.Separator != "" {
		s = strings.ReplaceAll(s, o.Separator, ".")
	}
	return s
}

func padded(dst []byte, s string, width int) []byte {
	dst = append(dst, s...)
	return spaces(dst, width-utf8.RuneCountInString(s))
}

func spaces(dst []byte, n int) []byte {
	for ; n > 0; n-- {
		dst = append(dst, ' ')
	}
	return dst
}

// right appends a text with a space before it, aligned to the right.
func right(dst []byte, text string, width int, o *Options) []byte {
	dst = append(dst, ' ')
	if o.Separator == "" {
		dst = spaces(dst, width-1-len(text))
	}
	return append(dst, text...)
}

func percent(dst []byte, v float64, width int, o *Options) []byte {
	return right(dst, strconv.FormatFloat(v, 'f', 2, 64)+"%", width, o)
}

func number(dst []byte, v uint64, width int, o *Options) []byte {
	return right(dst, strconv.FormatUint(v, 10), width, o)
}

func (c *column) thread(dst []byte, number uint32, comm string, o *Options) []byte {
	text := strconv.Itoa(int(int32(number)))
	dst = spaces(dst, threadPrefix-1-len(text))
	dst = append(append(dst, text...), ':')
	return padded(dst, name(comm, o), c.width-threadPrefix)
}

// cpu appends a number with leading zeros, as perf has it: -001 is unknown.
func cpu(dst []byte, n int32, width int) []byte {
	if n < 0 {
		dst = append(dst, '-')
		n = -n
	}
	text := strconv.Itoa(int(n))
	for range width - len(text) {
		dst = append(dst, '0')
	}
	return append(dst, text...)
}

func symbol(dst []byte, p *report.Place, o *Options) []byte {
	dst = append(dst, '[', p.Level, ']', ' ')
	if p.Symbol != "" {
		return append(dst, name(p.Symbol, o)...)
	}
	width := addressWidth
	if p.Address != 0 {
		dst = append(dst, "0x"...)
	}
	digits := strconv.FormatUint(p.Address, 16)
	for range width - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}
