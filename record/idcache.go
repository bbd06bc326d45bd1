package record

import (
	"encoding/binary"
	"io/fs"
	"path/filepath"

	"gorecord/symbolize"
)

// BuildIDs finds the build ids of mapped files, each file once.
type BuildIDs struct {
	root  string
	known map[FileKey][]byte
}

// NewBuildIDs finds files below a mounted proc file system, such as /proc.
func NewBuildIDs(root string) *BuildIDs {
	return &BuildIDs{root: root, known: map[FileKey][]byte{}}
}

// Find gives the build id of a file at a place below the root, nil where it has
// none or cannot be read.
func (b *BuildIDs) Find(file string, key FileKey) []byte {
	if id, ok := b.known[key]; ok {
		return id
	}
	var id []byte
	if found, err := symbolize.ReadBuildIDFile(filepath.Join(b.root, file)); err == nil {
		id = []byte(found)
	}
	b.known[key] = id
	return id
}

// KernelBuildID is the build id of the running kernel, nil where sysfs does not
// tell it.
func KernelBuildID(sys fs.FS) []byte {
	b, err := fs.ReadFile(sys, "kernel/notes")
	if err != nil {
		return nil
	}
	id, err := symbolize.ParseNotes(b, binary.NativeEndian)
	if err != nil {
		return nil
	}
	return []byte(id)
}
