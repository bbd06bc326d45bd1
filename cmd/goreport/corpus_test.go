package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gorecord/testdata/oracle"
)

// deviations are recordings that goreport reports otherwise than perf, and why.
var deviations = map[string]string{
	"autofdo__hierarchical_discriminator_test.x86_64.perf.data": "perf counts entries of branch stacks where there are any; goreport counts samples",
	"pdc__perf.data.branch-4.14":                                "perf counts entries of branch stacks where there are any; goreport counts samples",
	"simpleperf__perf_b.data":                                   "perf counts entries of branch stacks where there are any; goreport counts samples",
	"pdc__perf.data.group_desc-4.14":                            "perf puts the events of a group side by side; goreport shows a table for each",
	"pdc__perf.data.piped.header_feautres_group_desc-6.8":       "perf puts the events of a group side by side; goreport shows a table for each",
	"pdc__perf.data.lost_samples-4.4":                           "perf puts the events of a group side by side; goreport shows a table for each",
	"hiperf__fp.uncompress.data":                                "goreport names functions by the symbols that the recording holds; perf does not know them",
	"hiperf__report_test.data":                                  "goreport names functions by the symbols that the recording holds; perf does not know them",
	"simpleperf__perf_merge1.data":                              "goreport names functions by the symbols that the recording holds; perf does not know them",
	"simpleperf__perf_test_vmlinux.data":                        "goreport names functions by the symbols that the recording holds; perf does not know them",
	"simpleperf__perf_with_add_counter.data":                    "goreport names functions by the symbols that the recording holds; perf does not know them",
	"simpleperf__perf_with_callchain_record.data":               "goreport names functions by the symbols that the recording holds; perf does not know them",
}

// TestCorpus compares with `perf report --no-children -n --sort comm,dso,sym`
// of every recording in the corpus.
func TestCorpus(t *testing.T) {
	corpus := oracle.OpenCorpus(t, "../..")
	for _, name := range corpus.Files(t) {
		ref, ok := corpus.Reference(t, name, "perf-self")
		if !ok {
			continue // perf could not read it
		}
		t.Run(name, func(t *testing.T) {
			if why, ok := deviations[name]; ok {
				t.Skip(why)
			}
			compareCorpus(t, corpus, name, ref)
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

func compareCorpus(t *testing.T, corpus *oracle.Corpus, name, perfText string) {
	status, stdout, stderr := goreport("-i", corpus.Path(name), "--symfs", corpus.SymFS(t, name),
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

// TestCorpusIsReadWhole reads every file, damaged ones too, and asks all that
// goreport can show: it may refuse with one line, nothing else.
func TestCorpusIsReadWhole(t *testing.T) {
	corpus := oracle.OpenCorpus(t, "../..")
	dir := t.TempDir()
	for _, name := range corpus.Files(t) {
		file := corpus.Path(name)
		for _, args := range [][]string{{"-s", "comm,dso,sym,cpu,trace,pid"}, {"--pprof", filepath.Join(dir, "p.pb.gz")}, {"--header", "--stats"}} {
			status, _, stderr := goreport(append([]string{"-q", "-i", file, "--symfs", dir}, args...)...)
			if status != 0 && status != 255 || strings.Count(stderr, "\n") > 1 || status == 255 && stderr == "" {
				t.Errorf("%s %v: status %d: %s", name, args, status, stderr)
			}
		}
	}
}
