package main

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// archive writes an initramfs: a cpio archive in the newc format, as
// Documentation/driver-api/early-userspace/buffer-format.rst has it,
// uncompressed. Folders of a path are added as they are needed. The first error
// stays, and close gives it.
type archive struct {
	w    *bufio.Writer
	n    int64 // bytes written
	ino  int
	dirs map[string]bool
	err  error
}

func newArchive(w io.Writer) *archive {
	return &archive{w: bufio.NewWriterSize(w, 1<<20), dirs: map[string]bool{".": true}}
}

// The kinds of files in a mode of cpio.
const (
	cpioDir  = 0o040000
	cpioFile = 0o100000
	cpioLink = 0o120000
)

// data adds a file with a content. Names are relative to the root.
func (a *archive) data(name string, perm fs.FileMode, content []byte) {
	a.parents(name)
	a.head(name, cpioFile|uint32(perm), int64(len(content)))
	a.write(content)
	a.pad()
}

// file adds a copy of a file, which is executable in the guest.
func (a *archive) file(name, from string) {
	f, err := os.Open(from)
	if err != nil {
		a.fail(err)
		return
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		a.fail(err)
		return
	}
	a.parents(name)
	a.head(name, cpioFile|0o755, st.Size())
	if a.err == nil {
		n, err := io.CopyN(a.w, f, st.Size())
		a.n += n
		a.fail(err)
	}
	a.pad()
}

// link adds a symbolic link.
func (a *archive) link(name, to string) {
	a.parents(name)
	a.head(name, cpioLink|0o777, int64(len(to)))
	a.write([]byte(to))
	a.pad()
}

// dir adds a folder, once.
func (a *archive) dir(name string) {
	if a.dirs[name] {
		return
	}
	a.parents(name)
	a.dirs[name] = true
	a.head(name, cpioDir|0o755, 0)
}

func (a *archive) parents(name string) { a.dir(path.Dir(name)) }

// close ends the archive.
func (a *archive) close() error {
	a.ino = 0
	a.head("TRAILER!!!", 0, 0)
	if a.err == nil {
		a.err = a.w.Flush()
	}
	return a.err
}

func (a *archive) head(name string, mode uint32, size int64) {
	if size >= 1<<32 {
		a.fail(fmt.Errorf("%s has %d bytes; cpio takes less than 4 GiB", name, size))
		return
	}
	a.ino++
	const mtime, links = 0, 1
	fields := []int64{int64(a.ino), int64(mode), 0, 0, links, mtime, size, 0, 0, 0, 0, int64(len(name) + 1), 0}
	a.write([]byte("070701"))
	for _, field := range fields {
		a.write(fmt.Appendf(nil, "%08x", field))
	}
	a.write(append([]byte(name), 0))
	a.pad()
}

// pad fills up to a multiple of four bytes.
func (a *archive) pad() { a.write(make([]byte, -a.n&3)) }

func (a *archive) write(b []byte) {
	if a.err != nil {
		return
	}
	n, err := a.w.Write(b)
	a.n += int64(n)
	a.fail(err)
}

func (a *archive) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}
