package script

import (
	"slices"
	"strconv"
	"time"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
	"gorecord/report"
)

// lines shows samples in the layout of perf script:
//
//	COMM PID/TID [CPU] TIME: PERIOD EVENT: TRACE ADDR IP SYM (DSO) …
//
// with the fields that were chosen, in this order (process_event in
// tools/perf/builtin-script.c). A callchain stands on lines of its own, with an
// empty line behind.
type lines struct {
	traces      map[*perfdata.Event]*trace
	arch        string
	bigEndian   bool
	nanoseconds bool
	clock       perfdata.ClockData
	// The last thread name, and how it is shown.
	comm, printable string
}

func (l *lines) append(dst []byte, it *item) []byte {
	if it.text != nil {
		return append(dst, it.text...)
	}
	f := it.shown.fields
	dst = l.start(dst, it, f)
	if f&fieldPeriod != 0 {
		dst = number(dst, it.period, 10)
		dst = append(dst, ' ')
	}
	if f&fieldEvent != 0 {
		dst = append(dst, it.shown.name...)
		dst = append(dst, ": "...)
	}
	if f&fieldTrace != 0 {
		dst = appendTrace(dst, l.traces[it.event], &it.sample)
	}
	dst = l.access(dst, it, f)
	dst = l.where(dst, it, f)
	dst = l.rest(dst, it, f)
	return append(dst, '\n')
}

// start appends who, where and when.
func (l *lines) start(dst []byte, it *item, f field) []byte {
	s := &it.sample
	if f&fieldComm != 0 {
		if it.comm != l.comm {
			l.comm, l.printable = it.comm, report.Printable(it.comm)
		}
		comm := l.printable
		if !(f&fieldIP != 0 && it.chain) {
			dst = pad(dst, 16-len(comm))
		}
		dst = append(dst, comm...)
		dst = append(dst, ' ')
	}
	switch {
	case f&fieldPID != 0 && f&fieldTID != 0:
		dst = signed(dst, int32(s.PID), 5)
		dst = append(dst, '/')
		at := len(dst)
		dst = signed(dst, int32(s.TID), 0)
		dst = pad(dst, 5-(len(dst)-at))
		dst = append(dst, ' ')
	case f&fieldPID != 0:
		dst = append(signed(dst, int32(s.PID), 5), ' ')
	case f&fieldTID != 0:
		dst = append(signed(dst, int32(s.TID), 5), ' ')
	}
	if f&fieldCPU != 0 {
		dst = append(dst, '[')
		dst = zeros(dst, uint64(s.CPU), 3)
		dst = append(dst, "] "...)
	}
	if f&fieldMisc != 0 {
		dst = appendMisc(dst, perfevent.RecordSample, s.Misc)
	}
	if f&fieldTOD != 0 {
		dst = l.timeOfDay(dst, s.Time)
	}
	if f&fieldTime != 0 {
		dst = l.time(dst, it.time)
		dst = append(dst, ": "...)
	}
	return dst
}

// access appends what a sample tells of an access to memory.
func (l *lines) access(dst []byte, it *item, f field) []byte {
	s := &it.sample
	if f&fieldAddr != 0 {
		dst = hexField(dst, uint64(s.Addr), 16)
		if it.addr.frames != nil {
			if f&fieldSym != 0 {
				dst = appendSymbol(append(dst, ' '), &it.addr, f)
			}
			if f&fieldDSO != 0 {
				dst = appendModule(append(dst, ' '), &it.addr, f)
			}
		}
	}
	structured := it.event.Attr.SampleType&perfevent.SampleWeightStruct != 0
	if f&fieldWeight != 0 {
		w := s.Weight
		if structured {
			w &= 0xffffffff
		}
		dst = number(dst, w, 16)
	}
	if f&fieldInsLat != 0 {
		dst = number(dst, s.Weight>>32&0xffff, 16)
	}
	if f&fieldRetireLat != 0 {
		dst = number(dst, s.Weight>>48, 16)
	}
	return dst
}

// where appends the place of the sample, or its callchain.
func (l *lines) where(dst []byte, it *item, f field) []byte {
	if f&fieldIP == 0 {
		return dst
	}
	if !it.chain {
		dst = append(dst, ' ')
		if len(it.places) == 0 {
			return dst
		}
		return appendPlace(dst, &it.places[0], uint64(it.places[0].runtime), 0, f)
	}
	dst = append(dst, '\n')
	for i := range it.places {
		p := &it.places[i]
		for j := range p.frames {
			dst = appendPlace(append(dst, '\t'), p, p.shown, j, f)
			dst = append(dst, '\n')
		}
	}
	return dst
}

// rest appends registers, branches and what else was measured.
func (l *lines) rest(dst []byte, it *item, f field) []byte {
	s := &it.sample
	a := &it.event.Attr
	if f&fieldIRegs != 0 {
		dst = appendRegs(dst, &s.RegsIntr, a.SampleRegsIntr, l.arch)
	}
	if f&fieldURegs != 0 {
		dst = appendRegs(dst, &s.RegsUser, a.SampleRegsUser, l.arch)
	}
	if f&(fieldBrstack|fieldBrstackSym|fieldBrstackOff) != 0 {
		dst = appendBranches(dst, it, f, l.bigEndian)
	}
	if f&fieldBPFOutput != 0 {
		dst = appendBPFOutput(dst, s.Raw)
	}
	if f&fieldPhysAddr != 0 {
		dst = hexField(dst, s.PhysAddr, 16)
	}
	if f&fieldDataPageSize != 0 {
		dst = appendPageSize(append(dst, ' '), s.DataPageSize)
	}
	if f&fieldCodePageSize != 0 {
		dst = appendPageSize(append(dst, ' '), s.CodePageSize)
	}
	return dst
}

// appendPlace appends address, function with offset, and module of one frame of
// a place.
func appendPlace(dst []byte, p *place, address uint64, frame int, f field) []byte {
	dst = hexField(dst, address, 16)
	fr := &p.frames[frame]
	if f&fieldSym != 0 {
		dst = append(dst, ' ')
		switch {
		case fr.Symbol == nil:
			dst = append(dst, "[unknown]"...)
		case fr.Inlined || f&fieldSymOff == 0:
			dst = append(dst, report.Printable(fr.Symbol.Name)...)
		default:
			dst = appendWithOffset(dst, report.Printable(fr.Symbol.Name), fr.Offset)
		}
	}
	if fr.Inlined {
		return append(dst, " (inlined)"...)
	}
	if f&(fieldDSO|fieldDSOOff) != 0 {
		dst = appendModule(append(dst, ' '), p, f)
	}
	return dst
}

func appendSymbol(dst []byte, p *place, f field) []byte {
	fr := p.frame()
	switch {
	case fr.Symbol == nil:
		return append(dst, "[unknown]"...)
	case f&fieldSymOff == 0:
		return append(dst, report.Printable(fr.Symbol.Name)...)
	}
	return appendWithOffset(dst, report.Printable(fr.Symbol.Name), fr.Offset)
}

func appendWithOffset(dst []byte, name string, offset uint64) []byte {
	dst = append(dst, name...)
	dst = append(dst, "+0x"...)
	return strconv.AppendUint(dst, offset, 16)
}

func appendModule(dst []byte, p *place, f field) []byte {
	dst = append(dst, '(')
	dst = append(dst, report.Printable(p.moduleName())...)
	if f&fieldDSOOff != 0 && p.module != nil {
		dst = append(dst, "+0x"...)
		dst = strconv.AppendUint(dst, p.shown, 16)
	}
	return append(dst, ')')
}

// time appends seconds with six or nine digits behind the point, in twelve
// places.
func (l *lines) time(dst []byte, ns uint64) []byte { return appendTime(dst, ns, l.nanoseconds) }

func appendTime(dst []byte, ns uint64, nine bool) []byte {
	sec, frac := ns/1e9, ns%1e9
	if nine {
		dst = number(dst, sec, 5)
		return zeros(append(dst, '.'), frac, 9)
	}
	return zeros(append(number(dst, sec, 5), '.'), frac/1000, 6)
}

// timeOfDay appends the time of a sample as date and time of this machine's
// zone.
func (l *lines) timeOfDay(dst []byte, ns uint64) []byte {
	t := time.Unix(0, int64(l.clock.WallTime+ns-l.clock.Time))
	if l.nanoseconds {
		dst = t.AppendFormat(dst, "2006-01-02 15:04:05.000000000")
	} else {
		dst = t.AppendFormat(dst, "2006-01-02 15:04:05.000000")
	}
	return append(dst, ' ')
}

// appendMisc appends letters for where the CPU was and, of records that are no
// samples, what kind they are, in six places.
func appendMisc(dst []byte, t perfevent.RecordType, m perfevent.Misc) []byte {
	start := len(dst)
	switch m.CPUMode() {
	case perfevent.MiscKernel:
		dst = append(dst, 'K')
	case perfevent.MiscUser:
		dst = append(dst, 'U')
	case perfevent.MiscHypervisor:
		dst = append(dst, 'H')
	case perfevent.MiscGuestKernel:
		dst = append(dst, 'G')
	case perfevent.MiscGuestUser:
		dst = append(dst, 'g')
	}
	switch {
	case (t == perfevent.RecordMmap || t == perfevent.RecordMmap2) && m&perfevent.MiscMmapData != 0:
		dst = append(dst, 'M')
	case t == perfevent.RecordComm && m&perfevent.MiscCommExec != 0:
		dst = append(dst, 'E')
	case (t == perfevent.RecordSwitch || t == perfevent.RecordSwitchCPUWide) && m&perfevent.MiscSwitchOut != 0:
		dst = append(dst, 'S')
		if m&perfevent.MiscSwitchOutPreempt != 0 {
			dst = append(dst, 'p')
		}
	}
	return pad(dst, max(1, 6-(len(dst)-start)))
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
	i := len(room)
	for v >= 10 {
		i--
		room[i] = byte('0' + v%10)
		v /= 10
	}
	i--
	room[i] = byte('0' + v)
	for len(room)-i < width && i > 0 {
		i--
		room[i] = fill
	}
	return append(dst, room[i:]...)
}

// hexField appends v in hexadecimal digits, filled up with blanks in front.
func hexField(dst []byte, v uint64, width int) []byte {
	const digits = "0123456789abcdef"
	var room [16]byte
	i := len(room)
	for v >= 16 {
		i--
		room[i] = digits[v&15]
		v >>= 4
	}
	i--
	room[i] = digits[v]
	for len(room)-i < width && i > 0 {
		i--
		room[i] = ' '
	}
	return append(dst, room[i:]...)
}

// nameWidth is the width of the longest event name.
func nameWidth(events []*perfdata.Event) int {
	return len(slices.MaxFunc(events, func(a, b *perfdata.Event) int { return len(a.Name) - len(b.Name) }).Name)
}
