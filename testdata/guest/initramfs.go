package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
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

// writeInitramfs packs what was built, and the host's perf where the guest can
// run it.
func writeInitramfs(to, built, perf string, config guestConfig) error {
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
	// The test binary is these programs, too.
	for _, name := range []string{"true", "forks"} {
		a.link("bin/"+name, "/init")
	}
	if perf != "" {
		if err := addProgram(a, perf); err != nil {
			return err
		}
	}
	text, err := json.Marshal(config)
	if err != nil {
		return err
	}
	a.data("guest.json", 0o644, text)
	return a.close()
}

// addProgram adds a program of the host with the libraries that it names, in
// the places where it has them.
func addProgram(a *archive, program string) error {
	libraries, err := exec.Command("ldd", program).Output()
	if err != nil {
		return fmt.Errorf("libraries of %s: %w", program, err)
	}
	a.file("bin/"+path.Base(program), program)
	for _, lib := range libraryPaths(string(libraries)) {
		a.file(strings.TrimPrefix(lib, "/"), lib)
	}
	return nil
}

// libraryPaths reads the absolute paths that ldd prints.
func libraryPaths(ldd string) []string {
	var out []string
	for _, m := range regexp.MustCompile(`(?m)(?:^|=>)\s+(/\S+) \(0x`).FindAllStringSubmatch(ldd, -1) {
		out = append(out, m[1])
	}
	return out
}
