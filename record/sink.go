package record

import "gorecord/perfevent"

// Sink takes the records of a session.
type Sink interface {
	// WriteRecord takes a record. The record's bytes are valid only during
	// the call.
	WriteRecord(perfevent.RawRecord) error
}

// Rounds is a Sink that wants to know when a pass over all rings is complete:
// records that come later are not older than the newest one before the
// previous call. It is called at least about once a second.
type Rounds interface {
	FinishRound() error
}
