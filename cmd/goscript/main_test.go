package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const recordings = "../../testdata/recordings/"

func goscript(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(context.Background(), args, strings.NewReader(""), &out, &errs)
	return status, out.String(), errs.String()
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("not a recording, but long enough for a header"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		args   []string
		status int
		lines  int // of stdout
		stderr string
	}{
		{"lines", []string{"-q", recordings + "seed.data"}, 0, 1, ""},
		{"by -i", []string{"-q", "-i", recordings + "sched.data"}, 0, 6, ""},
		{"one event", []string{"-q", "--event", "sched:sched_process_exec", recordings + "sched.data"}, 0, 3, ""},
		{"one command", []string{"-q", "--comms", "true", recordings + "sched.data"}, 0, 4, ""},
		{"nobody", []string{"-q", "--pid", "1,2", recordings + "sched.data"}, 0, 0, ""},
		{"missing file", []string{"nosuch.data"}, 255, 0, "goscript: open nosuch.data: no such file or directory\n"},
		{"no recording", []string{text}, 255, 0, "goscript: " + text + ": not a perf.data file\n"},
		{"folder", []string{dir}, 255, 0, "goscript: " + dir + ": a folder without a file called data: no recording\n"},
		{"two files", []string{"a", "b"}, 129, 0, "goscript: \"b\": one recording at a time; see goscript --help\n"},
		{"bad number", []string{"--pid", "x", recordings + "seed.data"}, 129, 0, "goscript: \"x\" is no process or thread number; see goscript --help\n"},
		{"empty pipe", []string{"-i", "-"}, 255, 0, "goscript: standard input: not a perf.data file\n"},
		{"unknown field", []string{"-F", "ip,foo"}, 129, 0, "goscript: invalid field requested (\"foo\"); see goscript --help\n"},
		{"field of perf's", []string{"-F", "insn"}, 129, 0, "goscript: field insn is not shown here: it needs hardware traces to be decoded, which perf script does; see goscript --help\n"},
		{"missing field", []string{"-F", "uregs", recordings + "seed.data"}, 255, 0, "goscript: samples for 'probe_main:callee' event do not have UREGS attribute set: cannot print 'uregs' field\n"},
		{"not yet", []string{"--itrace=i", recordings + "seed.data"}, 129, 0, "goscript: --itrace is not built yet; hardware traces are not decoded; perf script does it; see goscript --help\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, stdout, stderr := goscript(test.args...)
			if status != test.status || strings.Count(stdout, "\n") != test.lines || stderr != test.stderr {
				t.Errorf("status %d, stderr %q, stdout:\n%s", status, stderr, stdout)
			}
		})
	}
}

// TestJSON: what the keys hold.
func TestJSON(t *testing.T) {
	status, stdout, stderr := goscript("-q", "--json", recordings+"seed.data")
	if status != 0 {
		t.Fatal(stderr)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"event": "probe_main:callee", "comm": "main-nopie", "ip": "0x401126", "period": 1.0,
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	if args, ok := got["args"].(map[string]any); !ok || args["__probe_ip"] != float64(0x401126) {
		t.Errorf("args %v", got["args"])
	}
}

// TestPipe: a recording that comes through a pipe is shown as from its file.
func TestPipe(t *testing.T) {
	for _, name := range []string{"pipe.data", "sched.data"} {
		f, err := os.Open(recordings + name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var out, errs bytes.Buffer
		status := run(context.Background(), []string{"-q", "-i", "-"}, f, &out, &errs)
		_, want, _ := goscript("-q", recordings+name)
		if status != 0 || out.String() != want || want == "" {
			t.Errorf("%s: status %d, %s\n%s", name, status, errs.String(), out.String())
		}
	}
}

// TestDamaged: what is left of a recording that was cut off is shown.
func TestDamaged(t *testing.T) {
	b, err := os.ReadFile(recordings + "syscalls.data")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cut.data")
	if err := os.WriteFile(path, b[:len(b)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := goscript(path)
	if n := strings.Count(stdout, "\n"); status != 0 || n < 50 || !strings.Contains(stderr, "cut off") {
		t.Errorf("status %d, %d lines, stderr %s", status, n, stderr)
	}
}
