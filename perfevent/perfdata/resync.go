package perfdata

import "gorecord/perfevent"

// Records have no mark by which they are found, only sizes that lead from one
// to the next. Where that chain is broken, by a damaged header or by bytes that
// are missing, it is taken up again where several headers in a row make sense.

// plausible reports whether a record can have such a header. Types that nobody
// defines yet are let through.
func plausible(t perfevent.RecordType, size int) bool {
	return size >= perfevent.HeaderSize && t > 0 && t <= 0xffff
}

// certain is the stricter rule by which records are looked for.
func certain(t perfevent.RecordType, size int) bool {
	known := t >= perfevent.RecordMmap && t < firstUnknownRecord || t >= firstPrivateRecord && t <= RecordBPFMetadata
	return known && size >= perfevent.HeaderSize && (size%8 == 0 || isCompressed(t))
}

// firstUnknownRecord is behind the last of the kernel's types.
const firstUnknownRecord = perfevent.RecordCallchainDeferred + 1

// enoughRecords in a row are no accident.
const enoughRecords = 4

// chain reports whether b starts with a chain of records. Where b is all that
// is left, the chain may be shorter, but has to lead to its end. Where more may
// come than b has yet, unsure is the answer for a chain of less than two.
func (s *stream) chain(b []byte, all, unsure bool) bool {
	for n := 0; n < enoughRecords; n++ {
		if len(b) < perfevent.HeaderSize {
			return (n >= 2 || unsure) && !all || n >= 1 && len(b) == 0
		}
		t, m, size := perfevent.ParseHeader(b, s.order)
		if !certain(t, size) {
			return false
		}
		if size > len(b) {
			return n >= 2 || t == RecordFinishedRound && n >= 1 || unsure && !all
		}
		raw := perfevent.RawRecord{Type: t, Misc: m, Bytes: b[:size:size]}
		if t == perfevent.RecordSample && (size == perfevent.HeaderSize || s.known != nil && !s.known(raw)) {
			return false
		}
		b = b[size:]
		if t == RecordAuxtrace || t == RecordTracingData {
			return n >= 1 // what follows is not a header
		}
	}
	return true
}

// findRecords finds where in b, from a place on, records begin.
func (s *stream) findRecords(b []byte, from int, all bool) (at int, ok bool) {
	for at = from; at+perfevent.HeaderSize <= len(b); at++ {
		if s.chain(b[at:], all, false) {
			return at, true
		}
	}
	return 0, false
}

// followedByNonsense reports whether what is known to follow the record at the
// start of the window does not look like one. The larger the record, the more
// is lost where its size is wrong, and the closer is the look.
func (s *stream) followedByNonsense(size int) bool {
	rest := s.in.window[size:]
	if len(rest) < perfevent.HeaderSize {
		return false
	}
	switch t, _, _ := perfevent.ParseHeader(s.in.window, s.order); t {
	case RecordAuxtrace, RecordTracingData:
		return false
	}
	const large = 1024
	if size > large {
		return !s.chain(rest, s.in.all(), true)
	}
	t, _, n := perfevent.ParseHeader(rest, s.order)
	return !certain(t, n)
}

// recordsInside reports whether records begin within the first size bytes of
// the window, behind a header that must then be wrong.
func (s *stream) recordsInside(size int) bool {
	at, ok := s.findRecords(s.in.window[:min(len(s.in.window), size+enoughRecords<<16)], perfevent.HeaderSize, s.in.all())
	return ok && at < size
}

// resync moves to the next place where records begin. It reports false where
// there is none; then everything is read.
func (s *stream) resync(t perfevent.RecordType, size int) bool {
	start, from := s.in.pos, perfevent.HeaderSize
	for {
		s.in.fill()
		all := s.in.all()
		at, ok := s.findRecords(s.in.window, from, all)
		switch {
		case ok:
			s.in.consume(at)
			s.lose("damage at offset %d (%s record of size %d): %d bytes are left out", start, RecordName(t), size, s.in.pos-start)
			return true
		case all || s.in.err != nil:
			s.in.consume(len(s.in.window))
			s.lose("damage at offset %d (%s record of size %d): the %d bytes from there on are not read", start, RecordName(t), size, s.in.pos-start)
			return false
		}
		s.in.consume(len(s.in.window) - 1<<16)
		from = 0
	}
}
