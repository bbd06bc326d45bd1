package machine

import (
	"fmt"
	"strings"

	"gorecord/perfevent"
)

// Kind says what a module is, and with it what positions in it mean.
type Kind uint8

// Kinds of modules. Positions (see Mapping.Position) are file offsets in a
// File and VDSO, and addresses in all others.
const (
	File         Kind = iota // a file, or what the kernel names like one
	VDSO                     // the vDSO: an ELF image that the kernel maps
	Anon                     // memory without a file: generated code, heap, stack
	Kernel                   // the kernel's own text
	KernelModule             // a loadable module of the kernel
	KernelSymbol             // a BPF program or trampoline, announced by KSYMBOL
)

// Module is what code belongs to: a file, the kernel, a module of the kernel,
// or one process's memory without a file. There is one Module for each name and
// build id, however often and wherever it is mapped.
type Module struct {
	// Index counts the modules of a Machine from 0 in the order in which
	// they appeared.
	Index int
	Kind  Kind
	// Name is the name as recorded: a path, or a special name such as
	// [vdso], [kernel.kallsyms] or //anon.
	Name string
	// BuildID is the raw build id, empty where it is not known.
	BuildID string
	// PID is the process that an Anon module belongs to.
	PID uint32
}

// ShortName is the name that tables show: the last element of a path, special
// names as they are, [NAME] for a module of the kernel, and "[JIT] tid PID" for
// memory without a file, as perf has it.
func (m *Module) ShortName() string {
	switch m.Kind {
	case Anon:
		return fmt.Sprintf("[JIT] tid %d", int32(m.PID))
	case KernelModule:
		return kernelModuleName(m.Name)
	}
	if i := strings.LastIndexByte(m.Name, '/'); i >= 0 && i+1 < len(m.Name) {
		return m.Name[i+1:]
	}
	return m.Name
}

// InKernel reports whether the module belongs to the kernel.
func (m *Module) InKernel() bool { return m.Kind >= Kernel }

// kernelModuleName makes [NAME] of the path of a module's file. The kernel
// writes names with underscores where file names may have dashes.
func kernelModuleName(path string) string {
	base := path[strings.LastIndexByte(path, '/')+1:]
	if strings.HasPrefix(base, "[") {
		return base
	}
	if i := strings.Index(base, ".ko"); i > 0 {
		base = base[:i]
	}
	return "[" + strings.ReplaceAll(base, "-", "_") + "]"
}

// Mapping is a range of addresses that a module occupies.
type Mapping struct {
	Start, End perfevent.Addr // End is the first address behind it
	// Offset is the position in the file of Start.
	Offset perfevent.FileOffset
	Module *Module
	Prot   uint32 // PROT_* of mmap(2); 0 where the record has none
	// Data says that the kernel reported the mapping as not executable.
	Data bool
}

// Position is the place of an address in the mapping's module: an offset in
// its file, or the address itself where the module is no file.
func (m *Mapping) Position(a perfevent.Addr) uint64 {
	if m.Module.Kind == File || m.Module.Kind == VDSO {
		return uint64(a-m.Start) + uint64(m.Offset)
	}
	return uint64(a)
}

// part is the piece of a mapping that is left when the rest is covered.
func (m *Mapping) part(start, end perfevent.Addr) *Mapping {
	p := *m
	p.Offset += perfevent.FileOffset(start - m.Start)
	p.Start, p.End = start, end
	return &p
}

type moduleKey struct {
	kind    Kind
	name    string
	buildID string
	pid     uint32
}

func (m *Machine) module(k moduleKey) *Module {
	if mod, ok := m.modules[k]; ok {
		return mod
	}
	mod := &Module{Index: len(m.moduleList), Kind: k.kind, Name: k.name, BuildID: k.buildID, PID: k.pid}
	m.modules[k] = mod
	m.moduleList = append(m.moduleList, mod)
	return mod
}

// Modules are all modules seen so far, by index. The slice belongs to the
// Machine and must not be changed.
func (m *Machine) Modules() []*Module { return m.moduleList }

// userModule names the module of a mapping in a process.
func (m *Machine) userModule(name string, buildID []byte, pid uint32, data bool) *Module {
	k := moduleKey{kind: File, name: name, buildID: string(buildID)}
	switch {
	case name == "[vdso]" || name == "[vdso32]" || name == "[vdsox32]":
		k.kind = VDSO
	case isAnonymous(name):
		k = moduleKey{kind: Anon, name: name, pid: pid}
	}
	if data && k.kind == File && !strings.HasPrefix(name, "/") {
		// Data in memory without a file: one module for all processes.
		k = moduleKey{kind: Anon, name: name, pid: pid}
	}
	if k.buildID == "" && k.kind != Anon {
		k.buildID = m.buildIDs[name]
	}
	return m.module(k)
}

// isAnonymous tells the names of memory that no file lies behind.
func isAnonymous(name string) bool {
	for _, prefix := range []string{"//anon", "/dev/zero", "/anon_hugepage", "[heap]", "[stack", "[anon:", "/SYSV"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return name == ""
}
