package pmu

import (
	"io/fs"
	"iter"
	"slices"
	"strings"

	"gorecord/perfevent"
	"gorecord/perfevent/near"
)

type symbol struct {
	typ    perfevent.EventType
	config uint64
}

func hw(config uint64) symbol { return symbol{perfevent.TypeHardware, config} }
func sw(config uint64) symbol { return symbol{perfevent.TypeSoftware, config} }

// symbols are the generic events, by all their names.
var symbols = map[string]symbol{
	"cpu-cycles":              hw(perfevent.HWCPUCycles),
	"cycles":                  hw(perfevent.HWCPUCycles),
	"instructions":            hw(perfevent.HWInstructions),
	"cache-references":        hw(perfevent.HWCacheReferences),
	"cache-misses":            hw(perfevent.HWCacheMisses),
	"branch-instructions":     hw(perfevent.HWBranchInstructions),
	"branches":                hw(perfevent.HWBranchInstructions),
	"branch-misses":           hw(perfevent.HWBranchMisses),
	"bus-cycles":              hw(perfevent.HWBusCycles),
	"stalled-cycles-frontend": hw(perfevent.HWStalledCyclesFrontend),
	"idle-cycles-frontend":    hw(perfevent.HWStalledCyclesFrontend),
	"stalled-cycles-backend":  hw(perfevent.HWStalledCyclesBackend),
	"idle-cycles-backend":     hw(perfevent.HWStalledCyclesBackend),
	"ref-cycles":              hw(perfevent.HWRefCPUCycles),

	"cpu-clock":        sw(perfevent.SWCPUClock),
	"task-clock":       sw(perfevent.SWTaskClock),
	"page-faults":      sw(perfevent.SWPageFaults),
	"faults":           sw(perfevent.SWPageFaults),
	"context-switches": sw(perfevent.SWContextSwitches),
	"cs":               sw(perfevent.SWContextSwitches),
	"cpu-migrations":   sw(perfevent.SWCPUMigrations),
	"migrations":       sw(perfevent.SWCPUMigrations),
	"minor-faults":     sw(perfevent.SWPageFaultsMin),
	"major-faults":     sw(perfevent.SWPageFaultsMaj),
	"alignment-faults": sw(perfevent.SWAlignmentFaults),
	"emulation-faults": sw(perfevent.SWEmulationFaults),
	"dummy":            sw(perfevent.SWDummy),
	"bpf-output":       sw(perfevent.SWBPFOutput),
	"cgroup-switches":  sw(perfevent.SWCgroupSwitches),
}

// toolEvents are perf stat's own, which no kernel event stands behind.
var toolEvents = map[string]string{
	"duration_time": "it is a sum that only perf stat makes; use cpu-clock to sample time",
	"user_time":     "it is a sum that only perf stat makes; use cpu-clock:u to sample time in user space",
	"system_time":   "it is a sum that only perf stat makes; use cpu-clock:k to sample time in the kernel",
}

// allNames are all names that an event without terms can have on this machine.
func allNames(sys fs.FS) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range symbols {
			if !yield(name) {
				return
			}
		}
		for name := range cacheNames() {
			if !yield(name) {
				return
			}
		}
		for _, dir := range pmuNames(sys) {
			for _, event := range fileNames(sys, devicePath(dir, "events")) {
				if !yield(event) || !yield(dir+"/"+event+"/") {
					return
				}
			}
		}
	}
}

// unknown makes the error for a name that is no event's.
func (p *parser) unknown(spec, name string) error {
	candidates := slices.Collect(allNames(p.sys))
	slices.Sort(candidates)
	e := &UnknownError{Name: spec, Near: near.Names(name, slices.Values(candidates), 3)}
	e.hint = near.Hint(e.Near)
	if slices.Contains(pmuNames(p.sys), name) {
		e.hint = "; " + name + " is a PMU: its events are written " + name + "/EVENT/"
		if events := fileNames(p.sys, devicePath(name, "events")); len(events) > 0 {
			e.hint += ", for instance " + name + "/" + events[0] + "/"
		}
	}
	e.hint = strings.TrimSpace(e.hint)
	return e
}
