package record

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// Target says whose events are recorded: CPUs alone, or threads.
type Target struct {
	// CPUs to watch; nil stands for all that are online.
	CPUs []int
	// Threads to watch, and with inheritance what they start. Empty stands
	// for everything that runs on the CPUs.
	Threads []int
	// EnableOnExec arms the events at the next exec of the threads, which
	// are a workload that waits for its start.
	EnableOnExec bool
}

// SystemWide reports whether the target is CPUs alone.
func (t *Target) SystemWide() bool { return len(t.Threads) == 0 }

// Config is what a session records and what it learns of the machine from.
type Config struct {
	Events   []Event
	Sampling Sampling
	Target   Target
	// RingPages is the size of each ring, a power of two; 0 lets the session
	// choose.
	RingPages int
	// WakeupBytes bounds how much a ring gathers before it is drained, where
	// that is to be less than the session would choose; 0 leaves it to the
	// session.
	WakeupBytes int
	// DrainInterval is how often rings are drained, and a round is finished,
	// where nothing wakes the session earlier; 0 stands for half a second.
	DrainInterval time.Duration
	Proc, Sys     fs.FS // /proc and /sys
	Opener        Opener
	// Note is called with remarks for the user, one line each. It may be nil.
	Note func(string)
}

// Session is a recording in progress. Open makes it, Run drains it, Close ends
// it; other methods say what they need.
type Session struct {
	cfg     Config
	opener  Opener
	events  []openedEvent
	cpus    []int
	threads []int
	pages   int
	rings   []Ring
	owners  []Descriptor // the descriptor of each ring
	waiter  Waiter
	layout  *perfevent.Layout
	forked  map[int]bool // processes that the watched threads started
	hidden  bool         // the user knows that the kernel's addresses are
	stats   Stats
}

// Waiter waits for rings to fill, as *perfevent.Poller does.
type Waiter interface {
	Add(Descriptor) error
	Watched() int
	Wait(timeout time.Duration) (data bool, err error)
	Wake()
	Close() error
}

// Stats counts what a session did.
type Stats struct {
	Wakeups    uint64
	Records    uint64
	Samples    uint64
	LostByRing uint64   // records that LOST records report; their event is not known
	Lost       []uint64 // samples lost of each event, where the kernel tells
	Throttled  uint64
}

// LostSamples is the sum over events. Where the kernel does not count by event
// (before 6.0) it is what the rings report.
func (s *Stats) LostSamples() uint64 {
	var n uint64
	for _, lost := range s.Lost {
		n += lost
	}
	if n == 0 {
		n = s.LostByRing
	}
	return n
}

// Open opens all events, disabled, with their rings. The caller must close the
// session. Errors of single events are of type *OpenError.
func Open(cfg Config) (*Session, error) {
	if len(cfg.Events) == 0 {
		return nil, errors.New("open session: no events")
	}
	s := &Session{
		cfg: cfg, opener: cfg.Opener, cpus: cfg.Target.CPUs, threads: cfg.Target.Threads, forked: map[int]bool{},
	}
	if s.cfg.DrainInterval == 0 {
		s.cfg.DrainInterval = drainInterval
	}
	if s.cpus == nil {
		var err error
		if s.cpus, err = OnlineCPUs(cfg.Sys); err != nil {
			return nil, fmt.Errorf("list CPUs: %w", err)
		}
	}
	if s.cfg.Target.SystemWide() {
		s.threads = []int{perfevent.AnyThread}
	}
	s.pages = s.choosePages()
	s.prepare()
	if err := s.openAll(); err != nil {
		s.Close()
		return nil, err
	}
	if err := s.mapRings(); err != nil {
		s.Close()
		return nil, err
	}
	s.layout = perfevent.NewLayout(&s.events[0].attr, littleEndian)
	s.stats.Lost = make([]uint64, len(s.events))
	return s, nil
}

// prepare computes the attributes.
func (s *Session) prepare() {
	events := s.cfg.Events
	if s.cfg.Target.SystemWide() {
		events = append(append([]Event(nil), events...), dummy())
	}
	s.cfg.Events = events
	for i := range events {
		s.events = append(s.events, openedEvent{Event: events[i], index: i, attr: s.attrOf(&events[i], i)})
	}
}

// attrOf completes the attribute of the event at a place of the list. Side-band
// records come from the dummy at the end of a system-wide session's list, else
// from the first event.
func (s *Session) attrOf(e *Event, index int) perfevent.Attr {
	sampling := s.cfg.Sampling
	sampling.Callchain = sampling.Callchain && !e.NoCallchain
	a := sampling.sampleOf(e.Attr, len(s.cfg.Events) > 1)
	a.Flags |= perfevent.FlagWatermark
	a.Wakeup = s.wakeup()
	if s.cfg.Target.SystemWide() {
		if index == len(s.cfg.Events)-1 {
			sideband(&a)
			a.Flags |= kernelSideband
			// It runs from its opening on: what starts while the processes
			// that are there already are listed must not be missed.
			a.Flags &^= perfevent.FlagDisabled
		}
		return a
	}
	if index == 0 {
		sideband(&a)
	}
	if s.cfg.Target.EnableOnExec {
		a.Flags |= perfevent.FlagEnableOnExec
	}
	return a
}

// mapRings maps a ring for each CPU: the first descriptor of the CPU owns it,
// the others send their records there.
func (s *Session) mapRings() error {
	var err error
	if s.waiter, err = s.opener.NewWaiter(); err != nil {
		return err
	}
	owners := map[int]Descriptor{}
	for i := range s.events {
		for _, fd := range s.events[i].fds {
			owner := owners[fd.cpu]
			if owner == nil {
				ring, err := s.mapRing(fd)
				if err != nil {
					return err
				}
				owners[fd.cpu] = fd.Descriptor
				s.rings = append(s.rings, ring)
				s.owners = append(s.owners, fd.Descriptor)
			} else if err := s.opener.Redirect(fd.Descriptor, owner); err != nil {
				return fmt.Errorf("%s on cpu %d: %w", s.events[i].Name, fd.cpu, err)
			}
			if err := s.waiter.Add(fd.Descriptor); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Session) note(format string, args ...any) {
	if s.cfg.Note != nil {
		s.cfg.Note(fmt.Sprintf(format, args...))
	}
}

// Events describes the events as they were opened, for the head of a
// recording.
func (s *Session) Events() []*perfdata.Event {
	var out []*perfdata.Event
	for i := range s.events {
		e := &s.events[i]
		d := &perfdata.Event{Index: i, Name: e.Name, Attr: e.attr, Layout: perfevent.NewLayout(&e.attr, littleEndian)}
		if e.PathInConfig1 {
			d.Attr.Config1 = 0
		}
		for _, fd := range e.fds {
			d.IDs = append(d.IDs, fd.id)
		}
		out = append(out, d)
	}
	return out
}

// Layout is the layout of the records of the first event. Records other than
// samples have the same layout for all events.
func (s *Session) Layout() *perfevent.Layout { return s.layout }

// Stats gives the numbers so far. During Run only the sink may call it.
func (s *Session) Stats() Stats {
	stats := s.stats
	stats.Lost = slices.Clone(stats.Lost)
	return stats
}

// RingSize is the size of each ring in bytes.
func (s *Session) RingSize() int { return s.rings[0].Size() }

// Enable starts all events.
func (s *Session) Enable() error { return s.each(Descriptor.Enable) }

// Disable stops all events.
func (s *Session) Disable() error { return s.each(Descriptor.Disable) }

func (s *Session) each(f func(Descriptor) error) error {
	var errs []error
	for i := range s.events {
		for _, fd := range s.events[i].fds {
			if err := f(fd.Descriptor); err != nil {
				errs = append(errs, fmt.Errorf("%s on cpu %d: %w", s.events[i].Name, fd.cpu, err))
			}
		}
	}
	return errors.Join(errs...)
}

// Synthesize describes to the sink what runs already: the kernel, and the
// processes of the target with those that they have started since, or all. It
// may be called again, by the sink during Run as well, where another recording
// begins. It returns what could not be described as
// remarks to the user, not as errors; errors are the sink's.
func (s *Session) Synthesize(sink Sink, buildID func(string, FileKey) []byte) error {
	synth := &Synth{Proc: s.cfg.Proc, Layout: s.layout, Sink: sink, BuildID: buildID}
	if err := synth.Kernel(); errors.Is(err, ErrKernelHidden) || errors.Is(err, fs.ErrNotExist) {
		if !s.hidden {
			s.note("%v", err)
		}
		s.hidden = true
	} else if err != nil {
		return err
	}
	if s.cfg.Target.SystemWide() {
		return synth.AllProcesses()
	}
	for _, pid := range s.processes() {
		if err := synth.Process(pid); err != nil {
			return err
		}
	}
	return nil
}

// processes lists the watched processes, and those that they started and that
// may still live.
func (s *Session) processes() []int {
	seen := map[int]bool{}
	for _, tid := range s.cfg.Target.Threads {
		if pid, err := ThreadGroup(s.cfg.Proc, tid); err == nil {
			seen[pid] = true
		}
	}
	for pid := range s.forked {
		if _, err := ThreadGroup(s.cfg.Proc, pid); err != nil {
			delete(s.forked, pid)
			continue
		}
		seen[pid] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// Close stops the events, and closes descriptors and rings, in the reverse
// order of opening. It may be called again without harm.
func (s *Session) Close() error {
	var errs []error
	for i := len(s.rings) - 1; i >= 0; i-- {
		errs = append(errs, s.rings[i].Close())
	}
	s.rings = nil
	if s.waiter != nil {
		errs = append(errs, s.waiter.Close())
		s.waiter = nil
	}
	for i := len(s.events) - 1; i >= 0; i-- {
		fds := s.events[i].fds
		for j := len(fds) - 1; j >= 0; j-- {
			errs = append(errs, fds[j].Close())
		}
		s.events[i].fds = nil
	}
	return errors.Join(errs...)
}

// drainInterval is the default of Config.DrainInterval.
const drainInterval = 500 * time.Millisecond

// Run drains the rings into the sink until the context ends, all watched
// threads have ended, or the sink fails. What the rings hold then is left to
// Drain.
func (s *Session) Run(ctx context.Context, sink Sink) error {
	stop := context.AfterFunc(ctx, s.waiter.Wake)
	defer stop()
	return withPriority(func() error { return s.run(ctx, sink) })
}

// Wake lets Run make a pass over the rings now. Any goroutine may call it, while
// the session is open.
func (s *Session) Wake() { s.waiter.Wake() }

func (s *Session) run(ctx context.Context, sink Sink) error {
	for ctx.Err() == nil {
		data, err := s.waiter.Wait(s.cfg.DrainInterval)
		if err != nil {
			return err
		}
		if data {
			s.stats.Wakeups++
		}
		if err := s.drain(sink); err != nil {
			return err
		}
		if s.waiter.Watched() == 0 {
			return nil
		}
	}
	return nil
}
