package pclntab

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
)

// spec is a table to write.
type spec struct {
	version version
	order   binary.AppendByteOrder
	ptrSize int
	text    uint64 // what functions of go118 are relative to
	header  uint64 // what the header says of it
	funcs   []specFunc
	end     uint64
}

type specFunc struct {
	name  string
	entry uint64
	file  string
	line  int32
	id    byte
	flags byte
}

func (s *spec) word(b []byte, v uint64) []byte {
	if s.ptrSize == 4 {
		return s.order.AppendUint32(b, uint32(v))
	}
	return s.order.AppendUint64(b, v)
}

func (s *spec) field(b []byte, v uint64) []byte {
	if s.version >= go118 {
		return s.order.AppendUint32(b, uint32(v-s.text))
	}
	return s.word(b, v)
}

// bytes writes the table, as the linker of the release does: header, names, units,
// files, pcs, functab and functions. Everything of go12 is relative to the start.
func (s *spec) bytes() []byte {
	names, units, files, pcs := []byte{0}, []byte{}, []byte{}, []byte{0}
	var records []record
	for i, f := range s.funcs {
		r := record{name: uint32(len(names)), unit: uint32(i)}
		names = append(append(names, f.name...), 0)
		units = s.order.AppendUint32(units, uint32(len(files)))
		files = append(append(files, f.file...), 0)
		end := s.end
		if i+1 < len(s.funcs) {
			end = s.funcs[i+1].entry
		}
		r.file = uint32(len(pcs))
		pcs = appendRun(pcs, 1, end-f.entry) // file 0 of the unit
		r.line = uint32(len(pcs))
		pcs = appendRun(pcs, f.line+1, end-f.entry)
		records = append(records, r)
	}
	if s.version == go12 {
		return s.bytesGo12(names, files, pcs, records)
	}
	words := 2 + 5
	if s.version >= go118 {
		words++
	}
	head := append(s.magic(), s.word(s.word(nil, uint64(len(s.funcs))), 1)...)
	if s.version >= go118 {
		head = s.word(head, s.header)
	}
	at := uint64(headerSize + words*s.ptrSize)
	for _, part := range [][]byte{names, units, files, pcs} {
		head = s.word(head, at)
		at += uint64(len(part))
	}
	head = s.word(head, at)
	table := slices.Concat(head, names, units, files, pcs)
	return append(table, s.functab(0, records)...)
}

// record is the offsets of a function's parts.
type record struct{ name, unit, file, line uint32 }

func (s *spec) magic() []byte {
	return append(s.order.AppendUint32(nil, magics[s.version]), 0, 0, 1, byte(s.ptrSize))
}

// functab writes both columns and the functions behind them; base is what offsets
// of functions begin at.
func (s *spec) functab(base uint64, records []record) []byte {
	var table, funcs []byte
	column := 4
	if s.version < go118 {
		column = s.ptrSize
	}
	base += uint64((2*len(records) + 1) * column)
	if s.version == go12 {
		base += 4 // the offset of files
	}
	for i, r := range records {
		table = s.field(table, s.funcs[i].entry)
		off := base + uint64(len(funcs))
		if s.version >= go118 {
			table = s.order.AppendUint32(table, uint32(off))
		} else {
			table = s.word(table, off)
		}
		funcs = s.function(funcs, s.funcs[i], r)
	}
	table = s.field(table, s.end)
	if s.version == go12 {
		table = s.order.AppendUint32(table, uint32(base)+uint32(len(funcs)))
	}
	return append(table, funcs...)
}

func (s *spec) function(b []byte, f specFunc, r record) []byte {
	b = s.field(b, f.entry)
	fields := []uint32{r.name, 0, 0, 0, r.file, r.line, 0}
	if s.version >= go116 {
		fields = append(fields, r.unit)
	}
	if s.version >= go120 {
		fields = append(fields, uint32(f.line))
	}
	for _, v := range fields {
		b = s.order.AppendUint32(b, v)
	}
	return append(b, f.id, f.flags, 0, 0)
}

// bytesGo12 puts names, files and pcs behind the functions, and the list of files
// at the end.
func (s *spec) bytesGo12(names, files, pcs []byte, records []record) []byte {
	head := s.word(s.magic(), uint64(len(s.funcs)))
	size := uint32(len(s.functab(0, records)))
	at := uint32(len(head)) + size
	list := s.order.AppendUint32(nil, uint32(len(records)+1))
	behind := at + uint32(4*(len(records)+1))
	for i := range records {
		r := &records[i]
		r.name += behind
		r.file += behind + uint32(len(names)+len(files))
		r.line += behind + uint32(len(names)+len(files))
	}
	off := behind + uint32(len(names))
	for i, f := range s.funcs {
		// Files have numbers from 1: those of the unit begin at 0.
		runs := pcs[records[i].file-behind-uint32(len(names)+len(files)):]
		delta, _ := binary.Uvarint(runs)
		runs[0] = byte(delta) + byte(2*(i+1))
		list = s.order.AppendUint32(list, off)
		off += uint32(len(f.file)) + 1
	}
	return slices.Concat(head, s.functab(uint64(len(head)), records), list, names, files, pcs)
}

// appendRun writes a table of one value, delta above -1.
func appendRun(b []byte, delta int32, size uint64) []byte {
	b = binary.AppendUvarint(b, uint64(uint32(delta)<<1))
	return append(binary.AppendUvarint(b, size), 0)
}

// example has three functions, the last in assembly.
func example(v version, order binary.AppendByteOrder, ptrSize int) *spec {
	return &spec{
		version: v, order: order, ptrSize: ptrSize, text: 0x401000, header: 0x401000, end: 0x401100,
		funcs: []specFunc{
			{"main.main", 0x401000, "/src/main.go", 7, 0, 0},
			{"type:.eq.main.T", 0x401040, "<autogenerated>", 1, 23, 0},
			{"runtime.memmove", 0x401080, "/go/memmove.s", 30, 0, flagAssembly},
		},
	}
}

var layouts = map[string]*spec{
	"Go 1.2":              example(go12, binary.LittleEndian, 8),
	"Go 1.16":             example(go116, binary.LittleEndian, 8),
	"Go 1.18":             example(go118, binary.LittleEndian, 8),
	"Go 1.20":             example(go120, binary.LittleEndian, 8),
	"Go 1.2, big-endian":  example(go12, binary.BigEndian, 4),
	"Go 1.20, big-endian": example(go120, binary.BigEndian, 8),
	"Go 1.16, 32 bits":    example(go116, binary.LittleEndian, 4),
	"Go 1.18, 32 bits":    example(go118, binary.LittleEndian, 4),
}

func TestTable(t *testing.T) {
	for name, s := range layouts {
		t.Run(name, func(t *testing.T) {
			table, err := Parse(s.bytes(), 0)
			if err != nil {
				t.Fatal(err)
			}
			checkExample(t, table, s)
		})
	}
}

// checkExample compares a table with what it was written from.
func checkExample(t *testing.T, table *Table, s *spec) {
	t.Helper()
	if table.Len() != len(s.funcs) {
		t.Fatalf("%d functions", table.Len())
	}
	for i, want := range s.funcs {
		f, ok := table.Func(i)
		if !ok || table.Name(f) != want.name || f.Entry != want.entry || f.ID != want.id {
			t.Errorf("function %d: %+v, %v, %s, want %+v", i, f, ok, table.Name(f), want)
		}
		if s.version >= go120 && f.StartLine != int(want.line) {
			t.Errorf("%s begins in line %d", want.name, f.StartLine)
		}
		for _, pc := range []uint64{f.Entry, f.End - 1} {
			if at, ok := table.At(pc); !ok || at != f {
				t.Errorf("At(%#x) = %+v, %v", pc, at, ok)
			}
			if file, line := table.Line(f, pc); file != want.file || line != int(want.line) {
				t.Errorf("%s is at %s:%d", want.name, file, line)
			}
		}
		if table.FromAssembly(f) != strings.HasSuffix(want.file, ".s") || table.Autogenerated(f) != strings.HasPrefix(want.file, "<") {
			t.Errorf("%s: from assembly %v, autogenerated %v", want.name, table.FromAssembly(f), table.Autogenerated(f))
		}
	}
	for _, pc := range []uint64{0, s.funcs[0].entry - 1, s.end} {
		if f, ok := table.At(pc); ok {
			t.Errorf("At(%#x) = %+v", pc, f)
		}
	}
	if f, ok := table.Func(len(s.funcs)); ok {
		t.Errorf("one function more: %+v", f)
	}
}

func TestTextMovesFunctions(t *testing.T) {
	s := example(go120, binary.LittleEndian, 8)
	s.header = 0
	table, err := Parse(s.bytes(), 0x501000)
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := table.At(0x501041); !ok || f.Entry != 0x501040 || table.Name(f) != "type:.eq.main.T" {
		t.Errorf("%+v, %v", f, ok)
	}
}

func TestDamagedTables(t *testing.T) {
	whole := layouts["Go 1.20"].bytes()
	for name, test := range map[string]struct {
		edit func(b []byte) []byte
		want string
	}{
		"empty":         {func([]byte) []byte { return nil }, "no table of Go functions"},
		"other bytes":   {func([]byte) []byte { return []byte("not a table at all") }, "no table of Go functions"},
		"word size":     {func(b []byte) []byte { b[7] = 3; return b }, "its header f1 ff ff ff 00 00 01 03 is none"},
		"count":         {func(b []byte) []byte { b[14] = 1; return b }, "states 281474976710659 functions"},
		"part":          {func(b []byte) []byte { b[39] = 1; return b }, "has a part at"},
		"header alone":  {func(b []byte) []byte { return b[:20] }, "has a part at"},
		"without funcs": {func(b []byte) []byte { return b[:bytes.Index(b, []byte("memmove"))] }, "file damaged or cut off?"},
	} {
		table, err := Parse(test.edit(bytes.Clone(whole)), 0)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, %v, want %q", name, table, err, test.want)
		}
	}
	if _, err := Parse([]byte("not a table"), 0); !errors.Is(err, ErrNone) {
		t.Errorf("%v is not ErrNone", err)
	}
}

// imageOf puts a table at an address, behind some other bytes, and moduledata
// into a writable segment.
func imageOf(s *spec, sections bool) Image {
	const tableAddr, dataAddr = 0x500040, 0x600000
	table := s.bytes()
	file := append(make([]byte, 0x40), table...)
	file = append(file, make([]byte, 64-len(file)%64)...)
	data := uint64(len(file))
	names := uint64(headerSize + 7*s.ptrSize)
	if s.version >= go118 {
		names += uint64(s.ptrSize)
	}
	words := make([]uint64, 32)
	words[3], words[4] = tableAddr, tableAddr+names
	words[3+wordMinPC], words[3+wordText] = s.funcs[0].entry, s.text
	for _, w := range words {
		file = s.word(file, w)
	}
	im := Image{
		R: bytes.NewReader(file), Size: uint64(len(file)), Order: s.order.(binary.ByteOrder), PtrSize: s.ptrSize, Machine: elf.EM_X86_64,
		Segments: []Segment{
			{Type: elf.PT_LOAD, Flags: elf.PF_R, Addr: tableAddr - 0x40, Size: data},
			{Type: elf.PT_LOAD, Flags: elf.PF_R | elf.PF_W, Addr: dataAddr, Off: data, Size: uint64(len(file)) - data},
		},
	}
	if sections {
		im.Sections = []Section{{".text", s.text + 0x100000, 0, 0}, {".gopclntab", tableAddr, 0x40, uint64(len(table))}}
	}
	return im
}

// TestFind: a table is found by its section, and by its bytes alone; runtime.text
// comes from moduledata even where the header has none.
func TestFind(t *testing.T) {
	for name, s := range layouts {
		for _, sections := range []bool{true, false} {
			moved := *s
			moved.header = 0
			p, err := Find(imageOf(&moved, sections))
			if err != nil {
				t.Errorf("%s, sections %v: %v", name, sections, err)
				continue
			}
			checkExample(t, p.Table, s)
			if want := uint64(0x600000 + 3*s.ptrSize); s.version != go12 && p.Module != want || p.Addr != 0x500040 {
				t.Errorf("%s: table at %#x, moduledata at %#x, want %#x", name, p.Addr, p.Module, want)
			}
		}
	}
}

func TestFindWithoutModuledata(t *testing.T) {
	s := example(go120, binary.LittleEndian, 8)
	s.header = 0
	im := imageOf(s, true)
	im.Segments = im.Segments[:1]
	p, err := Find(im)
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := p.Func(0); !ok || f.Entry != s.text+0x100000 {
		t.Errorf("functions begin at %#x, not with .text", f.Entry)
	}
	im.Sections = nil
	if p, err := Find(im); !errors.Is(err, ErrNone) {
		t.Errorf("%v, %v: where functions begin cannot be known", p, err)
	}
}

// TestRelocations: pointers that the loader fills in are there.
func TestRelocations(t *testing.T) {
	order := binary.LittleEndian
	var file []byte
	for _, v := range []uint64{
		uint64(elf.DT_RELA), 0x1040, uint64(elf.DT_RELASZ), 3 * relaSize, uint64(elf.DT_NULL), 0, 0, 0, // dynamic section
		0x1000 + 0x38, uint64(elf.R_X86_64_RELATIVE), 0x777, // over the last word above
		0x2000, uint64(elf.R_X86_64_RELATIVE), 1, // outside
		0x1030, uint64(elf.R_X86_64_64), 2, // of another type
	} {
		file = order.AppendUint64(file, v)
	}
	m := NewMemory(Image{R: bytes.NewReader(file), Size: uint64(len(file)), Order: order, PtrSize: 8, Machine: elf.EM_X86_64, Segments: []Segment{
		{Type: elf.PT_LOAD, Addr: 0x1000, Size: uint64(len(file))},
		{Type: elf.PT_DYNAMIC, Addr: 0x1000, Size: 0x40},
	}})
	for addr, want := range map[uint64]uint64{0x1030: 0, 0x1038: 0x777, 0x1008: 0x1040} {
		if got, ok := m.Word(addr); !ok || got != want {
			t.Errorf("word at %#x: %#x, %v, want %#x", addr, got, ok, want)
		}
	}
	for _, addr := range []uint64{0, 0xfff, 0x1000 + uint64(len(file)), 0x2000} {
		if got, ok := m.Word(addr); ok {
			t.Errorf("word at %#x: %#x", addr, got)
		}
	}
	if b := m.Bytes(0x1038, 1000); len(b) != len(file)-0x38 || b[0] != 0x77 {
		t.Errorf("%d bytes, %x first", len(b), b[0])
	}
}
