package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// writeOutput writes a file as a whole or not at all: what was there before
// stays until the new content is complete. The file is the owner's alone, and
// a symbolic link in its place is refused, since it may lead anywhere. "-" is
// standard output.
func writeOutput(path string, stdout io.Writer, write func(io.Writer) error) (err error) {
	if path == "-" {
		return write(stdout)
	}
	switch st, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case st.Mode().Type() == fs.ModeSymlink:
		return fmt.Errorf("write %s: it is a symbolic link; name the file itself", path)
	case !st.Mode().IsRegular():
		return fmt.Errorf("write %s: it is no regular file; - writes to standard output", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if err := errors.Join(write(f), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
