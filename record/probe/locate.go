package probe

import (
	"errors"
	"fmt"
	"strings"

	"gorecord/perfevent/tracefs"
	"gorecord/symbolize"
	"gorecord/symbolize/debuginfo"
)

// Position is what a probe stands on, in the words of the program.
type Position struct {
	// Function is the demangled name; empty where none is known.
	Function string
	// Offset is how many bytes into the function the probe stands, 0 at its
	// entry.
	Offset uint64
	// File is the source file as the debug information names it, Line the
	// line counted from the function's own; 0 at the function's entry, in its
	// prologue, and where it is not known.
	File string
	Line int
}

// Locator finds the positions of probes. It reads each file once and keeps what
// it needs of it; Close gives that back. It is for one goroutine.
type Locator struct {
	store   *symbolize.Store
	sources map[string]*debuginfo.File // nil for a file without debug information
}

// NewLocator makes a Locator for the running system's files. The caller must
// Close it.
func NewLocator() (*Locator, error) {
	store, err := symbolize.NewStore(symbolize.StoreOptions{})
	if err != nil {
		return nil, err
	}
	return &Locator{store: store, sources: map[string]*debuginfo.File{}}, nil
}

// Close gives back what was read. It may be called again.
func (l *Locator) Close() error {
	var err error
	for _, d := range l.sources {
		if d != nil {
			err = errors.Join(err, d.Close())
		}
	}
	l.sources = nil
	return errors.Join(err, l.store.Close())
}

// Locate finds the position of a probe. Of what cannot be known (the file is
// gone, has no symbols, no debug information) the fields stay empty.
func (l *Locator) Locate(p *tracefs.Probe) Position {
	if p.Kind == tracefs.Kprobe {
		return Position{Function: p.Symbol, Offset: p.SymbolOffset}
	}
	m, err := l.store.Module(p.Path, "")
	if err != nil {
		return Position{}
	}
	addr, ok := m.VirtAddr(symbolize.FileOffset(p.Offset))
	if !ok {
		return Position{}
	}
	if pos, ok := position(l.source(p.Path), addr); ok {
		return pos
	}
	sym, ok := m.Lookup(addr)
	if !ok {
		return Position{}
	}
	return Position{Function: symbolize.Demangle(sym.Name), Offset: uint64(addr - sym.Addr)}
}

// source is the debug information of a file, nil where it has none that can be
// read.
func (l *Locator) source(path string) *debuginfo.File {
	d, known := l.sources[path]
	if !known {
		if file, err := debuginfo.Open(path); err == nil {
			d = file
		}
		l.sources[path] = d
	}
	return d
}

// position finds the function that holds an address, inlined ones aside, and the
// line that the address belongs to.
func position(d *debuginfo.File, addr symbolize.VirtAddr) (Position, bool) {
	if d == nil {
		return Position{}, false
	}
	fn, err := d.At(addr)
	if err != nil || fn == nil || fn.Name == "" {
		return Position{}, false
	}
	entry, _ := fn.Entry()
	pos := Position{Function: fn.Name, Offset: uint64(addr - entry), File: fn.File}
	// What belongs to the function's opening line, its prologue, counts as
	// that many bytes behind the entry.
	if row, ok := d.Row(addr); ok && addr > entry && row.Addr > entry && row.File == fn.File {
		pos.Line = max(0, row.Line-fn.Line)
	}
	return pos, true
}

// maxFile is how much of a source file's path Describe shows, as perf does.
const maxFile = 30

// Describe words a probe's position as perf probe does, for instance
// callee:2@/src/main.c, callee%return, main+4 or, where nothing is known of it,
// 0x1139.
func (p *Position) Describe(probe *tracefs.Probe) string {
	var b strings.Builder
	switch {
	case p.Function != "":
		b.WriteString(p.Function)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		} else if p.Offset > 0 {
			fmt.Fprintf(&b, "+%d", p.Offset)
		}
	case probe.Kind == tracefs.Kprobe:
		fmt.Fprintf(&b, "%#x", uint64(probe.Address))
	default:
		fmt.Fprintf(&b, "%#x", uint64(probe.Offset))
	}
	if probe.Return {
		b.WriteString("%return")
	}
	if p.File != "" {
		b.WriteString("@" + shorten(p.File))
	}
	return b.String()
}

// shorten keeps the end of a long path, from a slash on.
func shorten(file string) string {
	if len(file) <= maxFile {
		return file
	}
	tail := file[len(file)-maxFile:]
	if _, after, ok := strings.Cut(tail, "/"); ok {
		return after
	}
	return tail
}
