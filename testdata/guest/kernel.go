package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// kernel is a kernel that can be booted: Debian's newest of a suite.
type kernel struct {
	name    string
	arch    string // of Go and Debian alike
	suite   string
	pkg     string // depends on the package of the newest version
	machine machine
	always  bool // booted where no kernel is named
}

var kernels = []kernel{
	{"6.1", "amd64", "bookworm", "linux-image-cloud-amd64", pc, true},
	{"6.12", "amd64", "bookworm-backports", "linux-image-cloud-amd64", pc, true},
	{"6.1-arm64", "arm64", "bookworm", "linux-image-cloud-arm64", virt, true},
}

// choose finds the kernels of a list of names; an empty list stands for those
// that every run boots, "all" for all.
func choose(list string) ([]kernel, error) {
	var out []kernel
	if list == "" || list == "all" {
		for _, k := range kernels {
			if k.always || list == "all" {
				out = append(out, k)
			}
		}
		return out, nil
	}
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(kernels, func(k kernel) bool { return k.name == name })
		if i < 0 {
			return nil, fmt.Errorf("kernel %q is not known; there are %s", name, kernelNames())
		}
		out = append(out, kernels[i])
	}
	return out, nil
}

func kernelNames() string {
	var names []string
	for _, k := range kernels {
		names = append(names, k.name)
	}
	return strings.Join(names, ", ")
}

// cacheFolder is where kernels stay between runs.
func cacheFolder() (string, error) {
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "gorecord-kernels"), err
}

// freshFor is how long a kernel is used without a look at the mirror.
const freshFor = 7 * 24 * time.Hour

// fetch gives the folder with the parts of the kernel, and the name of its
// package. It looks for a newer one where the one at hand is older than
// freshFor, and takes the one at hand where that does not work. Runs side by
// side wait for each other.
func (k *kernel) fetch(cache string, logf func(string, ...any)) (dir, pkg string, err error) {
	dir = filepath.Join(cache, k.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", "", err
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", "", err
	}
	defer unlock()
	have, fresh := cached(dir)
	if fresh {
		return dir, have, nil
	}
	a := apt{dir: filepath.Join(dir, "apt"), arch: k.arch, suite: k.suite}
	pkg, err = a.extractKernel(k.pkg, dir)
	if err != nil && have != "" {
		logf("kernel %s: kept %s: %v", k.name, have, err)
		return dir, have, nil
	}
	if err != nil {
		return "", "", fmt.Errorf("kernel %s: %w", k.name, err)
	}
	return dir, pkg, os.WriteFile(filepath.Join(dir, packageFile), []byte(pkg), 0o644)
}

// packageFile is written last, when all parts are there.
const packageFile = "package"

// cached gives the package whose parts are in a folder, "" where one is not
// there, and whether it is fresh.
func cached(dir string) (pkg string, fresh bool) {
	for _, part := range parts {
		if _, err := os.Stat(filepath.Join(dir, part.name)); err != nil {
			return "", false
		}
	}
	path := filepath.Join(dir, packageFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", false
	}
	st, err := os.Stat(path)
	return string(text), err == nil && time.Since(st.ModTime()) < freshFor
}

// lock waits for a lock on a file.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
