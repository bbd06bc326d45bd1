package report

import (
	"slices"
	"strings"

	"gorecord/perfevent"
	"gorecord/symbolize/stack"
)

// Histogram is a table of the samples of one event, grouped and sorted. It is
// read only.
type Histogram struct {
	Table *Table
	Spec  *Spec
	// Samples and Period are the whole that percentages are parts of.
	Samples, Period uint64
	Entries         []*Entry

	profile    *Profile
	places     *placeTable
	callPlaces *placeTable // may be finer than places
}

// Entry is a row of a Histogram. Fields that it is not grouped by are those of
// the first sample.
type Entry struct {
	Self Sums
	// Total is Self and what was called; without children it is Self.
	Total    uint64 // period
	Comm     string
	PID, TID uint32
	// ThreadComm is the thread's last name.
	ThreadComm string
	CPU        int32
	Place      *Place
	// Trace is the content of a tracepoint, N/A for other events.
	Trace string

	order    int    // of appearance
	depth    int    // of the deepest callchain
	firstTID uint32 // thread of the first sample
	mark     int    // 1 + the index of the last row that was added
	uses     []rowUse
}

// Sums is what the samples of an entry add up to. The periods of the CPU modes
// are parts of Period.
type Sums struct {
	Samples, Period, Sys, Us, GuestSys, GuestUs uint64
}

func (s *Sums) add(r *Row) {
	s.Samples += r.Samples
	s.Period += r.Period
	switch r.Mode {
	case perfevent.MiscKernel:
		s.Sys += r.Period
	case perfevent.MiscUser:
		s.Us += r.Period
	case perfevent.MiscGuestKernel:
		s.GuestSys += r.Period
	case perfevent.MiscGuestUser:
		s.GuestUs += r.Period
	}
}

// groupKey tells entries apart. Places and texts are compared by number.
type groupKey struct {
	comm, pid, tid uint32
	cpu            int32
	dso, place     int32
	trace          TraceID
}

// Histogram makes the table of one event. The Profile must have been loaded
// with the Dimensions that the Spec needs.
func (p *Profile) Histogram(t *Table, spec *Spec) *Histogram {
	h := &Histogram{
		Table: t, Spec: spec, Samples: t.Samples, Period: t.Period,
		profile: p, places: newPlaces(p, false),
	}
	h.callPlaces = h.places
	if spec.Calls.ByAddress && spec.Calls.Mode != CallsNone {
		h.callPlaces = newPlaces(p, true)
	}
	b := &histBuilder{h: h, entries: map[groupKey]*Entry{}}
	for k := range numKeys {
		b.by[k] = spec.groups(k)
	}
	for i := range t.Rows {
		b.add(i)
	}
	h.sort()
	return h
}

type histBuilder struct {
	h       *Histogram
	by      [numKeys]bool
	entries map[groupKey]*Entry
	chain   []stack.FrameID // scratch
}

// add takes in one row: in the entry of its own place, and with children in
// those of its callers, once each.
func (b *histBuilder) add(i int) {
	h, r := b.h, &b.h.Table.Rows[i]
	leaf := h.leafPlace(r)
	place := &h.places.places[leaf]
	if h.Spec.HideUnresolved && place.Symbol == "" {
		h.Samples -= r.Samples
		h.Period -= r.Period
		return
	}
	if !h.Spec.wants(place) {
		return
	}
	b.chain = h.appendChain(b.chain[:0], r)
	e := b.entry(r, leaf)
	e.Self.add(r)
	b.use(e, r, rowUse{uint32(i), wholeChain}, len(b.chain))
	if h.Spec.Children {
		b.addCallers(i, r)
	}
}

func (b *histBuilder) addCallers(i int, r *Row) {
	callers := b.h.Spec.Calls.Callers
	for n := range b.chain {
		at, length := n, len(b.chain)-n
		if callers {
			at = length - 1
		}
		e := b.entry(r, b.h.places.of[b.chain[at]])
		if e.mark != i+1 { // else a recursion
			b.use(e, r, rowUse{uint32(i), int32(at)}, length)
		}
	}
}

// use notes that a row belongs to an entry, with a callchain of some length.
func (b *histBuilder) use(e *Entry, r *Row, u rowUse, length int) {
	e.mark = int(u.row) + 1
	e.Total += r.Period
	e.depth = max(e.depth, length)
	if b.h.Spec.Calls.Mode != CallsNone {
		e.uses = append(e.uses, u)
	}
}

// wants applies the filters by what was hit.
func (s *Spec) wants(p *Place) bool {
	return (len(s.DSOs) == 0 || slices.Contains(s.DSOs, p.DSO)) &&
		(len(s.Symbols) == 0 || p.Symbol != "" && slices.Contains(s.Symbols, p.Symbol))
}

// leafPlace is the place of a row's sample: that of the outermost frame at its
// address, which is the function that the symbol table has there. Where rows
// are not kept apart by address it is no place in particular.
func (h *Histogram) leafPlace(r *Row) int32 {
	if h.profile.Dimensions&ByAddress == 0 {
		return h.places.nowhere
	}
	_, end := h.profile.Names.FrameIDs(r.Leaf)
	return h.places.of[end-1]
}

// appendChain appends the callchain of a row, innermost frame first; nothing
// where the Spec has no use for it.
func (h *Histogram) appendChain(chain []stack.FrameID, r *Row) []stack.FrameID {
	if !h.Spec.Children && h.Spec.Calls.Mode == CallsNone {
		return chain
	}
	for id := r.Stack; id != stack.NoStack; {
		node := h.profile.Stacks[id]
		first, end := h.profile.Names.FrameIDs(node.Address)
		for f := first; f < end; f++ {
			if !h.Spec.HideUnresolved || h.profile.Names.Frame(f).Symbol != nil {
				chain = append(chain, f)
			}
		}
		id = node.Callers
	}
	return chain
}

// entry finds the entry of a row at a place.
func (b *histBuilder) entry(r *Row, place int32) *Entry {
	h := b.h
	k := b.key(r, place)
	if e, ok := b.entries[k]; ok {
		return e
	}
	e := &Entry{
		PID: r.PID, TID: r.TID, CPU: r.CPU, Place: &h.places.places[place], Trace: "N/A",
		order: len(h.Entries), firstTID: r.FirstTID,
	}
	e.ThreadComm = h.profile.ThreadComm(r.TID)
	if int(r.Comm) < len(h.profile.Comms) {
		e.Comm = h.profile.Comms[r.Comm]
	}
	if text, ok := h.Table.Trace(r.Trace); ok {
		e.Trace = text
	}
	b.entries[k] = e
	h.Entries = append(h.Entries, e)
	return e
}

func (b *histBuilder) key(r *Row, place int32) groupKey {
	var k groupKey
	if b.by[KeyComm] {
		k.comm = r.Comm
	}
	if b.by[KeyThread] || b.by[KeyTID] {
		k.tid = r.TID
	}
	if b.by[KeyTGID] {
		k.pid = r.PID
	}
	if b.by[KeyCPU] {
		k.cpu = r.CPU
	}
	if b.by[KeyDSO] {
		k.dso = b.h.places.places[place].dso
	}
	if b.by[KeySymbol] {
		k.place = place
	}
	if b.by[KeyTrace] {
		k.trace = r.Trace
	}
	return k
}

// sort puts the entries in the order of the Spec. Entries that it calls equal
// are ordered by what they are grouped by, as perf's trees are.
func (h *Histogram) sort() {
	slices.SortStableFunc(h.Entries, func(a, b *Entry) int {
		for _, k := range h.Spec.Sort {
			if c := h.compare(k, a, b); c != 0 {
				return c
			}
		}
		if c := comparePlaces(a.Place, b.Place); c != 0 && slices.Contains(h.Spec.Sort, KeySymbol) {
			return c
		}
		return a.order - b.order
	})
}

// compare orders two entries by one key: values from the largest down, the
// others upwards.
func (h *Histogram) compare(k Key, a, b *Entry) int {
	switch k {
	case KeyOverheadChildren:
		return h.compareTotals(a, b)
	case KeyThread, KeyTID:
		return int(int32(a.TID)) - int(int32(b.TID))
	case KeyTGID:
		return int(int32(a.PID)) - int(int32(b.PID))
	case KeyComm:
		return strings.Compare(a.Comm, b.Comm)
	case KeyDSO:
		return compareKnown(a.Place.Mapped, b.Place.Mapped, a.Place.DSO, b.Place.DSO)
	case KeySymbol:
		return compareKnown(a.Place.Symbol != "", b.Place.Symbol != "", a.Place.Symbol, b.Place.Symbol)
	case KeyCPU:
		return int(a.CPU) - int(b.CPU)
	case KeyTrace:
		return strings.Compare(a.Trace, b.Trace)
	}
	return descending(a.Value(k), b.Value(k))
}

// compareTotals puts callers above callees where both took equally long.
func (h *Histogram) compareTotals(a, b *Entry) int {
	if c := descending(a.Total, b.Total); c != 0 || !h.Spec.Children {
		return c
	}
	if a.firstTID != b.firstTID || h.Spec.Calls.Mode == CallsNone {
		return 0
	}
	if h.Spec.Calls.Callers {
		return b.depth - a.depth
	}
	return a.depth - b.depth
}

func descending(a, b uint64) int {
	switch {
	case a > b:
		return -1
	case a < b:
		return 1
	}
	return 0
}

// compareKnown orders names, with unknown ones behind all others.
func compareKnown(aKnown, bKnown bool, a, b string) int {
	switch {
	case aKnown && bKnown:
		return strings.Compare(a, b)
	case aKnown:
		return -1
	case bKnown:
		return 1
	}
	return 0
}

// comparePlaces orders places that have the same name, or none.
func comparePlaces(a, b *Place) int {
	if c := compareKnown(a.Mapped, b.Mapped, a.DSO, b.DSO); c != 0 {
		return c
	}
	if a.Symbol != "" && b.Symbol != "" {
		return -descending(a.start, b.start)
	}
	return -descending(a.Address, b.Address)
}

// Value is the value of an entry for one of the value keys.
func (e *Entry) Value(k Key) uint64 {
	switch k {
	case KeyOverhead, KeyPeriod:
		return e.Self.Period
	case KeyOverheadSys:
		return e.Self.Sys
	case KeyOverheadUs:
		return e.Self.Us
	case KeyOverheadGuestSys:
		return e.Self.GuestSys
	case KeyOverheadGuestUs:
		return e.Self.GuestUs
	case KeyOverheadChildren:
		return e.Total
	case KeySample:
		return e.Self.Samples
	}
	return 0
}

// Percent is a part of the whole.
func (h *Histogram) Percent(v uint64) float64 {
	if h.Period == 0 {
		return 0
	}
	return float64(v) * 100 / float64(h.Period)
}
