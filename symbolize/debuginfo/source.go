package debuginfo

import (
	"cmp"
	"fmt"
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
	return path == name || strings.HasSuffix(path, "/"+strings.TrimPrefix(name, "./"))
}

// LineAddrs gives the addresses where statements of a line begin, in ascending
// order: several where the compiler moved its parts, or copied an inlined
// function. The file is named as the debug information does, or by the end of
// that from a slash on. No address is no error.
func (f *File) LineAddrs(file string, line int) (list []symbolize.VirtAddr, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer rescue(&err)
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
		if name != "" && sameFile(name, file) {
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
	return list, nil
}

// FuncLine gives the addresses of the line that is n lines below the one where
// the function is declared, as LineAddrs does.
func (f *File) FuncLine(fn *Function, n int) ([]symbolize.VirtAddr, error) {
	if fn.File == "" || fn.Line == 0 {
		return nil, fmt.Errorf("the debug information does not say where %s is declared", fn.Name)
	}
	return f.LineAddrs(fn.File, fn.Line+n)
}

// PC gives the line of the source that an instruction belongs to.
func (f *File) PC(addr symbolize.VirtAddr) (file string, line int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	defer func() {
		if err != nil {
			file, line, ok = "", 0, false
		}
	}()
	defer rescue(&err)
	if f.closed {
		return "", 0, false
	}
	f.unitSpans().at(addr, func(u *unit) bool {
		var r row
		if r, ok = u.rowOf(addr); ok {
			file, line = strings.Clone(u.lines.file(uint64(r.file))), int(r.line)
		}
		return !ok
	})
	return file, line, ok
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
	defer rescue(&err)
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
// one with code, each once. Those that other functions were inlined from are
// left out. It is nil where the debug information has no line numbers of it.
func (f *File) FunctionLines(fn *Function) (lines []Line) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	defer rescue(&err)
	im, isOurs := fn.unit.(*implementation)
	if !isOurs || fn.Line == 0 || f.closed {
		return nil
	}
	code := map[int]bool{}
	ranges := fn.Ranges
	e := im.e
	u := e.u
	if len(ranges) == 0 && len(fn.Inlined) > 0 {
		// All there is of it are copies; one of them tells the lines.
		ranges = fn.Inlined[0].Ranges
		if holder, ok := f.entryOf(fn.Inlined[0].Entry); ok {
			u = holder.u
		}
		e = entry{}
	}
	rows, err := u.rows()
	if err != nil {
		err = nil
		return nil
	}
	inner := e.inlinedParts()
	for _, r := range rows {
		if !r.stmt || r.end || !contains(ranges, r.addr) || u.lines.file(uint64(r.file)) != fn.File {
			continue
		}
		if part, ok := innermost(inner, r.addr); ok && (part.callLine != int(r.line) || part.callFile != fn.File) {
			continue
		}
		code[int(r.line)] = true
	}
	for _, part := range inner {
		if part.callFile == fn.File {
			code[part.callLine] = true
		}
	}
	if len(fn.Ranges) > 0 {
		code[fn.Line] = true
	}
	return lineList(fn.Line, code)
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
		parts = append(parts, inlinedPart{c.ranges(maxRanges), c.fileName(atCallFile), int(c.number(atCallLine) & 0x7fffffff)})
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

func innermost(parts []inlinedPart, addr symbolize.VirtAddr) (inlinedPart, bool) {
	for _, p := range parts {
		if contains(p.ranges, addr) {
			return p, true
		}
	}
	return inlinedPart{}, false
}
