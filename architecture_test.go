package gorecord_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport is the house's plan (docs/architecture.md): the packages of the
// project that each package may import. Entries ending in "/…" stand for a
// folder. A package that is not named here has no place in the house yet.
var mayImport = map[string][]string{
	"perfevent":          {},
	"perfevent/near":     {},
	"perfevent/pmu":      {"perfevent", "perfevent/near"},
	"perfevent/format":   {"perfevent"},
	"perfevent/tracefs":  {"perfevent", "perfevent/near", "perfevent/format"},
	"perfevent/perfdata": {"perfevent"},
	"perfevent/machine":  {"perfevent"},
	// For tests; it reads recordings by itself.
	"perfevent/perfdata/validate": {"perfevent"},
	"symbolize/pclntab":           {},
	"symbolize":                   {"symbolize/pclntab"},
	"symbolize/code":              {"symbolize"},
	"symbolize/debuginfo":         {"symbolize"},
	"symbolize/gobinary":          {"symbolize", "symbolize/debuginfo", "symbolize/pclntab"},
	"perfevent/hit":               {"perfevent", "perfevent/format"},
	"perfevent/calls":             {"perfevent"},
	"symbolize/stack":             {"perfevent", "perfevent/machine", "symbolize"},
	"record/probe": {"perfevent", "perfevent/hit", "perfevent/tracefs", "perfevent/near", "symbolize", "symbolize/code",
		"symbolize/debuginfo", "symbolize/gobinary", "symbolize/usdt"},
	"perfevent/perfdata/twin": {"perfevent", "perfevent/perfdata"},
	"record": {"perfevent", "perfevent/pmu", "perfevent/tracefs", "perfevent/perfdata", "perfevent/machine",
		"perfevent/hit", "record/probe", "symbolize", "symbolize/library", "symbolize/stack", "symbolize/usdt"},
	"report": {"perfevent", "perfevent/calls", "perfevent/hit", "perfevent/perfdata", "perfevent/format", "perfevent/machine", "symbolize", "symbolize/stack"},
	// Views only read what report has gathered.
	"report/…": {"perfevent", "perfevent/perfdata", "perfevent/machine", "report", "symbolize/stack"},
	// Sample by sample, there is nothing gathered to read.
	"report/script": {"perfevent", "perfevent/calls", "perfevent/hit", "perfevent/perfdata", "perfevent/format", "perfevent/machine", "report", "symbolize/stack"},
	// It pairs while it reads.
	"report/latency":         {"perfevent", "perfevent/calls", "perfevent/format", "perfevent/hit", "perfevent/machine", "perfevent/perfdata", "report"},
	"symbolize/usdt":         {"symbolize"},
	"symbolize/library":      {},
	"cmd/internal/cli":       {},
	"cmd/internal/recording": {"cmd/internal/cli", "perfevent/perfdata", "report", "symbolize", "symbolize/stack"},
	"bench":                  {},
	"cmd/gorecord": {"cmd/internal/cli", "perfevent", "perfevent/pmu", "perfevent/tracefs", "perfevent/perfdata",
		"record", "record/probe", "symbolize"},
	"cmd/goreport": {"cmd/internal/…", "perfevent", "perfevent/perfdata", "report", "report/…"},
	"cmd/goscript": {"cmd/internal/…", "perfevent", "perfevent/perfdata", "perfevent/perfdata/twin", "report", "report/…"},
	"cmd/goprobe": {"cmd/internal/cli", "perfevent", "perfevent/near", "perfevent/tracefs", "record/probe", "symbolize", "symbolize/code",
		"symbolize/debuginfo", "symbolize/gobinary", "symbolize/usdt"},
}

// modules are the modules that the programs may link, and packages of the
// house that alone may import some of them.
var modules = map[string][]string{
	"github.com/google/pprof":            {"report/…"},
	"github.com/klauspost/compress":      {"perfevent/perfdata", "perfevent/perfdata/validate", "perfevent/perfdata/twin", "symbolize"},
	"github.com/ianlancetaylor/demangle": {"symbolize"},
	"github.com/spf13/pflag":             {"cmd/…"},
	"github.com/ulikunitz/xz":            {"symbolize"},
	"golang.org/x/arch":                  {"symbolize/code"},
	"golang.org/x/sys":                   nil,
	"golang.org/x/term":                  {"cmd/…"},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

// fits reports whether a package is one of a list, whose entries may stand for
// folders.
func fits(pkg string, list []string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		dir, folder := strings.CutSuffix(entry, "/…")
		return pkg == entry || folder && strings.HasPrefix(pkg, dir+"/")
	})
}

func allowed(pkg string) ([]string, bool) {
	if list, ok := mayImport[pkg]; ok {
		return list, true
	}
	for entry, list := range mayImport {
		if strings.HasSuffix(entry, "/…") && fits(pkg, []string{entry}) {
			return list, true
		}
	}
	return nil, false
}

// TestImports keeps the data flowing one way: no package reaches up, or aside
// where the plan has no arrow.
func TestImports(t *testing.T) {
	const module = "gorecord/"
	for _, p := range packages(t) {
		pkg, ok := strings.CutPrefix(p.ImportPath, module)
		if !ok {
			continue
		}
		list, known := allowed(pkg)
		if !known {
			t.Errorf("%s has no place in the plan: give it one here and in docs/architecture.md", pkg)
		}
		for _, imp := range p.Imports {
			if own, ok := strings.CutPrefix(imp, module); ok && !fits(own, list) {
				t.Errorf("%s must not import %s", pkg, own)
			}
			checkModule(t, pkg, imp)
		}
	}
}

func checkModule(t *testing.T, pkg, imp string) {
	t.Helper()
	if !strings.Contains(strings.Split(imp, "/")[0], ".") {
		return
	}
	for module, users := range modules {
		if imp == module || strings.HasPrefix(imp, module+"/") {
			if users != nil && !fits(pkg, users) {
				t.Errorf("%s must not import %s: only %v may", pkg, imp, users)
			}
			return
		}
	}
	t.Errorf("%s imports %s, of a module that the plan does not know", pkg, imp)
}
