package debuginfo

import (
	"maps"
	"slices"
	"strings"

	"gorecord/symbolize"
)

// FileLines gives, for each source file that the name can mean, the lines that
// have code, in ascending order: those that perf probe -L numbers. Where
// several lines begin at one address, the first of them has it, and a
// function's entry belongs to the line of its declaration. Files are named as in
// LineAddrs; none is no error.
func (f *File) FileLines(file string) (lines map[string][]int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.rescue(&err)
	if f.closed {
		return nil, errClosed
	}
	found := map[string]map[int]bool{}
	for _, u := range f.units {
		if u.load() != nil {
			continue
		}
		if t, err := u.lineTable(); err == nil {
			u.fileLines(t.filesNamed(file), found)
		}
	}
	lines = map[string][]int{}
	for name, set := range found {
		lines[strings.Clone(name)] = slices.Sorted(maps.Keys(set))
	}
	return lines, nil
}

// filesNamed are the files of the table that a name can mean.
func (t *lineTable) filesNamed(name string) map[uint32]string {
	named := map[uint32]string{}
	for i, path := range t.files {
		if path != "" && sameFile(path, name) {
			named[uint32(i)] = path
		}
	}
	return named
}

// fileLines adds the lines of a unit to those that were found.
func (u *unit) fileLines(wanted map[uint32]string, found map[string]map[int]bool) {
	if len(wanted) == 0 {
		return
	}
	rows, err := u.rows()
	if err != nil {
		return // the other units' lines are there
	}
	add := func(path string, line int) {
		if found[path] == nil {
			found[path] = map[int]bool{}
		}
		found[path][line] = true
	}
	entries := u.declarations(func(path string, line int) {
		for _, w := range wanted {
			if path == w {
				add(path, line)
				return
			}
		}
	})
	var taken symbolize.VirtAddr
	for _, r := range rows {
		if !r.stmt || r.end || r.addr == taken || entries[r.addr] {
			continue
		}
		taken = r.addr
		if path, ok := wanted[r.file]; ok && r.line > 0 {
			add(path, int(r.line))
		}
	}
}

// declarations visits where the functions with code of a unit are declared, and
// gives their entries.
func (u *unit) declarations(visit func(file string, line int)) map[symbolize.VirtAddr]bool {
	entries := map[symbolize.VirtAddr]bool{}
	for _, fn := range u.scan().functions {
		if !fn.hasCode {
			continue
		}
		e, ok := u.entry(uint64(fn.off))
		if !ok {
			continue
		}
		ranges := e.codeRanges()
		if len(ranges) == 0 {
			continue
		}
		_, line := e.inherited(atDeclLine)
		o, file := e.inherited(atDeclFile)
		if line == nil || file == nil || !line.isNumber() {
			continue
		}
		if path := o.fileName(atDeclFile); path != "" && line.n-1 < maxLineNumber {
			entries[ranges[0].Start] = true
			visit(path, int(line.n))
		}
	}
	return entries
}

// maxLineNumber is the highest line that line number programs count to.
const maxLineNumber = 1<<32 - 1
