package record

import (
	"slices"

	"gorecord/perfevent"
	"gorecord/perfevent/machine"
	"gorecord/perfevent/perfdata"
)

// hitBudget bounds how many bytes of records are read back to see which files
// samples hit: some tenths of a second.
const hitBudget = 64 << 20

// Fields of the entries that name files by their build ids.
const (
	anyProcess = -1
	kernelName = "[kernel.kallsyms]"
)

// HitBuildIDs reads a recording back and gives the build ids of the files, and
// of the kernel where kernelID is not nil, that its samples hit. Maps carry
// their build ids in the recording itself where the kernel supports it; this
// list is for readers that look for them only here. Of a large recording only
// the beginning is looked at.
func HitBuildIDs(r *perfdata.Reader, kernelID []byte) ([]perfdata.BuildIDEntry, error) {
	h := hits{machine: machine.New(), seen: map[*machine.Module]bool{}}
	sorter := r.Sorted()
	defer sorter.Close()
	read := 0
	for read < hitBudget && sorter.Next() {
		rec := sorter.Record()
		read += len(rec.Bytes)
		if rec.Event == nil {
			continue
		}
		if rec.Type != perfevent.RecordSample {
			// A record that cannot be decoded says nothing about maps.
			if decoded, id, err := rec.Event.Layout.DecodeRecord(rec.RawRecord); err == nil {
				h.machine.Apply(decoded, rec.Misc, id)
			}
			continue
		}
		if err := rec.Event.Layout.DecodeSample(rec.RawRecord, &h.sample); err == nil {
			h.add()
		}
	}
	return h.entries(kernelID), sorter.Err()
}

// hits collects the modules that samples hit.
type hits struct {
	machine *machine.Machine
	sample  perfevent.Sample
	seen    map[*machine.Module]bool
	modules []*machine.Module // in the order of their first hit
}

func (h *hits) add() {
	thread := h.machine.Thread(h.sample.PID, h.sample.TID)
	h.address(thread, h.sample.IP)
	for _, a := range h.sample.Callchain {
		if a < perfevent.ContextMax {
			h.address(thread, a)
		}
	}
}

func (h *hits) address(thread *machine.Thread, a perfevent.Addr) {
	m := thread.Lookup(a)
	if m == nil {
		m = h.machine.LookupKernel(a)
	}
	if m == nil || h.seen[m.Module] {
		return
	}
	h.seen[m.Module] = true
	h.modules = append(h.modules, m.Module)
}

func (h *hits) entries(kernelID []byte) []perfdata.BuildIDEntry {
	var out []perfdata.BuildIDEntry
	for _, m := range h.modules {
		e := perfdata.BuildIDEntry{Misc: perfevent.MiscUser, PID: anyProcess, BuildID: []byte(m.BuildID), Filename: m.Name}
		if m.Kind == machine.Kernel {
			e.Misc, e.BuildID, e.Filename = perfevent.MiscKernel, kernelID, kernelName
		} else if m.InKernel() {
			e.Misc = perfevent.MiscKernel
		}
		if len(e.BuildID) > 0 {
			out = append(out, e)
		}
	}
	return out
}

// mappedBuildIDs collects the files of a recording that is not read back: those
// whose maps carry build ids.
type mappedBuildIDs struct {
	layout *perfevent.Layout
	seen   map[string]bool // by file name and build id
	files  []perfdata.BuildIDEntry
}

func (m *mappedBuildIDs) note(rec perfevent.RawRecord) {
	if rec.Type != perfevent.RecordMmap2 || rec.Misc&perfevent.MiscMmapBuildID == 0 {
		return
	}
	decoded, _, err := m.layout.DecodeRecord(rec)
	mmap, ok := decoded.(*perfevent.Mmap2)
	if err != nil || !ok || len(mmap.BuildID) == 0 {
		return
	}
	key := mmap.Filename + "\x00" + string(mmap.BuildID)
	if m.seen[key] {
		return
	}
	if m.seen == nil {
		m.seen = map[string]bool{}
	}
	m.seen[key] = true
	m.files = append(m.files, perfdata.BuildIDEntry{
		Misc: perfevent.MiscUser, PID: anyProcess, BuildID: slices.Clone(mmap.BuildID), Filename: mmap.Filename,
	})
}

// entries gives the files, and the kernel where its build id is known.
func (m *mappedBuildIDs) entries(kernelID []byte) []perfdata.BuildIDEntry {
	if len(kernelID) == 0 {
		return m.files
	}
	return append(m.files, perfdata.BuildIDEntry{Misc: perfevent.MiscKernel, PID: anyProcess, BuildID: kernelID, Filename: kernelName})
}
