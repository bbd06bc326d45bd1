package report

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"

	"gorecord/perfevent"
	"gorecord/perfevent/format"
	"gorecord/perfevent/hit"
	"gorecord/perfevent/machine"
	"gorecord/perfevent/perfdata"
)

// TracesTell reports whether all events of a recording are tracepoints and at
// least one of them tells more than the address of its probe.
func TracesTell(r *perfdata.Reader) bool {
	for _, e := range r.Events() {
		if e.Attr.Type != perfevent.TypeTracepoint {
			return false
		}
	}
	td, err := r.TracingData()
	if err != nil || td == nil {
		return false
	}
	probes, _ := Probes(r)
	for _, e := range r.Events() {
		t := td.ByID(e.Attr.Config)
		if d := probes.Event(e.Name); t == nil || d != nil && len(d.Values) == 0 || onlyProbeAddress(t.Format) {
			continue
		}
		return true
	}
	return false
}

// onlyProbeAddress knows the print formats of probes without arguments.
func onlyProbeAddress(format []byte) bool {
	_, printed, ok := bytes.Cut(format, []byte("print fmt: "))
	if !ok {
		return true
	}
	return bytes.HasPrefix(printed, []byte(`"(%lx)",`)) || bytes.HasPrefix(printed, []byte(`"(%lx <- %lx)",`))
}

// KernelNamer is a Namer that can also name single addresses of the kernel,
// which the contents of some tracepoints hold.
type KernelNamer interface {
	Namer
	// KernelFunctions gives a function that names addresses of the recorded
	// kernel; nil where that is not known.
	KernelFunctions(m *machine.Machine) func(address uint64) (name string, offset uint64, ok bool)
}

// describeTraces gives the tables of tracepoints what they need to turn their
// samples' data into text.
func (l *loader) describeTraces() {
	td, err := l.reader.TracingData()
	if td == nil {
		td = &perfdata.TracingData{}
	}
	if err != nil {
		l.problem(err.Error())
	}
	env := format.Env{
		Order: l.reader.Order(), LongSize: td.LongSize, Symbol: l.kernelFunction,
		String: func(a uint64) (string, bool) { s, ok := td.Printk[a]; return s, ok },
	}
	probes, err := Probes(l.reader)
	if err != nil {
		l.problem(err.Error())
	}
	for _, t := range l.tables {
		if t.Selected && t.Event.Attr.Type == perfevent.TypeTracepoint {
			if err := t.traces.describe(td.ByID(t.Event.Attr.Config), env, probes, t.Event.Name); err != nil {
				l.problem(fmt.Sprintf("%s: %v", t.Event.Name, err))
			}
		}
	}
}

func (l *loader) problem(line string) {
	l.profile.Stats.Problems = append(l.profile.Stats.Problems, line)
}

// kernelFunction names an address in the content of a tracepoint. The names are
// looked for only where one is needed.
func (l *loader) kernelFunction(a uint64) (string, uint64, bool) {
	if !l.kernelAsked {
		l.kernelAsked = true
		if n, ok := l.opts.Namer.(KernelNamer); ok {
			l.kernel = n.KernelFunctions(l.machine)
		}
	}
	if l.kernel == nil {
		return "", 0, false
	}
	return l.kernel(a)
}

var errNotDescribed = errors.New("the recording does not describe its content (TRACING_DATA), which is not shown")

// describe prepares for an event. An error that leaves a format says why its
// texts are plain lists of fields.
func (t *traceTable) describe(e *perfdata.TraceEvent, env format.Env, probes *hit.Description, name string) error {
	if e == nil {
		return errNotDescribed
	}
	event, err := format.Parse(e.Format)
	if err != nil {
		return err
	}
	if d := probes.Event(name); d != nil {
		t.from, t.printer = ownFrom(event), hits{hit.NewValues(probes, d, event, env.Order, "")}
		return nil
	}
	printer := format.NewPrinter(event, env)
	t.printer = printer
	if !strings.Contains(event.Print, "REC->common_") {
		t.from = ownFrom(event)
	}
	return printer.Err()
}

// hits prints the hits of a probe that the recording describes.
type hits struct{ *hit.Values }

func (h hits) Append(dst, raw []byte) []byte { return h.AppendHit(dst, &hit.Sample{Raw: raw}) }

// ownFrom is where an event's own fields begin.
func ownFrom(e *format.Event) int {
	from := math.MaxInt
	for i := range e.Fields {
		from = min(from, e.Fields[i].Offset)
	}
	return from
}
