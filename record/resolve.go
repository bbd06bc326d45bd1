package record

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"gorecord/perfevent"
	"gorecord/perfevent/hit"
	"gorecord/perfevent/perfdata"
	"gorecord/perfevent/pmu"
	"gorecord/perfevent/tracefs"
	"gorecord/record/probe"
	"gorecord/symbolize/library"
	"gorecord/symbolize/usdt"
)

// EventError says that what a user named is no event.
type EventError struct{ Err error }

func (e *EventError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *EventError) Unwrap() error { return e.Err }

func eventErrorf(format string, args ...any) error {
	return &EventError{fmt.Errorf(format, args...)}
}

// Resolver turns what users name into events: counters and clocks of the
// kernel's PMUs, and tracepoints and dynamic events of its tracing folder. It
// defines the probes of a run, and takes them away when it is closed.
type Resolver struct {
	Sys, Proc fs.FS
	// Command is the file that will be run, "" where there is none: events
	// probe_BASE:FUNC that do not exist may be functions of it.
	Command string
	// Note is called with remarks for the user, one line each. It may be nil.
	Note func(string)
	// Tracefs opens the tracing folder when it is first needed; nil stands
	// for tracefs.Open.
	Tracefs func() (*tracefs.Dir, error)
	// NoTracefs places probes without tracefs: only values in registers can
	// be recorded then. It becomes true where tracefs cannot be written.
	NoTracefs bool
	// AllowGoReturn and Inlines are those of probe.Options.
	AllowGoReturn, Inlines bool

	dir     *tracefs.Dir
	defined []tracefs.EventName // in the tracing folder
	asked   []tracefs.EventName // the same events, as they are recorded
	traces  []perfdata.TraceEvent
	hits    hit.Description
	paths   [][]byte // which attributes point to
}

// Resolve turns the value of -e, a list, into events. Errors about what the user
// named are of type *EventError; others say what could not be opened or
// defined.
func (r *Resolver) Resolve(ctx context.Context, list string) ([]Event, error) {
	specs, err := pmu.SplitEvents(list)
	if err != nil {
		return nil, &EventError{err}
	}
	var events []Event
	for _, spec := range specs {
		resolved, err := r.resolve(ctx, spec)
		if err != nil {
			return nil, err
		}
		events = append(events, resolved...)
	}
	return events, nil
}

func (r *Resolver) resolve(ctx context.Context, spec string) ([]Event, error) {
	if path, place, ok, err := probe.ParseEvent(spec, isFile); err != nil {
		return nil, &EventError{err}
	} else if ok {
		return r.place(ctx, spec, path, place)
	}
	name, spec := pmu.CutName(spec)
	events, err := r.counter(spec)
	if unknown := (*pmu.UnknownError)(nil); errors.As(err, &unknown) && strings.Contains(spec, ":") {
		if path, place, ok := r.byName(ctx, spec); ok {
			if name != "" {
				place = name + "=" + place
			}
			parsed, err := probe.ParseSpec(place)
			if err != nil {
				return nil, &EventError{err}
			}
			return r.place(ctx, spec, path, parsed)
		}
		events, err = r.tracepoints(ctx, spec)
	}
	if err != nil {
		return nil, err
	}
	if name != "" {
		if len(events) > 1 {
			return nil, eventErrorf("event %s: one name for %d events", name, len(events))
		}
		events[0].Name = name
		if t := events[0].Trace; t != nil {
			r.rename(t, name)
		}
	}
	return events, nil
}

// byName reads NAME:PLACE where NAME is no group of events but that of a library
// or program, and sdt_PROVIDER:MARKER where the command or one of its libraries
// has the marker.
func (r *Resolver) byName(ctx context.Context, spec string) (path, place string, ok bool) {
	group, rest, _ := strings.Cut(spec, ":")
	if err := r.openTracefs(ctx); err == nil {
		if known, err := r.dir.Events(group, "*"); err != nil || len(known) > 0 {
			return "", "", false
		}
	}
	if strings.HasPrefix(group, "sdt_") {
		for _, path := range r.commandFiles() {
			markers, _ := usdt.Markers(path)
			if slices.ContainsFunc(markers, func(m usdt.Marker) bool { return "sdt_"+m.Provider == group }) {
				return path, spec, true
			}
		}
	}
	if probe.GroupName(r.Command) == group {
		return "", "", false
	}
	path, ok = library.Find(group)
	return path, rest, ok
}

// commandFiles are the command's file and the libraries that it names.
func (r *Resolver) commandFiles() []string {
	if r.Command == "" {
		return nil
	}
	files := []string{r.Command}
	f, err := elf.Open(r.Command)
	if err != nil {
		return files
	}
	defer f.Close()
	needed, _ := f.ImportedLibraries()
	for _, name := range needed {
		if path, ok := library.Find(name); ok {
			files = append(files, path)
		}
	}
	return files
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

// place defines a probe on places of a file, or of the kernel where path is "",
// for this run.
func (r *Resolver) place(ctx context.Context, spec, path string, place probe.Spec) ([]Event, error) {
	without := path != "" && r.withoutTracefs(ctx)
	found, err := r.resolvePlace(path, place, without)
	if err != nil {
		return nil, &EventError{err}
	}
	if without {
		return r.registerEvents(found)
	}
	if err := r.openTracefs(ctx); err != nil {
		return nil, fmt.Errorf("event %s: %w", spec, err)
	}
	var events []Event
	for i := range found {
		asked := found[i].Name()
		asked.Name = r.freeName(asked)
		e, err := r.define(asked, &found[i])
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

func (r *Resolver) resolvePlace(path string, place probe.Spec, without bool) ([]probe.Event, error) {
	if path == "" {
		e, err := probe.ResolveKernel(place)
		return []probe.Event{e}, err
	}
	b, err := probe.OpenBinary(path)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return b.Resolve(place, r.options(without))
}

func (r *Resolver) options(without bool) probe.Options {
	return probe.Options{Typed: true, AllowGoReturn: r.AllowGoReturn, Inlines: r.Inlines, Registers: without}
}

// withoutTracefs reports whether probes must do without tracefs: because the
// user wants it so, or because it cannot be written.
func (r *Resolver) withoutTracefs(ctx context.Context) bool {
	if r.NoTracefs {
		return true
	}
	err := r.openTracefs(ctx)
	if err == nil {
		err = r.dir.Supports(tracefs.Uprobe)
	}
	if err == nil || !errors.Is(err, fs.ErrPermission) && !errors.Is(err, tracefs.ErrNotSupported) {
		return false
	}
	if !r.NoTracefs {
		r.note("probes are placed without tracefs (%v): only values in registers can be recorded", err)
		r.NoTracefs = true
	}
	return true
}

// counter reads an event of a PMU. The counter of cycles has a replacement for
// machines without one.
func (r *Resolver) counter(spec string) ([]Event, error) {
	e, err := pmu.Parse(r.Sys, spec)
	if err != nil {
		return nil, &EventError{err}
	}
	event := Event{Name: e.Name, Attr: e.Attr, PreciseMax: e.PreciseMax, NoCallchain: e.NoCallchain}
	if e.Attr.Type == perfevent.TypeHardware && e.Attr.Config == perfevent.HWCPUCycles {
		event.Fallback = cpuClockFor(&event)
	}
	return []Event{event}, nil
}

// cpuClockFor is the clock that replaces a counter of cycles, with the same
// exclusions.
func cpuClockFor(e *Event) *Event {
	_, mods, _ := strings.Cut(e.Name, ":")
	clock := Event{Name: "cpu-clock", Attr: perfevent.Attr{
		Type: perfevent.TypeSoftware, Config: perfevent.SWCPUClock,
		SamplePeriod: e.Attr.SamplePeriod, Flags: e.Attr.Flags,
	}}
	clock.Attr.SetPreciseIP(0)
	if mods = strings.Trim(mods, "pP"); mods != "" {
		clock.Name += ":" + mods
	}
	return &clock
}

// tracepoints reads GROUP:NAME, with wildcards, and with modifiers behind a
// second colon.
func (r *Resolver) tracepoints(ctx context.Context, spec string) ([]Event, error) {
	group, rest, _ := strings.Cut(spec, ":")
	name, mods, _ := strings.Cut(rest, ":")
	like := "dummy"
	if mods != "" {
		like += ":" + mods
	}
	model, err := pmu.Parse(r.Sys, like)
	if err != nil {
		return nil, eventErrorf("event %s: %q are no modifiers", spec, mods)
	}
	if err := r.openTracefs(ctx); err != nil {
		return nil, fmt.Errorf("event %s: %w", spec, err)
	}
	found, err := r.dir.Events(group, name)
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", spec, err)
	}
	if len(found) == 0 {
		return r.runProbe(ctx, spec, group, name, mods, model.Attr.Flags)
	}
	var events []Event
	for _, f := range found {
		e, err := r.tracepoint(f, tracefs.EventName{Group: f.Group, Name: f.Name})
		if err != nil {
			return nil, err
		}
		e.Attr.Flags = model.Attr.Flags
		if mods != "" {
			e.Name += ":" + mods
		}
		events = append(events, e)
	}
	return events, nil
}

// tracepoint reads number and format of an event, which is recorded under the
// name that the user gave.
func (r *Resolver) tracepoint(at, as tracefs.EventName) (Event, error) {
	id, err := r.dir.ID(at.Group, at.Name)
	if err != nil {
		return Event{}, fmt.Errorf("event %v: %w", as, err)
	}
	text, err := r.dir.Format(at.Group, at.Name)
	if err != nil {
		return Event{}, fmt.Errorf("event %v: %w", as, err)
	}
	trace := &perfdata.TraceEvent{System: as.Group, Name: at.Name, ID: id, Format: text}
	if !slices.ContainsFunc(r.traces, func(t perfdata.TraceEvent) bool { return t.ID == id }) {
		r.traces = append(r.traces, *trace)
		if as.Name != at.Name {
			r.rename(trace, as.Name)
		}
	}
	return Event{
		Name: as.String(), Trace: trace,
		Attr: perfevent.Attr{Type: perfevent.TypeTracepoint, Config: id},
	}, nil
}

// rename stores an event's format under another name.
func (r *Resolver) rename(t *perfdata.TraceEvent, name string) {
	old, new := []byte("name: "+t.Name+"\n"), []byte("name: "+name+"\n")
	t.Format = bytes.Replace(t.Format, old, new, 1)
	t.Name = name
	for i := range r.traces {
		if r.traces[i].ID == t.ID {
			r.traces[i] = *t
		}
	}
}

// openTracefs opens the tracing folder once, and clears away what recorders that
// were killed left in it.
func (r *Resolver) openTracefs(ctx context.Context) error {
	if r.dir != nil {
		return nil
	}
	open := r.Tracefs
	if open == nil {
		open = tracefs.Open
	}
	dir, err := open()
	if err != nil {
		return err
	}
	r.dir = dir
	swept, err := dir.Sweep(ctx, r.Proc)
	if len(swept) > 0 {
		r.note("removed %d probes that a killed recorder left behind", len(swept))
	}
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		r.note("clear away probes of killed recorders: %v", err)
	}
	return nil
}

func (r *Resolver) note(format string, args ...any) {
	if r.Note != nil {
		r.Note(fmt.Sprintf(format, args...))
	}
}

// runProbe defines the probe that GROUP:NAME stands for in this run, in a group
// that tells its owner.
func (r *Resolver) runProbe(ctx context.Context, spec, group, name, mods string, flags perfevent.Flags) ([]Event, error) {
	asked := tracefs.EventName{Group: group, Name: name}
	events, err := r.named(ctx, spec, asked)
	if err != nil {
		return nil, err
	}
	for i := range events {
		events[i].Attr.Flags |= flags
		if mods != "" {
			events[i].Name += ":" + mods
		}
	}
	return events, nil
}

func (r *Resolver) named(ctx context.Context, spec string, asked tracefs.EventName) ([]Event, error) {
	if r.Command == "" {
		return nil, eventErrorf("event %v: no such event; see the names in events/ of the tracing folder", asked)
	}
	found, ok, err := probe.MatchRun(asked, r.Command, r.options(false))
	if err != nil {
		return nil, &EventError{err}
	}
	if !ok {
		return nil, eventErrorf("event %v: no such event, and it is none of the command's functions: those are %s:FUNCTION", asked, probe.GroupName(r.Command))
	}
	e, err := r.define(asked, &found)
	return []Event{e}, err
}

// define defines a probe for this run, in a group that tells its owner. It is
// recorded under the name that was asked for.
func (r *Resolver) define(asked tracefs.EventName, found *probe.Event) (Event, error) {
	if err := r.dir.Supports(found.Probes[0].Kind); err != nil {
		return Event{}, fmt.Errorf("event %v: %w", asked, err)
	}
	owner, err := tracefs.Self(r.Proc)
	if err != nil {
		return Event{}, err
	}
	at := tracefs.EventName{Group: owner.Group(), Name: r.freeOwned(asked.Name)}
	probes := slices.Clone(found.Probes)
	for i := range probes {
		probes[i].Group, probes[i].Name = at.Group, at.Name
	}
	if err := r.dir.Add(probes...); err != nil {
		return Event{}, err
	}
	r.defined = append(r.defined, at)
	r.describe(asked, found)
	return r.tracepoint(at, asked)
}

// describe keeps what the hits of an event mean, and tells the user of it.
func (r *Resolver) describe(asked tracefs.EventName, found *probe.Event) {
	r.asked = append(r.asked, asked)
	for _, remark := range found.Notes {
		r.note("%s", remark)
	}
	r.note("%v is defined for this run: %s", asked, found.Description())
	if len(found.Hits.Events) == 0 {
		return
	}
	added := found.Hits
	added.Events = slices.Clone(added.Events)
	added.Events[0].Name = asked.String()
	r.hits.Add(&added)
}

// freeName is the name, or where an event of this run has it a variant of it.
func (r *Resolver) freeName(asked tracefs.EventName) string {
	name, err := probe.Unique(asked.Name, func(name string) bool {
		return slices.Contains(r.asked, tracefs.EventName{Group: asked.Group, Name: name})
	})
	if err != nil {
		return asked.Name
	}
	return name
}

// freeOwned is the name, or where two groups have an event of that name a
// variant of it.
func (r *Resolver) freeOwned(name string) string {
	free := name
	for i := 1; slices.ContainsFunc(r.defined, func(e tracefs.EventName) bool { return e.Name == free }); i++ {
		free = fmt.Sprintf("%s_%d", name, i)
	}
	return free
}

// Description is what the hits of the run's probes mean, for the recording; nil
// where there are none.
func (r *Resolver) Description() ([]byte, error) {
	if len(r.hits.Events) == 0 {
		return nil, nil
	}
	return hit.Encode(&r.hits)
}

// TracingData is what readers need to decode the tracepoints that were
// resolved; nil where there are none. It must be called before Close.
func (r *Resolver) TracingData() (*perfdata.TracingData, error) {
	if len(r.traces) == 0 {
		return nil, nil
	}
	td := &perfdata.TracingData{LongSize: 8, PageSize: os.Getpagesize(), Events: r.traces}
	if ^uint(0)>>32 == 0 {
		td.LongSize = 4
	}
	var err error
	if td.HeaderPage, err = fs.ReadFile(r.dir.FS(), "events/header_page"); err != nil {
		return nil, fmt.Errorf("read the layout of trace pages: %w", err)
	}
	if td.HeaderEvent, err = fs.ReadFile(r.dir.FS(), "events/header_event"); err != nil {
		return nil, fmt.Errorf("read the layout of trace events: %w", err)
	}
	if slices.ContainsFunc(r.traces, usesPrintk) {
		// Without these strings some fields print as addresses, no more.
		text, _ := fs.ReadFile(r.dir.FS(), "printk_formats")
		td.Printk = perfdata.ParsePrintk(text)
	}
	return td, nil
}

// usesPrintk reports whether an event has a field that may point to one of the
// kernel's strings.
func usesPrintk(t perfdata.TraceEvent) bool {
	return bytes.Contains(t.Format, []byte("field:const char *")) || bytes.Contains(t.Format, []byte("field:char *"))
}

// Close takes the probes of the run away and closes the tracing folder. All
// descriptors of the events must be closed before. It may be called again
// without harm.
func (r *Resolver) Close() error {
	if r.dir == nil {
		return nil
	}
	var err error
	if len(r.defined) > 0 {
		err = r.dir.Delete(context.Background(), r.defined...)
	}
	err = errors.Join(err, r.dir.Close())
	r.dir, r.defined = nil, nil
	return err
}
