package gorecord_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write generated files anew")

var commands = []string{"gorecord", "goreport", "goscript", "goprobe"}

// TestManPages: the manual pages in docs/man are those that the commands print,
// from the same source as their help.
func TestManPages(t *testing.T) {
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin+"/", "./cmd/...")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range commands {
		page, err := exec.Command(filepath.Join(bin, name), "--man").Output()
		if err != nil {
			t.Fatalf("%s --man: %v", name, err)
		}
		path := filepath.Join("docs", "man", name+".1")
		if *update {
			if err := os.WriteFile(path, page, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(want) != string(page) {
			t.Errorf("%s is not what %s --man prints: go test . -run ManPages -update", path, name)
		}
	}
}

// TestLinks: what README and docs point to exists.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("docs: %v", err)
	}
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, page := range append(pages, "README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target := filepath.Join(filepath.Dir(page), m[1])
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s points to %s: %v", page, m[1], err)
			}
		}
	}
}

// TestPackagesAreInThePlan: docs/architecture.md names every package.
func TestPackagesAreInThePlan(t *testing.T) {
	plan, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packages(t) {
		if pkg, ok := strings.CutPrefix(p.ImportPath, "gorecord/"); ok && !strings.Contains(string(plan), "`"+pkg+"`") {
			t.Errorf("docs/architecture.md does not say what %s is for", pkg)
		}
	}
}
