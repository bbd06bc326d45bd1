package record

import (
	"fmt"
	"io/fs"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"gorecord/perfevent"
	"gorecord/perfevent/hit"
	"gorecord/record/probe"
)

// architecture is what uname -m says.
var architecture = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]

// maxPlaces bounds the places that are probed without tracefs: each needs a
// descriptor on each CPU, which the kernel takes about 90 ms to close.
const maxPlaces = 16

// registerEvents opens probes through the kernel's uprobe PMU, which needs no
// tracefs: an event for each place. Values come from the registers of samples.
func (r *Resolver) registerEvents(found []probe.Event) ([]Event, error) {
	kind, err := r.uprobePMU()
	if err != nil {
		return nil, err
	}
	var events []Event
	for i := range found {
		e := &found[i]
		if len(events)+len(e.Probes) > maxPlaces {
			return nil, fmt.Errorf("%s: these are more than %d places, and without tracefs each needs descriptors of its own that are slow to close; make tracefs writable, or name fewer functions", e.Place, maxPlaces)
		}
		for n := range e.Probes {
			single := *e
			single.Probes = e.Probes[n : n+1]
			single.Hits.Events = []hit.Event{e.Hits.Events[0]}
			single.Hits.Events[0].Points = e.Hits.Events[0].Points[n : n+1]
			if n > 0 {
				single.Notes = nil
			}
			event, err := r.registerEvent(kind, &single)
			if err != nil {
				return nil, err
			}
			events = append(events, event)
		}
	}
	return events, nil
}

func (r *Resolver) uprobePMU() (perfevent.EventType, error) {
	b, err := fs.ReadFile(r.Sys, "bus/event_source/devices/uprobe/type")
	if err != nil {
		return 0, fmt.Errorf("probes without tracefs need the kernel's uprobe PMU (Linux 4.17, CONFIG_UPROBE_EVENTS): %w", err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	return perfevent.EventType(n), err
}

// registerEvent is the event of one place (Linux, kernel/events/core.c,
// perf_uprobe_event_init: config1 is the path's address, config2 the offset,
// bit 0 of config says that it is a return, its upper half is the offset of a
// counter).
func (r *Resolver) registerEvent(kind perfevent.EventType, e *probe.Event) (Event, error) {
	p := &e.Probes[0]
	asked := p.Event()
	asked.Name = r.freeName(asked)
	path := append([]byte(p.Path), 0)
	r.paths = append(r.paths, path)
	a := perfevent.Attr{
		Type: kind, Config: uint64(p.RefCtr) << 32, SamplePeriod: 1,
		Config1: uint64(uintptr(unsafe.Pointer(&path[0]))), Config2: uint64(p.Offset),
	}
	if p.Return {
		a.Config |= 1
	}
	mask, err := registerMask(e.Hits.Events[0].Values)
	if err != nil {
		return Event{}, err
	}
	if mask != 0 {
		a.SampleType |= perfevent.SampleRegsUser
		a.SampleRegsUser = mask
	}
	r.describe(asked, e)
	return Event{Name: asked.String(), Attr: a, PathInConfig1: true}, nil
}

// registerMask are the registers that values come from.
func registerMask(values []hit.Value) (mask uint64, err error) {
	for i := range values {
		v := &values[i]
		if v.Source != "" {
			bit := perfevent.RegisterBit(architecture, v.Source)
			if bit < 0 {
				return 0, fmt.Errorf("the kernel does not sample register %s", v.Source)
			}
			mask |= 1 << bit
		}
		parts, err := registerMask(v.Members)
		if err != nil {
			return 0, err
		}
		mask |= parts
	}
	return mask, nil
}
