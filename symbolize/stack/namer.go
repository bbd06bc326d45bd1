package stack

import (
	"fmt"

	"gorecord/perfevent/machine"
)

// Namer names addresses one by one, as an Interner makes them, for readers that
// cannot wait for the end of a recording. (Resolver.Names, which can, reads
// modules side by side.) It is for one goroutine, that of the Machine.
type Namer struct {
	run     resolution
	machine *machine.Machine
	modules map[*machine.Module]func(a *Address, pos uint64) []Frame
	frames  [][]Frame // by AddressID; nil where nobody has asked
	kernel  bool      // the kernel was looked for
	vdso    bool
	problem string
}

// Namer names addresses of a machine.
func (r *Resolver) Namer(m *machine.Machine) *Namer {
	return &Namer{
		run: resolution{Resolver: r}, machine: m,
		modules: map[*machine.Module]func(a *Address, pos uint64) []Frame{},
	}
}

// unnamed is what stands for an address without a name.
var unnamed = []Frame{{}}

// Frames are the frames of an address, the innermost first. There is always
// one, without a Symbol where the name is not known. The slice must not be
// changed; it may be read at any time and from any goroutine.
func (n *Namer) Frames(addresses []Address, id AddressID) []Frame {
	if int(id) >= len(n.frames) {
		n.frames = append(n.frames, make([][]Frame, len(addresses)-len(n.frames))...)
	}
	if f := n.frames[id]; f != nil {
		return f
	}
	f := unnamed
	if mod := addresses[id].Module(); mod != nil {
		if named := nameAddress(&addresses[id], n.module(mod)); len(named) > 0 {
			f = named
		}
	}
	n.frames[id] = f
	return f
}

// module gives the function that names positions in a module.
func (n *Namer) module(mod *machine.Module) func(*Address, uint64) []Frame {
	at, ok := n.modules[mod]
	if ok {
		return at
	}
	n.prepare(mod.Kind)
	at, err := n.run.naming(mod)
	if err != nil {
		n.run.failures.add(mod, err)
		at = func(*Address, uint64) []Frame { return nil }
	}
	n.modules[mod] = at
	return at
}

// prepare finds what all modules of a kind need.
func (n *Namer) prepare(kind machine.Kind) {
	switch {
	case (kind == machine.Kernel || kind == machine.KernelModule) && !n.kernel:
		n.kernel = true
		var err error
		if n.run.kernel, err = n.run.kernelOf(n.run.recorded(n.machine)); err != nil && !n.run.holdsKernel(n.machine) {
			n.problem = fmt.Sprintf("kernel functions have no names: %v", err)
		}
	case kind == machine.VDSO && !n.vdso:
		n.vdso = true
		n.run.ownVDSO = n.run.Local != nil && sameKernel(n.run.Local, n.run.recorded(n.machine)) == nil
	}
}

// Problems says, in few lines, what could not be named so far, and why.
func (n *Namer) Problems() []string {
	lines := n.run.failures.lines()
	if n.problem != "" {
		lines = append([]string{n.problem}, lines...)
	}
	return lines
}
