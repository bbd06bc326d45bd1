package tests

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// sample is a line of goscript --json.
type sample struct {
	Time     uint64
	PID, TID int
	Comm     string
	Event    string
	Args     map[string]json.RawMessage
	frame
	Callchain []frame
}

// frame is a place in the code.
type frame struct{ IP, Symbol, DSO string }

// samples reads the samples of a folder's perf.data.
func samples(t *testing.T, dir string) []sample {
	t.Helper()
	var out []sample
	for line := range strings.Lines(must(t, dir, "goscript", "--json")) {
		var s sample
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		out = append(out, s)
	}
	return out
}

// count counts the samples of an event.
func count(list []sample, event string) int {
	n := 0
	for i := range list {
		if list[i].Event == event {
			n++
		}
	}
	return n
}

// number is an argument that is a number.
func (s *sample) number(t *testing.T, arg string) int {
	t.Helper()
	n, err := strconv.Atoi(string(s.Args[arg]))
	if err != nil {
		t.Fatalf("argument %s of %s: %v; there are %v", arg, s.Event, err, s.Args)
	}
	return n
}

// text is an argument that is a string.
func (s *sample) text(t *testing.T, arg string) string {
	t.Helper()
	var out string
	if err := json.Unmarshal(s.Args[arg], &out); err != nil {
		t.Fatalf("argument %s of %s: %v; there are %v", arg, s.Event, err, s.Args)
	}
	return out
}

// numbers reads a number from each line.
func numbers(t *testing.T, lines string) []int {
	t.Helper()
	var out []int
	for word := range strings.FieldsSeq(lines) {
		n, err := strconv.Atoi(word)
		if err != nil {
			t.Fatalf("%v in %q", err, lines)
		}
		out = append(out, n)
	}
	return out
}

// forked are the threads that began while a folder's perf.data was recorded.
func forked(t *testing.T, dir string) map[int]bool {
	t.Helper()
	out := map[int]bool{}
	text := must(t, dir, "goscript", "--show-task-events")
	for _, m := range regexp.MustCompile(`PERF_RECORD_FORK\(\d+:(\d+)\)`).FindAllStringSubmatch(text, -1) {
		tid, _ := strconv.Atoi(m[1])
		out[tid] = true
	}
	return out
}
