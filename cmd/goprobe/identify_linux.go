package main

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// identify gives a file's identity as the kernel prints it in maps. It maps the
// file and looks: on some file systems (overlayfs, btrfs) stat(2) names
// another device.
func identify(path string) (fileID, error) {
	f, err := os.Open(path)
	if err != nil {
		return fileID{}, err
	}
	defer f.Close()
	page, err := unix.Mmap(int(f.Fd()), 0, os.Getpagesize(), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return fileID{}, fmt.Errorf("map %s: %w", path, err)
	}
	defer unix.Munmap(page)
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return fileID{}, err
	}
	defer maps.Close()
	list, err := readMaps(maps)
	if err != nil {
		return fileID{}, err
	}
	addr := uint64(uintptr(unsafe.Pointer(unsafe.SliceData(page))))
	for _, m := range list {
		if addr >= m.start && addr < m.end {
			return m.file, nil
		}
	}
	return fileID{}, errors.New("the file's own mapping is not listed in /proc/self/maps")
}
