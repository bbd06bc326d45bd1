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
	"sync"

	"gorecord/perfevent/near"
	"gorecord/perfevent/tracefs"
	"gorecord/symbolize"
	"gorecord/symbolize/debuginfo"
	"gorecord/symbolize/gobinary"
)

// Binary is a file that uprobes can be placed on. It is safe for concurrent
// use until Close.
type Binary struct {
	path   string
	module *symbolize.Module

	mu     sync.Mutex // guards what is opened when it is first needed
	file   *elf.File
	debug  lazy[*debuginfo.File]
	golang lazy[*gobinary.File]
}

// lazy is what is opened once, when it is first needed.
type lazy[T any] struct {
	once  sync.Once
	value T
	err   error
}

func (l *lazy[T]) get(open func() (T, error)) (T, error) {
	l.once.Do(func() { l.value, l.err = open() })
	return l.value, l.err
}

// debugInfo is the file's debug information; the error says why there is none.
func (b *Binary) debugInfo() (*debuginfo.File, error) {
	return b.debug.get(func() (*debuginfo.File, error) { return debuginfo.Open(b.path) })
}

// goInfo is what the Go linker left in the file; the error says why there is
// none.
func (b *Binary) goInfo() (*gobinary.File, error) {
	return b.golang.get(func() (*gobinary.File, error) { return gobinary.Open(b.path) })
}

// elfFile is the file itself. It stays the binary's.
func (b *Binary) elfFile() (*elf.File, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file == nil {
		f, err := elf.Open(b.path)
		if err != nil {
			return nil, err
		}
		b.file = f
	}
	return b.file, nil
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
func (b *Binary) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.module.Close()
	if b.debug.value != nil {
		err = errors.Join(err, b.debug.value.Close())
		b.debug.value = nil
	}
	if b.golang.value != nil {
		err = errors.Join(err, b.golang.value.Close())
		b.golang.value = nil
	}
	if b.file != nil {
		err = errors.Join(err, b.file.Close())
		b.file = nil
	}
	return err
}

// isCode reports whether an executable segment of the file has the address.
func (b *Binary) isCode(addr symbolize.VirtAddr) (bool, error) {
	f, err := b.elfFile()
	if err != nil {
		return false, err
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && uint64(addr) >= p.Vaddr && uint64(addr)-p.Vaddr < p.Filesz {
			return true, nil
		}
	}
	return false, nil
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
func (b *Binary) preferDefault(s *Spec, found []symbolize.Symbol, notes *[]string) []symbolize.Symbol {
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
	*notes = append(*notes, fmt.Sprintf("%s has older versions of %s, which stay without a probe: %s", b.path, s.Function, strings.Join(note, ", ")))
	return current
}

// oldVersions are the addresses of a dynamic symbol that new programs are not
// linked to, with the version's name.
func (b *Binary) oldVersions(name string) map[symbolize.VirtAddr]string {
	f, err := b.elfFile()
	if err != nil {
		return nil
	}
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
