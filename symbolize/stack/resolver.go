package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"

	"gorecord/perfevent"
	"gorecord/perfevent/machine"
	"gorecord/symbolize"
)

// Resolver names interned addresses.
//
// The way of an address of a file is: runtime address → through the mapping
// → offset in the file (the Interner went so far) → through the program header
// that holds it → address as the file's symbol table has it.
type Resolver struct {
	// Store opens the files. The caller closes it.
	Store *symbolize.Store
	// Local holds the files of this machine from "/" on. They name the kernel
	// and the vDSO of recordings that were made here. nil names neither.
	Local fs.FS
	// Kallsyms are the symbols of the recorded kernel, where the caller has
	// them; nil takes those of this machine if they belong to it.
	Kallsyms *symbolize.Kallsyms
	// Embedded gives the functions of a module, by its name, that the recording
	// itself holds; nil where it holds none. It may be nil. They are taken where
	// the file that Store finds cannot be known to be the one that was recorded.
	Embedded func(module string) FunctionTable
	// Style says how names of Embedded are shown.
	Style symbolize.DemangleStyle
	// Release and Hostname are what the recording tells of its machine.
	Release, Hostname string
}

// FunctionTable finds functions by position (see machine.Mapping.Position).
type FunctionTable interface {
	Function(position uint64) (name string, start uint64, ok bool)
}

// Names names every address once, with as many goroutines as there are CPUs.
// problems says, in few lines, what could not be named and why.
func (r *Resolver) Names(ctx context.Context, m *machine.Machine, addresses []Address) (*Names, []string, error) {
	groups := groupByModule(addresses, len(m.Modules()))
	run := &resolution{Resolver: r, addresses: addresses, found: make([][]Frame, len(addresses))}
	problems := run.findKernel(m)
	jobs := make(chan []AddressID)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(groups)) {
		workers.Go(func() {
			for ids := range jobs {
				run.module(ids)
			}
		})
	}
	for _, ids := range groups {
		if ctx.Err() != nil {
			break
		}
		jobs <- ids
	}
	close(jobs)
	workers.Wait()
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	b := newNamesBuilder(len(addresses))
	for i := range run.found {
		b.add(run.found[i])
	}
	return b.finish(), append(problems, run.failures.lines()...), nil
}

// resolution is the state of one call of Names.
type resolution struct {
	*Resolver
	addresses []Address
	found     [][]Frame // by AddressID; written by one goroutine each
	failures  failureList
	kernel    *Kernel // nil names no kernel functions
	ownVDSO   bool    // the vDSO of this machine is that of the recording
}

// KernelFunctions gives a function that names addresses of the recorded kernel
// as it was at the end of the recording; nil where its symbols are not known.
func (r *Resolver) KernelFunctions(m *machine.Machine) func(address uint64) (name string, offset uint64, ok bool) {
	kernel, err := r.kernelOf(r.recorded(m))
	if err != nil {
		return nil
	}
	return func(address uint64) (string, uint64, bool) {
		mapping := m.LookupKernel(perfevent.Addr(address))
		if mapping == nil {
			return "", 0, false
		}
		if mapping.Module.Kind == machine.KernelSymbol {
			return mapping.Module.Name, address - uint64(mapping.Start), true
		}
		frames := kernel.frames(mapping.Module, address)
		if len(frames) == 0 {
			return "", 0, false
		}
		return frames[0].Symbol.Name, frames[0].Offset, true
	}
}

// recorded is what the recording tells of its kernel.
func (r *Resolver) recorded(m *machine.Machine) RecordedKernel {
	rec := RecordedKernel{Release: r.Release, Hostname: r.Hostname}
	if symbol, a, ok := m.KernelReference(); ok {
		rec.Reference, rec.Address = symbol, symbolize.RuntimeAddr(a)
	}
	for _, mod := range m.Modules() {
		if mod.Kind == machine.Kernel && mod.BuildID != "" {
			rec.BuildID = symbolize.BuildID(mod.BuildID)
		}
	}
	return rec
}

// kernelOf finds the symbols of a recorded kernel.
func (r *Resolver) kernelOf(rec RecordedKernel) (*Kernel, error) {
	switch {
	case r.Kallsyms != nil:
		return NewKernel(r.Kallsyms, rec)
	case r.Local != nil:
		return LocalKernel(r.Local, rec)
	}
	return nil, errors.New("no symbol list was given")
}

// findKernel finds the symbols of the recorded kernel, where they are needed,
// or says why there are none.
func (r *resolution) findKernel(m *machine.Machine) []string {
	needKernel, needVDSO := false, false
	for i := range r.addresses {
		if mod := r.addresses[i].Module(); mod != nil {
			needKernel = needKernel || mod.Kind == machine.Kernel || mod.Kind == machine.KernelModule
			needVDSO = needVDSO || mod.Kind == machine.VDSO
		}
	}
	rec := r.recorded(m)
	r.ownVDSO = needVDSO && r.Local != nil && sameKernel(r.Local, rec) == nil
	if !needKernel {
		return nil
	}
	var err error
	if r.kernel, err = r.kernelOf(rec); err != nil && !r.holdsKernel(m) {
		return []string{fmt.Sprintf("kernel functions have no names: %v", err)}
	}
	return nil
}

// holdsKernel reports whether the recording itself has functions of the kernel.
func (r *Resolver) holdsKernel(m *machine.Machine) bool {
	return r.Embedded != nil && slices.ContainsFunc(m.Modules(), func(mod *machine.Module) bool {
		return mod.Kind == machine.Kernel && r.Embedded(mod.Name) != nil
	})
}

// groupByModule lists the addresses of each module that has any, the largest
// group first.
func groupByModule(addresses []Address, modules int) [][]AddressID {
	groups := make([][]AddressID, modules)
	for i := range addresses {
		if mod := addresses[i].Module(); mod != nil {
			groups[mod.Index] = append(groups[mod.Index], AddressID(i))
		}
	}
	groups = slices.DeleteFunc(groups, func(g []AddressID) bool { return len(g) == 0 })
	slices.SortStableFunc(groups, func(a, b []AddressID) int { return len(b) - len(a) })
	return groups
}

// module names addresses of one module.
func (r *resolution) module(ids []AddressID) {
	mod := r.addresses[ids[0]].Module()
	at, err := r.naming(mod)
	if err != nil {
		r.failures.add(mod, err)
		return
	}
	for _, id := range ids {
		r.found[id] = nameAddress(&r.addresses[id], at)
	}
}

// naming gives the function that names positions in a module.
func (r *resolution) naming(mod *machine.Module) (func(a *Address, pos uint64) []Frame, error) {
	switch mod.Kind {
	case machine.KernelSymbol:
		return func(a *Address, pos uint64) []Frame {
			start := uint64(a.Mapping.Start)
			return []Frame{{
				Symbol: &Symbol{Module: mod, Name: mod.Name, SystemName: mod.Name, Start: start},
				Offset: pos - start,
			}}
		}, nil
	case machine.Kernel, machine.KernelModule:
		if r.kernel == nil {
			if at := r.embedded(mod); at != nil {
				return at, nil
			}
			return func(*Address, uint64) []Frame { return nil }, nil
		}
		return func(_ *Address, pos uint64) []Frame { return r.kernel.frames(mod, pos) }, nil
	case machine.Anon:
		return func(*Address, uint64) []Frame { return nil }, nil
	}
	return r.fileNaming(mod)
}

func (r *resolution) fileNaming(mod *machine.Module) (func(a *Address, pos uint64) []Frame, error) {
	id := symbolize.BuildID(mod.BuildID)
	path := mod.Name
	switch {
	case mod.Kind == machine.VDSO:
		path = symbolize.VDSOPath
		if !id.Known() && !r.ownVDSO {
			return nil, errors.New("the one of this machine need not be that of the recording")
		}
	case !strings.HasPrefix(path, "/"):
		// A name of the kernel's, such as [vsyscall], behind which no file is.
		return func(*Address, uint64) []Frame { return nil }, nil
	}
	m, err := r.Store.Module(path, id)
	if err != nil || !id.Known() {
		if at := r.embedded(mod); at != nil {
			return at, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return func(_ *Address, pos uint64) []Frame {
		virt, ok := m.VirtAddr(symbolize.FileOffset(pos))
		if !ok {
			return nil
		}
		frames := r.Store.Frames(m, virt)
		named := make([]Frame, len(frames))
		for i, f := range frames {
			named[i] = Frame{
				Symbol: &Symbol{Module: mod, Name: f.Function, SystemName: f.SystemName, Start: uint64(virt) - f.Offset},
				Offset: f.Offset, File: f.File, Line: f.Line, Inlined: f.Inlined,
			}
		}
		return named
	}, nil
}

// embedded names positions by what the recording holds of a module; nil where
// that is nothing.
func (r *resolution) embedded(mod *machine.Module) func(*Address, uint64) []Frame {
	if r.Embedded == nil {
		return nil
	}
	table := r.Embedded(mod.Name)
	if table == nil {
		return nil
	}
	return func(_ *Address, pos uint64) []Frame {
		name, start, ok := table.Function(pos)
		if !ok {
			return nil
		}
		return []Frame{{
			Symbol: &Symbol{Module: mod, Name: symbolize.DemangleAs(name, r.Style), SystemName: name, Start: start},
			Offset: pos - start,
		}}
	}
}

// nameAddress applies the rule for return addresses: the function is the one
// that the call is in, which ends one byte before the address to return to.
// Where the call is the last thing a function does, because what it calls
// never returns, that address is in the next function already. (perf looks up
// the address itself and names that next function.)
//
// Three kinds of address are only called return addresses: those where nothing
// is named before them; those behind padding, where no call can lie, which are
// addresses of interrupted instructions; and the code that the kernel returns
// to from a signal handler, which nobody calls.
func nameAddress(a *Address, at func(a *Address, pos uint64) []Frame) []Frame {
	if !a.Return || a.Position == 0 {
		return at(a, a.Position)
	}
	before := at(a, a.Position-1)
	if len(before) == 0 {
		return at(a, a.Position)
	}
	if here := at(a, a.Position); len(here) > 0 && here[len(here)-1].Offset == 0 &&
		(isSignalReturn(here[len(here)-1].Symbol.SystemName) || isPadding(before[len(before)-1].Symbol.SystemName)) {
		return here
	}
	for i := range before {
		before[i].Offset++
	}
	return before
}

// isPadding knows the names that the kernel gives to what it puts in front of
// functions.
func isPadding(name string) bool {
	return strings.HasPrefix(name, "__pfx_") || strings.HasPrefix(name, "__cfi_")
}

// isSignalReturn knows the names that C libraries and vDSOs give to the code
// behind a signal handler.
func isSignalReturn(name string) bool {
	switch name {
	case "__restore_rt", "__restore", "__kernel_rt_sigreturn", "__kernel_sigreturn", "runtime.sigreturn__sigaction":
		return true
	}
	return false
}

// failureList collects the modules that could not be read.
type failureList struct {
	mu    sync.Mutex
	other []string // build id mismatches and damage
	gone  []string // files that are not there
}

const (
	maxFailureLines = 5
	maxFailureNames = 3
)

func (l *failureList) add(mod *machine.Module, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if isGone(err) {
		l.gone = append(l.gone, mod.Name)
		return
	}
	if text := err.Error(); strings.Contains(text, mod.Name) {
		l.other = append(l.other, text)
	} else {
		l.other = append(l.other, mod.Name+": "+text)
	}
}

func (l *failureList) lines() []string {
	slices.Sort(l.other)
	slices.Sort(l.gone)
	lines := l.other
	if n := len(lines) - maxFailureLines; n > 0 {
		lines = append(lines[:maxFailureLines:maxFailureLines], fmt.Sprintf("%d more files whose functions are not named", n))
	}
	if n := len(l.gone); n > 0 {
		some := l.gone[:min(n, maxFailureNames)]
		dots := ""
		if n > maxFailureNames {
			dots = ", …"
		}
		lines = append(lines, fmt.Sprintf("functions in files that are not here have no names: %s%s (%d in all); --symfs names a folder that has them", strings.Join(some, ", "), dots, n))
	}
	return lines
}
