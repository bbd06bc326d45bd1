package tests

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

// workloads are programs that the test binary is under other names.
var workloads = map[string]func(args []string) int{
	"true":  func([]string) int { return 0 },
	"forks": forks,
}

// forks N runs /bin/true N times, and prints the pids, a line each.
func forks(args []string) int {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, "forks:", err)
		return 2
	}
	for range n {
		cmd := exec.Command("/bin/true")
		if err := cmd.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "forks:", err)
			return 1
		}
		fmt.Println(cmd.Process.Pid)
	}
	return 0
}
