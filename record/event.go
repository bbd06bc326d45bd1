package record

import (
	"encoding/binary"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// Event is an event to record, as the user named it.
type Event struct {
	Name   string
	Attr   perfevent.Attr // type, config and what else selects the event
	Filter string         // tracepoint filter, or ""
	// PreciseMax asks for the highest precise_ip that the kernel takes.
	PreciseMax bool
	// NoCallchain leaves this event out where callchains are recorded.
	NoCallchain bool
	// Trace describes a tracepoint's data; nil for other events.
	Trace *perfdata.TraceEvent
	// PathInConfig1 says that Attr.Config1 is an address of this process,
	// which no recording should hold.
	PathInConfig1 bool
	// Fallback replaces the event where the machine does not have it; nil
	// where there is no replacement.
	Fallback *Event
}

// DefaultFrequency is how often events that measure are sampled, in samples
// per second, where nothing else is asked for.
const DefaultFrequency = 4000

// Sampling says what samples are taken and what they hold.
type Sampling struct {
	Period    uint64 // events between samples; 0 where not given
	Frequency uint64 // samples per second; 0 where not given
	Callchain bool
	NoInherit bool
	Addresses bool // the address that a sample is about
	Periods   bool // the period, also where it is fixed
	// ClockID is the clock for time stamps, with UseClock.
	ClockID  int32
	UseClock bool
}

// sampleOf completes an event's attribute for recording. All events of a
// session carry time and ids in the same places.
func (s *Sampling) sampleOf(a perfevent.Attr, several bool) perfevent.Attr {
	a.SampleType |= perfevent.SampleIP | perfevent.SampleTID | perfevent.SampleTime | perfevent.SampleCPU
	a.ReadFormat |= perfevent.FormatID | perfevent.FormatLost
	a.Flags |= perfevent.FlagDisabled | perfevent.FlagSampleIDAll
	if several {
		a.SampleType |= perfevent.SampleIdentifier
	}
	if s.Callchain {
		a.SampleType |= perfevent.SampleCallchain
	}
	if a.Type == perfevent.TypeTracepoint {
		a.SampleType |= perfevent.SampleRaw
	}
	if s.Addresses || a.Type == perfevent.TypeBreakpoint {
		a.SampleType |= perfevent.SampleAddr
	}
	if !s.NoInherit {
		a.Flags |= perfevent.FlagInherit
	}
	if s.UseClock {
		a.Flags |= perfevent.FlagUseClockID
		a.ClockID = s.ClockID
	}
	s.setPeriod(&a)
	return a
}

// setPeriod: what the event itself says comes first, then the user's choice
// for all events; tracepoints and breakpoints count each hit.
func (s *Sampling) setPeriod(a *perfevent.Attr) {
	if a.SamplePeriod == 0 {
		switch {
		case s.Period > 0:
			a.SamplePeriod = s.Period
		case s.Frequency > 0:
			a.SamplePeriod = s.Frequency
			a.Flags |= perfevent.FlagFreq
		case a.Type == perfevent.TypeTracepoint || a.Type == perfevent.TypeBreakpoint:
			a.SamplePeriod = 1
		default:
			a.SamplePeriod = DefaultFrequency
			a.Flags |= perfevent.FlagFreq
		}
	}
	// A fixed period is in the attribute and need not be in each sample.
	if s.Periods || a.Has(perfevent.FlagFreq) {
		a.SampleType |= perfevent.SamplePeriod
	}
}

// sideband makes the event report what runs where: names, maps, births and
// ends of threads, code that comes and goes in the kernel.
func sideband(a *perfevent.Attr) {
	a.Flags |= perfevent.FlagMmap | perfevent.FlagMmap2 | perfevent.FlagComm | perfevent.FlagCommExec |
		perfevent.FlagTask | perfevent.FlagBuildID
}

// kernelSideband can be asked for only where the event sees the whole machine.
const kernelSideband = perfevent.FlagKsymbol | perfevent.FlagBPFEvent

// dummy is an event that never counts: it carries the side-band records of a
// system-wide session from before the first sample on.
func dummy() Event {
	return Event{Name: "dummy:HG", Attr: perfevent.Attr{
		Type: perfevent.TypeSoftware, Config: perfevent.SWDummy, SamplePeriod: 1,
	}}
}

// fallbacks are features of newer kernels, newest first: where a kernel
// refuses an attribute, they are given up one after the other. What is lost is
// convenience (build ids in maps, loss per event), not samples.
var fallbacks = [...]struct {
	flags  perfevent.Flags
	format perfevent.ReadFormat
}{
	{format: perfevent.FormatLost},      // 6.0
	{flags: perfevent.FlagBuildID},      // 5.12
	{flags: kernelSideband},             // 5.1
	{flags: perfevent.FlagCommExec},     // 3.16
	{flags: perfevent.FlagMmap2},        // 3.12
	{flags: perfevent.FlagExcludeGuest}, // 3.2
	{flags: perfevent.FlagUseClockID},   // 4.1; last, since the user asked
}

var littleEndian = binary.ByteOrder(binary.LittleEndian)
