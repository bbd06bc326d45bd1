package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestArchive: cpio(1) lists what was packed, and unpacks it as it was.
func TestArchive(t *testing.T) {
	if _, err := exec.LookPath("cpio"); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "three")
	if err := os.WriteFile(file, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	a := newArchive(&packed)
	a.file("bin/deep/three", file)
	a.data("empty", 0o644, nil)
	a.data("five", 0o644, []byte("12345"))
	a.link("bin/link", "deep/three")
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cpio", "-idv", "--quiet")
	cmd.Dir, cmd.Stdin = dir, &packed
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, want := string(out), "bin\nbin/deep\nbin/deep/three\nempty\nfive\nbin/link\n"; got != want {
		t.Errorf("packed %q, want %q", got, want)
	}
	for name, want := range map[string]string{"bin/link": "abc", "empty": "", "five": "12345"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
}

func TestArchiveOfMissingFile(t *testing.T) {
	var packed bytes.Buffer
	a := newArchive(&packed)
	a.file("x", "/does/not/exist")
	if err := a.close(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// script is a machine whose QEMU is a shell script.
func script(t *testing.T, text string) *machine {
	t.Helper()
	path := filepath.Join(t.TempDir(), "qemu")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return &machine{qemu: path}
}

func TestBootVerdicts(t *testing.T) {
	for _, test := range []struct{ name, script, verdict, err string }{
		{"pass", "printf 'hello\\r\\nguest: verdict: pass\\r\\n[ 1.0] reboot: Power down\\r\\n'", "pass", ""},
		{"fail", `echo 'guest: verdict: fail: "1 test"'`, `fail: "1 test"`, ""},
		{"verdict cut off", "printf 'guest: verdict: pa'", "", "no verdict"},
		{"panic", "echo 'Kernel panic'", "", "no verdict"},
		{"QEMU dies", "echo 'no such option' >&2; exit 1", "", "no such option"},
		{"hang", "exec sleep 60", "", "no verdict within 300ms"},
		{"hang after the verdict", "echo 'guest: verdict: pass'; exec sleep 60", "pass", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var console strings.Builder
			limit := 10 * time.Second
			if strings.HasPrefix(test.name, "hang") {
				limit = 300 * time.Millisecond
			}
			verdict, err := boot(context.Background(), script(t, test.script), nil, limit, &console)
			if verdict != test.verdict || test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("verdict %q, error %v; want %q, %q; console %q", verdict, err, test.verdict, test.err, console.String())
			}
			if err != nil && !errors.Is(err, errNoVerdict) {
				t.Errorf("%v is not taken for a boot without a verdict", err)
			}
		})
	}
}

func TestMirror(t *testing.T) {
	for _, test := range []struct{ file, text, want string }{
		{"sources.list", "# deb http://no.example/debian x main\ndeb http://old.example/debian bookworm main\n", "http://old.example/debian"},
		{"sources.list", "deb [arch=amd64 signed-by=/k] https://signed.example/debian/ sid main\n", "https://signed.example/debian"},
		{"sources.list.d/debian.sources", "Types: deb\n# http://snapshot.example/debian\nURIs: http://new.example/debian\nSuites: x\n", "http://new.example/debian"},
		{"sources.list.d/debian.sources", "URIs: http://sec.example/debian-security\n", "http://deb.debian.org/debian"},
		{"sources.list.d/other.list", "deb https://other.example/apt stable main\n", "http://deb.debian.org/debian"},
	} {
		etc := t.TempDir()
		path := filepath.Join(etc, test.file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(test.text), 0o644)); err != nil {
			t.Fatal(err)
		}
		if got := mirror(etc); got != test.want {
			t.Errorf("%s with %q: %q, want %q", test.file, test.text, got, test.want)
		}
	}
}

func TestKernelPackage(t *testing.T) {
	for depends, want := range map[string]string{
		"linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-50-cloud-amd64\n":          "linux-image-6.1.0-50-cloud-amd64",
		"linux-image-cloud-amd64\n  Depends: linux-binary-7.3+deb13-cloud-amd64\n":        "linux-binary-7.3+deb13-cloud-amd64",
		"linux-image-cloud-amd64\n  PreDepends: dpkg\n  Depends: <linux-image-nothing>\n": "",
	} {
		if got := kernelPackage(depends); got != want {
			t.Errorf("%q: %q, want %q", depends, got, want)
		}
	}
}

func TestNetworkFailure(t *testing.T) {
	const dns = "E: Failed to fetch http://deb.debian.org/x  Temporary failure resolving 'deb.debian.org'"
	if got := networkFailure("Reading…\n" + dns + "\nE: Some index files failed\n"); got != dns {
		t.Errorf("got %q", got)
	}
	if got := networkFailure("E: The repository is not signed.\n"); got != "" {
		t.Errorf("a refusal is taken for a failure of the network: %q", got)
	}
}

func TestLibraryPaths(t *testing.T) {
	const ldd = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\tlibgone.so => not found\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n"
	if got, want := libraryPaths(ldd), []string{"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestUnpack: nothing leaves the folder, whatever the guest's disk says.
func TestUnpack(t *testing.T) {
	dir := t.TempDir()
	disk := filepath.Join(dir, "disk")
	write := func(names ...string) {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, name := range names {
			if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: 1, Typeflag: tar.TypeReg}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(w.Close(), os.WriteFile(disk, append(b.Bytes(), make([]byte, 1<<16)...), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("a")
	if err := unpack(disk, filepath.Join(dir, "to")); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "to", "a")); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
	write("../outside")
	if err := unpack(disk, filepath.Join(dir, "to")); err == nil {
		t.Error("a path out of the folder is taken")
	}
	if _, err := os.Stat(filepath.Join(dir, "outside")); err == nil {
		t.Error("a file was written outside")
	}
}

func TestChoose(t *testing.T) {
	for _, test := range []struct {
		list string
		want int
		ok   bool
	}{{"", 3, true}, {"all", len(kernels), true}, {"6.1,6.12", 2, true}, {"2.6", 0, false}} {
		got, err := choose(test.list)
		if len(got) != test.want || (err == nil) != test.ok {
			t.Errorf("%q: %d kernels, %v", test.list, len(got), err)
		}
	}
}
