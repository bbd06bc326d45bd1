package validate

import (
	"bytes"
	"strconv"

	"gorecord/perfevent"
)

// tracing checks TRACING_DATA, the container of trace.dat version 6.
func (c *checker) tracing(f *fields, at int64) {
	c.hasTracing = true
	c.formats = map[uint64]int{}
	if magic := f.take(10); string(magic) != "\x17\x08\x44tracing" {
		c.add(at, TracingData, "starts with %q", magic)
		f.b, f.short = nil, false
		return
	}
	version, big, long, page := f.line(), f.u8(), f.u8(), f.u32()
	if !f.short && (version != "0.6" || big != 0 || long != 4 && long != 8 || page == 0 || page%pageSize != 0) {
		c.add(at, TracingData, "version %q, big-endian %d, long of %d bytes, page of %d", version, big, long, page)
	}
	for _, want := range []string{"header_page", "header_event"} {
		if got := f.line(); got != want && !f.short {
			c.add(at, TracingData, "%q in place of %s", got, want)
			f.b = nil
			return
		}
		f.take(f.u64())
	}
	for range f.count(8) {
		c.tracingFormat(f, "ftrace", at)
	}
	seen := map[string]bool{}
	for range f.count(5) {
		system := f.line()
		if seen[system] || system == "" && !f.short {
			c.add(at, TracingData, "system %q twice or without name", system)
		}
		seen[system] = true
		for range f.count(8) {
			c.tracingFormat(f, system, at)
		}
	}
	f.take(uint64(f.u32())) // kallsyms
	f.take(uint64(f.u32())) // printk formats
	f.take(f.u64())         // names of threads
}

func (c *checker) tracingFormat(f *fields, system string, at int64) {
	text := f.take(f.u64())
	if f.short {
		return
	}
	name, hasName := lineAfter(text, "name: ")
	number, _ := lineAfter(text, "ID: ")
	id, err := strconv.ParseUint(number, 10, 64)
	if _, fields := lineAfter(text, "format:"); !hasName || name == "" || err != nil || !fields {
		c.add(at, TracingData, "format of %s:%s: no name, ID or fields", system, name)
		return
	}
	c.formats[id]++
}

// lineAfter finds the line that starts with a prefix, and gives its rest.
func lineAfter(text []byte, prefix string) (string, bool) {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(prefix)); ok {
			return string(bytes.TrimRight(rest, "\n")), true
		}
	}
	return "", false
}

// checkTracepoints expects one format for each event that is a tracepoint.
func (c *checker) checkTracepoints() {
	if c.told[TracingData] > 0 {
		return // of what could not be read, formats are missing
	}
	for i, e := range c.events {
		if e.attr.Type != perfevent.TypeTracepoint {
			continue
		}
		if n := c.formats[e.attr.Config]; n != 1 {
			c.add(e.at, TracingFormat, "event %d, tracepoint %d: %d formats", i, e.attr.Config, n)
		}
	}
}
