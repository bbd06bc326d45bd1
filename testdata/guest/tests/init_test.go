// Package tests is what runs in a guest: its test binary is the kernel's init,
// which prepares the file system, runs itself once more for the tests
// (TestGuest…), puts what they leave in /out onto a disk, as a tar, and
// switches the machine off. go run ./testdata/guest boots it.
package tests

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// verdictMark stands in front of the line that the host waits for.
const verdictMark = "guest: verdict: "

// inGuest is set for the tests, so that they never run on a machine that
// somebody uses: they take every probe of the kernel for their own.
const inGuest = "GORECORD_GUEST"

func TestMain(m *testing.M) {
	if workload, ok := workloads[filepath.Base(os.Args[0])]; ok {
		if err := workload(os.Args[1:]); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	switch {
	case os.Getpid() == 1:
		initMain()
	case os.Getenv(inGuest) == "":
		fmt.Fprintln(os.Stderr, "these tests run in a kernel of their own: go run ./testdata/guest")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// initMain is the guest's init. It does not return.
func initMain() {
	verdict := "pass"
	if err := errors.Join(prepare(), runTests(), bringBack("/out", "/dev/nvme0n1")); err != nil {
		verdict = fmt.Sprintf("fail: %q", err)
	}
	fmt.Printf("\n%s%s\n", verdictMark, verdict)
	unix.Sync()
	err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	fmt.Println("guest: power off:", err)
	select {}
}

// prepare mounts what programs expect to be there.
func prepare() error {
	for _, m := range []struct{ kind, at string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}, {"tmpfs", "/out"},
		{"tracefs", "/sys/kernel/tracing"}, {"debugfs", "/sys/kernel/debug"},
	} {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.at, m.kind, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s at %s: %w", m.kind, m.at, err)
		}
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	fmt.Printf("guest: %s %s %s, %d CPUs\n", unix.ByteSliceToString(u.Release[:]), unix.ByteSliceToString(u.Version[:]), runtime.GOARCH, runtime.NumCPU())
	return os.Chdir("/tmp")
}

// config is what the host wrote for this boot.
type config struct {
	Args, Env []string
}

// runTests runs the tests in a child and waits for it, and for all that
// children leave behind.
func runTests() error {
	text, err := os.ReadFile("/guest.json")
	if err != nil {
		return err
	}
	var c config
	if err := json.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("/guest.json: %w", err)
	}
	env := append([]string{inGuest + "=1", "PATH=/bin", "HOME=/tmp", "TMPDIR=/tmp", "TERM=dumb"}, c.Env...)
	tests, err := os.StartProcess("/init", append([]string{"/init"}, c.Args...), &os.ProcAttr{
		Env: env, Files: []*os.File{os.Stdin, os.Stdout, os.Stdout},
	})
	if err != nil {
		return err
	}
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("wait for the tests: %w", err)
		case pid == tests.Pid && status.Signaled():
			return fmt.Errorf("the tests died: %v", status.Signal())
		case pid == tests.Pid && status.ExitStatus() != 0:
			return errors.New("the tests' exit status is " + strconv.Itoa(status.ExitStatus()))
		case pid == tests.Pid:
			return nil
		}
	}
}

// bringBack writes a folder onto a disk.
func bringBack(dir, disk string) error {
	f, err := os.OpenFile(disk, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	w := tar.NewWriter(f)
	err = errors.Join(w.AddFS(os.DirFS(dir)), w.Close(), f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("bring back %s: %w", dir, err)
	}
	return nil
}
