package twin

import (
	"errors"
	"fmt"
	"strings"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// encode gives the bytes of a line.
func (s *state) encode(l *line) ([]byte, []auto, error) {
	w := parsing(l, s.order)
	t, isRecord := parseRecordName(l.verb)
	switch {
	case isRecord:
		return s.encodeRecord(w, t)
	case l.find("hex") != nil:
		w.single("event")
		w.single("")
		w.hex("hex", -1)
	case l.verb == "bytes":
		w.hex("", -1)
		w.zeros("zeros")
	case !s.section(w):
		return nil, nil, fmt.Errorf("%s: neither a part of a file nor a record's name", l.verb)
	}
	if w.err == nil {
		w.amend(0)
	}
	return w.b, w.autos, w.end()
}

// section codes the line of a section in file mode; ok is false for others.
func (s *state) section(w *walker) (ok bool) {
	switch w.l.verb {
	case "header":
		fileHeader(w)
		s.setOrder(w.order)
	case "pipe":
		pipeHeader(w)
		s.setOrder(w.order)
	case "ids":
		idList(w, 0)
	case "attr":
		attrEntry(w, len(s.events))
	case "data", "event_types":
	case "feature_table":
		featureTable(w, nil)
	case "feature":
		f := perfdata.Feature(parseFeature(w, w.single("")))
		if w.err == nil && w.from < w.limit && !w.feature(f) {
			w.fail(errors.New("this feature has no fields: want hex, or bytes below"))
		}
	default:
		return false
	}
	return true
}

// end is the first error, or that of fields that nobody used.
func (w *walker) end() error {
	if w.err != nil {
		return fmt.Errorf("%s: %w", w.l.verb, w.err)
	}
	return w.l.unused()
}

var (
	errFix = errors.New("fix: want distance:bytes, inside of the bytes of the line")
	errCut = errors.New("cut: more bytes than there are")
)

// amend does what the fields cut, tail, record_size (of records, whose bytes are
// at least header bytes) and fix ask for.
func (w *walker) amend(header int) {
	w.from, w.limit = 0, len(w.l.fields)
	if w.peek("cut") != nil {
		n := w.parse("cut", w.single("cut"), 4)
		if n > uint64(len(w.b)-header) {
			w.fail(errCut)
			return
		}
		w.b = w.b[:len(w.b)-int(n)]
	}
	if w.peek("tail") != nil {
		w.hex("tail", -1)
	}
	if header > 0 && w.err == nil {
		w.statedSize()
	}
	for _, tok := range w.list("fix") {
		if err := fixBytes(w.b, tok); err != nil {
			w.fail(err)
		}
	}
}

func fixBytes(b []byte, tok string) error {
	distance, text, ok := strings.Cut(tok, ":")
	at, err := parseNumber(distance, 4)
	if !ok || err != nil {
		return errFix
	}
	fix, err := appendBytes(nil, []string{text})
	if err != nil || len(fix) > len(b) || at > uint64(len(b)-len(fix)) {
		return errFix
	}
	copy(b[at:], fix)
	return nil
}

// statedSize sets the size in a record's header.
func (w *walker) statedSize() {
	size := uint64(len(w.b))
	if f := w.peek("record_size"); f != nil {
		size = w.parse("record_size", w.single("record_size"), 2)
	} else if size > perfevent.MaxRecordSize {
		w.fail(fmt.Errorf("%d bytes do not fit into a record", size))
	}
	w.order.PutUint16(w.b[6:], uint16(size))
}

func (s *state) encodeRecord(w *walker, t perfevent.RecordType) ([]byte, []auto, error) {
	m := w.misc(t)
	describe := privateFields[t]
	switch {
	case w.peek("hex") != nil:
		w.header(t, m)
		w.hex("hex", -1)
	case describe != nil:
		w.header(t, m)
		describe(w)
	case w.err == nil:
		var err error
		e := s.layout(s.eventOf(w, t))
		if w.b, err = e.appendKernel(nil, w.l, t, m); err != nil {
			w.fail(err)
		}
	}
	if w.err == nil {
		w.amend(perfevent.HeaderSize)
	}
	return w.b, w.autos, w.end()
}

func (w *walker) misc(t perfevent.RecordType) perfevent.Misc {
	text := w.single("misc")
	if text == "" {
		return 0
	}
	m, err := parseMisc(t, text)
	if err != nil {
		w.fail(err)
	}
	return m
}

// header writes a record's header, whose size is still zero.
func (w *walker) header(t perfevent.RecordType, m perfevent.Misc) {
	w.appendNumber(uint64(t), 4)
	w.appendNumber(uint64(m), 2)
	w.appendNumber(0, 2)
}

// eventOf is the number of the event that lays the record out: what the text
// says, or what the id says.
func (s *state) eventOf(w *walker, t perfevent.RecordType) int {
	if w.peek("event") != nil {
		v := w.parse("event", w.single("event"), 4)
		if v >= uint64(max(1, len(s.events))) {
			w.fail(fmt.Errorf("event: %d, the text has told of %d", v, len(s.events)))
			return 0
		}
		return int(v)
	}
	name := "sample.id"
	if t == perfevent.RecordSample {
		name = "id"
	}
	if f := w.peek(name); f != nil && len(f.values) == 1 {
		if id, err := parseNumber(f.values[0], 8); err == nil {
			return s.byID[id]
		}
	}
	return 0
}
