package library

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// cacheOf writes a cache as ldconfig does; old puts the older format in front.
func cacheOf(old bool, flags uint32, entries ...entry) []byte {
	le := binary.LittleEndian
	head := append([]byte(nil), newMagic...)
	head = le.AppendUint32(head, uint32(len(entries)))
	head = append(head, make([]byte, newHeader-len(head))...)
	texts := []byte(nil)
	at := newHeader + newEntry*len(entries)
	for _, e := range entries {
		head = le.AppendUint32(head, flags)
		head = le.AppendUint32(head, uint32(at+len(texts)))
		texts = append(texts, e.name+"\x00"...)
		head = le.AppendUint32(head, uint32(at+len(texts)))
		texts = append(texts, e.path+"\x00"...)
		head = append(head, make([]byte, 12)...)
	}
	b := append(head, texts...)
	if !old {
		return b
	}
	front := le.AppendUint32(append([]byte(nil), oldMagic...), 1)
	front = append(front, make([]byte, oldEntry+4)...) // one entry, padded
	return append(front, b...)
}

func TestFind(t *testing.T) {
	files := map[string][]string{
		"/lib": {"libc.so.6", "libz.so.1.2", "libz.so.1"}, "/own": {"libc.so.6"}, "/cached": {"libm.so.6", "libstdc++.so.6"},
	}
	s := System{
		Folders: []string{"/lib"}, Flags: flagsELF64 | x86_64,
		IsFile: func(p string) bool {
			for _, n := range files[path.Dir(p)] {
				if n == path.Base(p) {
					return true
				}
			}
			return false
		},
		List: func(dir string) []string { return append([]string(nil), files[dir]...) },
	}
	for _, old := range []bool{false, true} {
		s.Cache = cacheOf(old, s.Flags, entry{"libgone.so.1", "/cached/libgone.so.1"}, entry{"libm.so.6", "/cached/libm.so.6"}, entry{"libstdc++.so.6", "/cached/libstdc++.so.6"})
		for name, want := range map[string]string{
			"libc.so.6": "/lib/libc.so.6", "libc": "/lib/libc.so.6", "c": "/lib/libc.so.6", "libc.so": "/lib/libc.so.6",
			"z": "/lib/libz.so.1", "libm": "/cached/libm.so.6", "stdc++": "/cached/libstdc++.so.6",
			"gone": "", "cc": "", "": "", "/lib/libc.so.6": "", "lib": "",
		} {
			if got, ok := s.Find(name); got != want || ok != (want != "") {
				t.Errorf("Find(%q) = %q, %v, want %q", name, got, ok, want)
			}
		}
	}
	s.Cache = cacheOf(false, flagsELF64|aarch64, entry{"libm.so.6", "/cached/libm.so.6"})
	if got, ok := s.Find("m"); ok {
		t.Errorf("a library of another processor: %s", got)
	}
	s.Path = []string{"/own"}
	if got, _ := s.Find("libc"); got != "/own/libc.so.6" {
		t.Errorf("LD_LIBRARY_PATH: %s", got)
	}
}

// TestLikeLdconfig: the cache of this machine, as ldconfig prints it.
func TestLikeLdconfig(t *testing.T) {
	out, err := exec.Command("/sbin/ldconfig", "-p").Output()
	if err != nil {
		t.Skip(err)
	}
	s := Running()
	s.Path = nil
	cache := parseCache(s.Cache, s.Flags)
	n := 0
	for line := range strings.Lines(string(out)) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), " (")
		_, file, ok2 := strings.Cut(rest, " => ")
		if !ok || !ok2 || !strings.Contains(rest, "64") {
			continue
		}
		n++
		found := false
		for _, e := range cache {
			found = found || e == entry{name, file}
		}
		if !found {
			t.Errorf("%s => %s is not found", name, file)
		}
	}
	if n != len(cache) {
		t.Errorf("%d libraries, ldconfig has %d", len(cache), n)
	}
}

func TestPrograms(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/someprogram", nil, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if got, ok := Find("someprogram"); !ok || got != dir+"/someprogram" {
		t.Errorf("%q, %v", got, ok)
	}
}

func FuzzCache(f *testing.F) {
	f.Add(cacheOf(false, 0x303, entry{"a", "/b"}))
	f.Add(cacheOf(true, 0x303, entry{"a", "/b"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := len(parseCache(b, 0x303)); n > len(b)/newEntry {
			t.Errorf("%d entries in %d bytes", n, len(b))
		}
	})
}
