package record

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"gorecord/perfevent"
)

// Descriptor is an open event, as *perfevent.Event is one.
type Descriptor interface {
	ID() (uint64, error)
	Enable() error
	Disable() error
	SetFilter(string) error
	Read() (perfevent.ReadValues, error)
	Close() error
}

// Ring is a source of records, as *perfevent.MappedRing is one.
type Ring interface {
	Load() int
	Next() (perfevent.RawRecord, bool, error)
	Commit()
	Size() int
	Close() error
}

// Opener opens events and their rings: the kernel, or a stand-in for it in
// tests.
type Opener interface {
	// Open opens an event as perfevent.Open does.
	Open(a *perfevent.Attr, tid, cpu int) (Descriptor, error)
	// OpenRing maps a ring for a descriptor.
	OpenRing(d Descriptor, pages int) (Ring, error)
	// Redirect sends the records of d into the ring of owner.
	Redirect(d, owner Descriptor) error
	// NewWaiter makes a Waiter for descriptors of this Opener.
	NewWaiter() (Waiter, error)
}

// OpenError says which event could not be opened, where, and what to do.
type OpenError struct {
	Event    string
	TID, CPU int
	Err      error
	Hint     string
}

func (e *OpenError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "open %s", e.Event)
	if e.TID > 0 {
		fmt.Fprintf(&b, " on thread %d", e.TID)
	} else if e.CPU >= 0 {
		fmt.Fprintf(&b, " on cpu %d", e.CPU)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	if e.Hint != "" {
		fmt.Fprintf(&b, " (%s)", e.Hint)
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *OpenError) Unwrap() error { return e.Err }

// openedEvent is an event with the attribute that the kernel took and what was
// opened for it.
type openedEvent struct {
	Event
	index    int  // in the session's list
	userOnly bool // the kernel is left out for want of permission
	attr     perfevent.Attr
	fds      []openedFD
}

type openedFD struct {
	Descriptor
	id   uint64
	cpu  int
	lost uint64 // what WriteLost has told
}

// openAll opens every event on every CPU for every thread. Where the kernel
// does not know a feature of an attribute, the attribute is stripped of it for
// the whole session.
func (s *Session) openAll() error {
	for i := range s.events {
		if err := s.openEvent(&s.events[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) openEvent(e *openedEvent) error {
	gone := 0
	for _, tid := range s.threads {
		for _, cpu := range s.cpus {
			d, err := s.openOne(e, tid, cpu)
			if errors.Is(err, errThreadGone) && len(s.threads) > 1 {
				gone++
				break
			}
			if err != nil {
				return err
			}
			id, err := d.ID()
			if err != nil {
				d.Close()
				return fmt.Errorf("%s: %w", e.Name, err)
			}
			e.fds = append(e.fds, openedFD{Descriptor: d, id: id, cpu: cpu})
			if e.Filter != "" {
				if err := d.SetFilter(e.Filter); err != nil {
					return fmt.Errorf("%s: %w", e.Name, err)
				}
			}
		}
	}
	if gone == len(s.threads) {
		return fmt.Errorf("open %s: %w", e.Name, errThreadGone)
	}
	return nil
}

// openOne opens an event once, stepping down to older ABIs, then to the
// event's replacement, as needed.
func (s *Session) openOne(e *openedEvent, tid, cpu int) (Descriptor, error) {
	step := 0
	for {
		d, err := s.opener.Open(&e.attr, tid, cpu)
		if err == nil {
			return d, nil
		}
		if isUnknownABI(err) && s.lowerFrequency(e) {
			continue
		}
		first := len(e.fds) == 0
		if precise := e.attr.PreciseIP(); first && e.PreciseMax && precise > 0 && (isUnknownABI(err) || isUnsupported(err)) {
			e.attr.SetPreciseIP(precise - 1)
			continue
		}
		if first && isUnknownABI(err) && step < len(fallbacks) {
			f := fallbacks[step]
			step++
			e.attr.Flags &^= f.flags
			e.attr.ReadFormat &^= f.format
			continue
		}
		const kernel = perfevent.FlagExcludeKernel | perfevent.FlagExcludeHV
		if first && !s.cfg.Target.SystemWide() && isPermission(err) && e.attr.Type != perfevent.TypeTracepoint && !e.PathInConfig1 && e.attr.Flags&kernel == 0 {
			// Without privileges a thread may still watch its own programs.
			s.note("the kernel may not be watched (%v: %s); recording %s in programs only", err, s.hint(e, err), e.Name)
			e.attr.Flags |= kernel
			e.userOnly = true
			continue
		}
		if first && e.Fallback != nil && isUnsupported(err) {
			s.note("%s is not available on this machine; recording %s instead", e.Name, e.Fallback.Name)
			e.Event = *e.Fallback
			e.attr = s.attrOf(&e.Event, e.index)
			if e.userOnly {
				e.attr.Flags |= kernel
			}
			step = 0
			continue
		}
		return nil, &OpenError{Event: e.Name, TID: tid, CPU: cpu, Err: err, Hint: s.hint(e, err)}
	}
}

// lowerFrequency keeps an event within the sampling rate that the kernel allows
// now: it lowers kernel.perf_event_max_sample_rate by itself where sampling takes
// long, and refuses what is above. It reports whether it changed the event.
func (s *Session) lowerFrequency(e *openedEvent) bool {
	b, err := fs.ReadFile(s.cfg.Proc, "sys/kernel/perf_event_max_sample_rate")
	if err != nil {
		return false
	}
	most, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil || most == 0 || !e.attr.Has(perfevent.FlagFreq) || e.attr.SamplePeriod <= most {
		return false
	}
	s.note("kernel.perf_event_max_sample_rate allows %d samples a second: sampling %s so often", most, e.Name)
	e.attr.SamplePeriod = most
	return true
}

// hint names the layer that refused and the way out.
func (s *Session) hint(e *openedEvent, err error) string {
	switch {
	case isPermission(err):
		return permissionHint(s.cfg.Proc, s.cfg.Sys, isNotPermitted(err), e.PathInConfig1)
	case isTooManyFiles(err):
		return "too many descriptors for CPUs × threads × events: raise the limit with ulimit -n"
	case isUnsupported(err):
		return "this machine does not have the event; cpu-clock works everywhere"
	}
	return ""
}
