package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"gorecord/perfevent/perfdata/twin"
	"os"
	"path/filepath"
	"slices"
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

// TestCutAnywhere: what is left of a recording that was cut off is shown, and one
// line says where it ends; where nothing is left, that is an error.
func TestCutAnywhere(t *testing.T) {
	for _, name := range []string{"syscalls.data", "sched.data", "pipe.data"} {
		b, err := os.ReadFile(recordings + name)
		if err != nil {
			t.Fatal(err)
		}
		_, whole, _ := goscript("-q", "-F", "comm,tid,time", recordings+name)
		path := filepath.Join(t.TempDir(), "cut.data")
		shown := map[bool]int{}
		for cut := 0; cut < len(b)-8; cut += 1 + len(b)/150 {
			if err := os.WriteFile(path, b[:cut], 0o644); err != nil {
				t.Fatal(err)
			}
			status, stdout, stderr := goscript("-F", "comm,tid,time", path)
			if !within(stdout, whole) {
				t.Fatalf("%s cut at %d: lines that the whole does not have", name, cut)
			}
			shown[stdout != ""]++
			lines := strings.Count(stderr, "\n")
			switch {
			case stdout != "" && status != 0, stdout == "" && status != 0 && status != 255:
				t.Errorf("%s cut at %d: status %d with %d bytes shown: %s", name, cut, status, len(stdout), stderr)
			case lines == 0 && !(name == "pipe.data" && status == 0):
				t.Errorf("%s cut at %d: nothing is said", name, cut)
			case lines > 2:
				t.Errorf("%s cut at %d: %s", name, cut, stderr)
			}
		}
		if shown[true] < 10 || shown[false] < 3 {
			t.Errorf("%s: %v", name, shown)
		}
	}
}

// within reports whether all lines of part are lines of whole, in the same
// order: what is missing of one CPU lies between what is there of another.
func within(part, whole string) bool {
	rest := strings.Split(whole, "\n")
	for line := range strings.Lines(part) {
		at := slices.Index(rest, strings.TrimSuffix(line, "\n"))
		if at < 0 {
			return false
		}
		rest = rest[at+1:]
	}
	return true
}

// TestNothingLeft: a recorder that was killed before its first record.
func TestNothingLeft(t *testing.T) {
	b, err := os.ReadFile(recordings + "cpu-clock-g.data")
	if err != nil {
		t.Fatal(err)
	}
	data := binary.LittleEndian.Uint64(b[40:])
	b = b[:data]
	clear(b[48:56])
	path := filepath.Join(t.TempDir(), "empty.data")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	status, stdout, stderr := goscript(path)
	if status != 255 || stdout != "" || !strings.Contains(stderr, "nothing of the recording can be read") {
		t.Errorf("status %d, stderr %s", status, stderr)
	}
}

// TestDump: the text of a recording is turned back into its bytes.
func TestDump(t *testing.T) {
	for _, name := range []string{"seed.data", "pipe.data", "cpu-clock-g-z.data"} {
		want, err := os.ReadFile(recordings + name)
		if err != nil {
			t.Fatal(err)
		}
		for how, run := range map[string]func() (int, string, string){
			"file": func() (int, string, string) { return goscript("-D", recordings+name) },
			"stream": func() (int, string, string) {
				var out, errs bytes.Buffer
				status := run(context.Background(), []string{"-D", "-i", "-"}, bytes.NewReader(want), &out, &errs)
				return status, out.String(), errs.String()
			},
		} {
			status, stdout, stderr := run()
			if status != 0 || !strings.Contains(stdout, " SAMPLE ") {
				t.Fatalf("%s by %s: status %d: %s", name, how, status, stderr)
			}
			got, err := twin.Parse(strings.NewReader(stdout))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s by %s: %d bytes, want %d, %v", name, how, len(got), len(want), err)
			}
		}
	}
	for _, args := range [][]string{{"-D", "--json"}, {"-D", "--pid", "1"}, {"-D", "-F", "ip"}} {
		if status, _, stderr := goscript(append(args, recordings+"seed.data")...); status != 129 {
			t.Errorf("%q: status %d: %s", args, status, stderr)
		}
	}
}
