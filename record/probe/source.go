package probe

import (
	"debug/dwarf"
	"debug/elf"
	"errors"
	"path"
	"strings"

	"gorecord/symbolize"
)

// source is the debug information of one file. A nil source knows nothing.
type source struct{ data *dwarf.Data }

// debugFolder is where distributions put separate debug information, by build
// id.
const debugFolder = "/usr/lib/debug/.build-id"

func openSource(file string, id symbolize.BuildID) *source {
	names := []string{file}
	if hex := id.String(); id.Known() && len(hex) > 2 {
		names = append(names, path.Join(debugFolder, hex[:2], hex[2:]+".debug"))
	}
	for _, name := range names {
		if data, err := readDWARF(name); err == nil {
			return &source{data}
		}
	}
	return nil
}

var errNoDWARF = errors.New("no debug information")

// readDWARF reads the debug information of one file. The library's decoder is
// made for whole files; what it cannot bear is taken for none.
func readDWARF(name string) (data *dwarf.Data, err error) {
	defer func() {
		if recover() != nil {
			data, err = nil, errNoDWARF
		}
	}()
	f, err := elf.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.Section(".debug_info") == nil && f.Section(".zdebug_info") == nil {
		return nil, errNoDWARF
	}
	return f.DWARF()
}

// position finds the function that holds an ELF address, inlined ones aside,
// and the line that the address belongs to.
func (s *source) position(addr uint64) (pos Position, ok bool) {
	if s == nil {
		return Position{}, false
	}
	defer func() {
		if recover() != nil {
			pos, ok = Position{}, false
		}
	}()
	r := s.data.Reader()
	unit, err := r.SeekPC(addr)
	if err != nil || unit == nil {
		return Position{}, false
	}
	fn, low, err := s.subprogram(r, addr)
	if err != nil || fn == nil {
		return Position{}, false
	}
	d := s.describe(fn)
	if d.name == "" {
		return Position{}, false
	}
	pos = Position{Function: d.name, Offset: addr - low}
	lines, err := s.data.LineReader(unit)
	if err != nil || lines == nil {
		return pos, true
	}
	pos.File = declFile(lines, unit, d.file)
	// What belongs to the function's opening line, its prologue, counts as
	// that many bytes behind the entry.
	var entry dwarf.LineEntry
	if pos.Offset > 0 && lines.SeekPC(addr, &entry) == nil && entry.Address > low && sameFile(lines, &entry, d.file) {
		pos.Line = max(0, entry.Line-int(d.line))
	}
	return pos, true
}

// subprogram finds the function's entry below the unit at which r stands.
func (s *source) subprogram(r *dwarf.Reader, addr uint64) (*dwarf.Entry, uint64, error) {
	for depth := 1; depth > 0; {
		e, err := r.Next()
		if err != nil || e == nil {
			return nil, 0, err
		}
		switch {
		case e.Tag == 0:
			depth--
			continue
		case e.Tag == dwarf.TagCompileUnit:
			return nil, 0, nil
		case e.Tag == dwarf.TagSubprogram:
			ranges, err := s.data.Ranges(e)
			if err != nil {
				return nil, 0, err
			}
			for _, g := range ranges {
				if addr >= g[0] && addr < g[1] {
					return e, ranges[0][0], nil
				}
			}
			if e.Children {
				r.SkipChildren()
			}
		case e.Children:
			depth++
		}
	}
	return nil, 0, nil
}

type declaration struct {
	name       string
	file, line int64
}

// describe collects a function's name and declaration, which may stand at the
// entry that it completes.
func (s *source) describe(e *dwarf.Entry) declaration {
	var d declaration
	var plain string
	// An entry refers to at most two others: its abstract origin, and that
	// one's declaration in a class.
	for range 3 {
		if name, ok := e.Val(dwarf.AttrLinkageName).(string); ok && d.name == "" {
			d.name = symbolize.Demangle(name)
		}
		if name, ok := e.Val(dwarf.AttrName).(string); ok && plain == "" {
			plain = name
		}
		if file, ok := e.Val(dwarf.AttrDeclFile).(int64); ok && d.file == 0 {
			d.file = file
		}
		if line, ok := e.Val(dwarf.AttrDeclLine).(int64); ok && d.line == 0 {
			d.line = line
		}
		next, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
		if !ok {
			next, ok = e.Val(dwarf.AttrSpecification).(dwarf.Offset)
		}
		if !ok {
			break
		}
		r := s.data.Reader()
		r.Seek(next)
		var err error
		if e, err = r.Next(); err != nil || e == nil {
			break
		}
	}
	if d.name == "" {
		d.name = plain
	}
	return d
}

func fileAt(lines *dwarf.LineReader, index int64) *dwarf.LineFile {
	files := lines.Files()
	if index <= 0 || index >= int64(len(files)) {
		return nil
	}
	return files[index]
}

func declFile(lines *dwarf.LineReader, unit *dwarf.Entry, index int64) string {
	f := fileAt(lines, index)
	if f == nil {
		return ""
	}
	// The library cleans paths; perf shows the leading ./ of a build folder
	// that was mapped away.
	if dir, _ := unit.Val(dwarf.AttrCompDir).(string); strings.HasPrefix(dir, ".") && !path.IsAbs(f.Name) && f.Name[0] != '.' {
		return "./" + f.Name
	}
	return f.Name
}

func sameFile(lines *dwarf.LineReader, e *dwarf.LineEntry, index int64) bool {
	f := fileAt(lines, index)
	return f != nil && e.File != nil && f.Name == e.File.Name
}
