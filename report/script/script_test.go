package script

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gorecord/perfevent/perfdata"
	"gorecord/report"
	"gorecord/symbolize"
	"gorecord/symbolize/stack"
)

var update = flag.Bool("update", false, "write the golden files anew")

const recordings = "../../testdata/recordings"

// show prints a recording. No file of this machine is looked at, so that the
// result is the same everywhere.
func show(t *testing.T, path string, opts Options) string {
	t.Helper()
	r, err := perfdata.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	store, err := symbolize.NewStore(symbolize.StoreOptions{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var out bytes.Buffer
	if _, err := Write(context.Background(), &out, r, &stack.Resolver{Store: store}, opts); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestGolden compares lines and objects with what they were; the lines of
// tracepoints also with what perf printed.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob(recordings + "/*.data")
	if err != nil || len(paths) == 0 {
		t.Fatalf("recordings: %v", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".data")
		for form, opts := range map[string]Options{"txt": {}, "json": {Layout: LayoutJSON}, "ftrace": {Layout: LayoutFtrace}} {
			if form == "ftrace" && name != "sched" && name != "cpu-clock-g" {
				continue
			}
			t.Run(name+"."+form, func(t *testing.T) {
				lines := strings.SplitAfterN(show(t, path, opts), "\n", 41)
				got := strings.Join(lines[:min(40, len(lines))], "")
				golden := filepath.Join("testdata", name+"."+form)
				if *update {
					if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestTraceAsPerf compares the whole line of each hit with perf's.
func TestTraceAsPerf(t *testing.T) {
	for _, name := range []string{"sched", "syscalls", "seed"} {
		want, err := os.ReadFile(filepath.Join(recordings, name+".trace"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), show(t, filepath.Join(recordings, name+".data"), Options{})); diff != "" {
			t.Errorf("%s (-perf +ours):\n%s", name, diff)
		}
	}
}

// TestJSON: each line is an object by itself, whatever the names in it.
func TestJSON(t *testing.T) {
	out := show(t, filepath.Join(recordings, "sched.data"), Options{Layout: LayoutJSON})
	n := 0
	for line := range strings.Lines(out) {
		var o struct {
			Time  uint64         `json:"time"`
			Event string         `json:"event"`
			Comm  string         `json:"comm"`
			Args  map[string]any `json:"args"`
		}
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if o.Time == 0 || !strings.HasPrefix(o.Event, "sched:") || o.Args["pid"] == nil {
			t.Errorf("%s", line)
		}
		n++
	}
	if n == 0 {
		t.Error("no objects")
	}
}

func TestAppendString(t *testing.T) {
	for _, s := range []string{"", "plain", `a"b\c`, "tab\tnew\nline\x1b[31m\x7f", "ünïcode 世界", "bad \xff\xfe utf", "\x00"} {
		var got string
		b := appendString(nil, s)
		if err := json.Unmarshal(b, &got); err != nil {
			t.Errorf("%q: %v: %s", s, err, b)
		}
		if want := strings.ToValidUTF8(s, "�"); len(s) > 0 && !strings.Contains(s, "\xff") && got != want {
			t.Errorf("%q becomes %q", s, got)
		}
		if bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Errorf("%q: control characters in %s", s, b)
		}
	}
}

func TestSelect(t *testing.T) {
	path := filepath.Join(recordings, "sched.data")
	out := show(t, path, Options{Filter: report.Filter{Events: []string{"sched_process_exit"}}})
	if strings.Contains(out, "sched_process_exec") || !strings.Contains(out, "sched_process_exit") {
		t.Errorf("%s", out)
	}
}

// TestHasControl: each control character is seen at each place, tab included,
// and no other.
func TestHasControl(t *testing.T) {
	for n := range 20 {
		for at := range n {
			for c := range 256 {
				text := bytes.Repeat([]byte("x"), n)
				text[at] = byte(c)
				if got, want := hasControl(text), c < ' ' || c == 0x7f; got != want {
					t.Fatalf("%q: %v", text, got)
				}
			}
		}
	}
}
