package main

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// corpus is a folder of recordings that other tools made, with what perf says
// of them. It is not part of the project.
const corpus = "../../../shared/corpus"

// deviations are recordings that goreport reports otherwise than perf, and why.
var deviations = map[string]string{
	"autofdo__hierarchical_discriminator_test.x86_64.perf.data": "perf counts entries of branch stacks where there are any; goreport counts samples",
	"pdc__perf.data.branch-4.14":                                "perf counts entries of branch stacks where there are any; goreport counts samples",
	"simpleperf__perf_b.data":                                   "perf counts entries of branch stacks where there are any; goreport counts samples",
	"pdc__perf.data.group_desc-4.14":                            "perf puts the events of a group side by side; goreport shows a table for each",
	"pdc__perf.data.piped.header_feautres_group_desc-6.8":       "perf puts the events of a group side by side; goreport shows a table for each",
	"pdc__perf.data.lost_samples-4.4":                           "perf puts the events of a group side by side; goreport shows a table for each",
}

// TestCorpus compares with `perf report --no-children -n --sort comm,dso,sym`
// of every recording in the corpus.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpus, "ref", "*.perf-self.gz"))
	if err != nil || len(files) == 0 {
		t.Skipf("no corpus at %s", corpus)
	}
	binaries := corpusBinaries(t)
	for _, ref := range files {
		name := strings.TrimSuffix(filepath.Base(ref), ".perf-self.gz")
		t.Run(name, func(t *testing.T) {
			if why, ok := deviations[name]; ok {
				t.Skip(why)
			}
			compareCorpus(t, name, gunzip(t, ref), binaries[name])
		})
	}
}

// cutAt is the number of lines that references are cut off at.
const cutAt = 399

// cut drops the rows that a cut reference does not have, and those that weigh
// as much as its last row, of which it may have others.
func cut(got, want []row) (_, _ []row) {
	last := want[len(want)-1].percents
	above := func(rows []row) []row {
		return slices.DeleteFunc(rows, func(r row) bool { return r.percents[0] <= last[0] })
	}
	return above(got), above(want)
}

func compareCorpus(t *testing.T, name, perfText string, binaries map[string]string) {
	status, stdout, stderr := goreport("-i", filepath.Join(corpus, "files", name), "--symfs", symfs(t, binaries),
		"--no-children", "-n", "--sort", "comm,dso,sym", "-g", "none")
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	got, want := parseReport(stdout), parseReport(perfText)
	for i := range want {
		if len(got) == len(want) {
			got[i].event, want[i].event = withoutModifiers(got[i].event), withoutModifiers(want[i].event)
			if strings.Count(perfText, "\n") >= cutAt {
				got[i].rows, want[i].rows = cut(got[i].rows, want[i].rows)
			}
			for _, tables := range [][]table{got, want} {
				canonical(tables[i].rows, perfComms(want[i].rows))
			}
		}
	}
	compareTables(t, got, want, nil)
}

var modifiers = regexp.MustCompile(`:[A-Za-z]+$`)

// withoutModifiers drops what perf adds to an event's name and the recorder did
// not, as simpleperf's, and spells it one way.
func withoutModifiers(event string) string {
	return strings.TrimPrefix(modifiers.ReplaceAllString(event, ""), "hw-cpu-")
}

// perfComms are the names in perf's first text column. perf cuts a name off
// where it is wider than the last names of all threads.
func perfComms(rows []row) []string {
	var comms []string
	for _, r := range rows {
		if f := strings.Split(r.text, "|"); len(f) > 1 {
			comms = append(comms, f[1])
		}
	}
	return comms
}

// canonical writes names as perf does in both reports: cut off where perf cut
// them off, the kernel under one name, and a PLT entry under its section's
// where perf could not name it.
func canonical(rows []row, comms []string) {
	for i := range rows {
		f := strings.Split(rows[i].text, "|")
		if len(f) < 4 {
			continue
		}
		for _, c := range comms {
			if len(c) >= len("simplep") && strings.HasPrefix(f[1], c) {
				f[1] = c
			}
		}
		f[2] = strings.Replace(f[2], "[kernel.vmlinux]", "[kernel.kallsyms]", 1)
		if strings.HasSuffix(f[3], "@plt") {
			f[3] = "[.] _init"
		}
		rows[i].text = strings.Join(f, "|")
	}
}

// symfs lays out a folder with the binaries that a recording names.
func symfs(t *testing.T, binaries map[string]string) string {
	root := t.TempDir()
	for path, file := range binaries {
		b, err := os.ReadFile(filepath.Join(corpus, "bin", file))
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

// corpusBinaries says which file stands for which path in which recording.
func corpusBinaries(t *testing.T) map[string]map[string]string {
	f, err := os.Open(filepath.Join(corpus, "BINARIES.tsv"))
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
	binaries := map[string]map[string]string{}
	for _, l := range lines[1:] {
		if binaries[l[0]] == nil {
			binaries[l[0]] = map[string]string{}
		}
		if strings.HasPrefix(l[2], "/") {
			binaries[l[0]][l[2]] = l[1]
		}
	}
	return binaries
}

func gunzip(t *testing.T, path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestCorpusIsReadWhole reads every file, damaged ones too, and asks all that
// goreport can show: it may refuse with one line, nothing else.
func TestCorpusIsReadWhole(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpus, "files", "*"))
	if err != nil || len(files) == 0 {
		t.Skipf("no corpus at %s", corpus)
	}
	dir := t.TempDir()
	for _, file := range files {
		for _, args := range [][]string{{"-s", "comm,dso,sym,cpu,trace,pid"}, {"--pprof", filepath.Join(dir, "p.pb.gz")}, {"--header", "--stats"}} {
			status, _, stderr := goreport(append([]string{"-q", "-i", file, "--symfs", dir}, args...)...)
			if status != 0 && status != 255 || strings.Count(stderr, "\n") > 1 || status == 255 && stderr == "" {
				t.Errorf("%s %v: status %d: %s", filepath.Base(file), args, status, stderr)
			}
		}
	}
}
