package probe

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gorecord/perfevent"
	"gorecord/perfevent/near"
	"gorecord/perfevent/tracefs"
	"gorecord/symbolize"
)

// Binary is a file that uprobes can be placed on. It is safe for concurrent
// use until Close.
type Binary struct {
	path   string
	module *symbolize.Module
}

// OpenBinary reads the symbols of an ELF program or library. Links in the path
// are followed, as perf does: a probe belongs to the file, and its definition
// names it so, unless tracefs cannot take that name but can take the link's.
// The caller must Close the binary.
func OpenBinary(path string) (*Binary, error) {
	resolved, err := resolvePath(path)
	if err != nil {
		return nil, fmt.Errorf("probe %s: %w", path, err)
	}
	module, err := symbolize.OpenModule(resolved)
	if err != nil {
		return nil, fmt.Errorf("probe %s: %w", path, err)
	}
	if t := module.Type(); t != elf.ET_EXEC && t != elf.ET_DYN {
		module.Close()
		return nil, fmt.Errorf("probe %s: it is neither a program nor a shared library (ELF type %s)", path, t)
	}
	return &Binary{path: resolved, module: module}, nil
}

func resolvePath(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	st, err := os.Stat(abs)
	if err != nil {
		return "", trimPath(err)
	}
	if !st.Mode().IsRegular() {
		return "", errors.New("it is not a regular file")
	}
	resolved, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return "", trimPath(err)
	}
	problem := tracefs.PathProblem(resolved)
	if problem == "" {
		return resolved, nil
	}
	if tracefs.PathProblem(abs) == "" {
		return abs, nil
	}
	return "", errors.New(problem)
}

// trimPath takes the path off an error that will be named with it.
func trimPath(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// Path is the absolute path that definitions name.
func (b *Binary) Path() string { return b.path }

// Module gives the file's symbols. They stay the binary's.
func (b *Binary) Module() *symbolize.Module { return b.module }

// Close gives back the memory. It may be called again.
func (b *Binary) Close() error { return b.module.Close() }

// Options change what Resolve allows.
type Options struct {
	// AllowGoReturn lets a return probe onto a Go program, which crashes it
	// sooner or later (see ErrGoReturn).
	AllowGoReturn bool
}

// Point is an instruction to probe.
type Point struct {
	// Probe defines it, with the group and event names of perf's rules or of
	// the user. Whether these are free is for the caller to see.
	Probe tracefs.Probe
	// Place is what the user meant, such as callee%return.
	Place string
	// Notes are remarks for the user, one line each.
	Notes []string
}

// Description is the place with its file, such as "callee%return in /bin/main".
func (p *Point) Description() string {
	if p.Probe.Kind == tracefs.Kprobe {
		return p.Place + " in the kernel"
	}
	return p.Place + " in " + p.Probe.Path
}

// Resolve finds the place of a probe. The errors are one line with the way
// out: *NotFoundError, *AmbiguousError, ErrGoReturn and others.
func (b *Binary) Resolve(s Spec, o Options) (Point, error) {
	if s.Return && b.module.IsGo() && !o.AllowGoReturn {
		return Point{}, fmt.Errorf("probe %s of %s: %w", s.Place(), b.path, ErrGoReturn)
	}
	p := Point{Place: s.Place()}
	offset, err := b.offset(&s, &p)
	if err != nil {
		return Point{}, err
	}
	p.Probe = tracefs.Probe{
		Kind: tracefs.Uprobe, Return: s.Return, Group: s.Group, Name: s.Event,
		Path: b.path, Offset: perfevent.FileOffset(offset), Args: s.Args,
	}
	if p.Probe.Group == "" {
		p.Probe.Group = GroupName(b.path)
	}
	if p.Probe.Name == "" {
		p.Probe.Name = EventName(&s)
	}
	return p, nil
}

func (b *Binary) offset(s *Spec, p *Point) (symbolize.FileOffset, error) {
	switch s.Kind {
	case AtFileOffset:
		addr, ok := b.module.VirtAddr(s.Offset())
		if !ok {
			return 0, fmt.Errorf("probe %s: no loaded part of %s holds this file offset; give an ELF address as @%#x", s.Place(), b.path, s.Number)
		}
		return s.Offset(), b.checkCode(s, addr)
	case AtAddress:
		offset, ok := b.module.FileOffset(s.Address())
		if !ok {
			return 0, fmt.Errorf("probe %s: no loaded part of %s has this address in the file", s.Place(), b.path)
		}
		return offset, b.checkCode(s, s.Address())
	}
	return b.functionOffset(s, p)
}

// checkCode refuses places where the kernel would never arm a probe, and
// returns of what is no function's entry.
func (b *Binary) checkCode(s *Spec, addr symbolize.VirtAddr) error {
	if code, err := b.isCode(addr); err != nil {
		return fmt.Errorf("probe %s of %s: %w", s.Place(), b.path, err)
	} else if !code {
		return fmt.Errorf("probe %s: %s has data there, not code", s.Place(), b.path)
	}
	sym, ok := b.module.Lookup(addr)
	if s.Return && ok && sym.Addr != addr {
		return fmt.Errorf("probe %s: a return probe needs the entry of a function; %s is %d bytes into %s of %s", s.Place(), s.Place(), addr-sym.Addr, sym.Name, b.path)
	}
	return nil
}

// isCode reports whether an executable segment of the file has the address.
func (b *Binary) isCode(addr symbolize.VirtAddr) (bool, error) {
	f, err := elf.Open(b.path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && uint64(addr) >= p.Vaddr && uint64(addr)-p.Vaddr < p.Filesz {
			return true, nil
		}
	}
	return false, nil
}

func (b *Binary) functionOffset(s *Spec, p *Point) (symbolize.FileOffset, error) {
	sym, err := b.function(s, p)
	if err != nil {
		return 0, err
	}
	if s.Number > 0 && s.Number >= sym.Size {
		return 0, fmt.Errorf("probe %s: the offset is behind the end of %s, which has %d bytes", s.Place(), s.Function, sym.Size)
	}
	offset, ok := b.module.FileOffset(sym.Addr + symbolize.VirtAddr(s.Number))
	if !ok {
		return 0, fmt.Errorf("probe %s: %s does not hold the function's code (address %#x)", s.Place(), b.path, uint64(sym.Addr))
	}
	if isIndirect(sym) {
		p.Notes = append(p.Notes, fmt.Sprintf("The probe function (%s) is a GNU indirect function.\nConsider identifying the final function used at run time and set the probe directly on that.", s.Function))
	}
	return offset, nil
}

// isIndirect reports whether the symbol is an IFUNC: code that runs once and
// chooses the function that calls go to.
func isIndirect(sym symbolize.Symbol) bool { return sym.Type == elf.STT_GNU_IFUNC }

// AmbiguousError says that several functions have the name.
type AmbiguousError struct {
	Spec       Spec
	Path       string
	Candidates []symbolize.Symbol // in address order
}

func (e *AmbiguousError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "probe %s: %s has %d functions of this name; choose one:", e.Spec.Place(), e.Path, len(e.Candidates))
	const shown = 8
	for i, c := range e.Candidates {
		if i == shown {
			fmt.Fprintf(&b, " and %d more", len(e.Candidates)-shown)
			break
		}
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " @%#x", uint64(c.Addr))
		if name := symbolize.DemangleAs(c.Name, symbolize.DemangleFull); name != e.Spec.Function {
			fmt.Fprintf(&b, " (%s)", name)
		}
	}
	return b.String()
}

// function finds the one function of a name.
func (b *Binary) function(s *Spec, p *Point) (symbolize.Symbol, error) {
	found := b.code(b.module.Find(s.Function))
	if len(found) > 1 {
		found = b.preferDefault(s, found, p)
	}
	switch len(found) {
	case 0:
		return symbolize.Symbol{}, b.notFound(s.Function)
	case 1:
		return found[0], nil
	}
	return symbolize.Symbol{}, &AmbiguousError{Spec: *s, Path: b.path, Candidates: found}
}

// code keeps the symbols that name code: functions, or where there is none,
// labels of assembly code.
func (b *Binary) code(symbols []symbolize.Symbol) []symbolize.Symbol {
	functions := slices.DeleteFunc(slices.Clone(symbols), func(s symbolize.Symbol) bool { return !s.IsFunction() })
	if len(functions) > 0 {
		return functions
	}
	return slices.DeleteFunc(slices.Clone(symbols), func(s symbolize.Symbol) bool {
		if s.Type != elf.STT_NOTYPE {
			return true
		}
		code, err := b.isCode(s.Addr)
		return err != nil || !code
	})
}

// preferDefault leaves out the functions that a library keeps only for
// programs linked to its older versions, and says so.
func (b *Binary) preferDefault(s *Spec, found []symbolize.Symbol, p *Point) []symbolize.Symbol {
	old := b.oldVersions(s.Function)
	var current []symbolize.Symbol
	var note []string
	for _, sym := range found {
		if version, ok := old[sym.Addr]; ok {
			note = append(note, fmt.Sprintf("%s at @%#x", version, uint64(sym.Addr)))
		} else {
			current = append(current, sym)
		}
	}
	if len(current) == 0 || len(note) == 0 {
		return found
	}
	p.Notes = append(p.Notes, fmt.Sprintf("%s has older versions of %s, which stay without a probe: %s", b.path, s.Function, strings.Join(note, ", ")))
	return current
}

// oldVersions are the addresses of a dynamic symbol that new programs are not
// linked to, with the version's name.
func (b *Binary) oldVersions(name string) map[symbolize.VirtAddr]string {
	f, err := elf.Open(b.path)
	if err != nil {
		return nil
	}
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return nil
	}
	old := map[symbolize.VirtAddr]string{}
	for _, s := range symbols {
		if s.Name == name && s.HasVersion && s.VersionIndex.IsHidden() {
			old[symbolize.VirtAddr(s.Value)] = name + "@" + s.Version
		}
	}
	for _, s := range symbols { // a default version at the same address wins
		if s.Name == name && !s.VersionIndex.IsHidden() {
			delete(old, symbolize.VirtAddr(s.Value))
		}
	}
	return old
}

// functionNames are all names that function accepts, except those with
// parameters.
func (b *Binary) functionNames() iter.Seq[string] {
	return func(yield func(string) bool) {
		for s := range b.module.Symbols() {
			if !s.IsFunction() {
				continue
			}
			if !yield(symbolize.Demangle(s.Name)) {
				return
			}
		}
	}
}

// hasFunctions reports whether there is a symbol of a function of the file's
// own.
func (b *Binary) hasFunctions() bool {
	for s := range b.module.Symbols() {
		if s.IsFunction() && !strings.HasSuffix(s.Name, "@plt") {
			return true
		}
	}
	return false
}

func (b *Binary) notFound(function string) error {
	e := &NotFoundError{Function: function, Path: b.path}
	if !b.hasFunctions() {
		e.Hint = "; it has no symbols of functions (stripped): give a file offset (0x…) or an ELF address (@0x…)"
		return e
	}
	if len(b.module.Find(function)) > 0 {
		e.Hint = ": the name is that of a variable"
		return e
	}
	e.Near = near.Names(function, b.functionNames(), 3)
	e.Hint = near.Hint(e.Near)
	return e
}
