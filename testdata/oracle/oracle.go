// Package oracle runs perf, which tests compare with.
package oracle

import (
	"bytes"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// attempts is how often perf is run that ends by a crash of its own, as 6.1 does
// now and then. What it cannot read at all, it crashes over every time.
const attempts = 6

// Perf finds perf, or skips the test.
func Perf(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("perf")
	if err != nil {
		t.Skipf("the comparison needs perf: %v", err)
	}
	return path
}

// Run runs what command makes, again where it crashes, and gives what it
// printed. command is called for each run. Environment variables that would
// let perf wait for a server are taken away.
func Run(t testing.TB, command func() *exec.Cmd) (stdout, stderr []byte, err error) {
	t.Helper()
	for n := 1; ; n++ {
		cmd := command()
		if cmd.Env == nil {
			cmd.Env = os.Environ()
		}
		cmd.Env = append(cmd.Env, "DEBUGINFOD_URLS=")
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err = cmd.Run(); err == nil || n == attempts || !crashed(cmd.ProcessState) {
			return out.Bytes(), errs.Bytes(), err
		}
		t.Logf("%v: %v: %s; tried again", cmd.Args, err, errs.Bytes())
	}
}

// Output gives what perf prints, and fails the test where perf does.
func Output(t testing.TB, args ...string) string {
	t.Helper()
	perf := Perf(t)
	out, errs, err := Run(t, func() *exec.Cmd { return exec.Command(perf, args...) })
	if err != nil {
		t.Fatalf("perf %v: %v\n%s", args, err, errs)
	}
	return string(out)
}

// Record lets perf make a recording in file, again where perf itself then cannot
// read it. It skips the test where perf cannot record, or never makes a
// recording that it can read.
//
// Recordings should be made with --buildid-mmap: a recorder that does not ask
// for build ids in maps gets device and inode marked as such while another one,
// such as a test beside this one, asks for them (see perfevent.Layout), and perf
// 6.1 aborts over these.
func Record(t testing.TB, file string, command func() *exec.Cmd) {
	t.Helper()
	perf := Perf(t)
	for n := 1; ; n++ {
		if _, stderr, err := Run(t, command); err != nil {
			t.Skipf("perf cannot record this here: %v: %s", err, stderr)
		}
		out, err := exec.Command(perf, "script", "--force", "-G", "-F", "pid", "-i", file).CombinedOutput()
		if err == nil {
			return
		}
		if n == 4 {
			t.Skipf("perf cannot read what it records: %v: %s", err, out)
		}
	}
}

func crashed(s *os.ProcessState) bool {
	status, ok := s.Sys().(syscall.WaitStatus)
	if !ok || s == nil {
		return false
	}
	signal := status.Signal()
	if status.Exited() && status.ExitStatus() > 128 { // by way of a shell
		signal = syscall.Signal(status.ExitStatus() - 128)
	}
	return signal == syscall.SIGABRT || signal == syscall.SIGSEGV || signal == syscall.SIGBUS
}
