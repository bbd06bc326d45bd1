package symbolize

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// Any bytes make an error or a module whose answers fit each other.
func FuzzModule(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		r, size := bytes.NewReader(data), int64(len(data))
		id, idErr := ReadBuildID(r, size)
		m, err := NewModule(r, size)
		if err != nil {
			return
		}
		if idErr == nil && m.BuildID() != id {
			t.Errorf("build id %v, read alone %v", m.BuildID(), id)
		}
		last, n := VirtAddr(0), 0
		for s := range m.Symbols() {
			if n++; n > 1 && s.Addr <= last {
				t.Fatalf("symbol %q at %#x follows one at %#x", s.Name, s.Addr, last)
			}
			last = s.Addr
			if got, ok := m.Lookup(s.Addr); !ok || got != s || s.Name == "" {
				t.Fatalf("Lookup(%#x) = %+v, %v, want %+v", s.Addr, got, ok, s)
			}
			if n < 20 && len(m.Find(s.Name)) == 0 {
				t.Fatalf("Find(%q) finds nothing", s.Name)
			}
		}
		if n != m.Len() {
			t.Errorf("%d symbols, Len says %d", n, m.Len())
		}
		for off := range FileOffset(min(size, 4096)) {
			if a, ok := m.VirtAddr(off); ok {
				if _, ok := m.FileOffset(a); !ok {
					t.Fatalf("offset %#x has the address %#x, which has no offset", off, a)
				}
			}
		}
	})
}

func FuzzNotes(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			for _, align := range []uint64{4, 8} {
				total := 0
				for n := range notes(data, order, align) {
					total += noteHeaderSize + len(n.name) + len(n.desc)
				}
				if total > len(data) {
					t.Errorf("%d bytes of notes in %d bytes", total, len(data))
				}
			}
		}
		if id, err := ParseNotes(data, binary.LittleEndian); err == nil && !bytes.Contains(data, []byte(id)) {
			t.Errorf("build id %v is not in the notes", id)
		}
	})
}

func FuzzKallsyms(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := ReadKallsyms(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, e := range k.entries {
			sym, off, ok := k.Lookup(RuntimeAddr(e.addr))
			if ok == k.Restricted() || ok && (off != 0 || sym.Name == "" || uint64(sym.Addr) != e.addr) {
				t.Fatalf("Lookup(%#x) = %+v, %d, %v", e.addr, sym, off, ok)
			}
			if e.end < e.addr {
				t.Fatalf("symbol ends at %#x, before it starts at %#x", e.end, e.addr)
			}
		}
		for _, m := range k.Modules() {
			if m.Start > m.End || m.Name == "" {
				t.Errorf("module %+v", m)
			}
		}
	})
}

func FuzzDemangle(f *testing.F) {
	f.Fuzz(func(t *testing.T, name string) {
		for _, style := range []DemangleStyle{DemangleShort, DemangleFull} {
			got := DemangleAs(name, style)
			if got == "" && name != "" || len(got) > max(len(name), maxDemangled+len("@plt")) {
				t.Errorf("%q demangles to %d bytes", name, len(got))
			}
			if !strings.HasPrefix(name, "_") && got != name {
				t.Errorf("%q, which is not mangled, becomes %q", name, got)
			}
		}
	})
}
