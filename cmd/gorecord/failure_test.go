package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mounted mounts a file system for the test, or skips it with the kernel's
// answer.
func mounted(t *testing.T, source, dir, fstype string, flags uintptr, data string) {
	t.Helper()
	if err := syscall.Mount(source, dir, fstype, flags, data); err != nil {
		t.Skipf("mount %s: %v", fstype, err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
			syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	})
}

// onExt4 gives a folder on an ext4 file system of the given size in a file.
func onExt4(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	image, mnt := filepath.Join(dir, "image"), filepath.Join(dir, "mnt")
	if err := os.Mkdir(mnt, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, line := range [][]string{{"truncate", "-s", size, image}, {"mkfs.ext4", "-q", "-F", "-O", "^has_journal", image}, {"mount", "-o", "loop", image, mnt}} {
		cmd := exec.Command(line[0], line[1:]...)
		cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
		if path, err := exec.LookPath("/usr/sbin/" + line[0]); err == nil {
			cmd.Path, cmd.Err = path, nil
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("%v: %v: %s", line, err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", mnt).CombinedOutput(); err != nil {
			t.Errorf("unmount: %v: %s", err, out)
		}
	})
	return mnt
}

// onTmpfs gives a folder on a tmpfs of the given size.
func onTmpfs(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	mounted(t, "tmpfs", dir, "tmpfs", 0, "size="+size)
	return dir
}

// limited runs gorecord with files bounded to some units of 512 bytes.
func limited(t *testing.T, dir string, blocks int, args ...string) (status int, stderr string) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	line := `exec "$0" "$@"`
	if blocks > 0 {
		line = fmt.Sprintf("ulimit -f %d; ", blocks) + line
	}
	cmd := exec.Command("sh", append([]string{"-c", line, program}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), asCommand+"=1")
	var buf bytes.Buffer
	cmd.Stderr = &buf
	cmd.Run()
	return cmd.ProcessState.ExitCode(), buf.String()
}

// TestOutputFails lets the disk, or what may be used of it, run full. The
// recording ends with one line, and is whole as far as that says; the workload
// gets SIGTERM as in perf; no probe stays.
func TestOutputFails(t *testing.T) {
	needEvents(t)
	keepsProbes(t)
	programs := t.TempDir()
	copyProgram(t, programs, "programs/stack3")
	probe := filepath.Join(programs, "stack3") + ":callee"
	for _, test := range []struct {
		name   string
		dir    func(*testing.T) string
		blocks int
		cause  string
		least  int64 // bytes that are kept
	}{
		{"tmpfs", func(t *testing.T) string { return onTmpfs(t, "1M") }, 0, "no space left on device", 900 << 10},
		{"ext4", func(t *testing.T) string { return onExt4(t, "2M") }, 0, "no space left on device", 900 << 10},
		{"file size", (*testing.T).TempDir, 600, "file too large", 230 << 10},
	} {
		for _, flags := range [][]string{{}, {"--no-compress"}} {
			t.Run(strings.Join(append(flags, test.name), " "), func(t *testing.T) {
				dir := test.dir(t)
				flood(t)
				term := filepath.Join(programs, strings.ReplaceAll(t.Name(), "/", "_"))
				args := append([]string{"-q"}, flags...)
				args = append(args, "-e", "raw_syscalls:sys_enter", "-e", probe, "-a", "--",
					"sh", "-c", "trap 'touch "+term+"; exit' TERM; while :; do sleep 0.1; done")
				status, stderr := limited(t, dir, test.blocks, args...)
				match := regexp.MustCompile(`^gorecord: perf\.data: ` + test.cause + ` \(.*\); kept (\d+) samples \(\d+\.\d{3} MB\)\n$`).FindStringSubmatch(stderr)
				if match == nil || status != 255 {
					t.Fatalf("status %d; %s", status, stderr)
				}
				if !exists(term) {
					t.Error("the workload got no SIGTERM")
				}
				kept, _ := strconv.Atoi(match[1])
				path := filepath.Join(dir, "perf.data")
				if st, err := os.Stat(path); err != nil || st.Size() < test.least {
					t.Errorf("%v, %v; want %d bytes at least", st, err, test.least)
				}
				if n := total(t, path); n != kept {
					t.Errorf("%d samples, said were %d", n, kept)
				}
				for _, perf := range perfs(t) {
					if n := perfSamples(t, perf, path); n != kept {
						t.Errorf("%s sees %d samples, want %d", perf, n, kept)
					}
				}
			})
		}
	}
}

// TestNothingToKeep: where not even the beginning of a recording can be
// written, there is no file, the workload does not start, and one line says why.
func TestNothingToKeep(t *testing.T) {
	needEvents(t)
	for _, test := range []struct {
		name, output string
		dir          func(*testing.T) string
		blocks       int
		stderr       string
	}{
		{"full", "perf.data", func(t *testing.T) string { return onTmpfs(t, "4K") }, 0, "perf.data: no space left on device (-o names a file elsewhere, --max-size ends a recording in time); nothing could be kept"},
		{"file size", "perf.data", (*testing.T).TempDir, 1, "perf.data: file too large (ulimit -f bounds files; --switch-output makes several); nothing could be kept"},
		{"full device", "/dev/full", (*testing.T).TempDir, 0, "/dev/full: no space left on device (-o names a file elsewhere, --max-size ends a recording in time); nothing could be kept"},
		{"read-only folder", "perf.data", func(t *testing.T) string {
			dir := onTmpfs(t, "1M")
			if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
				t.Skipf("remount: %v", err)
			}
			return dir
		}, 0, "open perf.data: read-only file system"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := test.dir(t)
			started := filepath.Join(t.TempDir(), "started")
			status, stderr := limited(t, dir, test.blocks, "-q", "-o", test.output, "-e", "cpu-clock", "-a", "touch", started)
			if status != 255 || stderr != "gorecord: "+test.stderr+"\n" {
				t.Errorf("status %d; %s", status, stderr)
			}
			if exists(started) {
				t.Error("the workload ran")
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
				t.Errorf("left behind: %v, %v", entries, err)
			}
		})
	}
}

// TestKillAnywhere kills the recorder at 50 moments during a flood of events:
// the file that is left opens here and in every perf, with the same samples.
func TestKillAnywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	needEvents(t)
	probes(t)
	flood(t)
	rng := rand.New(rand.NewPCG(20, 26))
	dir := t.TempDir()
	path := filepath.Join(dir, "perf.data")
	whole := 0
	for trial := range 50 {
		os.Remove(path)
		args := []string{"-e", "raw_syscalls:sys_enter", "-a"}
		if trial%5 == 4 {
			args = append(args, "--no-compress")
		}
		cmd, stderr := start(t, dir, args...)
		delay := time.Duration(rng.IntN(1500)) * time.Millisecond
		time.Sleep(delay)
		cmd.Process.Kill()
		cmd.Wait()
		if !recorded(path) {
			continue // it was killed before there was a recording
		}
		n := total(t, path)
		if n > 0 {
			whole++
		}
		for _, perf := range perfs(t) {
			if got := perfSamples(t, perf, path); got != n {
				t.Errorf("trial %d, killed after %v: %s sees %d samples, we %d; %s", trial, delay, perf, got, n, stderr)
			}
		}
	}
	if whole < 5 { // on a busy machine a recorder needs its time to begin
		t.Errorf("%d of 50 recordings have samples", whole)
	}
}
