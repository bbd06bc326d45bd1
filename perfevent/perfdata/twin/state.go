package twin

import (
	"encoding/binary"
	"math/bits"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// state is what the bytes before a line tell about the bytes that the line
// stands for. It depends on those bytes and their kind alone, so printing and
// parsing always agree in it.
type state struct {
	order    binary.ByteOrder
	pos      int64 // in the file
	features [maxFeatures / 64]uint64
	events   []event
	byID     map[uint64]int
	idsAt    map[int64][]uint64 // ids that stand before their attribute
	wantIDs  map[int64]int      // attributes that stand before their ids
	inSample int                // place of the id in a sample's body, or -1
	fromEnd  int                // of the id from the end of other records, or -1
	noEvent  event
}

func newState(order binary.ByteOrder) *state {
	s := &state{
		byID: map[uint64]int{}, idsAt: map[int64][]uint64{}, wantIDs: map[int64]int{},
		inSample: -1, fromEnd: -1,
	}
	s.setOrder(order)
	return s
}

func (s *state) setOrder(order binary.ByteOrder) {
	s.order = order
	s.noEvent.layout = perfevent.NewLayout(&perfevent.Attr{}, order)
}

// note learns from a line's bytes and moves behind them.
func (s *state) note(verb string, b []byte) {
	switch verb {
	case "header":
		s.noteHeader(b)
	case "ids":
		s.noteIDs(b)
	case "attr":
		s.noteAttr(b)
	case "HEADER_ATTR":
		s.noteHeaderAttr(b)
	}
	s.pos += int64(len(b))
}

func (s *state) noteHeader(b []byte) {
	if len(b) < fileHeaderSize {
		return
	}
	for i := range s.features {
		s.features[i] = s.order.Uint64(b[fileHeaderSize-maxFeatures/8+8*i:])
	}
}

func (s *state) featureNumbers() []int {
	var numbers []int
	for i, w := range s.features {
		for ; w != 0; w &= w - 1 {
			numbers = append(numbers, 64*i+bits.TrailingZeros64(w))
		}
	}
	return numbers
}

func (s *state) noteIDs(b []byte) {
	ids := decodeIDs(b, s.order)
	if e, ok := s.wantIDs[s.pos]; ok {
		s.addIDs(e, ids)
		return
	}
	s.idsAt[s.pos] = ids
}

func decodeIDs(b []byte, order binary.ByteOrder) []uint64 {
	ids := make([]uint64, 0, len(b)/8)
	for ; len(b) >= 8; b = b[8:] {
		ids = append(ids, order.Uint64(b))
	}
	return ids
}

func (s *state) addIDs(event int, ids []uint64) {
	for _, id := range ids {
		s.byID[id] = event
	}
}

func (s *state) noteAttr(b []byte) {
	if len(b) < placeSize {
		return
	}
	body := b[:len(b)-placeSize]
	size, ok := s.addEvent(body)
	if !ok {
		return
	}
	at := int64(s.order.Uint64(b[min(size, len(body)):]))
	e := len(s.events) - 1
	if ids, ok := s.idsAt[at]; ok {
		s.addIDs(e, ids)
		delete(s.idsAt, at)
	} else if _, ok := s.wantIDs[at]; !ok {
		s.wantIDs[at] = e
	}
}

func (s *state) noteHeaderAttr(b []byte) {
	if len(b) < perfevent.HeaderSize {
		return
	}
	body := b[perfevent.HeaderSize:]
	if size, ok := s.addEvent(body); ok {
		s.addIDs(len(s.events)-1, decodeIDs(body[min(size, len(body)):], s.order))
	}
}

func (s *state) addEvent(b []byte) (size int, ok bool) {
	a, size, err := perfevent.DecodeAttr(b, s.order)
	if err != nil {
		return 0, false
	}
	s.events = append(s.events, event{layout: perfevent.NewLayout(&a, s.order), idAll: a.Has(perfevent.FlagSampleIDAll)})
	if len(s.events) == 1 {
		s.inSample, s.fromEnd = s.events[0].layout.IDPositions()
	}
	return size, true
}

// event is the number of the event that a record of the kernel belongs to, as
// its bytes tell; 0 where they do not.
func (s *state) event(raw perfevent.RawRecord) int {
	body := raw.Body()
	at := s.inSample
	if raw.Type != perfevent.RecordSample {
		at = len(body) - s.fromEnd
		if s.fromEnd < 0 {
			at = -1
		}
	}
	if len(s.events) < 2 || at < 0 || at+8 > len(body) {
		return 0
	}
	return s.byID[s.order.Uint64(body[at:])]
}

// layout gives an event, and where the text has told of none, one whose records
// hold nothing that an attribute asks for.
func (s *state) layout(n int) *event {
	if n < len(s.events) {
		return &s.events[n]
	}
	return &s.noEvent
}

// behind is the size of the data that follow a record without being part of
// it.
func (s *state) behind(raw perfevent.RawRecord) uint64 {
	body := raw.Body()
	switch {
	case raw.Type == perfdata.RecordAuxtrace && len(body) >= 8:
		return s.order.Uint64(body)
	case raw.Type == perfdata.RecordTracingData && len(body) >= 4:
		n := uint64(s.order.Uint32(body))
		// In some recordings the data are the rest of the record itself.
		if n > 0 && uint64(len(body)) >= 4+n {
			return 0
		}
		return n
	}
	return 0
}
