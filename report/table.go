package report

import "gorecord/perfevent/perfdata"

// Table holds the samples of one event.
type Table struct {
	Event *perfdata.Event
	// Selected says that the filter lets the event through. Tables of other
	// events are empty.
	Selected bool
	// Samples and Period are sums over all samples that the filter did not
	// make disappear, whether or not their threads were wanted.
	Samples, Period uint64
	// LostSamples is how many the kernel says it did not write for want of
	// room (LOST_SAMPLES records).
	LostSamples uint64
	// FirstTime and LastTime are those of the earliest and the latest
	// sample, in nanoseconds of the recording's clock; 0 without times.
	FirstTime, LastTime uint64
	// Rows are in the order in which they were first seen.
	Rows []Row

	traces  traceTable
	index   map[rowKey]uint32
	lastKey rowKey
	last    uint32 // index of the row with lastKey
}

func newTable(e *perfdata.Event, selected bool) *Table {
	return &Table{Event: e, Selected: selected, index: map[rowKey]uint32{}}
}

// add counts a sample in the row that it belongs to.
func (t *Table) add(k rowKey, tid uint32, period uint64) {
	i := t.last
	if k != t.lastKey || len(t.Rows) == 0 {
		var ok bool
		if i, ok = t.index[k]; !ok {
			i = t.newRow(k, tid)
		}
		t.last, t.lastKey = i, k
	}
	r := &t.Rows[i]
	r.Samples++
	r.Period += period
}

func (t *Table) newRow(k rowKey, tid uint32) uint32 {
	i := uint32(len(t.Rows))
	t.index[k] = i
	t.Rows = append(t.Rows, Row{
		Comm: k.comm, PID: k.pid, TID: k.tid, CPU: k.cpu, Mode: k.mode,
		Leaf: k.leaf, Stack: k.stack, Trace: k.trace, FirstTID: tid,
	})
	return i
}

// freeze gives up what only adding needs.
func (t *Table) freeze() {
	t.index = nil
	t.traces.freeze()
	for i := range t.Rows {
		t.Rows[i].Trace = t.traces.canonical(t.Rows[i].Trace)
	}
}

// Trace is the text of a tracepoint's content, as perf prints it; ok is false
// for NoTrace.
func (t *Table) Trace(id TraceID) (text string, ok bool) { return t.traces.text(id) }
