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

func (o *object) int(name string, v int64) {
	o.key(name)
	o.dst = strconv.AppendInt(o.dst, v, 10)
}

// flag writes a key that is there only where it is true.
func (o *object) flag(name string, v bool) {
	if v {
		o.key(name)
		o.dst = append(o.dst, "true"...)
	}
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

// objects shows samples as JSON, one object a line.
type objects struct {
	traces    map[*perfdata.Event]*trace
	bigEndian bool
}

func (p *objects) append(dst []byte, it *item) []byte {
	if it.text != nil {
		return append(dst, it.text...)
	}
	s := &it.sample
	fields := it.event.Attr.SampleType
	has := func(f perfevent.SampleType) bool { return fields&f != 0 }
	o := object{dst: dst}
	o.open()
	if has(perfevent.SampleTime) {
		o.uint("time", it.time)
	}
	if has(perfevent.SampleCPU) {
		o.uint("cpu", uint64(s.CPU))
	}
	if has(perfevent.SampleTID) {
		o.int("pid", int64(int32(s.PID)))
		o.int("tid", int64(int32(s.TID)))
		o.string("comm", it.comm)
	}
	o.string("event", it.event.Name)
	o.uint("period", it.period)
	if has(perfevent.SampleAddr) {
		o.hex("addr", uint64(s.Addr))
	}
	if has(perfevent.SampleIP) {
		o.hex("ip", uint64(s.IP))
		p.name(&o, &it.ip, it.ip.frame())
	}
	if t := p.traces[it.event]; t != nil && (s.Raw != nil || t.printer == nil) {
		o.key("args")
		o.dst = t.appendArgs(o.dst, s)
	}
	if it.chain {
		p.callchain(&o, it)
	}
	if len(s.Branches) > 0 {
		p.branches(&o, s.Branches)
	}
	if has(perfevent.SampleCgroup) {
		o.uint("cgroup", s.Cgroup)
	}
	o.close()
	return append(o.dst, '\n')
}

func (p *objects) name(o *object, at *place, f *stack.Frame) {
	if f.Symbol != nil {
		o.string("symbol", f.Symbol.Name)
		o.uint("offset", f.Offset)
	}
	if at.module != nil {
		o.string("dso", at.moduleName())
	}
}

// callchain appends the frames, innermost first; an inlined function stands
// before the one that it is inlined into.
func (p *objects) callchain(o *object, it *item) {
	o.key("callchain")
	o.dst = append(o.dst, '[')
	o.comma = false
	for i := range it.places {
		at := &it.places[i]
		for j := range at.frames {
			f := &at.frames[j]
			if o.comma {
				o.dst = append(o.dst, ',')
			}
			o.open()
			o.hex("ip", uint64(at.runtime))
			p.name(o, at, f)
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

// branches appends the branch stack, the newest first.
func (p *objects) branches(o *object, list []perfevent.Branch) {
	o.key("branches")
	o.dst = append(o.dst, '[')
	o.comma = false
	for _, b := range list {
		if o.comma {
			o.dst = append(o.dst, ',')
		}
		f := b.Decode(p.bigEndian)
		o.open()
		o.hex("from", uint64(b.From))
		o.hex("to", uint64(b.To))
		o.flag("mispredicted", f.Mispredicted)
		o.flag("predicted", f.Predicted)
		o.flag("in_tx", f.InTransaction)
		o.flag("abort", f.Aborted)
		o.uint("cycles", uint64(f.Cycles))
		if k := f.Kind(); k != "" {
			o.string("type", k)
		}
		o.close()
	}
	o.dst = append(o.dst, ']')
	o.comma = true
}

func isLoss(rec perfevent.Record) bool {
	switch rec.(type) {
	case *perfevent.Lost, *perfevent.LostSamples:
		return true
	}
	return false
}

// appendLostJSON appends a line about loss: what a ring reports by CPU and time, or
// what the kernel counted for an event. The two count the same loss and are
// never to be added.
func appendLostJSON(dst []byte, rec perfevent.Record, id perfevent.SampleIdentity, e *perfdata.Event) []byte {
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
