package perfdata

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// TracingData is the content of the TRACING_DATA feature: what a reader needs
// to decode the raw data of tracepoints. Its container is that of trace.dat
// version 6 (Documentation of trace-cmd.dat), as perf writes it.
type TracingData struct {
	BigEndian   bool
	LongSize    int // bytes of a C long on the recording machine
	PageSize    int
	HeaderPage  []byte // events/header_page
	HeaderEvent []byte // events/header_event
	Events      []TraceEvent
	Printk      map[uint64]string // format strings of the kernel by address
	Comms       map[int]string    // saved_cmdlines
}

// TraceEvent is the format of one tracepoint.
type TraceEvent struct {
	System, Name string
	ID           uint64 // attr.config of its events
	Format       []byte // events/SYSTEM/NAME/format
}

const (
	tracingMagic   = "\x17\x08\x44tracing"
	tracingVersion = "0.6"
)

// ByID finds the event with a tracepoint's number, or gives nil.
func (t *TracingData) ByID(id uint64) *TraceEvent {
	for i := range t.Events {
		if t.Events[i].ID == id {
			return &t.Events[i]
		}
	}
	return nil
}

// encode gives the section's content. Events of one system must stand
// together only in the result; their order is kept within a system.
func (t *TracingData) encode() []byte {
	le := binary.LittleEndian
	b := append([]byte(tracingMagic), tracingVersion+"\x00"...)
	b = append(b, 0, byte(t.LongSize))
	b = le.AppendUint32(b, uint32(t.PageSize))
	blob := func(data []byte) {
		b = le.AppendUint64(b, uint64(len(data)))
		b = append(b, data...)
	}
	b = append(b, "header_page\x00"...)
	blob(t.HeaderPage)
	b = append(b, "header_event\x00"...)
	blob(t.HeaderEvent)
	b = le.AppendUint32(b, 0) // events of the function tracer
	systems := t.systems()
	b = le.AppendUint32(b, uint32(len(systems)))
	for _, system := range systems {
		b = append(b, system+"\x00"...)
		countAt, n := len(b), uint32(0)
		b = le.AppendUint32(b, 0)
		for _, e := range t.Events {
			if e.System == system {
				blob(e.Format)
				n++
			}
		}
		le.PutUint32(b[countAt:], n)
	}
	b = le.AppendUint32(b, 0) // kallsyms, which no reader uses
	printk := t.printkText()
	b = le.AppendUint32(b, uint32(len(printk)))
	b = append(b, printk...)
	comms := t.commsText()
	b = le.AppendUint64(b, uint64(len(comms)))
	return append(b, comms...)
}

func (t *TracingData) systems() []string {
	var systems []string
	for _, e := range t.Events {
		if !slices.Contains(systems, e.System) {
			systems = append(systems, e.System)
		}
	}
	return systems
}

func (t *TracingData) printkText() []byte {
	addrs := make([]uint64, 0, len(t.Printk))
	for a := range t.Printk {
		addrs = append(addrs, a)
	}
	slices.Sort(addrs)
	var b []byte
	for _, a := range addrs {
		b = fmt.Appendf(b, "0x%x : \"%s\"\n", a, t.Printk[a])
	}
	return b
}

func (t *TracingData) commsText() []byte {
	pids := make([]int, 0, len(t.Comms))
	for pid := range t.Comms {
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	var b []byte
	for _, pid := range pids {
		b = fmt.Appendf(b, "%d %s\n", pid, t.Comms[pid])
	}
	return b
}

// decodeTracingData reads the section. Of a section that ends early it gives
// what came before, with an error.
func decodeTracingData(b []byte) (*TracingData, error) {
	if !bytes.HasPrefix(b, []byte(tracingMagic)) {
		return nil, errors.New("TRACING_DATA section: no tracing data")
	}
	c := &cursor{what: FeatureTracingData.String(), b: b[len(tracingMagic):], order: binary.LittleEndian}
	version := c.cstr()
	t := &TracingData{Printk: map[uint64]string{}, Comms: map[int]string{}}
	t.BigEndian = c.u8() != 0
	if t.BigEndian {
		c.order = binary.BigEndian
	}
	t.LongSize = int(c.u8())
	t.PageSize = int(c.u32())
	blob := func() []byte { return c.take(c.u64()) }
	for _, want := range []string{"header_page", "header_event"} {
		if got := c.cstr(); got != want && !c.short {
			return t, fmt.Errorf("TRACING_DATA section: %q in place of %q", got, want)
		}
		if data := blob(); want == "header_page" {
			t.HeaderPage = data
		} else {
			t.HeaderEvent = data
		}
	}
	for range c.count(8) {
		t.addEvent("ftrace", blob())
	}
	for range c.count(5) {
		system := c.cstr()
		for range c.count(8) {
			t.addEvent(system, blob())
		}
	}
	c.take(uint64(c.u32())) // kallsyms
	t.Printk = ParsePrintk(c.take(uint64(c.u32())))
	if v, err := strconv.ParseFloat(version, 64); err == nil && v >= 0.6 && len(c.b) > 0 {
		t.parseComms(blob())
	}
	return t, c.err()
}

func (t *TracingData) addEvent(system string, text []byte) {
	if text == nil {
		return
	}
	e := TraceEvent{System: system, Format: text}
	for line := range bytes.Lines(text) {
		if name, ok := bytes.CutPrefix(line, []byte("name:")); ok && e.Name == "" {
			e.Name = string(bytes.TrimSpace(name))
		} else if id, ok := bytes.CutPrefix(line, []byte("ID:")); ok {
			e.ID, _ = strconv.ParseUint(string(bytes.TrimSpace(id)), 10, 64)
			break
		}
	}
	t.Events = append(t.Events, e)
}

// ParsePrintk reads the text of printk_formats: a line for each string, with
// its address. Lines that are none are left out.
func ParsePrintk(b []byte) map[uint64]string {
	printk := map[uint64]string{}
	for line := range strings.Lines(string(b)) {
		addr, text, ok := strings.Cut(strings.TrimRight(line, "\n"), ":")
		if !ok {
			continue
		}
		a, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(addr), "0x"), 16, 64)
		if err != nil {
			continue
		}
		text = strings.TrimPrefix(strings.TrimSpace(text), `"`)
		printk[a] = strings.TrimSuffix(text, `"`)
	}
	return printk
}

func (t *TracingData) parseComms(b []byte) {
	for line := range strings.Lines(string(b)) {
		pid, comm, ok := strings.Cut(strings.TrimRight(line, "\n"), " ")
		if n, err := strconv.Atoi(pid); ok && err == nil {
			t.Comms[n] = comm
		}
	}
}
