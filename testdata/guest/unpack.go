package main

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// unpack unpacks the tar on a guest's disk into a folder, which it makes.
// Nothing is written outside it.
func unpack(disk, dir string) error {
	f, err := os.Open(disk)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for archive := tar.NewReader(f); ; {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = unpackOne(root, head, archive)
		}
		if err != nil {
			return fmt.Errorf("what the guest brought back: %w", err)
		}
	}
}

func unpackOne(root *os.Root, head *tar.Header, content io.Reader) error {
	switch head.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(filepath.Clean(head.Name), 0o755)
	case tar.TypeReg:
		f, err := root.Create(filepath.Clean(head.Name))
		if err != nil {
			return err
		}
		_, err = io.Copy(f, content)
		return errors.Join(err, f.Close())
	}
	return nil
}
