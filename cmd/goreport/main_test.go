package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

const (
	callsData    = "../../report/testdata/calls.data"
	callsSymbols = "../../report/testdata/calls.kallsyms"
	clockData    = "../../testdata/recordings/cpu-clock-g.data"
	flatData     = "../../testdata/recordings/syscalls.data"
)

// goreport runs the command.
func goreport(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = run(context.Background(), args, strings.NewReader(""), &out, &err)
	return status, out.String(), err.String()
}

func TestStatus(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	noData := write("text", "no recording")
	empty := write("empty", "")
	tests := []struct {
		name   string
		args   []string
		status int
		stdout string // what it contains; nothing at all where empty
		stderr string
	}{
		{"help", []string{"-h"}, 0, "Call trees:", ""},
		{"version", []string{"--version"}, 0, "goreport ", ""},
		{"unknown flag", []string{"--bogus"}, 129, "", "--bogus"},
		{"misspelled flag", []string{"--percent"}, 129, "", "--percent-limit"},
		{"two files", []string{callsData, clockData}, 129, "", "one recording at a time"},
		{"file twice", []string{"-i", callsData, clockData}, 129, "", "two recordings"},
		{"empty pipe", []string{"-i", "-"}, 255, "", "standard input: not a perf.data file"},
		{"no such file", []string{"-i", filepath.Join(dir, "none")}, 255, "", "none"},
		{"no recording", []string{"-i", noData}, 255, "", "not a perf.data file"},
		{"empty file", []string{"-i", empty}, 255, "", "not a perf.data file"},
		{"folder", []string{"-i", dir}, 255, "", "a folder without a file called data"},
		{"no samples", []string{callsData, "--time", "100,200"}, 0, "", "has no samples!"},
		{"unknown key", []string{callsData, "-s", "simbol"}, 129, "", "did you mean `symbol'?"},
		{"key of perf's", []string{callsData, "-s", "srcline"}, 129, "", "not supported yet"},
		{"unknown field", []string{callsData, "-F", "foo"}, 129, "", "output field(s)"},
		{"unknown event", []string{callsData, "--event", "foo"}, 255, "", "cpu-clock, probe_x:f"},
		{"bad time", []string{callsData, "--time", "x"}, 129, "", "START,STOP"},
		{"bad pid and CPU", []string{callsData, "--pid", "x", "-C", "y"}, 129, "", "\"x\" is no process or thread number; \"y\" is no CPU"},
		{"bad call graph", []string{callsData, "--call-graph=foo"}, 129, "", "graph, fractal"},
		{"bad percent", []string{callsData, "--percent-limit", "x"}, 129, "", "no percentage"},
		{"bad separator", []string{callsData, "-t", "."}, 129, "", "full stop"},
		{"bad stack", []string{callsData, "--max-stack", "0"}, 129, "", "at least one frame"},
		{"call graph without callchains", []string{flatData, "-g"}, 255, "", "record with gorecord -g"},
		{"no CPU in samples", []string{clockData, "-C", "0"}, 255, "", "do not tell their CPU"},
		{"nothing to pair", []string{callsData, "--latency"}, 255, "", "record both, as in -e ./prog:FUNC -e ./prog:FUNC%return"},
		{"not built yet, with a value", []string{"--flamegraph", "x.html", callsData}, 129, "", "not built yet"},
		{"vmlinux", []string{callsData, "-k", "vmlinux"}, 129, "", "--kallsyms"},
		{"pprof and stats", []string{callsData, "--stats", "--pprof", "x"}, 129, "", "does not go with"},
		{"kallsyms that is not there", []string{callsData, "--kallsyms", filepath.Join(dir, "none")}, 255, "", "none"},
		{"symfs that is not there", []string{callsData, "--symfs", filepath.Join(dir, "none")}, 255, "", "none"},
		{"header", []string{callsData, "--header-only"}, 0, "# cmdline : gorecord app", ""},
		{"stats", []string{callsData, "--stats"}, 0, "Aggregated stats:", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, stdout, stderr := goreport(tt.args...)
			if status != tt.status {
				t.Errorf("status %d, want %d", status, tt.status)
			}
			if !strings.Contains(stdout, tt.stdout) || tt.stdout == "" && stdout != "" {
				t.Errorf("stdout %q, want %q in it", stdout, tt.stdout)
			}
			if !strings.Contains(stderr, tt.stderr) || tt.stderr == "" && stderr != "" {
				t.Errorf("stderr %q, want %q in it", stderr, tt.stderr)
			}
			if n := strings.Count(stderr, "\n"); n > 1 {
				t.Errorf("%d lines on stderr: %q", n, stderr)
			}
		})
	}
}

// What flags do to the tables; text has goldens of their layout.
func TestTables(t *testing.T) {
	base := []string{"-q", callsData, "--kallsyms", callsSymbols}
	tests := []struct {
		name      string
		args      []string
		want, not []string
	}{
		{"default: callers first, children", nil, []string{"61.11%     0.00%  app", "---main_loop\n"}, nil},
		{"no children: callees first", []string{"--no-children"}, []string{"    61.11%  app", "---inner\n"}, []string{"Children"}},
		{"inverted", []string{"--no-children", "-G"}, []string{"---main_loop\n"}, nil},
		{"detached -g", []string{"--no-children", "-g", "caller"}, []string{"---main_loop\n"}, nil},
		{"attached -g", []string{"--no-children", "-gcaller,count"}, []string{"---main_loop\n"}, nil},
		{"-g bundled", []string{"-Ug", "none"}, []string{"inner"}, []string{"---", "[unknown]"}},
		{"--call-graph detached", []string{"--call-graph", "none"}, []string{"inner"}, []string{"---"}},
		{"--no-call-graph", []string{"--no-call-graph"}, []string{"inner"}, []string{"---"}},
		{"numbers", []string{"-n", "-s", "sym", "-g", "none", "--no-children"}, []string{"    61.11%             7  [k] inner"}, nil},
		{"plus key", []string{"-s", "+cpu", "-g", "none"}, []string{"[k] inner               001", "[k] inner               000"}, nil},
		{"comm filter takes the column away", []string{"--comms", "tool", "-g", "none", "--no-children"}, []string{"     2.78%  app               [.] 0x0000000000001123"}, []string{"tool"}},
		{"event filter", []string{"--event", "probe_x:*", "-s", "trace"}, []string{"(ffffffff81000200) a=1"}, []string{"N/A"}},
		{"symbol filter", []string{"-S", "work", "-s", "comm", "-g", "none", "--no-children"}, []string{"16.67%"}, []string{"61.11%"}},
		{"percent limit", []string{"--percent-limit", "20", "-g", "none"}, []string{"50.00%"}, []string{"16.67%"}},
		{"max stack keeps the innermost", []string{"--max-stack", "1", "-s", "sym", "-g", "none"}, []string{"inner"}, []string{"main_loop"}},
		{"negated booleans", []string{"--no-show-nr-samples", "--no-inline", "--no-demangle", "--no-force", "--no-stdio", "--no-verbose", "--no-inverted", "--no-hide-unresolved"}, []string{"inner"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, stdout, stderr := goreport(append(base[:len(base):len(base)], tt.args...)...)
			if status != 0 || stderr != "" {
				t.Errorf("status %d: %s", status, stderr)
			}
			for _, want := range tt.want {
				if !strings.Contains(stdout, want) {
					t.Errorf("no %q in\n%s", want, stdout)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(stdout, not) {
					t.Errorf("%q in\n%s", not, stdout)
				}
			}
		})
	}
}

func TestAttachCalls(t *testing.T) {
	tests := []struct{ in, want string }{
		{"-g", "-g"},
		{"-g caller", "-g=caller"},
		{"-gcaller", "-g=caller"},
		{"-g=caller", "-g=caller"},
		{"-ng callee,0.5", "-ng=callee,0.5"},
		{"-ngcallee", "-ng=callee"},
		{"-g perf.data", "-g perf.data"},
		{"-g -n", "-g -n"},
		{"--call-graph none x", "--call-graph=none x"},
		{"-s g -i -g", "-s g -i -g"},
		{"-sg -g", "-sg -g"},
		{"-t - -g none", "-t - -g=none"},
		{"--sort sym -g graph", "--sort sym -g=graph"},
		{"-- -g caller", "-- -g caller"},
		{"- -", "- -"},
	}
	for _, tt := range tests {
		if got := strings.Join(attachCalls(strings.Fields(tt.in)), " "); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestPprofOutput(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "p.pb.gz")
	for _, previous := range []string{"", "something else"} {
		if previous != "" {
			if err := os.WriteFile(path, []byte(previous), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if status, stdout, stderr := goreport("-q", callsData, "--kallsyms", callsSymbols, "--pprof", path); status != 0 || stdout != "" || stderr != "" {
			t.Fatalf("status %d, %q, %q", status, stdout, stderr)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		prof, err := profile.Parse(f)
		st, _ := f.Stat()
		f.Close()
		if err != nil || len(prof.Sample) == 0 {
			t.Errorf("profile: %v", err)
		}
		if st.Mode().Perm() != 0o600 {
			t.Errorf("mode %v", st.Mode())
		}
	}
	status, stdout, _ := goreport("-q", callsData, "--pprof", "-")
	if prof, err := profile.ParseData([]byte(stdout)); status != 0 || err != nil || len(prof.Sample) == 0 {
		t.Errorf("to standard output: status %d, %v", status, err)
	}
	checkRefused(t, dir, path)
	if names, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

// checkRefused tries to write over things that are no files, and where nothing
// can be written.
func checkRefused(t *testing.T, dir, path string) {
	link := filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		link: "symbolic link", dir: "no regular file", os.DevNull: "no regular file", filepath.Join(dir, "none", "x"): "no such file",
	} {
		status, _, stderr := goreport("-q", callsData, "--pprof", name)
		if status != 255 || !strings.Contains(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: status %d, %q", name, status, stderr)
		}
	}
	if st, err := os.Lstat(link); err != nil || st.Mode().Type() != os.ModeSymlink {
		t.Error("the link was replaced")
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, err bytes.Buffer
	if status := run(ctx, []string{callsData}, nil, &out, &err); status != exitInterrupted || out.Len() > 0 || err.Len() > 0 {
		t.Errorf("status %d, %q, %q", status, out.String(), err.String())
	}
}

// TestNothingLeft: a recorder that was killed before its first record.
func TestNothingLeft(t *testing.T) {
	b, err := os.ReadFile("../../testdata/recordings/cpu-clock-g.data")
	if err != nil {
		t.Fatal(err)
	}
	b = b[:binary.LittleEndian.Uint64(b[40:])] // up to the data
	clear(b[48:56])                            // whose size is not known yet
	path := filepath.Join(t.TempDir(), "empty.data")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := goreport(path)
	if status != 255 || stdout != "" || !strings.Contains(stderr, "nothing of the recording can be read") {
		t.Errorf("status %d, stderr %s", status, stderr)
	}
}
