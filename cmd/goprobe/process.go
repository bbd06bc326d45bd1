package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"syscall"

	"gorecord/cmd/internal/cli"
)

// mapping is a line of /proc/PID/maps.
type mapping struct {
	start, end uint64
	perms      string
	offset     uint64
	file       fileID
	path       string
}

// fileID tells files apart whatever they are called: the device as the kernel
// prints it, and the inode's number.
type fileID struct {
	device string
	inode  uint64
}

// goneError says that a process is not there, or has nothing there. It matches
// fs.ErrNotExist.
type goneError struct{ text string }

func (e goneError) Error() string        { return e.text }
func (e goneError) Is(target error) bool { return target == fs.ErrNotExist }

func gone(format string, args ...any) error { return goneError{fmt.Sprintf(format, args...)} }

// process is what /proc tells of a process.
type process struct {
	pid    int
	comm   string
	tracer int // its debugger, 0 for none
	maps   []mapping
	memory fs.File
}

// openProcess reads a process's mappings and opens its memory, for reading. The
// caller must close it.
func openProcess(proc fs.FS, pid int) (*process, error) {
	p := &process{pid: pid}
	dir := strconv.Itoa(pid)
	maps, err := openFile(proc, dir+"/maps")
	if err != nil {
		return nil, p.fail(err)
	}
	defer maps.Close()
	if p.maps, err = readMaps(maps); err != nil {
		return nil, p.fail(err)
	}
	if len(p.maps) == 0 {
		return nil, gone("process %d has no memory: it has ended and waits for its parent, or is a thread of the kernel", pid)
	}
	if comm, err := fs.ReadFile(proc, dir+"/comm"); err == nil {
		p.comm = cli.Printable(strings.TrimSuffix(string(comm), "\n"))
	}
	p.tracer = tracerOf(proc, dir)
	if p.memory, err = openFile(proc, dir+"/mem"); err != nil {
		return nil, p.fail(err)
	}
	return p, nil
}

// tracerOf reads who debugs a process.
func tracerOf(proc fs.FS, dir string) int {
	status, err := fs.ReadFile(proc, dir+"/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "\nTracerPid:")
	line, _, _ := strings.Cut(rest, "\n")
	tracer, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return 0
	}
	return tracer
}

func (p *process) close() { p.memory.Close() }

// fail words why a process cannot be looked into.
func (p *process) fail(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ESRCH), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return gone("process %d: there is none of this number, or it has just ended", p.pid)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("process %d: %w (to look into another user's process takes root, or CAP_SYS_PTRACE)", p.pid, err)
	}
	return fmt.Errorf("process %d: %w", p.pid, err)
}

// mappings are those that hold a byte of a file.
func (p *process) mappings(id fileID, offset uint64) []mapping {
	var found []mapping
	for _, m := range p.maps {
		if m.file == id && offset >= m.offset && offset-m.offset < m.end-m.start {
			found = append(found, m)
		}
	}
	return found
}

// notMapped says why a process has no mapping of a place of a file.
func (p *process) notMapped(path string, id fileID) error {
	text := "does not map " + path
	for _, m := range p.maps {
		switch {
		case m.file == id:
			text = "maps " + path + ", but not this part of it"
		case strings.TrimSuffix(m.path, " (deleted)") == path && m.file.inode != 0:
			text = "maps another file that was called " + path + ": it was replaced after the process had started"
		}
	}
	return gone("process %d (%s) %s", p.pid, p.comm, text)
}

// read reads the process's memory.
func (p *process) read(b []byte, addr uint64) error {
	memory, ok := p.memory.(io.ReaderAt)
	if !ok {
		return p.fail(errors.ErrUnsupported)
	}
	n, err := memory.ReadAt(b, int64(addr))
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, syscall.EIO):
		return gone("process %d has no memory at %#x: it has just unmapped the file, or ended", p.pid, addr)
	}
	return p.fail(err)
}

// readMaps reads the lines of /proc/PID/maps.
func readMaps(r io.Reader) ([]mapping, error) {
	var list []mapping
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		m, ok := parseMapping(lines.Text())
		if !ok {
			return nil, fmt.Errorf("line %q of its maps cannot be understood", lines.Text())
		}
		list = append(list, m)
	}
	return list, lines.Err()
}

// parseMapping reads a line such as
//
//	55f1b22cb000-55f1b22cc000 r-xp 00001000 fe:00 131 /bin/main
func parseMapping(line string) (m mapping, ok bool) {
	words := [5]string{}
	rest := line
	for i := range words {
		words[i], rest, _ = strings.Cut(rest, " ")
	}
	start, end, _ := strings.Cut(words[0], "-")
	var errs [4]error
	m.start, errs[0] = strconv.ParseUint(start, 16, 64)
	m.end, errs[1] = strconv.ParseUint(end, 16, 64)
	m.offset, errs[2] = strconv.ParseUint(words[2], 16, 64)
	m.file.inode, errs[3] = strconv.ParseUint(words[4], 10, 64)
	m.perms, m.file.device = words[1], words[3]
	m.path = strings.TrimLeft(rest, " ")
	return m, errors.Join(errs[:]...) == nil && m.start < m.end && len(m.perms) == 4 && m.file.device != ""
}
