package pclntab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
	"strings"
)

// ErrNone says that there is no table of functions.
var ErrNone = errors.New("no table of Go functions (.gopclntab)")

// version is the layout of a table, by the release that introduced it.
type version uint8

const (
	go12 version = iota
	go116
	go118
	go120
)

// magics are the first bytes, in the order of their versions.
var magics = [...]uint32{go12: 0xfffffffb, go116: 0xfffffffa, go118: 0xfffffff0, go120: 0xfffffff1}

// Table is a table of functions. It is immutable and safe for concurrent use.
type Table struct {
	data    bytesOf
	version version
	ptrSize int
	quantum uint64
	count   int
	text    uint64 // what entries of go118 and later are relative to

	names    string  // runtime.funcnametab
	files    string  // runtime.filetab
	units    bytesOf // runtime.cutab
	pcs      bytesOf // runtime.pctab
	funcs    bytesOf // what functab's second column is relative to
	functab  bytesOf
	fileList bytesOf // go12: offsets of file names
}

// Func is a function of a Table.
type Func struct {
	// Entry is its first instruction, End where the next function begins, so
	// that padding is included.
	Entry, End uint64
	// NameOffset is where its name begins in Table.Names.
	NameOffset uint32
	// StartLine is the line of its declaration, 0 where that is not known
	// (before Go 1.20).
	StartLine int
	// ID is the runtime's number for special functions, 0 for others. Its
	// values change between releases; before Go 1.12 it means nothing.
	ID uint8
	// Assembly says that it was written in assembly (since Go 1.18).
	Assembly bool

	offset uint64 // of its runtime._func in Table.funcs
}

// flagAssembly is abi.FuncFlagAsm.
const flagAssembly = 4

// bytesOf gives numbers from bytes in their order; ok is false beyond the end.
type bytesOf struct {
	b     []byte
	order binary.ByteOrder
}

func (d bytesOf) from(off uint64) bytesOf {
	if off > uint64(len(d.b)) {
		off = uint64(len(d.b))
	}
	return bytesOf{d.b[off:], d.order}
}

func (d bytesOf) has(off, size uint64) bool {
	return off <= uint64(len(d.b)) && size <= uint64(len(d.b))-off
}

func (d bytesOf) uint32(off uint64) (uint32, bool) {
	if !d.has(off, 4) {
		return 0, false
	}
	return d.order.Uint32(d.b[off:]), true
}

func (d bytesOf) word(off uint64, size int) (uint64, bool) {
	if size == 4 {
		v, ok := d.uint32(off)
		return uint64(v), ok
	}
	if !d.has(off, 8) {
		return 0, false
	}
	return d.order.Uint64(d.b[off:]), true
}

// maxName bounds how far the end of a name is looked for.
const maxName = 1 << 14

// textAt gives the text that ends in a zero byte, "" for one that does not. It
// shares memory with s.
func textAt(s string, off uint64) string {
	if off >= uint64(len(s)) {
		return ""
	}
	s = s[off:min(uint64(len(s)), off+maxName)]
	end := strings.IndexByte(s, 0)
	if end < 0 {
		return ""
	}
	return s[:end]
}

// headerSize is how many bytes come before what go12 tables count as words.
const headerSize = 8

// Parse reads the table at the start of data, which it keeps. What follows the
// table does no harm. text is the address of runtime.text, which Go 1.18 and
// later relate functions to; 0 takes what the table itself says, which is nothing
// since Go 1.26. The error wraps [ErrNone] where there is no table at all.
func Parse(data []byte, text uint64) (*Table, error) {
	t, err := parseHeader(data)
	if err != nil {
		return nil, err
	}
	if t.version >= go118 {
		if t.text = text; text == 0 {
			t.text, _ = t.header(2)
		}
	}
	if err := t.parseParts(); err != nil {
		return nil, err
	}
	return t, t.checkFunctab()
}

func parseHeader(data []byte) (*Table, error) {
	if len(data) < headerSize {
		return nil, ErrNone
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		for v, magic := range magics {
			if order.Uint32(data) != magic {
				continue
			}
			quantum, ptrSize := data[6], data[7]
			if data[4] != 0 || data[5] != 0 || quantum != 1 && quantum != 2 && quantum != 4 || ptrSize != 4 && ptrSize != 8 {
				return nil, fmt.Errorf("%w: its header % x is none", ErrNone, data[:headerSize])
			}
			return &Table{data: bytesOf{data, order}, version: version(v), ptrSize: int(ptrSize), quantum: uint64(quantum)}, nil
		}
	}
	return nil, ErrNone
}

// header gives a word of the header.
func (t *Table) header(i int) (uint64, bool) {
	return t.data.word(headerSize+uint64(i*t.ptrSize), t.ptrSize)
}

// parseParts finds the parts of the table, which newer tables list.
func (t *Table) parseParts() error {
	count, ok := t.header(0)
	if !ok || count > uint64(len(t.data.b)) {
		return t.damaged("states %d functions in %d bytes", count, len(t.data.b))
	}
	t.count = int(count)
	if t.version == go12 {
		t.pcs, t.funcs = t.data, t.data
		t.names = string(t.data.b)
		t.files = t.names
		t.functab = t.data.from(headerSize + uint64(t.ptrSize))
		list, ok := t.functab.uint32((2*count + 1) * uint64(t.ptrSize))
		if ok {
			t.fileList = t.data.from(uint64(list))
		}
		return nil
	}
	first := 2
	if t.version >= go118 {
		first = 3
	}
	var names, files bytesOf
	for i, part := range []*bytesOf{&names, &t.units, &files, &t.pcs, &t.funcs} {
		off, ok := t.header(first + i)
		if !ok || off > uint64(len(t.data.b)) {
			return t.damaged("has a part at %#x, of %#x bytes", off, len(t.data.b))
		}
		*part = t.data.from(off)
	}
	t.functab = t.funcs
	t.names, t.files = upTo(names, t.units), upTo(files, t.pcs)
	return nil
}

// upTo gives the bytes of a part up to the one that follows it.
func upTo(part, next bytesOf) string {
	if n := len(part.b) - len(next.b); n > 0 {
		return string(part.b[:n])
	}
	return string(part.b)
}

func (t *Table) damaged(format string, args ...any) error {
	return fmt.Errorf("read .gopclntab: it "+format+" (file damaged or cut off?)", args...)
}

// field is the size of an entry of functab.
func (t *Table) field() int {
	if t.version >= go118 {
		return 4
	}
	return t.ptrSize
}

func (t *Table) checkFunctab() error {
	size := (2*uint64(t.count) + 1) * uint64(t.field())
	if !t.functab.has(0, size) {
		return t.damaged("states %d functions in %d bytes", t.count, len(t.data.b))
	}
	return nil
}

// HeaderText is the address of runtime.text as the table itself says, 0 where it
// does not, and where the linker left it to the loader.
func (t *Table) HeaderText() uint64 {
	if t.version < go118 {
		return 0
	}
	text, _ := t.header(2)
	return text
}

// Relative reports whether functions are relative to runtime.text.
func (t *Table) Relative() bool { return t.version >= go118 }

// OlderThan116 reports whether a release before Go 1.16 made the table.
func (t *Table) OlderThan116() bool { return t.version < go116 }

// Len is the number of entries, for Func.
func (t *Table) Len() int { return t.count }

// Names holds the names of all functions, each ended by a zero byte.
func (t *Table) Names() string { return t.names }

// Name is the name of a function, "" where it is damaged. It is a part of Names.
func (t *Table) Name(f Func) string { return textAt(t.names, uint64(f.NameOffset)) }

// pc is a column of functab.
func (t *Table) pc(i int) uint64 {
	pc, _ := t.functab.word(uint64(2*i*t.field()), t.field())
	if t.version >= go118 {
		pc += t.text
	}
	return pc
}

// Func decodes an entry, of Len; false where it is damaged. Entries are in the
// order of addresses.
func (t *Table) Func(i int) (Func, bool) {
	if i < 0 || i >= t.count {
		return Func{}, false
	}
	f := Func{Entry: t.pc(i), End: t.pc(i + 1)}
	f.offset, _ = t.functab.word(uint64((2*i+1)*t.field()), t.field())
	name, ok := t.field32(f, 0)
	if !ok || f.End <= f.Entry || uint64(name) >= uint64(len(t.names)) {
		return Func{}, false
	}
	f.NameOffset = name
	t.decodeFlags(&f)
	return f, true
}

// Words of runtime._func behind its entry.
const (
	fieldPCFile = 4
	fieldPCLine = 5
	fieldUnit   = 7 // go116
	fieldIDGo12 = 7
	fieldID     = 8 // behind start line, since go120, one more
)

// field32 gives a word of 32 bits of a function's runtime._func.
func (t *Table) field32(f Func, i int) (uint32, bool) {
	entry := uint64(t.ptrSize)
	if t.version >= go118 {
		entry = 4
	}
	return t.funcs.uint32(f.offset + entry + uint64(4*i))
}

// decodeFlags reads what stands in bytes: ID and flags.
func (t *Table) decodeFlags(f *Func) {
	at := fieldID
	switch t.version {
	case go12:
		at = fieldIDGo12
	case go120:
		line, _ := t.field32(*f, fieldID)
		f.StartLine = int(int32(line))
		at++
	}
	bytes, ok := t.field32(*f, at)
	if !ok {
		return
	}
	var b [4]byte
	t.data.order.PutUint32(b[:], bytes)
	f.ID = b[0]
	f.Assembly = t.version >= go118 && b[1]&flagAssembly != 0
}

// At gives the function that holds pc.
func (t *Table) At(pc uint64) (Func, bool) {
	i := sort.Search(t.count, func(i int) bool { return t.pc(i) > pc })
	if i == 0 {
		return Func{}, false
	}
	f, ok := t.Func(i - 1)
	return f, ok && pc < f.End
}

// Line gives file and line of the code at pc, of the innermost function where
// others are inlined; "" and 0 where they are not known. f is the function that
// holds pc.
func (t *Table) Line(f Func, pc uint64) (file string, line int) {
	if number, ok := t.value(f, fieldPCLine, pc); ok {
		line = int(number)
	}
	if number, ok := t.value(f, fieldPCFile, pc); ok {
		file = t.file(f, number)
	}
	return file, line
}

// maxStep is beyond the length of any function.
const maxStep = 1 << 32

// value looks up the value of a table over pcs: pairs of a difference to the
// value before, which starts at -1, and of one to the pc before.
func (t *Table) value(f Func, field int, pc uint64) (int32, bool) {
	off, ok := t.field32(f, field)
	if !ok || off == 0 {
		return 0, false
	}
	in := t.pcs.from(uint64(off)).b
	at, value := f.Entry, int32(-1)
	for first := true; ; first = false {
		delta, n := binary.Uvarint(in)
		if n <= 0 || delta == 0 && !first {
			return 0, false
		}
		in = in[n:]
		value += int32(delta>>1) ^ -int32(delta&1)
		step, n := binary.Uvarint(in)
		if n <= 0 || step == 0 || step > maxStep {
			return 0, false
		}
		in = in[n:]
		if at += step * t.quantum; pc < at {
			return value, true
		}
	}
}

// file is the name of a file by its number, in the function's unit since go116.
func (t *Table) file(f Func, number int32) string {
	if t.version == go12 {
		if count, ok := t.fileList.uint32(0); !ok || number <= 0 || uint32(number) >= count {
			return ""
		}
		off, _ := t.fileList.uint32(uint64(number) * 4)
		return textAt(t.files, uint64(off))
	}
	unit, ok := t.field32(f, fieldUnit)
	if !ok || number < 0 || unit == ^uint32(0) {
		return ""
	}
	off, ok := t.units.uint32((uint64(unit) + uint64(number)) * 4)
	if !ok || off == ^uint32(0) {
		return ""
	}
	return textAt(t.files, uint64(off))
}

// Autogenerated reports whether the compiler made the function up.
func (t *Table) Autogenerated(f Func) bool {
	file, _ := t.Line(f, f.Entry)
	return file == "<autogenerated>"
}

// FromAssembly reports whether the function was written in assembly, by the flag
// where the table has it, else by its file.
func (t *Table) FromAssembly(f Func) bool {
	if t.version >= go118 {
		return f.Assembly
	}
	file, _ := t.Line(f, f.Entry)
	return strings.HasSuffix(file, ".s")
}
