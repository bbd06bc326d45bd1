package symbolize

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// opener opens and examines files by path: the file system itself, or one root
// folder of it.
type opener interface {
	Stat(name string) (fs.FileInfo, error)
	OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error)
}

type hostFiles struct{}

func (hostFiles) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }
func (hostFiles) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(name, flag, perm)
}

// openRegular opens a regular file for reading and gives its size in bytes.
func openRegular(path string) (*os.File, int64, error) {
	return openRegularIn(hostFiles{}, path)
}

// openRegularIn looks before it opens, since opening a device may act on it,
// and opens without blocking, since the file may have become a pipe meanwhile.
func openRegularIn(files opener, path string) (*os.File, int64, error) {
	fi, err := files.Stat(path)
	if err != nil {
		return nil, 0, fmt.Errorf("open object file: %w", err)
	}
	if !fi.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("open object file %s: not a regular file", path)
	}
	f, err := files.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("open object file: %w", err)
	}
	if fi, err = f.Stat(); err == nil && !fi.Mode().IsRegular() {
		err = fmt.Errorf("not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("open object file %s: %w", path, err)
	}
	return f, fi.Size(), nil
}
