package debuginfo

import (
	"fmt"
	"sort"

	"gorecord/symbolize"
)

// lineTable is the head of a unit's line number program.
type lineTable struct {
	files   []string // by the number that entries and rows have
	version int
	program cursor // behind the header

	minInst, lineRange, opcodeBase uint8
	lineBase                       int8
	defaultStmt                    bool
	operands                       []byte // number of operands of the standard opcodes, from 1
	addrSize                       int
}

// row says which line the instructions from an address on belong to.
type row struct {
	addr symbolize.VirtAddr
	file uint32
	line uint32
	stmt bool
	// prologueEnd marks where a debugger stops at a function.
	prologueEnd bool
	// end is behind the last instruction of a sequence.
	end bool
}

// lineTable reads the head of the unit's line program, once.
func (u *unit) lineTable() (*lineTable, error) {
	if u.lines != nil || u.linesErr != nil {
		return u.lines, u.linesErr
	}
	u.lines, u.linesErr = u.readLineTable()
	return u.lines, u.linesErr
}

func (u *unit) readLineTable() (*lineTable, error) {
	if err := u.load(); err != nil {
		return nil, err
	}
	v := u.root.get(atStmtList)
	if v == nil {
		return nil, fmt.Errorf("unit %s has no line numbers", u.name)
	}
	section := u.f.info.section("debug_line")
	if u.f.linesRead > 4*len(section)+1<<20 {
		return nil, fmt.Errorf("tables of line numbers overlap")
	}
	c := at(section, v.n)
	dwarf64 := false
	length := uint64(c.u32())
	if length == 0xffffffff {
		dwarf64 = true
		length = c.u64()
	}
	if c.bad || length > uint64(c.left()) {
		return nil, fmt.Errorf("line numbers of %s are cut off", u.name)
	}
	c.b = c.b[:c.pos+int(length)]
	t := &lineTable{addrSize: u.addrSize}
	start := c.pos
	t.readHeader(&c, u, dwarf64)
	u.f.linesRead += t.program.pos - start
	if c.bad {
		return nil, fmt.Errorf("line numbers of %s are damaged", u.name)
	}
	return t, nil
}

func (t *lineTable) readHeader(c *cursor, u *unit, dwarf64 bool) {
	t.version = int(c.u16())
	if t.version < 2 || t.version > 5 {
		c.fail()
		return
	}
	if t.version == 5 {
		t.addrSize = int(c.u8())
		c.u8()
	}
	size := c.offset(dwarf64)
	if size > uint64(c.left()) {
		c.fail()
		return
	}
	t.program = cursor{b: c.b, pos: c.pos + int(size)}
	t.minInst = c.u8()
	if t.version >= 4 {
		c.u8()
	}
	t.defaultStmt = c.u8() != 0
	t.lineBase = int8(c.u8())
	t.lineRange = c.u8()
	t.opcodeBase = c.u8()
	t.operands = c.bytes(uint64(max(t.opcodeBase, 1)) - 1)
	if t.lineRange == 0 {
		c.fail()
		return
	}
	if t.version == 5 {
		lines := &unit{f: u.f, version: u.version, addrSize: t.addrSize, dwarf64: dwarf64, strBase: u.strBase}
		dirs := lines.names5(c, nil)
		t.files = lines.names5(c, dirs)
		return
	}
	t.names4(c, u)
}

// names4 reads the tables of folders and files before DWARF 5. Paths are put
// together as elfutils does, whose results perf shows: nothing is cleaned.
func (t *lineTable) names4(c *cursor, u *unit) {
	dirs := []string{u.compDir}
	for {
		dir := c.string()
		if dir == "" {
			break
		}
		dirs = append(dirs, dir)
	}
	t.files = []string{""}
	for !c.bad {
		name := c.string()
		if name == "" {
			break
		}
		dir := c.uleb()
		c.skipLEB()
		c.skipLEB()
		t.files = append(t.files, joinPath(dirs, dir, name))
	}
}

// joinPath puts a file's path together; it is bounded, since hostile names may
// be long, and used by each of many files.
func joinPath(dirs []string, dir uint64, name string) string {
	const maxPath = 4096
	if dir >= uint64(len(dirs)) || dirs[dir] == "" || name != "" && name[0] == '/' || len(dirs[dir])+len(name) > maxPath {
		return name
	}
	return dirs[dir] + "/" + name
}

// names5 reads a table of folders (where dirs is nil) or files of DWARF 5.
func (u *unit) names5(c *cursor, dirs []string) []string {
	formats := make([]attrSpec, c.u8())
	for i := range formats {
		formats[i] = attrSpec{at: narrow(c.uleb()), form: narrow(c.uleb())}
	}
	count := c.uleb()
	var list []string
	if len(formats) == 0 {
		return nil
	}
	for ; count > 0 && !c.bad && c.left() > 0; count-- {
		var name string
		var dir uint64
		for _, format := range formats {
			v := u.value(c, format)
			switch format.at {
			case 1: // DW_LNCT_path
				name = u.string(&v)
			case 2: // DW_LNCT_directory_index
				dir = v.n
			}
		}
		if dirs != nil {
			name = joinPath(dirs, dir, name)
		}
		list = append(list, name)
	}
	return list
}

func (t *lineTable) file(index uint64) string {
	if index >= uint64(len(t.files)) {
		return ""
	}
	return t.files[index]
}

// fileName is the file that an attribute of the entry's unit numbers.
func (e *entry) fileName(at uint16) string {
	v := e.get(at)
	if v == nil || !v.isNumber() {
		return ""
	}
	t, err := e.u.lineTable()
	if err != nil {
		return ""
	}
	return t.file(v.n)
}

// rows runs the unit's line program. The rows come in the order of their
// addresses; sequences of code that the linker dropped are left out.
func (u *unit) rows() ([]row, error) {
	t, err := u.lineTable()
	if err != nil {
		return nil, err
	}
	if u.f.rowsOf == t {
		return u.f.rows, nil
	}
	m := lineMachine{t: t, f: u.f, c: t.program}
	m.reset()
	for m.c.left() > 0 && !m.c.bad {
		m.step()
	}
	m.rows = m.rows[:m.sequence] // without one that has no end
	rows := m.rows
	sort.SliceStable(rows, func(i, j int) bool {
		if rows[i].addr != rows[j].addr {
			return rows[i].addr < rows[j].addr
		}
		return rows[i].end && !rows[j].end
	})
	// One table is kept: callers ask for one function after the other.
	u.f.rowsOf, u.f.rows = t, rows
	return rows, nil
}

// lineMachine is the state machine of DWARF's line number programs.
type lineMachine struct {
	t        *lineTable
	f        *File
	c        cursor
	state    row
	addr     uint64
	line     uint64
	rows     []row
	sequence int // where the current sequence begins
}

func (m *lineMachine) reset() {
	m.addr, m.line = 0, 1
	m.state = row{file: 1, stmt: m.t.defaultStmt}
}

func (m *lineMachine) emit(end bool) {
	r := m.state
	r.addr, r.line, r.end = symbolize.VirtAddr(m.addr), uint32(m.line), end
	m.rows = append(m.rows, r)
	m.state.prologueEnd = false
}

func (m *lineMachine) step() {
	op := m.c.u8()
	if op >= m.t.opcodeBase {
		op -= m.t.opcodeBase
		m.addr += uint64(op/m.t.lineRange) * uint64(m.t.minInst)
		m.line += uint64(int64(m.t.lineBase) + int64(op%m.t.lineRange))
		m.emit(false)
		return
	}
	switch op {
	case 0:
		m.extended()
	case 1: // DW_LNS_copy
		m.emit(false)
	case 2: // DW_LNS_advance_pc
		m.addr += m.c.uleb() * uint64(m.t.minInst)
	case 3: // DW_LNS_advance_line
		m.line += uint64(m.c.sleb())
	case 4: // DW_LNS_set_file
		m.state.file = uint32(m.c.uleb())
	case 6: // DW_LNS_negate_stmt
		m.state.stmt = !m.state.stmt
	case 8: // DW_LNS_const_add_pc
		m.addr += uint64((255-m.t.opcodeBase)/m.t.lineRange) * uint64(m.t.minInst)
	case 9: // DW_LNS_fixed_advance_pc
		m.addr += uint64(m.c.u16())
	case 10: // DW_LNS_set_prologue_end
		m.state.prologueEnd = true
	default:
		// Columns, basic blocks, epilogues, and what is not known yet.
		for range m.t.operands[op-1] {
			m.c.skipLEB()
		}
	}
}

func (m *lineMachine) extended() {
	n := m.c.uleb()
	b := m.c.bytes(n)
	if len(b) == 0 {
		return
	}
	args := cursor{b: b, pos: 1}
	switch b[0] {
	case 1: // DW_LNE_end_sequence
		m.emit(true)
		if !m.f.live(uint64(m.rows[m.sequence].addr)) {
			m.rows = m.rows[:m.sequence]
		}
		m.sequence = len(m.rows)
		m.reset()
	case 2: // DW_LNE_set_address
		m.addr = args.uint(len(b) - 1)
	case 3: // DW_LNE_define_file
		// No compiler writes it.
	}
}
