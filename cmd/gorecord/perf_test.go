package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// perfs are the perf programs of this machine: the distribution's, and newer
// ones where they are unpacked. A test that has none to ask is skipped.
func perfs(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, name := range []string{"perf", "/opt/perf612/perf", "/opt/perf72/perf"} {
		if path, err := exec.LookPath(name); err == nil {
			found = append(found, path)
		}
	}
	if len(found) == 0 {
		t.Skip("perf is not installed")
	}
	return found
}

// runPerf runs a perf and gives its standard output. perf 6.1 aborts by itself
// at times, and is then asked again.
func runPerf(t *testing.T, perf string, stdin []byte, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	for range 5 {
		cmd := exec.Command(perf, args...)
		stderr.Reset()
		cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), &stderr
		out, err := cmd.Output()
		if err == nil {
			return string(out)
		}
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.Exited() {
			t.Errorf("%s %v: %v\n%.500s", perf, args, err, stderr.Bytes())
			return string(out)
		}
	}
	t.Errorf("%s %v crashes: %.500s", perf, args, stderr.Bytes())
	return ""
}

// perfEvents counts the samples of each event as a perf reads them; the path
// - reads stdin.
func perfEvents(t *testing.T, perf, path string, stdin []byte) map[string]int {
	t.Helper()
	n := map[string]int{}
	for line := range strings.Lines(runPerf(t, perf, stdin, "script", "--force", "-F", "event", "-G", "-i", path)) {
		if name := strings.TrimSuffix(strings.TrimSpace(line), ":"); name != "" {
			n[name]++
		}
	}
	return n
}

var sampleCount = regexp.MustCompile(`(?m)^ +SAMPLE events: +(\d+)`)

// perfSamples counts all samples of a file as a perf reads them.
func perfSamples(t *testing.T, perf, path string) int {
	t.Helper()
	text := runPerf(t, perf, nil, "report", "--force", "--stats", "-i", path)
	match := sampleCount.FindStringSubmatch(text)
	if match == nil {
		return 0
	}
	n, err := strconv.Atoi(match[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// total sums the samples of all events of a recording as we read them.
func total(t *testing.T, path string) int {
	t.Helper()
	sum := 0
	for _, n := range samples(t, path) {
		sum += n
	}
	return sum
}

// flood makes system calls until the test ends.
func flood(t *testing.T) *os.Process {
	t.Helper()
	cmd := exec.Command("dd", "if=/dev/zero", "of=/dev/null", "bs=1", "status=none")
	if err := cmd.Start(); err != nil {
		t.Skipf("dd: %v", err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd.Process
}
