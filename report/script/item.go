package script

import (
	"gorecord/perfevent"
	"gorecord/perfevent/machine"
	"gorecord/perfevent/perfdata"
	"gorecord/symbolize/stack"
)

// item is what there is to show of one sample, or ready text.
type item struct {
	text   []byte // where it is set, nothing else is
	event  *perfdata.Event
	shown  *shownFields
	sample perfevent.Sample
	period uint64
	time   uint64 // to show
	comm   string
	// places are those of the callchain, innermost first, or the place of the
	// sample where it has, or shows, no callchain.
	places   []place
	chain    bool
	ip       place   // of the sample, where it is wanted beside the callchain
	addr     place   // what SampleAddr means
	branches []place // two for each branch: from, to
}

// clear makes the item empty, and keeps its room.
func (it *item) clear() {
	it.text, it.event, it.chain, it.ip, it.addr = nil, nil, false, place{}, place{}
	it.places, it.branches = it.places[:0], it.branches[:0]
}

// place is an address and its name.
type place struct {
	runtime perfevent.Addr
	shown   uint64 // address as a callchain shows it: of files the offset
	frames  []stack.Frame
	module  *machine.Module
}

// moduleName is what a place belongs to, "[unknown]" where that is not known. As
// in perf, a module of the kernel goes by its file where its build id is known.
func (p *place) moduleName() string {
	switch {
	case p.module == nil:
		return "[unknown]"
	case p.module.Kind == machine.KernelModule && p.module.BuildID == "":
		return p.module.ShortName()
	}
	return p.module.Name
}

// frame is the function that the place is in, the outermost of inlined ones.
func (p *place) frame() *stack.Frame { return &p.frames[len(p.frames)-1] }
