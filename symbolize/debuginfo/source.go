package debuginfo

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"gorecord/symbolize"
)

// Line is a line of a function's source.
type Line struct {
	Line int // counted from 1 in the file
	// HasCode says that instructions belong to it: a probe can stand there.
	HasCode bool
}

// sameFile reports whether users mean a file when they write name: its whole
// path, or the end of it from a slash on.
func sameFile(path, name string) bool {
	path, name = strings.TrimPrefix(path, "./"), strings.TrimPrefix(name, "./")
	return path == name || strings.HasSuffix(path, "/"+name)
}

// LineAddrs gives the addresses where statements of a line begin, in ascending
// order: several where the compiler moved its parts, or copied an inlined
// function. The line where a function is declared has its entry. Other lines may
// begin at the same address, too: Row and At tell. The file is named as the
// debug information does, by the end of that from a slash on, or by its whole
// path. No address is no error.
func (f *File) LineAddrs(file string, line int) (list []symbolize.VirtAddr, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.rescue(&err)
	if f.closed {
		return nil, errClosed
	}
	seen := map[uint64]bool{} // line programs: units may share one
	for _, u := range f.units {
		if u.load() != nil {
			continue
		}
		if v := u.root.get(atStmtList); v == nil || seen[v.n] {
			continue
		} else {
			seen[v.n] = true
		}
		found, err := u.lineAddrs(file, line)
		if err != nil {
			continue // the other units' lines are there
		}
		list = append(list, found...)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

func (u *unit) lineAddrs(file string, line int) ([]symbolize.VirtAddr, error) {
	t, err := u.lineTable()
	if err != nil {
		return nil, err
	}
	wanted := map[uint32]bool{}
	for i, name := range t.files {
		if name != "" && (sameFile(name, file) || !path.IsAbs(name) && path.IsAbs(file) && path.Join(u.compDir, name) == path.Clean(file)) {
			wanted[uint32(i)] = true
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	rows, err := u.rows()
	if err != nil {
		return nil, err
	}
	var list []symbolize.VirtAddr
	for _, r := range rows {
		if r.stmt && !r.end && int64(r.line) == int64(line) && wanted[r.file] {
			list = append(list, r.addr)
		}
	}
	return append(list, u.declaredAt(wanted, line)...), nil
}

// declaredAt are the entries of the functions that are declared in a line; the
// line number program may begin them with another one.
func (u *unit) declaredAt(files map[uint32]bool, line int) []symbolize.VirtAddr {
	var list []symbolize.VirtAddr
	for _, fn := range u.scan().functions {
		if !fn.hasCode {
			continue
		}
		e, ok := u.entry(uint64(fn.off))
		if !ok {
			continue
		}
		if _, v := e.inherited(atDeclLine); v == nil || v.n != uint64(line) {
			continue
		}
		// The declaration may stand in another unit, which counts its own files.
		if o, v := e.inherited(atDeclFile); v == nil || o.u == u && !files[uint32(v.n)] || o.u != u && !u.hasFile(files, o.fileName(atDeclFile)) {
			continue
		}
		if ranges := e.codeRanges(); len(ranges) > 0 {
			list = append(list, ranges[0].Start)
		}
	}
	return list
}

func (u *unit) hasFile(files map[uint32]bool, name string) bool {
	for i := range files {
		if u.lines.file(uint64(i)) == name {
			return true
		}
	}
	return false
}

// FuncLine gives the addresses of the line that is n lines below the one where
// the function is declared, as LineAddrs does.
func (f *File) FuncLine(fn *Function, n int) ([]symbolize.VirtAddr, error) {
	if fn.File == "" || fn.Line == 0 {
		return nil, fmt.Errorf("the debug information does not say where %s is declared", fn.Name)
	}
	return f.LineAddrs(fn.File, fn.Line+n)
}

// Row says which line of the source the instructions from Addr on belong to, up
// to the next row.
type Row struct {
	Addr symbolize.VirtAddr
	File string
	Line int
	// Statement says that a statement begins there, which is where debuggers
	// stop.
	Statement bool
}

// PC gives the line of the source that an instruction belongs to.
func (f *File) PC(addr symbolize.VirtAddr) (file string, line int, ok bool) {
	r, ok := f.Row(addr)
	return r.File, r.Line, ok
}

// Row gives the row of the line numbers that an instruction belongs to: the last
// one at or below its address. ok is false where there is none.
func (f *File) Row(addr symbolize.VirtAddr) (found Row, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	defer func() { ok = ok && err == nil }()
	defer f.rescue(&err)
	if f.closed {
		return Row{}, false
	}
	f.unitSpans().at(addr, func(u *unit) bool {
		var r row
		if r, ok = u.rowOf(addr); ok {
			found = Row{Addr: r.addr, File: strings.Clone(u.lines.file(uint64(r.file))), Line: int(r.line), Statement: r.stmt}
		}
		return !ok
	})
	return found, ok
}

// rowOf is the row that an instruction belongs to: the last one at or below its
// address.
func (u *unit) rowOf(addr symbolize.VirtAddr) (row, bool) {
	rows, err := u.rows()
	if err != nil {
		return row{}, false
	}
	i, _ := slices.BinarySearchFunc(rows, addr+1, func(r row, a symbolize.VirtAddr) int { return cmp.Compare(r.addr, a) })
	if i == 0 || rows[i-1].end {
		return row{}, false
	}
	return rows[i-1], true
}

// PrologueEnd is the address behind the instructions that set a function's frame
// up, as far as the line numbers tell: where the compiler marks it, or where the
// second row of the function begins. It is where perf probe moves probes to
// that want variables, in code that was not optimized. ok is false where that
// is not known.
func (f *File) PrologueEnd(fn *Function) (addr symbolize.VirtAddr, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	defer func() {
		if err != nil {
			addr, ok = 0, false
		}
	}()
	defer f.rescue(&err)
	im, isOurs := fn.unit.(*implementation)
	if !isOurs || len(fn.Ranges) == 0 || f.closed {
		return 0, false
	}
	rows, err := im.e.u.rows()
	if err != nil {
		err = nil
		return 0, false
	}
	return afterPrologue(rows, fn.Ranges[0])
}

// afterPrologue follows perf's die_get_postprologue_addr.
func afterPrologue(rows []row, r Range) (symbolize.VirtAddr, bool) {
	first, _ := slices.BinarySearchFunc(rows, r.Start, func(r row, a symbolize.VirtAddr) int { return cmp.Compare(r.addr, a) })
	for first < len(rows) && rows[first].addr == r.Start && rows[first].end {
		first++ // of the function before
	}
	if first == len(rows) || rows[first].addr != r.Start {
		return 0, false
	}
	i := first
	for ; i < len(rows); i++ {
		if rows[i].addr >= r.End || rows[i].prologueEnd || rows[i].line != rows[first].line || i > first {
			break
		}
	}
	if i == len(rows) || rows[i].addr >= r.End {
		i--
	}
	return rows[i].addr, true
}

// FunctionLines gives the lines of a function, from its declaration to the last
// one with code, each once: those that perf probe -L numbers have code. It is nil
// where the debug information does not say where the function is declared.
func (f *File) FunctionLines(fn *Function) (lines []Line) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	defer f.rescue(&err)
	im, isOurs := fn.unit.(*implementation)
	if !isOurs || fn.Line == 0 || f.closed {
		return nil
	}
	code := map[int]bool{}
	if len(fn.Ranges) > 0 {
		code[fn.Line] = true
		im.e.u.addLines(code, fn.File, fn.Ranges[0].Start, fn.Ranges, im.e.inlinedParts())
	} else {
		// All there is of it are copies.
		for _, c := range fn.Inlined {
			if holder, ok := f.entryOf(c.Entry); ok {
				holder.u.addLines(code, fn.File, startOfCode(holder), c.Ranges, nil)
			}
		}
	}
	return lineList(fn.Line, code)
}

func startOfCode(e entry) symbolize.VirtAddr {
	if ranges := e.codeRanges(); len(ranges) > 0 {
		return ranges[0].Start
	}
	return 0
}

// addLines notes the lines of a file that have code in ranges, as perf does:
// where several lines begin at one address, the first of them has it, and a
// function's entry belongs to the line of the declaration. What was inlined
// counts for the line of the call.
func (u *unit) addLines(code map[int]bool, file string, entry symbolize.VirtAddr, ranges []Range, inner []inlinedPart) {
	rows, err := u.rows()
	if err != nil {
		return // without line numbers no line has code
	}
	var taken symbolize.VirtAddr
	for _, r := range rows {
		if !r.stmt || r.end || r.addr == taken || r.addr == entry {
			continue
		}
		taken = r.addr
		if !contains(ranges, r.addr) || u.lines.file(uint64(r.file)) != file {
			continue
		}
		inside, called := false, false
		for _, part := range inner {
			call := part.callLine == int(r.line) && part.callFile == file
			called = called || call && part.entry == r.addr
			if !inside && contains(part.ranges, r.addr) {
				inside = true
				called = called || call
			}
		}
		if !inside || called {
			code[int(r.line)] = true
		}
	}
}

// maxLines bounds the list of a function's lines.
const maxLines = 1 << 20

func lineList(first int, code map[int]bool) []Line {
	last := 0
	for line := range code {
		if line-first < maxLines {
			last = max(last, line)
		}
	}
	var list []Line
	for line := first; line <= last; line++ {
		list = append(list, Line{line, code[line]})
	}
	return list
}

func contains(ranges []Range, addr symbolize.VirtAddr) bool {
	return slices.ContainsFunc(ranges, func(r Range) bool { return addr >= r.Start && addr < r.End })
}

// inlinedPart is a copy of another function's code.
type inlinedPart struct {
	entry    symbolize.VirtAddr
	ranges   []Range
	callFile string
	callLine int
}

// inlinedParts are the copies of other functions right inside a function.
func (e entry) inlinedParts() []inlinedPart {
	var parts []inlinedPart
	e.walk(func(c *entry) bool {
		if c.tag != tagInlinedSubroutine {
			return c.tag == tagLexicalBlock
		}
		part := inlinedPart{ranges: c.codeRanges(), callFile: c.fileName(atCallFile), callLine: int(c.number(atCallLine) & 0x7fffffff)}
		if len(part.ranges) > 0 {
			part.entry = part.ranges[0].Start
			if pc, ok := c.entryPC(part.ranges); ok {
				part.entry = pc
			}
			parts = append(parts, part)
		}
		return false
	})
	return parts
}

// walk visits the entries below, and those below of which visit returns true.
func (e entry) walk(visit func(*entry) bool) {
	if e.u == nil || !e.children {
		return
	}
	off := e.next
	for depth := 1; depth > 0; {
		c, ok := e.u.entry(off)
		switch {
		case ok && c.children && visit(&c):
			depth++
			off = c.next
		case ok:
			if !c.children {
				visit(&c)
			}
			off = c.after()
		default:
			depth--
			off++ // the mark of the end is one byte of zero
			if off >= e.u.end || e.u.f.data[off-1] != 0 {
				return
			}
		}
	}
}
