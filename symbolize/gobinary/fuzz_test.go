package gobinary

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"

	"gorecord/symbolize"
)

// miniature is an ELF file of one segment: a table with two functions as of Go
// 1.20, moduledata, two types and an itab of them, and the record of the version.
func miniature() []byte {
	const base, size = 0x400000, 0x600
	order := binary.LittleEndian
	b := make([]byte, size)
	copy(b, "\x7fELF\x02\x01\x01")
	order.PutUint16(b[16:], uint16(elf.ET_EXEC))
	order.PutUint16(b[18:], uint16(elf.EM_X86_64))
	order.PutUint32(b[20:], 1)
	order.PutUint64(b[32:], 64) // program headers
	order.PutUint16(b[54:], 56)
	order.PutUint16(b[56:], 1)
	segment := b[64:]
	order.PutUint32(segment, uint32(elf.PT_LOAD))
	order.PutUint32(segment[4:], uint32(elf.PF_R|elf.PF_W))
	order.PutUint64(segment[16:], base)
	order.PutUint64(segment[32:], size)
	order.PutUint64(segment[40:], size)

	const table, names, units, files, pcs, funcs = 0x100, 0x48, 0x60, 0x70, 0x80, 0x90
	t := b[table:]
	copy(t, "\xf1\xff\xff\xff\x00\x00\x01\x08")
	for i, v := range []uint64{2, 1, 0, names, units, files, pcs, funcs} {
		order.PutUint64(t[8+8*i:], v)
	}
	copy(t[names:], "\x00main.main\x00main.f\x00")
	copy(t[files:], "main.go\x00")
	copy(t[pcs:], "\x00\x02\x80\x01\x00\x10\x80\x01\x00")
	for i, v := range []uint32{0, 20, 0x40, 72, 0x80} {
		order.PutUint32(t[funcs+4*i:], v)
	}
	for i, f := range [][]uint32{{0, 1, 0, 0, 0, 1, 5, 0, 0, 7, 0, 0}, {0x40, 11, 0, 0, 0, 1, 5, 0, 0, 9, 23, 0}} {
		for j, v := range f {
			order.PutUint32(t[funcs+20+52*i+4*j:], v)
		}
	}

	const module, types, itab = 0x280, 0x420, 0x500
	word := func(at, v int) { order.PutUint64(b[at:], uint64(v)) }
	word(module, base+table)
	word(module+8, base+table+names)
	word(module+8*20, base)
	word(module+8*22, base)
	word(module+8*37, base+types)
	word(module+8*38, base+types+0xe0)
	word(module+8*48, base+itab+16)
	word(module+8*49, 1)
	b[types+23] = 20 // an interface
	order.PutUint32(b[types+40:], 0xc0)
	b[types+0x60+23] = kindString
	order.PutUint32(b[types+0x60+40:], 0xc8)
	copy(b[types+0xc0:], "\x00\x05error\x00\x00\x06main.E")
	word(itab, base+types)
	word(itab+8, base+types+0x60)
	word(itab+16, base+itab)

	info := b[0x540:] // as cmd/link writes it, 16-byte aligned
	copy(info, "\xff Go buildinf:\x08\x02")
	copy(info[32:], "\x08go1.26.1\x00")
	return b
}

func TestMiniature(t *testing.T) {
	b := miniature()
	f, err := New(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if f.Version() != "go1.26.1" {
		t.Errorf("version %q", f.Version())
	}
	fn, ok := f.Find("main.f")
	if !ok || fn.Entry != 0x400040 || fn.End != 0x400080 || !fn.Wrapper || fn.StartLine != 9 {
		t.Errorf("main.f: %+v, %v", fn, ok)
	}
	var itabs []Itab
	for i := range f.Itabs() {
		itabs = append(itabs, i)
	}
	if len(itabs) != 1 || itabs[0] != (Itab{0x400500, "main.E", "error", 0x400480}) || !f.BeginsWithString("main.E") {
		t.Errorf("itabs %+v", itabs)
	}
}

// Any bytes give an error or a program that can be looked at.
func FuzzOpen(f *testing.F) {
	whole := miniature()
	f.Add(whole)
	f.Add(whole[:0x280])
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := New(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return
		}
		defer p.Close()
		n := 0
		for fn := range p.Functions() {
			if fn.End <= fn.Entry {
				t.Fatalf("%+v", fn)
			}
			if n++; n > 50 {
				break
			}
			p.Line(fn.Entry)
			p.IsABI0(fn)
			p.Find(fn.Name)
			p.At(fn.End)
			if len(p.Code(fn)) > len(data) {
				t.Fatal("code is longer than the file")
			}
		}
		if offset, how, err := p.GoidOffset(); (how == "") != (err != nil) || offset < 0 {
			t.Errorf("goid at %d, %q, %v", offset, how, err)
		}
		for i := range p.ErrorTypes() {
			if i.Type == "" {
				t.Errorf("%+v", i)
			}
			p.BeginsWithString(i.Type)
		}
		p.TypeName(symbolize.VirtAddr(len(data)))
	})
}
