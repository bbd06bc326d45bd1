package oracle

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Corpus is a folder of recordings that other tools made, with what perf says
// of them. It is not part of the project, but lies beside it.
type Corpus struct {
	dir      string
	binaries map[string]map[string]string // recording → path in it → file
}

// OpenCorpus finds the corpus beside the project, whose root is up from the
// test's folder; where it is not there, the test is skipped.
func OpenCorpus(t testing.TB, up string) *Corpus {
	t.Helper()
	c := &Corpus{dir: filepath.Join(up, "../shared/corpus"), binaries: map[string]map[string]string{}}
	f, err := os.Open(filepath.Join(c.dir, "BINARIES.tsv"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("the corpus is not here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = '\t'
	lines, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines[1:] {
		if c.binaries[l[0]] == nil {
			c.binaries[l[0]] = map[string]string{}
		}
		if strings.HasPrefix(l[2], "/") {
			c.binaries[l[0]][l[2]] = l[1]
		}
	}
	return c
}

// Files are the recordings, by name.
func (c *Corpus) Files(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(c.dir, "files"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Path is where a recording lies.
func (c *Corpus) Path(name string) string { return filepath.Join(c.dir, "files", name) }

// Reference is a reference result of a recording, such as flat.tsv; ok is false
// where there is none of that kind.
func (c *Corpus) Reference(t testing.TB, name, kind string) (text string, ok bool) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, "ref", name+"."+kind+".gz"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", false
	}
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(out), true
}

// SymFS lays out a folder with the binaries that a recording names.
func (c *Corpus) SymFS(t testing.TB, name string) string {
	t.Helper()
	root := t.TempDir()
	for path, file := range c.binaries[name] {
		b, err := os.ReadFile(filepath.Join(c.dir, "bin", file))
		if err != nil {
			t.Fatal(err)
		}
		place := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(place, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}
