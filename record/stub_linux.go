package record

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// stubName is the program name under which the recorder starts itself to hold
// a workload back until events are open; it is also the name of the thread.
const stubName = "gorecord-exec"

// Descriptors of the stub beside the standard ones.
const (
	stubGo    = 3 // a byte says go; the end says that the recorder is gone
	stubError = 4 // takes the errno of an exec that fails
)

func init() {
	if isStub() {
		// The exec must come from the thread that the events watch: the
		// first one, which runs init and main.
		runtime.LockOSThread()
	}
}

func isStub() bool { return len(os.Args) > 2 && os.Args[0] == stubName }

// RunStub must be the first thing that main does. In a process started by
// StartWorkload it waits, becomes the workload and never returns; everywhere
// else it does nothing.
func RunStub() {
	if !isStub() {
		return
	}
	name, err := unix.BytePtrFromString(stubName)
	if err == nil {
		unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(name)), 0, 0, 0)
	}
	unix.CloseOnExec(stubGo)
	unix.CloseOnExec(stubError)
	var b [1]byte
	if n, err := os.NewFile(stubGo, "go").Read(b[:]); n != 1 || err != nil {
		os.Exit(1)
	}
	err = syscall.Exec(os.Args[1], os.Args[2:], os.Environ())
	var errno syscall.Errno
	errors.As(err, &errno)
	os.NewFile(stubError, "error").Write([]byte{byte(errno)})
	os.Exit(1)
}

// Workload is a command that the recorder runs. It exists, as a process that
// waits, from StartWorkload on, and becomes the command at Release.
type Workload struct {
	cmd     *exec.Cmd
	path    string
	release *os.File
	failure *os.File
	waited  chan struct{}
	state   *os.ProcessState
	err     error
}

// StartWorkload makes the process. args[0] is looked up in PATH as a shell
// does; where it cannot be found, the error wraps exec.ErrNotFound or
// fs.ErrNotExist. The calling program must call RunStub in its main.
func StartWorkload(args []string, stdin io.Reader, stdout, stderr io.Writer) (*Workload, error) {
	path, err := exec.LookPath(args[0])
	if err != nil {
		return nil, err
	}
	goR, goW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		goR.Close()
		goW.Close()
		return nil, err
	}
	defer goR.Close()
	defer errW.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = append([]string{stubName, path}, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, stderr
	cmd.ExtraFiles = []*os.File{goR, errW}
	w := &Workload{cmd: cmd, path: path, release: goW, failure: errR, waited: make(chan struct{})}
	if err := cmd.Start(); err != nil {
		goW.Close()
		errR.Close()
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return w, nil
}

// PID is the process.
func (w *Workload) PID() int { return w.cmd.Process.Pid }

// Path is the program's file as it was found.
func (w *Workload) Path() string { return w.path }

// Release lets the process become the command, and returns when it has, or
// with the error of its exec.
func (w *Workload) Release() error {
	_, err := w.release.Write([]byte{1})
	w.release.Close()
	var b [1]byte
	n, _ := w.failure.Read(b[:])
	w.failure.Close()
	go func() {
		w.err = w.cmd.Wait()
		w.state = w.cmd.ProcessState
		close(w.waited)
	}()
	if err != nil {
		return fmt.Errorf("start %s: %w", w.path, err)
	}
	if n == 1 {
		<-w.waited
		return fmt.Errorf("start %s: %w", w.path, syscall.Errno(b[0]))
	}
	return nil
}

// Abandon ends a process that was never released. After Release it does
// nothing.
func (w *Workload) Abandon() {
	if w.release.Close() == nil {
		w.failure.Close()
		w.cmd.Wait()
	}
}

// Done is closed when the command has ended.
func (w *Workload) Done() <-chan struct{} { return w.waited }

// Signal sends a signal to the command.
func (w *Workload) Signal(sig os.Signal) error { return w.cmd.Process.Signal(sig) }

// ExitStatus is the command's exit status, or 128 and the signal's number
// where a signal killed it, once Done is closed.
func (w *Workload) ExitStatus() int {
	ws, ok := w.state.Sys().(syscall.WaitStatus)
	if ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return w.state.ExitCode()
}
