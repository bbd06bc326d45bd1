package gobinary

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// StackHiOffset is where runtime.g has the address at which its stack ends
// (g.stack.hi), in all releases.
const StackHiOffset = 8

// goidOffsets are offsets of runtime.g.goid, for processors of 64 bits, by Go 1.N;
// what debug information of programs built by each of them says.
var goidOffsets = map[int]int64{
	17: 152, 18: 152, 19: 152, 20: 152, 21: 152, 22: 152, 23: 160, 24: 160, 25: 152, 26: 152,
}

type goidResult struct {
	offset int64
	how    string
	err    error
}

// GoidOffset gives where runtime.g has the number of its goroutine, 8 bytes long,
// and how that is known: from debug information, else by the program's version.
func (f *File) GoidOffset() (offset int64, how string, err error) {
	r := f.goid()
	return r.offset, r.how, r.err
}

func (f *File) findGoid() goidResult {
	if offset, ok := dwarfGoid(io.NewSectionReader(f.image.R, 0, int64(f.image.Size)), f.image.Size); ok {
		return goidResult{offset: offset, how: "debug information"}
	}
	if offset, ok := goidOffsets[f.minor]; ok && f.image.PtrSize == 8 {
		return goidResult{offset: offset, how: "known for " + f.version}
	}
	version := f.version
	if version == "" {
		version = "a release that is not known"
	}
	return goidResult{err: fmt.Errorf(
		"find the number of goroutines: the program was built by %s and has no debug information (build it without -ldflags=-w)", version)}
}

// dwarfGoid looks runtime.g up. Hostile files may make the standard library panic.
func dwarfGoid(r io.ReaderAt, size uint64) (offset int64, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	file, err := elf.NewFile(r)
	if err != nil || !plausible(file, size) {
		return 0, false
	}
	data, err := file.DWARF()
	if err != nil {
		return 0, false
	}
	t, ok := findStruct(data, "runtime.g")
	if !ok {
		return 0, false
	}
	for _, field := range t.Field {
		if field.Name == "goid" && field.Type.Size() == 8 && field.ByteOffset >= 0 {
			return field.ByteOffset, true
		}
	}
	return 0, false
}

// maxRatio is above what compression makes of debug information.
const maxRatio = 32

// plausible reports whether a file of size bytes has debug information that does
// not take memory out of proportion to it.
func plausible(file *elf.File, size uint64) bool {
	found, total := false, uint64(0)
	for _, s := range file.Sections {
		if !strings.HasPrefix(s.Name, ".debug_") && !strings.HasPrefix(s.Name, ".zdebug_") {
			continue
		}
		found = true
		unpacked := s.Size
		if s.ReaderAt != nil { // not compressed as the ELF standard has it
			unpacked = max(unpacked, oldUnpacked(s))
		}
		if unpacked > size*maxRatio {
			return false
		}
		total += unpacked
	}
	return found && total <= size*maxRatio
}

// oldUnpacked is the size of what was compressed as before the standard: the
// section begins with ZLIB, and the size.
func oldUnpacked(s *elf.Section) uint64 {
	var head [12]byte
	if n, _ := s.ReadAt(head[:], 0); n < len(head) || string(head[:4]) != "ZLIB" {
		return 0
	}
	return binary.BigEndian.Uint64(head[4:])
}

// findStruct finds a type among the children of units.
func findStruct(data *dwarf.Data, name string) (*dwarf.StructType, bool) {
	for r := data.Reader(); ; {
		e, err := r.Next()
		if err != nil || e == nil {
			return nil, false
		}
		if e.Tag != dwarf.TagStructType {
			continue
		}
		if n, _ := e.Val(dwarf.AttrName).(string); n != name {
			continue
		}
		t, err := data.Type(e.Offset)
		s, ok := t.(*dwarf.StructType)
		return s, ok && err == nil
	}
}
