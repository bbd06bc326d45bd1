package tracefs

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const (
	mountPoint = "/sys/kernel/tracing" // since Linux 4.1
	// debugPoint is mounted by debugfs when somebody looks at it.
	debugPoint = "/sys/kernel/debug/tracing"
)

// Open finds the machine's event tracing folder. Where it is not mounted it is
// mounted for this Dir alone, without a place in the file tree (fsmount(2)),
// so that the machine's mounts stay as they are and nothing is left behind.
// The caller must Close the Dir. The error says what is missing and what helps.
func Open() (*Dir, error) {
	if isTracefs(mountPoint) {
		return openAt(mountPoint, nil)
	}
	fd, err := detachedMount()
	if err == nil {
		return openAt(fmt.Sprintf("/proc/self/fd/%d", fd), func() error { return unix.Close(fd) })
	}
	if isTracefs(debugPoint) {
		return openAt(debugPoint, nil)
	}
	return nil, err
}

func isTracefs(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && st.Type == unix.TRACEFS_MAGIC
}

// openAt opens a mounted tracefs. release is called by Close, or at once where
// openAt fails.
func openAt(path string, release func() error) (*Dir, error) {
	root, err := os.OpenRoot(path + "/.")
	if err == nil {
		// The root itself can be opened by everybody where its mode is 0755,
		// and then holds the events.
		if _, err = root.Stat("events"); err != nil {
			root.Close()
		}
	}
	if err != nil {
		if release != nil {
			release()
		}
		return nil, openError(path, err)
	}
	d := NewDir(root.FS(), func(name string) (io.WriteCloser, error) {
		return root.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	})
	d.root = os.DirFS("/")
	d.close = func() error {
		err := root.Close()
		if release != nil {
			err = errors.Join(err, release())
		}
		return err
	}
	return d, nil
}

// detachedMount mounts tracefs and gives the mount's descriptor. The mount ends
// with it.
func detachedMount() (int, error) {
	fs, err := unix.Fsopen("tracefs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, mountError(err)
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return -1, mountError(err)
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC)
	if err != nil {
		return -1, mountError(err)
	}
	return fd, nil
}

func mountError(err error) error {
	hint := "as root: mount -t tracefs nodev " + mountPoint
	switch {
	case errors.Is(err, unix.ENODEV):
		return fmt.Errorf("open tracefs: %w: this kernel is built without event tracing (CONFIG_TRACING)", ErrNotSupported)
	case errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("open tracefs: not mounted, and this kernel cannot mount it aside (fsopen needs Linux 5.2): %w; %s", err, hint)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("open tracefs: not mounted, and mounting needs CAP_SYS_ADMIN: %w; %s", err, hint)
	}
	return fmt.Errorf("open tracefs: not mounted, and mounting it: %w; %s", err, hint)
}

func openError(path string, err error) error {
	switch {
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("open tracefs: %w; only root may look into it: run as root, give this program CAP_DAC_OVERRIDE, or as root: mount -o remount,gid=GROUP %s", err, path)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("open tracefs: %w; the kernel refuses it to everybody when it is locked down (see /sys/kernel/security/lockdown)", err)
	}
	return fmt.Errorf("open tracefs: %w", err)
}
