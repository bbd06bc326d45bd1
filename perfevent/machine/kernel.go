package machine

import (
	"strings"

	"gorecord/perfevent"
)

// kernelName is the name of the kernel's module. Recorders append the name of
// the symbol by which its place can be checked, as in [kernel.kallsyms]_text.
const kernelName = "[kernel.kallsyms]"

const ksymbolUnregister = 1 // Ksymbol.Flags

func isKernelName(name string) bool {
	return strings.HasPrefix(name, "[kernel.") || name == "[kernel]"
}

// mapKernel takes in a mapping of the kernel or of a module.
func (m *Machine) mapKernel(mapping *Mapping, name string, buildID []byte) {
	if isKernelName(name) {
		mapping.Module = m.kernelModule(Kernel, kernelName, buildID)
		m.kernel = mapping
		m.reference(name)
		return
	}
	mapping.Module = m.kernelModule(KernelModule, name, buildID)
	m.kernelMaps = m.gen.insert(m.kernelMaps, mapping)
}

// reference notes the symbol that a recorder named after the closing bracket.
func (m *Machine) reference(name string) {
	m.kernelSymbol = ""
	if i := strings.IndexByte(name, ']'); i >= 0 {
		m.kernelSymbol = name[i+1:]
	}
}

// KernelReference gives what tells the place of the recorded kernel: a symbol
// and its address. The symbol is empty where the recorder named none; the
// address, of the start of the kernel's text, is then less certain. ok is
// false where nothing is known.
func (m *Machine) KernelReference() (symbol string, a perfevent.Addr, ok bool) {
	k := m.kernel
	if k == nil {
		return "", 0, false
	}
	if m.kernelSymbol != "" && k.Offset != 0 {
		return m.kernelSymbol, perfevent.Addr(k.Offset), true
	}
	return m.kernelSymbol, k.Start, k.Start != 0
}

func (m *Machine) kernelModule(kind Kind, name string, buildID []byte) *Module {
	id := string(buildID)
	if id == "" {
		id = m.buildIDs[name]
	}
	return m.module(moduleKey{kind: kind, name: name, buildID: id})
}

// applyKsymbol adds or takes away code that the kernel generated.
func (m *Machine) applyKsymbol(r *perfevent.Ksymbol) {
	end := r.Addr + perfevent.Addr(r.Len)
	switch {
	case end <= r.Addr:
		m.ignored[r.RecordType()]++
	case r.Flags&ksymbolUnregister != 0:
		m.kernelMaps = m.gen.remove(m.kernelMaps, r.Addr, end)
	default:
		mod := m.module(moduleKey{kind: KernelSymbol, name: r.Name})
		m.kernelMaps = m.gen.insert(m.kernelMaps, &Mapping{Start: r.Addr, End: end, Module: mod})
	}
}

// kernelArea is the size of the area of addresses, and what its start is a
// multiple of, that a kernel lies within; on x86 that of modules follows it.
const kernelArea = 1 << 30

// LookupKernel finds what the kernel has at an address, nil where that is not
// known. Modules and announced symbols take precedence over the kernel's own
// text, whose recorded range is sometimes far too large. Where it ends at the
// end of the main text, what follows (as the code that ran at boot) still
// belongs to the kernel.
func (m *Machine) LookupKernel(a perfevent.Addr) *Mapping {
	if mapping := lookup(m.kernelMaps, a); mapping != nil {
		return mapping
	}
	if k := m.kernel; k != nil && a >= k.Start && (a < k.End || a/kernelArea == k.Start/kernelArea) {
		return k
	}
	return nil
}

// KernelMappings are the kernel's mappings now: its text first, where that is
// known, then modules and announced symbols in address order.
func (m *Machine) KernelMappings() []*Mapping {
	var all []*Mapping
	if m.kernel != nil {
		all = append(all, m.kernel)
	}
	return appendTo(all, m.kernelMaps)
}

// KernelSpace identifies the state of the kernel's mappings, as Process.Space
// does for a process.
func (m *Machine) KernelSpace() KernelSpace { return KernelSpace{m.kernel, m.kernelMaps} }

// KernelSpace is an opaque state of the kernel's mappings. It is comparable.
type KernelSpace struct {
	text *Mapping
	over space
}
