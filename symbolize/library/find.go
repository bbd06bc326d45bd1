// Package library finds libraries and programs by their names, as the dynamic
// loader and the shell would.
package library

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// System is where libraries are looked for.
type System struct {
	// Path is LD_LIBRARY_PATH: folders that come first.
	Path []string
	// Cache is the content of /etc/ld.so.cache, nil where there is none.
	Cache []byte
	// Folders are those of the loader itself.
	Folders []string
	// Flags are those of the machine's libraries in the cache.
	Flags uint32
	// IsFile reports whether a path is that of a file, List gives the names
	// in a folder.
	IsFile func(path string) bool
	List   func(folder string) []string
}

// Running is the system that the process runs on.
func Running() System {
	s := System{
		Flags:  flagsELF64 | x86_64,
		IsFile: isFile,
		List:   list,
		Folders: []string{
			"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib",
		},
	}
	if runtime.GOARCH == "arm64" {
		s.Flags = flagsELF64 | aarch64
		s.Folders[0], s.Folders[1] = "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu"
	}
	if path := os.Getenv("LD_LIBRARY_PATH"); path != "" {
		s.Path = filepath.SplitList(path)
	}
	s.Cache, _ = os.ReadFile("/etc/ld.so.cache")
	return s
}

func isFile(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

func list(folder string) []string {
	entries, _ := os.ReadDir(folder)
	var names []string
	for _, e := range entries {
		if e.Type()&fs.ModeDir == 0 {
			names = append(names, e.Name())
		}
	}
	return names
}

// Find gives the file that a name stands for: a library by its soname
// (libc.so.6), without the version (libc.so, libc) or without lib (c), else a
// program in PATH. ok is false where there is none. Names with a slash are
// paths, not names.
func Find(name string) (path string, ok bool) {
	if path, ok = Running().Find(name); ok {
		return path, true
	}
	if name == "" || strings.Contains(name, "/") {
		return "", false
	}
	found, err := exec.LookPath(name)
	return found, err == nil
}

// Find looks for a library.
func (s System) Find(name string) (path string, ok bool) {
	if name == "" || strings.Contains(name, "/") {
		return "", false
	}
	cache := parseCache(s.Cache, s.Flags)
	for _, want := range []func(string) bool{
		func(n string) bool { return n == name },
		func(n string) bool { return versionOf(n, name) },
		func(n string) bool { return versionOf(n, "lib"+name) },
	} {
		if path, ok := s.inFolders(s.Path, want); ok {
			return path, true
		}
		i := slices.IndexFunc(cache, func(e entry) bool { return want(e.name) && s.IsFile(e.path) })
		if i >= 0 {
			return cache[i].path, true
		}
		if path, ok := s.inFolders(s.Folders, want); ok {
			return path, true
		}
	}
	return "", false
}

// versionOf reports whether a file is a version of a library: libc.so.6 of libc
// and of libc.so.
func versionOf(file, name string) bool {
	rest, ok := strings.CutPrefix(file, strings.TrimSuffix(name, ".so")+".so")
	return ok && (rest == "" || rest[0] == '.')
}

// inFolders finds the first file that is wanted; in a folder the shortest name,
// which is that of the loader's link.
func (s System) inFolders(folders []string, want func(string) bool) (string, bool) {
	for _, folder := range folders {
		names := slices.DeleteFunc(s.List(folder), func(n string) bool { return !want(n) })
		slices.SortFunc(names, func(a, b string) int {
			if len(a) != len(b) {
				return len(a) - len(b)
			}
			return strings.Compare(a, b)
		})
		for _, n := range names {
			if path := filepath.Join(folder, n); s.IsFile(path) {
				return path, true
			}
		}
	}
	return "", false
}
