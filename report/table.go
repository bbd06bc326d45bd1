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

	traces traceTable
	index  map[rowKey]uint32
	recent *[recentRows]recentRow // nil before the first row
}

// recentRows is the number of rows that are found without a look into the
// index.
const recentRows = 128

type recentRow struct {
	key rowKey
	row uint32 // index + 1
}

func newTable(e *perfdata.Event, selected bool) *Table {
	return &Table{Event: e, Selected: selected, index: map[rowKey]uint32{}}
}

// add counts a sample in the row that it belongs to.
func (t *Table) add(k rowKey, tid uint32, period uint64) {
	if t.recent == nil {
		t.recent = new([recentRows]recentRow)
	}
	recent := &t.recent[k.slot()%recentRows]
	if recent.row == 0 || recent.key != k {
		i, ok := t.index[k]
		if !ok {
			i = t.newRow(k, tid)
		}
		*recent = recentRow{k, i + 1}
	}
	r := &t.Rows[recent.row-1]
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

// freeze gives up what only adding needs, and puts texts in the place of
// contents and of names that were learnt later: comms says for each name which
// one stands for all that are equal. Rows that become equal are joined.
func (t *Table) freeze(comms []uint32) {
	t.index, t.recent = nil, nil
	t.traces.freeze()
	changed := false
	for i := range t.Rows {
		r := &t.Rows[i]
		trace, comm := t.traces.canonical(r.Trace), comms[r.Comm]
		changed = changed || trace != r.Trace || comm != r.Comm
		r.Trace, r.Comm = trace, comm
	}
	if changed {
		t.join()
	}
}

// join adds up rows that differ in nothing.
func (t *Table) join() {
	seen := make(map[rowKey]int, len(t.Rows))
	n := 0
	for _, r := range t.Rows {
		k := r.key()
		if i, ok := seen[k]; ok {
			t.Rows[i].Samples += r.Samples
			t.Rows[i].Period += r.Period
			continue
		}
		seen[k] = n
		t.Rows[n] = r
		n++
	}
	t.Rows = t.Rows[:n]
}

// Trace is the text of a tracepoint's content, as perf prints it; ok is false
// for NoTrace.
func (t *Table) Trace(id TraceID) (text string, ok bool) { return t.traces.text(id) }
