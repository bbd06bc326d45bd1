package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// CreateOutput makes the file of a recording, readable by its owner alone. A
// file that is there already becomes PATH.old, replacing one of that name; a
// link is moved, not followed. Devices such as /dev/null are written to as
// they are; directories are refused.
func CreateOutput(path string) (*os.File, error) {
	st, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case st.IsDir():
		return nil, fmt.Errorf("%s is a directory; name a file with -o", path)
	case st.Mode().IsRegular() || st.Mode()&fs.ModeSymlink != 0:
		if err := os.Rename(path, path+".old"); err != nil {
			return nil, err
		}
	default:
		return os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	}
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
}
