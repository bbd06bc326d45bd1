package script

import (
	"strconv"
	"unicode/utf8"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
	"gorecord/symbolize/stack"
)

// object writes one JSON object, key by key.
type object struct {
	dst   []byte
	comma bool
}

func (o *object) open() { o.dst, o.comma = append(o.dst, '{'), false }

func (o *object) close() { o.dst, o.comma = append(o.dst, '}'), true }

func (o *object) key(name string) {
	if o.comma {
		o.dst = append(o.dst, ',')
	}
	o.comma = true
	o.dst = appendString(o.dst, name)
	o.dst = append(o.dst, ':')
}

func (o *object) uint(name string, v uint64) {
	o.key(name)
	o.dst = strconv.AppendUint(o.dst, v, 10)
}

func (o *object) hex(name string, v uint64) {
	o.key(name)
	o.dst = append(o.dst, `"0x`...)
	o.dst = strconv.AppendUint(o.dst, v, 16)
	o.dst = append(o.dst, '"')
}

func (o *object) string(name, v string) {
	o.key(name)
	o.dst = appendString(o.dst, v)
}

// json appends a sample as one object.
func (p *printer) json(dst []byte, s *Sample) []byte {
	fields := s.Event.Attr.SampleType
	has := func(f perfevent.SampleType) bool { return fields&f != 0 }
	o := object{dst: dst}
	o.open()
	if has(perfevent.SampleTime) {
		o.uint("time", s.Time)
	}
	if has(perfevent.SampleCPU) {
		o.uint("cpu", uint64(s.CPU))
	}
	if has(perfevent.SampleTID) {
		o.uint("pid", uint64(s.PID))
		o.uint("tid", uint64(s.TID))
		o.string("comm", s.Thread.Comm())
	}
	o.string("event", s.Event.Name)
	o.uint("period", period(s))
	if has(perfevent.SampleAddr) {
		o.hex("addr", uint64(s.Addr))
	}
	if has(perfevent.SampleIP) {
		p.ip(&o, s)
	}
	if t := p.traces[s.Event]; t != nil && s.Raw != nil {
		o.key("args")
		o.dst = t.appendArgs(o.dst, s.Raw)
	}
	if s.HasChain {
		p.callchain(&o, s)
	}
	if len(s.Branches) > 0 {
		branches(&o, s.Branches)
	}
	o.close()
	return append(o.dst, '\n')
}

// ip gives the place of the sample, with its name where the callchain, or the
// sample itself, holds it.
func (p *printer) ip(o *object, s *Sample) {
	o.hex("ip", uint64(s.IP))
	if len(s.Addresses) > 0 && s.Runtime[0] == s.IP {
		frames := p.frames(s.Addresses[0])
		p.name(o, s.Addresses[0], &frames[len(frames)-1])
	}
}

func (p *printer) name(o *object, id stack.AddressID, f *stack.Frame) {
	if f.Symbol != nil {
		o.string("symbol", f.Symbol.Name)
		o.uint("offset", f.Offset)
	}
	if m := p.replay.interner.Addresses()[id].Module(); m != nil {
		o.string("dso", m.Name)
	}
}

// callchain appends the frames, innermost first; an inlined function stands
// before the one that it is inlined into.
func (p *printer) callchain(o *object, s *Sample) {
	o.key("callchain")
	o.dst = append(o.dst, '[')
	o.comma = false
	for i, id := range s.Addresses {
		frames := p.frames(id)
		for j := range frames {
			f := &frames[j]
			if o.comma {
				o.dst = append(o.dst, ',')
			}
			o.open()
			o.hex("ip", uint64(s.Runtime[i]))
			p.name(o, id, f)
			if f.File != "" {
				o.string("file", f.File)
				o.uint("line", uint64(f.Line))
			}
			if f.Inlined {
				o.key("inlined")
				o.dst = append(o.dst, "true"...)
			}
			o.close()
		}
	}
	o.dst = append(o.dst, ']')
	o.comma = true
}

func branches(o *object, list []perfevent.Branch) {
	o.key("branches")
	o.dst = append(o.dst, '[')
	o.comma = false
	for _, b := range list {
		if o.comma {
			o.dst = append(o.dst, ',')
		}
		o.open()
		o.hex("from", uint64(b.From))
		o.hex("to", uint64(b.To))
		o.hex("flags", b.Flags)
		o.close()
	}
	o.dst = append(o.dst, ']')
	o.comma = true
}

// lostJSON appends a line about loss: what a ring reports by CPU and time, or
// what the kernel counted for an event. The two count the same loss and are
// never to be added.
func (p *printer) lostJSON(dst []byte, rec perfevent.Record, id perfevent.SampleIdentity, e *perfdata.Event) []byte {
	o := object{dst: dst}
	o.open()
	switch r := rec.(type) {
	case *perfevent.Lost:
		o.uint("lost", r.Lost)
		o.uint("cpu", uint64(id.CPU))
		o.uint("time", id.Time)
	case *perfevent.LostSamples:
		o.uint("lost_samples", r.Lost)
		o.uint("cpu", uint64(id.CPU))
		o.string("event", e.Name)
	}
	o.close()
	return append(o.dst, '\n')
}

// appendString appends a JSON string (RFC 8259); bytes that are no UTF-8 become
// U+FFFD.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case c == '"' || c == '\\':
				dst = append(dst, '\\', c)
			case c == '\n':
				dst = append(dst, '\\', 'n')
			case c < ' ' || c == 0x7f:
				dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			default:
				dst = append(dst, c)
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			dst = append(dst, `\ufffd`...)
		} else {
			dst = append(dst, s[i:i+size]...)
		}
		i += size
	}
	return append(dst, '"')
}
