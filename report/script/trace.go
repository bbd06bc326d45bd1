package script

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"gorecord/perfevent"
	"gorecord/perfevent/format"
	"gorecord/perfevent/hit"
	"gorecord/perfevent/perfdata"
)

// trace shows the raw data of one tracepoint, or what probes read.
type trace struct {
	printer *format.Printer // nil where only registers were recorded
	order   binary.ByteOrder
	// values are those of a probe that the recording describes; nil for
	// others. mask says which registers samples have.
	values *hit.Values
	mask   uint64
	// Fields that all events have; nil where a format lacks them.
	flags, count *format.Field
}

// newTraces prepares all tracepoints that the recording describes. problems tells
// what cannot be shown as the kernel means it.
func (c *collector) newTraces() (traces map[*perfdata.Event]*trace, problems []string) {
	traces = map[*perfdata.Event]*trace{}
	td := c.tracing
	if td == nil {
		td = &perfdata.TracingData{}
	}
	env := format.Env{Order: c.reader.Order(), LongSize: td.LongSize, Symbol: c.kernelFunction(), String: func(a uint64) (string, bool) {
		s, ok := td.Printk[a]
		return s, ok
	}}
	for _, e := range c.reader.Events() {
		described := c.probes.Event(e.Name)
		t := td.ByID(e.Attr.Config)
		if e.Attr.Type != perfevent.TypeTracepoint || t == nil {
			if described != nil && described.Registers {
				traces[e] = &trace{mask: e.Attr.SampleRegsUser, values: c.values(described, nil)}
			}
			continue
		}
		parsed, err := format.Parse(t.Format)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", e.Name, err))
			continue
		}
		printer := format.NewPrinter(parsed, env)
		if err := printer.Err(); err != nil {
			problems = append(problems, err.Error()+"; its fields are shown instead")
		}
		tr := &trace{printer: printer, order: env.Order}
		if described != nil {
			tr.values = c.values(described, parsed)
		}
		for i := range parsed.Common {
			switch f := &parsed.Common[i]; f.Name {
			case "common_flags":
				tr.flags = f
			case "common_preempt_count":
				tr.count = f
			}
		}
		traces[e] = tr
	}
	return traces, problems
}

func (c *collector) values(e *hit.Event, f *format.Event) *hit.Values {
	return hit.NewValues(c.probes, e, f, c.reader.Order(), c.reader.Info().Arch)
}

// hit is what a sample tells of a probe's hit.
func (t *trace) hit(s *perfevent.Sample) hit.Sample {
	return hit.Sample{Raw: s.Raw, IP: uint64(s.IP), Regs: s.RegsUser.Values, Mask: t.mask}
}

// kernelFunction names addresses of the kernel. Its symbols are many, so they
// are read only when the first is asked for.
func (c *collector) kernelFunction() func(uint64) (string, uint64, bool) {
	var find func(uint64) (string, uint64, bool)
	read := false
	return func(a uint64) (string, uint64, bool) {
		c.mu.RLock()
		defer c.mu.RUnlock()
		if !read {
			find, read = c.resolver.KernelFunctions(c.machine), true
		}
		if find == nil {
			return "", 0, false
		}
		return find(a)
	}
}

// common gives the fields that tell the state of the CPU.
func (t *trace) common(raw []byte) (flags, count uint64, ok bool) {
	if t == nil || t.flags == nil || t.count == nil {
		return 0, 0, false
	}
	flags, ok = t.flags.Uint(raw, t.order)
	count, ok2 := t.count.Uint(raw, t.order)
	return flags, count, ok && ok2
}

// appendTrace appends the event's own text, or what there is without one.
func appendTrace(dst []byte, t *trace, s *perfevent.Sample) []byte {
	if t == nil {
		return append(dst, "[not described in the recording]"...)
	}
	if t.values != nil {
		h := t.hit(s)
		return t.values.AppendHit(dst, &h)
	}
	start := len(dst)
	dst = t.printer.Append(dst, s.Raw)
	if text := dst[start:]; hasControl(text) {
		for i, c := range text {
			if c < ' ' && c != '\t' || c == 0x7f {
				text[i] = '?'
			}
		}
	}
	return dst
}

// hasControl reports whether text may have control characters, eight bytes at a
// time: a byte below 0x20 borrows from its highest bit when 0x20 is taken away,
// and 0x7f becomes one below 1 when its bits are turned.
func hasControl(text []byte) bool {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; len(text) >= 8; text = text[8:] {
		v := binary.LittleEndian.Uint64(text)
		del := v ^ 0x7f*ones
		if ((v-0x20*ones)&^v|(del-ones)&^del)&high != 0 {
			return true
		}
	}
	for _, c := range text {
		if c < ' ' || c == 0x7f {
			return true
		}
	}
	return false
}

// appendArgs appends the event's own fields as a JSON object.
func (t *trace) appendArgs(dst []byte, s *perfevent.Sample) []byte {
	if t.values != nil {
		h := t.hit(s)
		return append(t.values.AppendJSON(append(dst, '{'), &h), '}')
	}
	raw := s.Raw
	o := object{dst: dst}
	o.open()
	fields := t.printer.Event().Fields
	for i := range fields {
		f := &fields[i]
		o.key(f.Name)
		o.dst = t.appendValue(o.dst, f, raw)
	}
	o.close()
	return o.dst
}

func (t *trace) appendValue(dst []byte, f *format.Field, raw []byte) []byte {
	switch f.Kind {
	case format.Text:
		return appendString(dst, f.Text(raw, t.order))
	case format.Array:
		dst = append(dst, '[')
		for i := range f.Len(raw, t.order) {
			if i > 0 {
				dst = append(dst, ',')
			}
			v, _ := f.Elem(raw, t.order, i)
			dst = appendInteger(dst, f, v)
		}
		return append(dst, ']')
	}
	v, ok := f.Uint(raw, t.order)
	switch {
	case !ok:
		return append(dst, "null"...)
	case f.Type == "bool" || f.Type == "_Bool":
		return strconv.AppendBool(dst, v != 0)
	}
	return appendInteger(dst, f, v)
}

func appendInteger(dst []byte, f *format.Field, v uint64) []byte {
	if f.Signed {
		return strconv.AppendInt(dst, int64(v), 10)
	}
	return strconv.AppendUint(dst, v, 10)
}
