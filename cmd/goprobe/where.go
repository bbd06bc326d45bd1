package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"gorecord/record/probe"
	"gorecord/symbolize"
	"gorecord/symbolize/code"
	"gorecord/symbolize/debuginfo"
	"gorecord/symbolize/gobinary"
)

// shownBytes is how many bytes of code --where shows; the longest instruction of
// x86 has maxInstruction.
const (
	shownBytes     = 8
	maxInstruction = 15
)

// site is an instruction of a file.
type site struct {
	place  string // as the user wrote it
	offset symbolize.FileOffset
	addr   symbolize.VirtAddr
	code   []byte // of the file, from the instruction on, at most maxInstruction
}

// printWhere tells of each place where it lies in the file, and in the memory of
// the processes that --pid names. Processes that cannot be read do not keep it
// from telling of the others.
func (a *app) printWhere(places []string) error {
	if a.exec == "" {
		return usageError{"--where looks into a file: give it with -x PATH"}
	}
	binary, err := probe.OpenBinary(a.exec)
	if err != nil {
		return err
	}
	defer binary.Close()
	file, err := elf.Open(binary.Path())
	if err != nil {
		return fmt.Errorf("probe %s: %w", binary.Path(), err)
	}
	defer file.Close()
	for _, place := range places {
		sites, err := findSites(binary, file, place)
		if err != nil {
			return err
		}
		for _, s := range sites {
			if err := a.printSite(binary, file, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// printSite prints what the file and the processes say of a place.
func (a *app) printSite(binary *probe.Binary, file *elf.File, s *site) error {
	a.print(describeSite(binary, file, s))
	var problems error
	for _, pid := range a.pids {
		text, err := a.describeProcess(binary.Path(), file.Machine, s, pid)
		a.print(text)
		problems = errors.Join(problems, err)
	}
	return problems
}

// findSites resolves a place as it is for a probe: to one instruction, or
// several for lines, patterns, and returns of Go functions.
func findSites(binary *probe.Binary, file *elf.File, place string) ([]*site, error) {
	spec, err := probe.ParseSpec(place)
	if err != nil {
		return nil, err
	}
	events, err := binary.Resolve(spec, probe.Options{Separate: true, Inlines: true})
	if err != nil {
		return nil, err
	}
	var sites []*site
	for i := range events {
		for _, p := range events[i].Probes {
			s, err := newSite(binary, file, events[i].Place, symbolize.FileOffset(p.Offset))
			if err != nil {
				return nil, err
			}
			sites = append(sites, s)
		}
	}
	return sites, nil
}

func newSite(binary *probe.Binary, file *elf.File, place string, offset symbolize.FileOffset) (*site, error) {
	s := &site{place: place, offset: offset}
	s.addr, _ = binary.Module().VirtAddr(s.offset)
	segment := segmentOf(file, s.addr)
	if segment == nil {
		return nil, fmt.Errorf("probe %s: no loaded part of %s holds it", s.place, binary.Path())
	}
	into := uint64(s.addr) - segment.Vaddr
	s.code = make([]byte, min(maxInstruction, segment.Filesz-into))
	if _, err := segment.ReadAt(s.code, int64(into)); err != nil {
		return nil, fmt.Errorf("read the code of %s in %s: %w", s.place, binary.Path(), err)
	}
	return s, nil
}

// segmentOf gives the loaded segment whose bytes in the file an address has, one
// that is executable before others; nil for none.
func segmentOf(file *elf.File, addr symbolize.VirtAddr) *elf.Prog {
	var found *elf.Prog
	for _, p := range file.Progs {
		if p.Type != elf.PT_LOAD || uint64(addr) < p.Vaddr || uint64(addr)-p.Vaddr >= p.Filesz {
			continue
		}
		if found == nil || p.Flags&elf.PF_X != 0 && found.Flags&elf.PF_X == 0 {
			found = p
		}
	}
	return found
}

// describeSite words what the file says of a place.
func describeSite(binary *probe.Binary, file *elf.File, s *site) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "    %-12s  %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(&b, "%s in %s\n", s.place, binary.Path())
	if sym, ok := binary.Module().Lookup(s.addr); ok {
		line("function", "%s+%#x, of %d bytes", symbolize.Demangle(sym.Name), uint64(s.addr-sym.Addr), sym.Size)
	}
	line("ELF address", "%#x, in %s", uint64(s.addr), sectionName(file, s.addr))
	line("file offset", "%s", wordOffset(file, s))
	if source, ok := sourceLine(binary, s.addr); ok {
		line("source", "%s", source)
	}
	line("bytes", "% x", s.code[:min(shownBytes, len(s.code))])
	text, _ := code.Instruction(file.Machine, s.code)
	line("instruction", "%s", text)
	line("run time", "%s", wordRuntime(file, s))
	return b.String()
}

func sectionName(file *elf.File, addr symbolize.VirtAddr) string {
	for _, s := range file.Sections {
		if s.Flags&elf.SHF_ALLOC != 0 && uint64(addr) >= s.Addr && uint64(addr)-s.Addr < s.Size {
			return "section " + s.Name
		}
	}
	return "no section"
}

// wordOffset shows how the file offset follows from the address.
func wordOffset(file *elf.File, s *site) string {
	p := segmentOf(file, s.addr)
	same := ""
	if p.Vaddr == p.Off {
		same = ", which are the same here"
	}
	return fmt.Sprintf("%#x = %#x - %#x + %#x (address and offset of segment %s%s)",
		uint64(s.offset), uint64(s.addr), p.Vaddr, p.Off, wordFlags(p.Flags), same)
}

func wordFlags(flags elf.ProgFlag) string {
	text := []byte("---")
	for i, f := range []elf.ProgFlag{elf.PF_R, elf.PF_W, elf.PF_X} {
		if flags&f != 0 {
			text[i] = "rwx"[i]
		}
	}
	return string(text)
}

// sourceLine finds the line of an address by the debug information, or by what
// the Go linker keeps.
func sourceLine(binary *probe.Binary, addr symbolize.VirtAddr) (string, bool) {
	if info, err := debuginfo.Open(binary.Path()); err == nil {
		defer info.Close()
		if file, line, ok := info.PC(addr); ok {
			return fmt.Sprintf("%s:%d", file, line), true
		}
	}
	if !binary.Module().IsGo() {
		return "", false
	}
	program, err := gobinary.Open(binary.Path())
	if err != nil {
		return "", false
	}
	defer program.Close()
	file, line := program.Line(addr)
	return fmt.Sprintf("%s:%d", file, line), file != ""
}

// wordRuntime says at which address processes have the place.
func wordRuntime(file *elf.File, s *site) string {
	if file.Type == elf.ET_EXEC {
		return fmt.Sprintf("%#x in each process: the file is not position-independent (ET_EXEC)", uint64(s.addr))
	}
	kind := "a library"
	if isProgram(file) {
		kind = "a PIE"
	}
	return fmt.Sprintf("%#x + where the loader puts the file, another place in each process: it is %s (ET_DYN)", uint64(s.addr), kind)
}

// isProgram tells a position-independent program from a library: its linker
// said so, or it names a loader, as libraries hardly do.
func isProgram(file *elf.File) bool {
	if flags, err := file.DynValue(elf.DT_FLAGS_1); err == nil && len(flags) > 0 {
		if elf.DynFlag1(flags[0])&elf.DF_1_PIE != 0 {
			return true
		}
	}
	soname, err := file.DynString(elf.DT_SONAME)
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP && err == nil && len(soname) == 0 {
			return true
		}
	}
	return false
}

// describeProcess words where a process has the place, and what stands there.
func (a *app) describeProcess(path string, machine elf.Machine, s *site, pid int) (string, error) {
	p, err := openProcess(a.proc, pid)
	if err != nil {
		return "", err
	}
	defer p.close()
	id, err := identify(path)
	if err != nil {
		return "", fmt.Errorf("find %s in process %d: %w", path, pid, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "    in process %d (%s)\n", pid, p.comm)
	found := p.mappings(id, uint64(s.offset))
	if len(found) == 0 {
		return "", p.notMapped(path, id)
	}
	for _, m := range found {
		addr := m.start + uint64(s.offset) - m.offset
		memory := make([]byte, min(uint64(shownBytes), uint64(len(s.code)), m.end-addr))
		if err := p.read(memory, addr); err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "        %#x = %#x + %#x, mapped %s\n", addr, uint64(s.addr), addr-uint64(s.addr), m.perms)
		fmt.Fprintf(&b, "            % x  %s\n", memory, wordMemory(machine, s.code, memory))
	}
	if p.tracer != 0 {
		fmt.Fprintf(&b, "        process %d traces it: a debugger's breakpoints look the same\n", p.tracer)
	}
	return b.String(), nil
}

// nop5 is the instruction that kernels from 6.18 on replace by a call.
var nop5 = []byte{0x0f, 0x1f, 0x44, 0x00, 0x00}

// wordMemory compares the bytes of the memory with those of the file.
func wordMemory(machine elf.Machine, file, memory []byte) string {
	name, breakpoint := breakpointOf(machine)
	same := func(a, b []byte, n int) bool {
		return n > 0 && len(a) >= n && len(b) >= n && string(a[:n]) == string(b[:n])
	}
	switch n := len(breakpoint); {
	case same(file, breakpoint, n):
		return fmt.Sprintf("cannot be armed: the file itself has %s there", name)
	case same(memory, breakpoint, n):
		return fmt.Sprintf("armed: %s (% x) stands where the file has % x", name, breakpoint, file[:n])
	case machine == elf.EM_X86_64 && same(file, nop5, len(nop5)) && memory[0] == 0xe8:
		return "armed: a call (e8) of the kernel's trampoline stands where the file has a nop of 5 bytes"
	case same(file, memory, len(memory)):
		return "not armed: as in the file"
	case same(file, memory, max(n, 1)):
		return "not armed here; what follows is not as in the file"
	}
	return "not as in the file, and no breakpoint: the program has changed its code"
}

// breakpointOf is the instruction that arms a uprobe.
func breakpointOf(machine elf.Machine) (name string, bytes []byte) {
	switch machine {
	case elf.EM_X86_64, elf.EM_386:
		return "int3", []byte{0xcc}
	case elf.EM_AARCH64:
		return "brk #5", []byte{0xa0, 0x00, 0x20, 0xd4}
	}
	return "", nil
}

// openFile opens a file of /proc and keeps the cause of an error alone.
func openFile(proc fs.FS, name string) (fs.File, error) {
	f, err := proc.Open(name)
	return f, cause(err)
}
