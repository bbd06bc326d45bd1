package tests

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// commandLimit is how long a command may run; emulated machines are slow.
const commandLimit = 60 * time.Second

// result is what a command printed, and how it ended.
type result struct {
	stdout, stderr string
	status         int // -1 where a signal ended it
}

// try runs a command in a folder.
func try(t *testing.T, dir string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil || ctx.Err() != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// must runs a command that has to succeed, and gives what it printed.
func must(t *testing.T, dir string, args ...string) string {
	t.Helper()
	r := try(t, dir, args...)
	if r.status != 0 {
		t.Fatalf("%s: exit status %d\n%s%s", strings.Join(args, " "), r.status, r.stdout, r.stderr)
	}
	return r.stdout
}

const tracing = "/sys/kernel/tracing"

// probes are the kernel's own lists of dynamic events, uprobes last.
func probes(t *testing.T) string {
	t.Helper()
	var all []byte
	for _, name := range []string{"kprobe_events", "uprobe_events"} {
		text, err := os.ReadFile(filepath.Join(tracing, name))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	return string(all)
}

// workplace is a folder for a test that has to leave the kernel's probes as it
// found them: none.
func workplace(t *testing.T) string {
	t.Helper()
	if left := probes(t); left != "" {
		t.Fatalf("probes before the test:\n%s", left)
	}
	t.Cleanup(func() {
		if left := probes(t); left != "" {
			t.Errorf("the test leaves probes:\n%s", left)
			clearProbes(t)
		}
	})
	return t.TempDir()
}

// clearProbes takes every probe away.
func clearProbes(t *testing.T) {
	t.Helper()
	for _, name := range []string{"kprobe_events", "uprobe_events"} {
		if err := os.WriteFile(filepath.Join(tracing, name), nil, 0); err != nil {
			t.Error(err)
		}
	}
}

// keep brings a file back to the host, under the test's name.
func keep(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join("/out", t.Name())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), content, 0o644); err != nil {
		t.Fatal(err)
	}
}
