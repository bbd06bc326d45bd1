package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPipe: every perf counts in a stream what we count, in every mode; the
// workload's output is not in it, nor is anything that does not belong there.
func TestPipe(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	dir := t.TempDir()
	copyProgram(t, dir, "seed/main-nopie")
	t.Chdir(dir)
	busy := exec.Command("sh", "-c", "while :; do :; done")
	if err := busy.Start(); err != nil {
		t.Fatal(err)
	}
	defer busy.Wait()
	defer busy.Process.Kill()
	work := []string{"sh", "-c", "echo of the workload; for i in 1 2 3; do gzip -9 -c /bin/sh >/dev/null; done"}
	for _, flags := range [][]string{
		{"-e", "cpu-clock"}, {"-e", "cpu-clock", "-z"}, {"-e", "cpu-clock", "-z", "-a", "-F", "10000", "-g"},
		{"-e", "cpu-clock,page-faults,context-switches", "-a"},
		{"-e", "cpu-clock,page-faults", "-e", "sched:sched_process_*", "-e", "sched:sched_switch", "-a", "-g"},
		{"-e", "raw_syscalls:sys_enter", "-z", "-c", "1"},
		{"-e", "cpu-clock", "-g", "-p", fmt.Sprint(busy.Process.Pid)},
		{"-e", "probe_main:callee,probe_main:callee__return"},
	} {
		t.Run(strings.Join(flags, " "), func(t *testing.T) {
			command := work
			if strings.Contains(strings.Join(flags, " "), "probe") {
				command = []string{"./main-nopie"}
			}
			var stdout, stderr bytes.Buffer
			args := append(append([]string{"-o", "-"}, flags...), command...)
			status := run(context.Background(), args, strings.NewReader(""), &stdout, &stderr)
			if status != 0 || !regexp.MustCompile(`Captured and wrote \d+\.\d{3} MB - \(\d+ samples\)`).MatchString(stderr.String()) {
				t.Fatalf("status %d: %s", status, &stderr)
			}
			if said := "of the workload\n"; command[0] == "sh" && !strings.Contains(stderr.String(), said) || strings.Contains(stdout.String(), said) {
				t.Errorf("output of the workload: %s", &stderr)
			}
			if err := os.WriteFile("stream", stdout.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, f := range findings(t, "stream", unknown...) {
				t.Error(f)
			}
			want := samples(t, "stream")
			if len(want) == 0 {
				t.Error("no samples")
			}
			for _, perf := range perfs(t) {
				if got := perfEvents(t, perf, "-", stdout.Bytes()); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s counts %v, we %v", perf, got, want)
				}
			}
		})
	}
}

// toPipe runs gorecord with a pipe as standard output.
func toPipe(t *testing.T, dir string, args ...string) (cmd *exec.Cmd, stdout *os.File, stderr *bytes.Buffer) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	cmd = exec.Command("/proc/self/exe", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asCommand+"=1")
	stderr = new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = w, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, r, stderr
}

// TestPipeIsFound: without -o, a recording goes to standard output where that
// is a pipe; with -o it does not.
func TestPipeIsFound(t *testing.T) {
	needEvents(t)
	dir := t.TempDir()
	for _, test := range []struct {
		flags  []string
		stream bool
	}{
		{nil, true}, {[]string{"-o", "-"}, true}, {[]string{"-o", "f"}, false}, {[]string{"-o", "perf.data"}, false},
	} {
		cmd, stdout, stderr := toPipe(t, dir, append(slices.Clone(test.flags), "-e", "cpu-clock", "echo", "hello")...)
		out, err := io.ReadAll(stdout)
		if err != nil || cmd.Wait() != nil {
			t.Fatalf("%v: %v; %s", test.flags, err, stderr)
		}
		if got := bytes.HasPrefix(out, []byte("PERFILE2")); got != test.stream {
			t.Errorf("%v: %.20q; %s", test.flags, out, stderr)
		}
		if said := "standard output is a pipe"; (test.flags == nil) != strings.Contains(stderr.String(), said) {
			t.Errorf("%v: %s", test.flags, stderr)
		}
		if inStream := strings.Contains(string(out), "hello\n"); inStream == test.stream {
			t.Errorf("%v: the workload's output in the stream: %t; %s", test.flags, inStream, stderr)
		}
	}
}

// TestPipeIsPrompt: what happens is in the pipe within a second.
func TestPipeIsPrompt(t *testing.T) {
	needEvents(t)
	probes(t)
	cmd, stdout, stderr := toPipe(t, t.TempDir(), "-e", "sched:sched_process_exec", "-a",
		"sh", "-c", "sleep 1; /bin/true; exec sleep 60")
	defer cmd.Wait()
	defer cmd.Process.Signal(syscall.SIGTERM)
	arrived := make(chan time.Time, 1)
	go func() {
		defer close(arrived)
		buf := make([]byte, 1<<16)
		for {
			n, err := stdout.Read(buf)
			// The head has the command line.
			if bytes.Contains(buf[:n], []byte("/bin/true")) && !bytes.HasPrefix(buf[:n], []byte("PERFILE2")) {
				arrived <- time.Now()
				return
			}
			if err != nil {
				return
			}
		}
	}()
	begin := time.Now()
	select {
	case at, ok := <-arrived:
		if late := at.Sub(begin) - time.Second; !ok || late > time.Second {
			t.Errorf("arrived %v late; %s", late, stderr)
		}
	case <-time.After(20 * time.Second):
		t.Errorf("nothing arrived; %s", stderr)
	}
}

// TestPipeEnds: the reader goes while the recording is made, or does not read.
// The workload goes on, as it does under perf, and no probe stays.
func TestPipeEnds(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	dir := t.TempDir()
	copyProgram(t, dir, "programs/stack3")
	t.Run("closed", func(t *testing.T) {
		cmd, stdout, stderr := toPipe(t, dir, "-q", "-o", "-", "-e", "cpu-clock", "-e", "./stack3:callee", "-F", "1000", "-a", "sh", "-c", "sleep 1.5; touch finished")
		io.ReadFull(stdout, make([]byte, 5000))
		time.Sleep(500 * time.Millisecond)
		stdout.Close()
		cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != 141 {
			t.Errorf("status %d; %s", got, stderr)
		}
		if !regexp.MustCompile(`^gorecord: standard output: broken pipe \(its reader has ended\); kept \d+ samples \(\d+\.\d{3} MB\)\n$`).MatchString(stderr.String()) {
			t.Errorf("stderr: %s", stderr)
		}
		waitFor(t, "workload", func() bool { return exists(filepath.Join(dir, "finished")) })
	})
	t.Run("stuck", func(t *testing.T) {
		flood(t)
		cmd, _, stderr := toPipe(t, dir, "-o", "-", "-e", "raw_syscalls:sys_enter", "-e", "./stack3:callee", "-a")
		time.Sleep(time.Second)
		cmd.Process.Signal(syscall.SIGINT)
		time.Sleep(300 * time.Millisecond)
		cmd.Process.Signal(syscall.SIGINT)
		cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != 130 || !strings.Contains(stderr.String(), "(its reader takes nothing)") {
			t.Errorf("status %d; %s", got, stderr)
		}
	})
	t.Run("stuck at the beginning", func(t *testing.T) {
		// What is told of so many processes is more than a pipe holds.
		background(t, "for i in $(seq 400); do sleep 10 & done; wait")
		cmd, _, stderr := toPipe(t, dir, "-o", "-", "-e", "cpu-clock", "-a")
		time.Sleep(2 * time.Second)
		cmd.Process.Signal(syscall.SIGINT)
		cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != 130 || !strings.Contains(stderr.String(), "(its reader takes nothing)") {
			t.Errorf("status %d; %s", got, stderr)
		}
	})
}
