package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// guestTests is the package whose test binary is the guest's init, and holds
// the tests.
const guestTests = "./testdata/guest/tests"

// programs are what the tests run, beside the commands.
var programs = []string{"./testdata/programs/goprog"}

// build compiles for a guest: the test binary as init, and commands and
// programs beside it.
func build(root, arch, dir string) error {
	goTool := func(args ...string) error {
		cmd := exec.Command("go", args...)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
		return nil
	}
	if err := goTool("test", "-c", "-o", filepath.Join(dir, "init"), guestTests); err != nil {
		return err
	}
	return goTool(append([]string{"build", "-o", dir + "/", "./cmd/..."}, programs...)...)
}

// guestConfig is what the guest's init reads from /guest.json.
type guestConfig struct {
	Args []string // of the test binary
	Env  []string
}

// writeInitramfs packs what was built, a module, and programs of this machine
// with their libraries.
func writeInitramfs(to, built, module string, host []string, config guestConfig) error {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer f.Close()
	a := newArchive(f)
	files, err := filepath.Glob(filepath.Join(built, "*"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if name := filepath.Base(file); name == "init" {
			a.file(name, file)
		} else {
			a.file("bin/"+name, file)
		}
	}
	a.file(filepath.Base(module), module)
	// The test binary is these programs, too.
	for _, name := range []string{"true", "forks", "opens", "calls", "waits", "reads"} {
		a.link("bin/"+name, "/init")
	}
	if err := addPrograms(a, host); err != nil {
		return err
	}
	text, err := json.Marshal(config)
	if err != nil {
		return err
	}
	a.data("guest.json", 0o644, text)
	return a.close()
}

// addPrograms adds programs of the host to bin, and the libraries that they
// name in the places where the host has them.
func addPrograms(a *archive, programs []string) error {
	if len(programs) == 0 {
		return nil
	}
	libraries, err := exec.Command("ldd", programs...).Output()
	if err != nil {
		return fmt.Errorf("libraries of %s: %w", strings.Join(programs, ", "), err)
	}
	for _, program := range programs {
		a.file("bin/"+path.Base(program), program)
	}
	for _, lib := range libraryPaths(string(libraries)) {
		a.file(strings.TrimPrefix(lib, "/"), lib)
	}
	return nil
}

// libraryPaths reads the absolute paths that ldd prints, each once.
func libraryPaths(ldd string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`(?m)(?:^|=>)\s+(/\S+) \(0x`).FindAllStringSubmatch(ldd, -1) {
		out = append(out, m[1])
	}
	slices.Sort(out)
	return slices.Compact(out)
}
