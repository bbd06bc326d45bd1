package symbolize

import (
	"encoding/binary"
	"iter"
)

// Note types used here, by the name that goes with them.
const (
	noteGNUBuildID = 3 // "GNU": NT_GNU_BUILD_ID, include/uapi/linux/elf.h
	noteGoBuildID  = 4 // "Go": ELF_NOTE_GOBUILDID, cmd/link
)

const noteHeaderSize = 12

type note struct {
	name string // without its terminating zero
	typ  uint32
	desc []byte
}

// ParseNotes returns the GNU build id among ELF notes, as /sys/kernel/notes and
// /sys/module/NAME/notes/.note.gnu.build-id hold them. order is that of the
// kernel that wrote them: binary.NativeEndian for files of the running system.
// The error is [ErrNoBuildID] when there is none; a note that runs past the end
// of data ends the search.
func ParseNotes(data []byte, order binary.ByteOrder) (BuildID, error) {
	if id := buildIDNote(data, order, 4); id != "" {
		return id, nil
	}
	return "", ErrNoBuildID
}

func buildIDNote(data []byte, order binary.ByteOrder, align uint64) BuildID {
	for n := range notes(data, order, align) {
		if n.typ == noteGNUBuildID && n.name == "GNU" && len(n.desc) > 0 && len(n.desc) <= maxBuildID {
			return BuildID(n.desc)
		}
	}
	return ""
}

// notes walks ELF notes laid out as in the gABI: name and descriptor are each
// padded to align (4, or 8 for a segment that says so).
func notes(data []byte, order binary.ByteOrder, align uint64) iter.Seq[note] {
	if align != 8 {
		align = 4
	}
	return func(yield func(note) bool) {
		for len(data) >= noteHeaderSize {
			nameSize := uint64(order.Uint32(data))
			descSize := uint64(order.Uint32(data[4:]))
			desc := roundUp(noteHeaderSize+nameSize, align)
			if desc+descSize > uint64(len(data)) {
				return
			}
			name := data[noteHeaderSize : noteHeaderSize+nameSize]
			if nameSize > 0 && name[nameSize-1] == 0 {
				name = name[:nameSize-1]
			}
			if !yield(note{string(name), order.Uint32(data[8:]), data[desc : desc+descSize]}) {
				return
			}
			data = data[min(roundUp(desc+descSize, align), uint64(len(data))):]
		}
	}
}

// roundUp rounds n up to a multiple of align, a power of two.
func roundUp(n, align uint64) uint64 { return (n + align - 1) &^ (align - 1) }
