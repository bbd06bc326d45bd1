package perfdata

import (
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// embeddedFiles is what the sections below hold.
var embeddedFiles = []*EmbeddedFile{
	{Path: "/lib/a.so", VirtAddr: 0x2000, Offset: 0x1000, Symbols: []EmbeddedSymbol{{0x2010, 0x20, "first"}, {0x2040, 8, "second"}}},
	{Path: "[kernel.kallsyms]", Kernel: true, Symbols: []EmbeddedSymbol{{0xffffffff81000000, 16, "start"}}},
}

func cstr(b []byte, s string) []byte { return append(append(b, s...), 0) }

// simpleperfSection writes the first form of simpleperf.
func simpleperfSection(files []*EmbeddedFile) []byte {
	le := binary.LittleEndian
	var out []byte
	for _, f := range files {
		kind := uint32(dsoELF)
		if f.Kernel {
			kind = dsoKernel
		}
		b := le.AppendUint32(cstr(nil, f.Path), kind)
		b = le.AppendUint64(b, f.VirtAddr)
		b = le.AppendUint32(b, uint32(len(f.Symbols)))
		for _, s := range f.Symbols {
			b = cstr(le.AppendUint32(le.AppendUint64(b, s.Addr), uint32(s.Size)), s.Name)
		}
		if !f.Kernel {
			b = le.AppendUint64(b, f.Offset)
		}
		out = append(le.AppendUint32(out, uint32(len(b))), b...)
	}
	return out
}

// simpleperfSection2 writes the second form.
func simpleperfSection2(files []*EmbeddedFile) []byte {
	number := func(b []byte, field int, v uint64) []byte {
		return binary.AppendUvarint(append(b, byte(field<<3)), v)
	}
	message := func(b []byte, field int, m []byte) []byte {
		return append(binary.AppendUvarint(append(b, byte(field<<3|2)), uint64(len(m))), m...)
	}
	var out []byte
	for _, f := range files {
		b := message(nil, 1, []byte(f.Path))
		if !f.Kernel {
			b = number(b, 2, dsoELF)
		}
		b = number(b, 3, f.VirtAddr)
		for _, s := range f.Symbols {
			b = message(b, 4, message(number(number(nil, 1, s.Addr), 2, s.Size), 3, []byte(s.Name)))
		}
		if !f.Kernel {
			b = message(b, 6, number(nil, 1, f.Offset))
		}
		out = append(binary.LittleEndian.AppendUint32(out, uint32(len(b))), b...)
	}
	return out
}

// hiperfSection writes hiperf's form.
func hiperfSection(files []*EmbeddedFile) []byte {
	le := binary.LittleEndian
	str := func(b []byte, s string) []byte { return cstr(le.AppendUint32(b, uint32(len(s)+1)), s) }
	b := le.AppendUint32(nil, uint32(len(files)))
	for _, f := range files {
		kind := uint32(dsoELF)
		if f.Kernel {
			kind = dsoKernel
		}
		b = le.AppendUint32(str(b, f.Path), kind)
		b = str(le.AppendUint64(le.AppendUint64(b, f.VirtAddr), f.Offset), "")
		b = le.AppendUint32(b, uint32(len(f.Symbols)))
		for _, s := range f.Symbols {
			b = str(le.AppendUint32(le.AppendUint64(b, s.Addr), uint32(s.Size)), s.Name)
		}
	}
	return b
}

var embeddedForms = []struct {
	name   string
	encode func([]*EmbeddedFile) []byte
	decode func(*cursor) ([]*EmbeddedFile, error)
}{
	{"simpleperf", simpleperfSection, decodeSimpleperfFiles},
	{"simpleperf 2", simpleperfSection2, decodeSimpleperfFiles2},
	{"hiperf", hiperfSection, decodeHiperfFiles},
}

// TestEmbedded reads each form whole, and cut off anywhere: then what is whole is
// given, and an error.
func TestEmbedded(t *testing.T) {
	for _, form := range embeddedForms {
		b := form.encode(embeddedFiles)
		got, err := form.decode(&cursor{what: form.name, b: b, order: binary.LittleEndian})
		for _, f := range got {
			f.BuildID = nil
		}
		if diff := cmp.Diff(embeddedFiles, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", form.name, err, diff)
		}
		for cut := 1; cut < len(b); cut++ {
			got, err := form.decode(&cursor{what: form.name, b: b[:cut], order: binary.LittleEndian})
			if len(got) > 1 || err == nil && len(got) != 1 || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, errProto) {
				t.Errorf("%s cut at %d: %d files, %v", form.name, cut, len(got), err)
			}
		}
	}
}

func TestEmbeddedFunction(t *testing.T) {
	for _, test := range []struct {
		file     int
		position uint64
		name     string
		start    uint64
	}{
		{0, 0x1010, "first", 0x1010}, {0, 0x102f, "first", 0x1010}, {0, 0x1030, "", 0}, {0, 0x100f, "", 0},
		{0, 0x1047, "second", 0x1040}, {0, 0x1048, "", 0}, {0, 0, "", 0},
		{1, 0xffffffff81000004, "start", 0xffffffff81000000}, {1, 0xffffffff81000010, "", 0}, {1, 0, "", 0},
	} {
		name, start, ok := embeddedFiles[test.file].Function(test.position)
		if name != test.name || start != test.start || ok != (name != "") {
			t.Errorf("%#x: %q from %#x", test.position, name, start)
		}
	}
}

// FuzzEmbedded: whatever the bytes, decoding ends, and takes no more memory than
// they can describe.
func FuzzEmbedded(f *testing.F) {
	for i, form := range embeddedForms {
		f.Add(i, form.encode(embeddedFiles))
	}
	f.Fuzz(func(t *testing.T, form int, b []byte) {
		form = (form%len(embeddedForms) + len(embeddedForms)) % len(embeddedForms)
		files, _ := embeddedForms[form].decode(&cursor{what: "section", b: b, order: binary.LittleEndian})
		held := 0
		for _, file := range files {
			held += len(file.Path) + 1
			for _, s := range file.Symbols {
				held += len(s.Name) + 1
			}
			file.Function(0x1000)
		}
		if held > 2*len(b)+16 {
			t.Errorf("%d bytes hold %d", len(b), held)
		}
	})
}
