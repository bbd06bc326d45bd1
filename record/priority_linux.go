package record

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// drainNice is the nice value that the draining thread takes where it may: a
// recorder that has to wait for a CPU loses what it is there to record.
const drainNice = -20

// withPriority runs f on a thread of its own with the highest priority of
// ordinary scheduling. Without the permission (CAP_SYS_NICE) the priority stays
// as it is.
func withPriority(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tid := unix.Gettid()
	// The system call gives 20 - nice, since it cannot give negative values.
	prio, err := unix.Getpriority(unix.PRIO_PROCESS, tid)
	if err == nil && unix.Setpriority(unix.PRIO_PROCESS, tid, drainNice) == nil {
		defer unix.Setpriority(unix.PRIO_PROCESS, tid, 20-prio)
	}
	return f()
}
