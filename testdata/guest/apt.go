package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ulikunitz/xz"
)

// apt asks Debian's package sources with a state of its own: the system's
// sources, lists and packages stay as they are.
type apt struct {
	dir         string // for its state
	arch, suite string
}

// noMirror says that there is no way to Debian's mirror from this machine.
type noMirror struct{ evidence string }

func (e *noMirror) Error() string { return "Debian's mirror cannot be reached: " + e.evidence }

// keyring holds the keys of Debian's archive.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// extractKernel downloads the package that a kernel's general package depends
// on, and puts the parts of it into a folder. It returns the package's name.
func (a *apt) extractKernel(general, dir string) (pkg string, err error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", errors.New("apt-get is missing, and kernels come from Debian's packages; copy the cache folder from a machine that has it")
	}
	if err := a.prepare(); err != nil {
		return "", err
	}
	if _, err := a.run("apt-get", "update"); err != nil {
		return "", err
	}
	out, err := a.run("apt-cache", "depends", "--important", general)
	if err != nil {
		return "", err
	}
	if pkg = kernelPackage(out); pkg == "" {
		return "", fmt.Errorf("%s of %s depends on no kernel: %q", general, a.suite, out)
	}
	if _, err := a.run("apt-get", "download", pkg+":"+a.arch); err != nil {
		return "", err
	}
	debs, err := filepath.Glob(filepath.Join(a.dir, pkg+"_*.deb"))
	if err != nil || len(debs) != 1 {
		return "", fmt.Errorf("apt-get download %s left %d packages in %s", pkg, len(debs), a.dir)
	}
	defer os.Remove(debs[0])
	return pkg, unpackKernel(debs[0], dir)
}

// kernelPackage finds the package of a kernel in what apt-cache depends prints.
func kernelPackage(depends string) string {
	m := regexp.MustCompile(`(?m)^\s*Depends: (linux-(?:image|binary)-[0-9][^ \n]*)`).FindStringSubmatch(depends)
	if m == nil {
		return ""
	}
	return strings.TrimSuffix(m[1], "-unsigned")
}

// prepare makes the folders and files of apt's state.
func (a *apt) prepare() error {
	for _, dir := range []string{"lists/partial", "archives/partial", "parts"} {
		if err := os.MkdirAll(filepath.Join(a.dir, dir), 0o755); err != nil {
			return err
		}
	}
	source := fmt.Sprintf("deb [signed-by=%s] %s %s main\n", keyring, mirror("/etc/apt"), a.suite)
	if err := os.WriteFile(filepath.Join(a.dir, "parts", "debian.list"), []byte(source), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(a.dir, "status"), nil, 0o644)
}

// mirror is the mirror that the machine's own sources name, or Debian's.
func mirror(etc string) string {
	uri := regexp.MustCompile(`(?m)^(?:URIs:|deb(?: \[[^]]*\])?)\s+(?:\S+ )*?(\S+/debian)/?(?:\s|$)`)
	for _, pattern := range []string{"sources.list", "sources.list.d/*"} {
		files, _ := filepath.Glob(filepath.Join(etc, pattern))
		for _, file := range files {
			text, _ := os.ReadFile(file)
			if m := uri.FindSubmatch(text); m != nil {
				return string(m[1])
			}
		}
	}
	return "http://deb.debian.org/debian"
}

// run runs one of apt's commands in the state's folder, and gives what it
// prints. An error that stems from the network is of type *noMirror.
func (a *apt) run(command string, args ...string) (string, error) {
	options := []string{
		"-q",
		"-o", "Dir::State=" + a.dir,
		"-o", "Dir::State::status=" + filepath.Join(a.dir, "status"),
		"-o", "Dir::Cache=" + a.dir,
		"-o", "Dir::Etc::sourcelist=/dev/null",
		"-o", "Dir::Etc::sourceparts=" + filepath.Join(a.dir, "parts"),
		"-o", "APT::Architecture=" + a.arch,
		"-o", "APT::Architectures=" + a.arch,
		"-o", "APT::Sandbox::User=root",
		"-o", "APT::Update::Error-Mode=any",
		"-o", "Acquire::Retries=2",
	}
	cmd := exec.Command(command, append(options, args...)...)
	cmd.Dir, cmd.Env = a.dir, append(os.Environ(), "LC_ALL=C")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err == nil {
		return stdout.String(), nil
	}
	said := stderr.String()
	if line := networkFailure(said); line != "" {
		return "", &noMirror{line}
	}
	return "", fmt.Errorf("%s %s: %w: %s", command, strings.Join(args, " "), err, strings.Join(strings.Fields(said), " "))
}

// networkFailure finds the line by which apt says that there is no way to the
// mirror, or gives "".
func networkFailure(said string) string {
	for line := range strings.Lines(said) {
		for _, sign := range []string{"Could not resolve", "Temporary failure resolving", "Could not connect", "Cannot initiate the connection",
			"Unable to connect", "connection timed out", "Connection timed out", "Connection failed"} {
			if strings.Contains(line, sign) {
				return strings.TrimSpace(line)
			}
		}
	}
	return ""
}

// parts are the files of a kernel's package that guests need: the kernel, and a
// module with functions that are easily called.
var parts = []struct{ name, pattern string }{
	{"vmlinuz", `^boot/vmlinuz-[^/]*$`},
	{moduleFile, `^(usr/)?lib/modules/[^/]*/kernel/fs/binfmt_misc\.ko(\.xz)?$`},
}

const moduleFile = "binfmt_misc.ko"

// unpackKernel puts the parts of a package into a folder.
func unpackKernel(deb, dir string) error {
	cmd := exec.Command("dpkg-deb", "--fsys-tarfile", deb)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(deb), err)
	}
	copyErr := copyParts(out, dir)
	_, _ = io.Copy(io.Discard, out) // so that dpkg-deb ends
	if err := errors.Join(copyErr, cmd.Wait()); err != nil {
		return fmt.Errorf("unpack %s: %w", filepath.Base(deb), err)
	}
	return nil
}

func copyParts(r io.Reader, dir string) error {
	found := map[string]bool{}
	for archive := tar.NewReader(r); ; {
		head, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		for _, part := range parts {
			if regexp.MustCompile(part.pattern).MatchString(path.Clean(head.Name)) {
				found[part.name] = true
				if err := copyPart(archive, filepath.Join(dir, part.name), strings.HasSuffix(head.Name, ".xz")); err != nil {
					return fmt.Errorf("%s: %w", head.Name, err)
				}
			}
		}
	}
	for _, part := range parts {
		if !found[part.name] {
			return fmt.Errorf("it holds no %s", part.name)
		}
	}
	return nil
}

// copyPart writes a file, unpacked, in one step.
func copyPart(r io.Reader, to string, packed bool) error {
	if packed {
		var err error
		if r, err = xz.NewReader(r); err != nil {
			return err
		}
	}
	f, err := os.Create(to + ".new")
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(to+".new", to)
}
