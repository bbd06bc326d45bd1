package tests

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// workloads are programs that the test binary is under other names. They give
// an exit status.
var workloads = map[string]func(args []string) error{
	"true":  func([]string) error { return nil },
	"forks": forks,
	"opens": opens,
	"calls": calls,
	"waits": waits,
	"reads": reads,
}

// forks N runs /bin/true N times, and prints the pids, a line each.
func forks(args []string) error {
	n, err := strconv.Atoi(args[0])
	for range n {
		cmd := exec.Command("/bin/true")
		if err := cmd.Run(); err != nil {
			return err
		}
		fmt.Println(cmd.Process.Pid)
	}
	return err
}

// opens PATH opens a file.
func opens(args []string) error {
	f, err := os.Open(args[0])
	if err == nil {
		err = f.Close()
	}
	return err
}

// calls N makes the system call getppid N times.
func calls(args []string) error {
	n, err := strconv.Atoi(args[0])
	for range n {
		syscall.Getppid()
	}
	return err
}

// waits sleeps until it is killed, at most a minute.
func waits([]string) error {
	time.Sleep(time.Minute)
	return nil
}

// reads MS keeps the kernel busy for some milliseconds, by reading its list of
// symbols.
func reads(args []string) error {
	ms, err := strconv.Atoi(args[0])
	for end := time.Now().Add(time.Duration(ms) * time.Millisecond); err == nil && time.Now().Before(end); {
		_, err = os.ReadFile("/proc/kallsyms")
	}
	return err
}
