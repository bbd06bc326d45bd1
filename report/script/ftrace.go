package script

import (
	"strings"

	"gorecord/perfevent/perfdata"
	"gorecord/report"
)

// ftraceHead is what the kernel writes above the events (print_func_help_header
// and print_lat_help_header in kernel/trace/trace.c).
const ftraceHead = `# tracer: nop
#
#                                _-----=> irqs-off/BH-disabled
#                               / _----=> need-resched
#                              | / _---=> hardirq/softirq
#                              || / _--=> preempt-depth
#                              ||| / _-=> migrate-disable
#                              |||| /     delay
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
#              | |         |   |||||     |         |
`

// ftrace shows samples in the layout of the kernel's trace file, which tools such
// as trace-cmd's users and trace viewers read:
//
//	bash-1234    [001] d..1.  1234.567890: sched_switch: prev_comm=…
type ftrace struct {
	traces      map[*perfdata.Event]*trace
	nanoseconds bool
}

func (f *ftrace) append(dst []byte, it *item) []byte {
	if it.text != nil {
		return append(dst, it.text...)
	}
	comm := report.Printable(it.comm)
	if it.sample.TID == 0 {
		comm = "<idle>"
	}
	dst = pad(dst, 16-len(comm))
	dst = append(dst, comm...)
	dst = append(dst, '-')
	start := len(dst)
	dst = signed(dst, int32(it.sample.TID), 0)
	dst = pad(dst, 7-(len(dst)-start))
	dst = append(dst, " ["...)
	dst = zeros(dst, uint64(it.sample.CPU), 3)
	dst = append(dst, "] "...)
	t := f.traces[it.event]
	dst = t.appendLatency(dst, it.sample.Raw)
	dst = append(dst, ' ')
	dst = appendTime(dst, it.time, f.nanoseconds)
	dst = append(dst, ": "...)
	name := it.event.Name
	if t != nil {
		name = name[strings.LastIndexByte(name, ':')+1:]
	}
	dst = append(dst, report.Printable(name)...)
	dst = append(dst, ": "...)
	switch {
	case t != nil:
		dst = appendTrace(dst, t, &it.sample)
	case len(it.places) > 0:
		dst = appendPlace(dst, &it.places[0], uint64(it.places[0].runtime), 0, placeFields)
	}
	return append(dst, '\n')
}

// Bits of an event's common_flags (enum trace_flag_type).
const (
	irqsOff      = 1 << 0
	needReschedL = 1 << 1 // lazy; NOSUPPORT before 6.13
	needResched  = 1 << 2
	hardIRQ      = 1 << 3
	softIRQ      = 1 << 4
	preemptRes   = 1 << 5
	inNMI        = 1 << 6
	bhOff        = 1 << 7
)

// appendLatency appends the five letters that tell the state of the CPU
// (trace_print_lat_fmt).
func (t *trace) appendLatency(dst, raw []byte) []byte {
	flags, count, ok := t.common(raw)
	if !ok {
		return append(dst, "....."...)
	}
	dst = append(dst, irqLetter(flags), reschedLetter(flags), contextLetter(flags))
	preempt := count & 15
	if preempt > 0 {
		// The way to perf disables preemption once itself; the kernel's own
		// trace leaves that out (tracing_gen_ctx_dec).
		preempt--
	}
	return append(dst, depth(preempt), depth(count>>4))
}

func irqLetter(flags uint64) byte {
	switch flags & (irqsOff | bhOff) {
	case irqsOff | bhOff:
		return 'D'
	case irqsOff:
		return 'd'
	case bhOff:
		return 'b'
	}
	return '.'
}

func reschedLetter(flags uint64) byte {
	switch flags & (needResched | preemptRes | needReschedL) {
	case needResched | preemptRes | needReschedL:
		return 'B'
	case needResched | preemptRes:
		return 'N'
	case needResched | needReschedL:
		return 'L'
	case preemptRes | needReschedL:
		return 'b'
	case needResched:
		return 'n'
	case preemptRes:
		return 'p'
	case needReschedL:
		return 'l'
	}
	return '.'
}

func contextLetter(flags uint64) byte {
	switch flags & (inNMI | hardIRQ | softIRQ) {
	case inNMI | hardIRQ, inNMI | hardIRQ | softIRQ:
		return 'Z'
	case inNMI, inNMI | softIRQ:
		return 'z'
	case hardIRQ | softIRQ:
		return 'H'
	case hardIRQ:
		return 'h'
	case softIRQ:
		return 's'
	}
	return '.'
}

func depth(n uint64) byte {
	if n == 0 {
		return '.'
	}
	return "0123456789abcdef"[n&15]
}
