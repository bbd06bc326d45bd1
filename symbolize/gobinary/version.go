package gobinary

import (
	"debug/elf"
	"encoding/binary"
	"strconv"
	"strings"

	"gorecord/symbolize/pclntab"
)

// Version is the release that built the program, as runtime.Version gives it
// ("go1.26.1"), "" where it does not say (before Go 1.13).
func (f *File) Version() string { return f.version }

// What the linker writes for debug/buildinfo: a mark, the size of a pointer, flags;
// then two pointers to strings, or, since Go 1.18, the strings themselves. The
// first is the version.
const (
	infoMark     = "\xff Go buildinf:"
	infoAlign    = 16
	infoHeader   = 32
	infoFlags    = 15
	infoPointer  = 16
	infoInline   = 2 // of the flags
	maxVersion   = 256
	infoMaxTries = 16
)

// readVersion looks for the mark where programs have data; debug/buildinfo misses
// it in some that have no section headers.
func readVersion(m *pclntab.Memory) (version string) {
	tries := 0
	m.Search(elf.PF_W, []byte(infoMark), func(addr uint64) bool {
		if addr%infoAlign != 0 {
			return false
		}
		tries++
		version = versionAt(m, addr)
		return version != "" || tries >= infoMaxTries
	})
	return version
}

// versionAt reads the record at addr.
func versionAt(m *pclntab.Memory, addr uint64) string {
	b := m.Bytes(addr, infoHeader+binary.MaxVarintLen64+maxVersion)
	if len(b) < infoHeader {
		return ""
	}
	var text []byte
	if b[infoFlags]&infoInline != 0 {
		length, n := binary.Uvarint(b[infoHeader:])
		if text = b[infoHeader+max(n, 0):]; n <= 0 || length > uint64(len(text)) {
			return ""
		}
		text = text[:length]
	} else {
		at, _ := m.Word(addr + infoPointer)
		data, _ := m.Word(at)
		length, ok := m.Word(at + uint64(b[infoFlags-1]))
		if !ok || length > maxVersion {
			return ""
		}
		text = m.Bytes(data, length)
	}
	if len(text) > maxVersion || !strings.Contains(string(text), "go") && !strings.Contains(string(text), "devel") {
		return ""
	}
	return string(text)
}

// minorOf is N of go1.N, also of development versions ("devel go1.27-…").
func minorOf(version string) int {
	_, rest, ok := strings.Cut(version, "go1.")
	if !ok {
		return 0
	}
	end := strings.IndexFunc(rest, func(c rune) bool { return c < '0' || c > '9' })
	if end < 0 {
		end = len(rest)
	}
	n, err := strconv.Atoi(rest[:end])
	if err != nil {
		return 0
	}
	return n
}
