package probe

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"gorecord/perfevent"
	"gorecord/symbolize"
	"gorecord/symbolize/code"
	"gorecord/symbolize/debuginfo"
	"gorecord/symbolize/usdt"
)

// Options change what Resolve allows and how it names events.
type Options struct {
	// AllowGoReturn lets a return probe onto a Go program, which crashes it
	// sooner or later (see ErrGoReturn).
	AllowGoReturn bool
	// Separate gives each place an event of its own, as perf probe does;
	// otherwise places whose arguments agree are points of one event.
	Separate bool
	// Inlines also probes the copies of functions that were inlined.
	Inlines bool
	// Registers makes do with the registers of samples, where no tracefs can
	// be written.
	Registers bool
	// Typed gives values the types that debug information knows, also to
	// $retval; otherwise that is left to the kernel, as perf does.
	Typed bool
}

// site is one instruction to probe.
type site struct {
	function  symbolize.Symbol // that holds it; a zero one where none does
	name      string           // demangled
	addr      symbolize.VirtAddr
	offset    perfevent.FileOffset
	semaphore perfevent.FileOffset
	// atReturn says that the instruction returns from the function.
	atReturn bool
	debug    *debuginfo.Function // nil where it was not looked for or is not known
	inlined  *debuginfo.InlinedCopy
	marker   *usdt.Marker
}

// finder finds the sites of one Spec.
type finder struct {
	b     *Binary
	s     *Spec
	o     Options
	notes []string
}

func (f *finder) sites() ([]site, error) {
	switch f.s.Kind {
	case AtFileOffset:
		addr, ok := f.b.module.VirtAddr(f.s.Offset())
		if !ok {
			return nil, fmt.Errorf("probe %s: no loaded part of %s holds this file offset; give an ELF address as @%#x", f.s.Place(), f.b.path, f.s.Number)
		}
		return f.address(addr)
	case AtAddress:
		if _, ok := f.b.module.FileOffset(f.s.Address()); !ok {
			return nil, fmt.Errorf("probe %s: no loaded part of %s has this address in the file", f.s.Place(), f.b.path)
		}
		return f.address(f.s.Address())
	case AtFileLine, AtFunctionLine:
		return f.lines()
	case AtGlob:
		return f.glob()
	case AtMarker:
		return f.markers()
	}
	return f.named()
}

// address is the site of an address that the user gave.
func (f *finder) address(addr symbolize.VirtAddr) ([]site, error) {
	if code, err := f.b.isCode(addr); err != nil {
		return nil, fmt.Errorf("probe %s of %s: %w", f.s.Place(), f.b.path, err)
	} else if !code {
		return nil, fmt.Errorf("probe %s: %s has data there, not code", f.s.Place(), f.b.path)
	}
	sym, known := f.b.module.Lookup(addr)
	if f.s.Return && known && sym.Addr != addr {
		return nil, fmt.Errorf("probe %s: a return probe needs the entry of a function; %s is %d bytes into %s of %s", f.s.Place(), f.s.Place(), addr-sym.Addr, sym.Name, f.b.path)
	}
	if known {
		if err := f.checkBoundary(sym, addr); err != nil {
			return nil, err
		}
	}
	return f.entryOrReturns(sym, addr)
}

// checkBoundary refuses an address inside an instruction: a breakpoint there
// would change the instruction into another one. Code that cannot be decoded
// proves nothing.
func (f *finder) checkBoundary(sym symbolize.Symbol, addr symbolize.VirtAddr) error {
	if sym.Addr == addr || !sym.IsFunction() {
		return nil
	}
	body, err := f.b.body(sym)
	if err != nil {
		return nil
	}
	ok, before, err := code.Boundary(f.b.module.Machine(), body, sym.Addr, addr)
	if err == nil && !ok {
		return fmt.Errorf("probe %s: an instruction of %s begins at %s+%d and goes on over this place; a probe inside it would break the program", f.s.Place(), f.b.path, displayName(sym), before-sym.Addr)
	}
	return nil
}

func displayName(sym symbolize.Symbol) string { return symbolize.Demangle(sym.Name) }

// maxBody bounds what is read of a function.
const maxBody = 16 << 20

// body reads the code of a function.
func (b *Binary) body(sym symbolize.Symbol) ([]byte, error) {
	offset, ok := b.module.FileOffset(sym.Addr)
	if !ok || sym.Size == 0 || sym.Size > maxBody {
		return nil, fmt.Errorf("%s: the code of %s is not known", b.path, displayName(sym))
	}
	file, err := b.elfFile()
	if err != nil {
		return nil, err
	}
	for _, p := range file.Progs {
		if uint64(offset) >= p.Off && uint64(offset)-p.Off < p.Filesz {
			body := make([]byte, min(sym.Size, p.Filesz-(uint64(offset)-p.Off)))
			_, err := p.ReadAt(body, int64(uint64(offset)-p.Off))
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return body, err
		}
	}
	return nil, fmt.Errorf("%s: the code of %s is not in the file", b.path, displayName(sym))
}

// at makes the site of an address.
func (f *finder) at(sym symbolize.Symbol, addr symbolize.VirtAddr) (site, error) {
	offset, ok := f.b.module.FileOffset(addr)
	if !ok {
		return site{}, fmt.Errorf("probe %s: %s does not hold the function's code (address %#x)", f.s.Place(), f.b.path, uint64(addr))
	}
	return site{function: sym, name: displayName(sym), addr: addr, offset: perfevent.FileOffset(offset)}, nil
}

// usesReturns reports whether returns are caught at the instructions that
// return.
func (f *finder) usesReturns() bool {
	return f.s.Return && (f.s.AtReturns || f.b.module.IsGo() && !f.o.AllowGoReturn)
}

// entryOrReturns is the site at an address, or those where the function that
// begins there returns.
func (f *finder) entryOrReturns(sym symbolize.Symbol, addr symbolize.VirtAddr) ([]site, error) {
	if !f.usesReturns() {
		s, err := f.at(sym, addr)
		return []site{s}, err
	}
	body, err := f.b.body(sym)
	if err != nil {
		return nil, fmt.Errorf("probe %s: where it returns cannot be found: %w", f.s.Place(), err)
	}
	returns, err := code.Returns(f.b.module.Machine(), body, sym.Addr)
	if err != nil {
		return nil, fmt.Errorf("probe %s: where %s returns cannot be found: %w", f.s.Place(), displayName(sym), err)
	}
	if len(returns) == 0 {
		return nil, &NoReturnError{Place: f.s.Place(), Function: displayName(sym), Path: f.b.path}
	}
	var out []site
	for _, r := range returns {
		s, err := f.at(sym, r)
		if err != nil {
			return nil, err
		}
		s.atReturn = true
		out = append(out, s)
	}
	return out, nil
}

// NoReturnError says that a function has no instruction that returns.
type NoReturnError struct{ Place, Function, Path string }

func (e *NoReturnError) Error() string {
	return fmt.Sprintf("probe %s: %s of %s has no instruction that returns: it ends in an endless loop, a panic, an exit, or a jump into another function; probe its entry", e.Place, e.Function, e.Path)
}

// named finds the function that the user named.
func (f *finder) named() ([]site, error) {
	s := f.s
	found := f.b.code(f.b.module.Find(s.Function))
	if len(found) > 1 {
		found = f.b.preferDefault(s, found, &f.notes)
	}
	if s.File != "" {
		found = f.inFile(found)
	}
	switch {
	case len(found) == 0:
		return f.onlyInlined()
	case len(found) > 1:
		return nil, &AmbiguousError{Spec: *s, Path: f.b.path, Candidates: found}
	}
	sym := found[0]
	if s.Number > 0 && s.Number >= sym.Size {
		return nil, fmt.Errorf("probe %s: the offset is behind the end of %s, which has %d bytes", s.Place(), s.Function, sym.Size)
	}
	addr := sym.Addr + symbolize.VirtAddr(s.Number)
	if err := f.checkBoundary(sym, addr); err != nil {
		return nil, err
	}
	if isIndirect(sym) {
		f.notes = append(f.notes, fmt.Sprintf("The probe function (%s) is a GNU indirect function.\nConsider identifying the final function used at run time and set the probe directly on that.", s.Function))
	}
	out, err := f.entryOrReturns(sym, addr)
	if err != nil || s.Number > 0 || s.Return {
		return out, err
	}
	copies, err := f.copies(s.Function, true)
	return append(out, copies...), err
}

// inFile keeps the functions that a source file declares.
func (f *finder) inFile(found []symbolize.Symbol) []symbolize.Symbol {
	d, err := f.b.debugInfo()
	if err != nil {
		return found
	}
	return slices.DeleteFunc(found, func(sym symbolize.Symbol) bool {
		fn, err := d.At(sym.Addr)
		return err != nil || fn == nil || !sameSource(fn.File, f.s.File)
	})
}

// sameSource reports whether a path ends in what the user wrote, at a slash.
func sameSource(path, asked string) bool {
	path, asked = filepath.Clean(path), filepath.Clean(asked)
	return path == asked || strings.HasSuffix(path, "/"+asked)
}

// onlyInlined finds the copies of a function that has no code of its own.
func (f *finder) onlyInlined() ([]site, error) {
	copies, err := f.copies(f.s.Function, false)
	if err == nil && len(copies) == 0 {
		err = f.b.notFound(f.s.Function)
	}
	return copies, err
}

// copies are the sites of a function's inlined copies, where they are wanted;
// otherwise a note tells of them. outOfLine says that the function is probed
// itself.
func (f *finder) copies(name string, outOfLine bool) ([]site, error) {
	d, err := f.b.debugInfo()
	if err != nil {
		return nil, nil // nothing is known of copies
	}
	functions, err := d.Find(name)
	if err != nil {
		return nil, nil
	}
	var out []site
	var where []string
	for _, fn := range functions {
		for i := range fn.Inlined {
			c := &fn.Inlined[i]
			where = append(where, copyPlace(c))
			if !f.o.Inlines || f.s.Return {
				continue
			}
			sym, _ := f.b.module.Lookup(c.Entry)
			s, err := f.at(sym, c.Entry)
			if err != nil {
				continue
			}
			s.debug, s.inlined, s.name = fn, c, fn.Name
			out = append(out, s)
		}
	}
	switch {
	case len(where) == 0:
	case !outOfLine && f.s.Return:
		return nil, fmt.Errorf("probe %s: %s has no code of its own in %s, it is inlined %s: copies do not return", f.s.Place(), name, f.b.path, listed(where))
	case !outOfLine && !f.o.Inlines:
		return nil, fmt.Errorf("probe %s: %s has no code of its own in %s, it is inlined %s; --inlines probes these copies", f.s.Place(), name, f.b.path, listed(where))
	case !f.o.Inlines:
		f.notes = append(f.notes, fmt.Sprintf("%s: probed 1 out-of-line copy; %d inlined %s; --inlines probes them, too", name, len(where), listed(where)))
	}
	return out, nil
}

func copyPlace(c *debuginfo.InlinedCopy) string {
	if c.File == "" {
		return fmt.Sprintf("%s (%#x)", c.Into, uint64(c.Entry))
	}
	return fmt.Sprintf("%s (%s:%d)", c.Into, filepath.Base(c.File), c.Line)
}

func listed(where []string) string {
	const shown = 5
	text := "into " + strings.Join(where[:min(len(where), shown)], ", ")
	if len(where) > shown {
		text += fmt.Sprintf(" and %d more", len(where)-shown)
	}
	return text
}

// lines finds where the code of a source line begins.
func (f *finder) lines() ([]site, error) {
	d, err := f.b.debugInfo()
	if err != nil {
		return nil, fmt.Errorf("probe %s: source lines need debug information: %w; build %s with -g, or probe FUNC+OFFSET", f.s.Place(), err, f.b.path)
	}
	var addrs []symbolize.VirtAddr
	if f.s.Kind == AtFileLine {
		addrs, err = d.LineAddrs(f.s.File, int(f.s.Number))
		if err != nil && len(f.b.code(f.b.module.Find(f.s.File))) > 0 { // a function whose name has a dot
			f.s.Kind, f.s.Function, f.s.File = AtFunctionLine, f.s.File, ""
		}
	}
	if f.s.Kind == AtFunctionLine {
		addrs, err = f.functionLine(d)
	}
	if err != nil {
		return nil, fmt.Errorf("probe %s of %s: %w", f.s.Place(), f.b.path, err)
	}
	var out []site
	for _, a := range addrs {
		sym, _ := f.b.module.Lookup(a)
		s, err := f.at(sym, a)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("probe %s of %s: no code belongs to this line; goprobe -x %s -L shows the lines that have some", f.s.Place(), f.b.path, f.b.path)
	}
	return out, nil
}

func (f *finder) functionLine(d *debuginfo.File) ([]symbolize.VirtAddr, error) {
	functions, err := d.Find(f.s.Function)
	if err != nil {
		return nil, err
	}
	if f.s.File != "" {
		functions = slices.DeleteFunc(functions, func(fn *debuginfo.Function) bool { return !sameSource(fn.File, f.s.File) })
	}
	if len(functions) == 0 {
		return nil, f.b.notFound(f.s.Function)
	}
	var addrs []symbolize.VirtAddr
	for _, fn := range functions {
		found, lineErr := d.FuncLine(fn, int(f.s.Number))
		if lineErr != nil {
			err = lineErr
		}
		addrs = append(addrs, found...)
	}
	if len(addrs) > 0 {
		err = nil
	}
	return addrs, err
}

// glob finds the functions that patterns match. What cannot be probed among
// many is left out and counted.
func (f *finder) glob() ([]site, error) {
	var out []site
	seen := map[symbolize.VirtAddr]bool{}
	functions, silent := 0, 0
	for sym := range f.b.module.Symbols() {
		if !sym.IsFunction() || isIndirect(sym) || strings.HasSuffix(sym.Name, "@plt") || seen[sym.Addr] || !f.matches(sym) {
			continue
		}
		if isCode, err := f.b.isCode(sym.Addr); err != nil || !isCode {
			continue
		}
		seen[sym.Addr] = true
		sites, err := f.entryOrReturns(sym, sym.Addr)
		if err != nil {
			silent++
			continue
		}
		functions++
		out = append(out, sites...)
	}
	if functions == 0 {
		return nil, &NotFoundError{Function: f.s.patterns(), Path: f.b.path, Hint: "; goprobe -x " + f.b.path + " -F lists them"}
	}
	f.notes = append(f.notes, fmt.Sprintf("%s: %d functions match", f.s.patterns(), functions))
	if silent > 0 {
		f.notes = append(f.notes, fmt.Sprintf("%d functions that match have no instruction that returns, or code that cannot be decoded, and are left out", silent))
	}
	return out, nil
}

func (f *finder) matches(sym symbolize.Symbol) bool {
	name := displayName(sym)
	hit := func(pattern string) bool {
		return matchName(pattern, name) || pattern[0] == '_' && matchName(pattern, sym.Name) // mangled
	}
	return slices.ContainsFunc(f.s.Globs, hit) && !slices.ContainsFunc(f.s.Except, hit)
}

// matchName matches a pattern of * and ? with a name.
func matchName(pattern, name string) bool {
	star, mark := -1, 0
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// markers finds the places of a static marker.
func (f *finder) markers() ([]site, error) {
	all, err := usdt.Markers(f.b.path)
	if err != nil {
		return nil, fmt.Errorf("probe %s: %w", f.s.Place(), err)
	}
	var out []site
	for i := range all {
		m := &all[i]
		if !matchName(f.s.Provider, m.Provider) || !matchName(f.s.Function, m.Name) {
			continue
		}
		sym, _ := f.b.module.Lookup(m.PC)
		s, err := f.at(sym, m.PC)
		if err != nil {
			return nil, err
		}
		s.marker = m
		if m.Semaphore != 0 {
			offset, ok := f.b.module.FileOffset(m.Semaphore)
			if !ok {
				return nil, fmt.Errorf("probe %s: the semaphore of the marker in %s has no place in the file", f.s.Place(), f.b.path)
			}
			s.semaphore = perfevent.FileOffset(offset)
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		var names []string
		for i := range all {
			if name := "sdt:" + all[i].Provider + ":" + all[i].Name; !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		hint := "; it has no markers at all"
		if len(names) > 0 {
			hint = "; it has " + strings.Join(names[:min(len(names), 8)], ", ")
		}
		return nil, &NotFoundError{Function: f.s.Place(), Path: f.b.path, Hint: hint}
	}
	return out, nil
}
