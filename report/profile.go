package report

import (
	"context"

	"gorecord/perfevent"
	"gorecord/perfevent/machine"
	"gorecord/perfevent/perfdata"
	"gorecord/symbolize/stack"
)

// Profile is what a recording comes down to: the samples, added up in the rows
// of one Table for each event, and the names of the places that they hit. It
// is read only.
type Profile struct {
	Dimensions Dimensions
	Info       *perfdata.Info
	Tables     []*Table // one for each event of the recording, in its order
	// Comms are the thread names that rows refer to.
	Comms []string
	// Addresses and Stacks are what rows refer to by number, as
	// stack.Interner gives them.
	Addresses []stack.Address
	Stacks    []stack.Node
	// Names holds the functions at the Addresses.
	Names *stack.Names
	Stats Stats

	threadComms map[uint32]string
}

// Stats counts what a recording holds.
type Stats struct {
	// Records counts the records of each type.
	Records map[perfevent.RecordType]uint64
	// LostSamples is the sum of the LOST_SAMPLES records, LostRecords that
	// of the LOST records. Both tell of the same losses from different
	// places, so they must not be added: a LOST record counts what did not
	// fit into a ring at the time, LOST_SAMPLES what an event did not write
	// in all.
	LostSamples, LostRecords uint64
	// LostChunks is the number of LOST records.
	LostChunks uint64
	// FirstTime and LastTime are those of the first and the last sample, in
	// nanoseconds of the recording's clock; 0 without times.
	FirstTime, LastTime uint64
	// Problems says, in one line each, what could not be read or named.
	Problems []string
	// Damaged says that data of the recording are missing.
	Damaged bool
}

// ThreadComm is the last name of a thread that rows refer to.
func (p *Profile) ThreadComm(tid uint32) string { return p.threadComms[tid] }

// HasCallchains reports whether any selected event records callchains.
func (p *Profile) HasCallchains() bool {
	for _, t := range p.Tables {
		if t.Selected && t.Event.Attr.SampleType&perfevent.SampleCallchain != 0 {
			return true
		}
	}
	return false
}

// Samples is the number of samples in all tables.
func (p *Profile) Samples() uint64 {
	var n uint64
	for _, t := range p.Tables {
		n += t.Samples
	}
	return n
}

// Namer gives names to the addresses of a recorded machine. It must answer for
// every address; problems says in one line each what could not be named, and
// why.
type Namer interface {
	Names(ctx context.Context, m *machine.Machine, addresses []stack.Address) (names *stack.Names, problems []string, err error)
}

// Options say what to load.
type Options struct {
	Dimensions Dimensions
	Filter     Filter
	// MaxStack bounds the frames of a stack; the innermost are kept. 0 sets
	// no bound.
	MaxStack int
	// Namer names addresses; nil leaves them without names.
	Namer Namer
	// Progress, if not nil, is called now and then with the place in the
	// file up to which records were read.
	Progress func(offset int64)
}
