package report

// traceTable interns the contents of a tracepoint: equal contents get one
// number, and are turned into text once.
type traceTable struct {
	printer printer // nil where the event is no tracepoint, or not described
	// from is the number of bytes at the front that the text does not depend
	// on: the fields that all events have, which differ with every thread.
	from  int
	index map[string]TraceID
	raws  []string // by TraceID-1; gone once frozen
	texts []string
	same  []TraceID // once frozen: the first with the same text
}

// printer turns the raw data of a sample into text.
type printer interface {
	Append(dst, raw []byte) []byte
}

// intern numbers a content. A content that was seen before allocates nothing.
func (t *traceTable) intern(raw []byte) TraceID {
	if t.printer == nil {
		return NoTrace
	}
	key := raw[min(t.from, len(raw)):]
	if id, ok := t.index[string(key)]; ok {
		return id
	}
	if t.index == nil {
		t.index = map[string]TraceID{}
	}
	whole := string(raw)
	id := TraceID(len(t.raws) + 1)
	t.raws = append(t.raws, whole)
	t.index[whole[len(raw)-len(key):]] = id
	return id
}

// freeze makes the texts.
func (t *traceTable) freeze() {
	t.index = nil
	t.texts = make([]string, len(t.raws))
	t.same = make([]TraceID, len(t.raws))
	first := make(map[string]TraceID, len(t.raws))
	var raw, text []byte
	for i, r := range t.raws {
		raw = append(raw[:0], r...)
		text = t.printer.Append(text[:0], raw)
		id, ok := first[string(text)]
		if !ok {
			id = TraceID(i + 1)
			t.texts[i] = string(text)
			first[t.texts[i]] = id
		}
		t.same[i] = id
		t.texts[i] = t.texts[id-1]
		t.raws[i] = ""
	}
	t.raws = nil
}

// canonical is the number that stands for all contents with the same text.
func (t *traceTable) canonical(id TraceID) TraceID {
	if id == NoTrace {
		return NoTrace
	}
	return t.same[id-1]
}

func (t *traceTable) text(id TraceID) (string, bool) {
	if id == NoTrace || int(id) > len(t.texts) {
		return "", false
	}
	return t.texts[id-1], true
}
