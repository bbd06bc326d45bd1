// Package oracle runs perf, which tests compare with.
package oracle

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
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
		if n == 1 && slices.Contains(cmd.Args, "record") {
			defer lock(t)()
		}
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

// Record lets perf make a recording in file, again where perf itself then aborts
// over it, because somebody else's recorder was at work (see Alone). It skips the
// test where perf cannot record, or never makes a recording that it can read.
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

// Alone keeps recordings by perf away until the test ends. Tests that record the
// whole machine call it: kernels up to 6.18 mark maps in recordings of others as
// having build ids while a recorder that asks for build ids watches the same
// process (see perfevent.Layout), and perf aborts when it reads them.
func Alone(t testing.TB) {
	t.Helper()
	t.Cleanup(lock(t))
}

// turn is held by this process while holders is above 0.
var (
	turnMu  sync.Mutex
	turn    *os.File
	holders int
)

// lock waits for the turn of this process among those that record.
func lock(t testing.TB) (unlock func()) {
	t.Helper()
	turnMu.Lock()
	defer turnMu.Unlock()
	if holders == 0 {
		f, err := os.OpenFile(filepath.Join(os.TempDir(), "gorecord-test.lock"), os.O_RDWR|os.O_CREATE, 0o600)
		if err == nil {
			err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		}
		if err != nil {
			t.Fatalf("wait for other tests: %v", err)
		}
		turn = f
	}
	holders++
	return func() {
		turnMu.Lock()
		defer turnMu.Unlock()
		if holders--; holders == 0 {
			turn.Close()
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
