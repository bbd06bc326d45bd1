package script

import (
	"strconv"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
	"gorecord/report"
)

// text appends a sample in the layout that perf script has by default:
//
//	COMM PID [CPU] TIME: PERIOD EVENT: TRACE
//
// with the fields that the recording has, and behind them the place of the
// sample, or its frames on lines of their own and an empty line.
func (p *printer) text(dst []byte, s *Sample) []byte {
	fields := s.Event.Attr.SampleType
	comm := report.Printable(s.Thread.Comm())
	if !s.HasChain {
		dst = pad(dst, 16-len(comm))
	}
	dst = append(dst, comm...)
	dst = append(dst, ' ')
	if fields&perfevent.SampleTID != 0 {
		dst = signed(dst, int32(s.TID), 5)
		dst = append(dst, ' ')
	}
	if fields&perfevent.SampleCPU != 0 {
		dst = append(dst, '[')
		dst = zeros(dst, uint64(s.CPU), 3)
		dst = append(dst, "] "...)
	}
	if fields&perfevent.SampleTime != 0 {
		dst = p.time(dst, s.Time)
		dst = append(dst, ": "...)
	}
	tracepoint := s.Event.Attr.Type == perfevent.TypeTracepoint
	if !tracepoint {
		dst = number(dst, period(s), 10)
		dst = append(dst, ' ')
	}
	dst = pad(dst, p.width-len(s.Event.Name))
	dst = append(dst, report.Printable(s.Event.Name)...)
	dst = append(dst, ": "...)
	if tracepoint {
		dst = p.traceText(dst, s)
	}
	switch {
	case s.HasChain:
		dst = append(dst, '\n')
		for i := range s.Addresses {
			dst = p.frame(append(dst, '\t'), s, i)
			dst = append(dst, '\n')
		}
	case !tracepoint && len(s.Addresses) > 0:
		dst = p.frame(append(dst, ' '), s, 0)
	}
	return append(dst, '\n')
}

// frame appends address, function with offset, and module of one place.
func (p *printer) frame(dst []byte, s *Sample, i int) []byte {
	id := s.Addresses[i]
	address := uint64(s.Runtime[i])
	if s.HasChain {
		address = p.shown(id, s.Runtime[i])
	}
	hex := strconv.AppendUint(make([]byte, 0, 16), address, 16)
	dst = pad(dst, 16-len(hex))
	dst = append(dst, hex...)
	dst = append(dst, ' ')
	frames := p.frames(id)
	if f := &frames[len(frames)-1]; f.Symbol != nil {
		dst = append(dst, report.Printable(f.Symbol.Name)...)
		dst = append(dst, "+0x"...)
		dst = strconv.AppendUint(dst, f.Offset, 16)
	} else {
		dst = append(dst, "[unknown]"...)
	}
	dst = append(dst, " ("...)
	dst = append(dst, report.Printable(p.module(id))...)
	return append(dst, ')')
}

// time appends seconds with six or nine digits behind the point, in twelve
// places.
func (p *printer) time(dst []byte, ns uint64) []byte {
	start := len(dst)
	sec, frac, digits := ns/1e9, ns%1e9, 9
	if !p.opts.Nanoseconds {
		frac, digits = frac/1000, 6
	}
	dst = number(dst, sec, 5)
	dst = append(dst, '.')
	dst = zeros(dst, frac, digits)
	if short := 12 - (len(dst) - start); short > 0 {
		n := len(dst)
		dst = pad(dst, short)
		copy(dst[start+short:], dst[start:n])
		for i := range short {
			dst[start+i] = ' '
		}
	}
	return dst
}

// lostText shows nothing: as in perf script, loss is told apart.
func (p *printer) lostText(dst []byte, _ perfevent.Record, _ perfevent.SampleIdentity, _ *perfdata.Event) []byte {
	return dst
}

func pad(dst []byte, n int) []byte {
	for ; n > 0; n-- {
		dst = append(dst, ' ')
	}
	return dst
}

// number appends v, filled up with blanks in front.
func number(dst []byte, v uint64, width int) []byte { return filled(dst, v, width, ' ') }

// zeros appends v, filled up with zeros in front.
func zeros(dst []byte, v uint64, width int) []byte { return filled(dst, v, width, '0') }

// signed appends a thread's number; that of one which is almost gone is -1.
func signed(dst []byte, v int32, width int) []byte {
	if v >= 0 {
		return number(dst, uint64(v), width)
	}
	var room [20]byte
	digits := strconv.AppendInt(room[:0], int64(v), 10)
	return append(pad(dst, width-len(digits)), digits...)
}

func filled(dst []byte, v uint64, width int, fill byte) []byte {
	var room [20]byte
	digits := strconv.AppendUint(room[:0], v, 10)
	for n := width - len(digits); n > 0; n-- {
		dst = append(dst, fill)
	}
	return append(dst, digits...)
}
