package record

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"gorecord/perfevent"
)

// Synth describes with records what existed before the events were opened:
// threads by COMM, their executable mappings by MMAP2, the kernel's code by
// MMAP. Processes that end while it looks are left out; it never fails
// because of them.
type Synth struct {
	Proc   fs.FS // /proc
	Layout *perfevent.Layout
	Sink   Sink
	// BuildID gives the build id of a mapped file, or nil. file is the place
	// below Proc through which the very file that is mapped can be opened;
	// key identifies the file.
	BuildID func(file string, key FileKey) []byte

	buf []byte
}

// FileKey identifies a mapped file while it exists.
type FileKey struct {
	Major, Minor uint32
	Inode        uint64
}

func (s *Synth) write(rec perfevent.Record, m perfevent.Misc, pid, tid int) error {
	id := perfevent.SampleIdentity{PID: uint32(pid), TID: uint32(tid)}
	var err error
	if s.buf, err = s.Layout.AppendRecord(s.buf[:0], rec, m, id); err != nil {
		return err
	}
	raw, err := perfevent.SplitRecord(s.buf, littleEndian)
	if err != nil {
		return err
	}
	return s.Sink.WriteRecord(raw)
}

// AllProcesses describes every process and thread of the machine.
func (s *Synth) AllProcesses() error {
	entries, err := fs.ReadDir(s.Proc, ".")
	if err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			if err := s.Process(pid); err != nil {
				return err
			}
		}
	}
	return nil
}

// Process describes one process with all its threads.
func (s *Synth) Process(pid int) error {
	dir := strconv.Itoa(pid)
	for _, tid := range Threads(s.Proc, pid) {
		comm, err := fs.ReadFile(s.Proc, path.Join(dir, "task", strconv.Itoa(tid), "comm"))
		if err != nil {
			continue
		}
		rec := perfevent.Comm{PID: uint32(pid), TID: uint32(tid), Comm: string(bytes.TrimSuffix(comm, []byte("\n")))}
		if err := s.write(&rec, 0, pid, tid); err != nil {
			return err
		}
	}
	maps, err := fs.ReadFile(s.Proc, path.Join(dir, "maps"))
	if err != nil {
		return nil
	}
	for line := range bytes.Lines(maps) {
		rec, ok := parseMapsLine(string(bytes.TrimSuffix(line, []byte("\n"))))
		if !ok {
			continue
		}
		rec.PID, rec.TID = uint32(pid), uint32(pid)
		if err := s.write(rec, s.addBuildID(rec, dir), pid, pid); err != nil {
			return err
		}
	}
	return nil
}

// addBuildID puts the file's build id in the place of its device and inode.
func (s *Synth) addBuildID(rec *perfevent.Mmap2, dir string) perfevent.Misc {
	misc := perfevent.MiscUser
	if s.BuildID == nil || rec.Inode == 0 || !strings.HasPrefix(rec.Filename, "/") {
		return misc
	}
	file := path.Join(dir, "map_files", fmt.Sprintf("%x-%x", rec.Start, uint64(rec.Start)+rec.Len))
	if rec.BuildID = s.BuildID(file, FileKey{rec.Major, rec.Minor, rec.Inode}); rec.BuildID != nil {
		misc |= perfevent.MiscMmapBuildID
	}
	return misc
}

// Threads lists the threads of a process, or none where it is gone.
func Threads(proc fs.FS, pid int) []int {
	entries, _ := fs.ReadDir(proc, path.Join(strconv.Itoa(pid), "task"))
	var tids []int
	for _, e := range entries {
		if tid, err := strconv.Atoi(e.Name()); err == nil {
			tids = append(tids, tid)
		}
	}
	return tids
}

// ThreadGroup is the process that a thread belongs to.
func ThreadGroup(proc fs.FS, tid int) (int, error) {
	status, err := fs.ReadFile(proc, path.Join(strconv.Itoa(tid), "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if v, ok := strings.CutPrefix(line, "Tgid:"); ok {
			return strconv.Atoi(strings.TrimSpace(v))
		}
	}
	return 0, errors.New("no Tgid in status")
}

// Protection and mapping flags of MMAP2 records (mman.h).
const (
	protRead, protWrite, protExec = 1, 2, 4
	mapShared, mapPrivate         = 1, 2
)

// parseMapsLine reads a line of /proc/PID/maps (proc_pid_maps(5)). ok is false
// for what holds no code and for what is no such line.
func parseMapsLine(line string) (rec *perfevent.Mmap2, ok bool) {
	fields := strings.SplitN(line, " ", 6)
	if len(fields) < 5 || len(fields[1]) != 4 || fields[1][2] != 'x' {
		return nil, false
	}
	lo, hi, _ := strings.Cut(fields[0], "-")
	major, minor, _ := strings.Cut(fields[3], ":")
	var v [5]uint64
	for i, text := range []string{lo, hi, fields[2], major, minor} {
		n, err := strconv.ParseUint(text, 16, 64)
		if err != nil {
			return nil, false
		}
		v[i] = n
	}
	inode, err := strconv.ParseUint(fields[4], 10, 64)
	if err != nil || v[1] < v[0] {
		return nil, false
	}
	rec = &perfevent.Mmap2{
		Start: perfevent.Addr(v[0]), Len: v[1] - v[0], Offset: perfevent.FileOffset(v[2]),
		Major: uint32(v[3]), Minor: uint32(v[4]), Inode: inode,
		Prot: protection(fields[1]), Flags: mapPrivate,
	}
	if fields[1][3] == 's' {
		rec.Flags = mapShared
	}
	if len(fields) == 6 {
		rec.Filename = unescapeMapsName(strings.TrimLeft(fields[5], " "))
	}
	if rec.Filename == "" {
		rec.Filename = "//anon"
	}
	// A record cannot hold a longer name, nor does Linux make one.
	rec.Filename = rec.Filename[:min(len(rec.Filename), 4096)]
	return rec, true
}

func protection(perms string) uint32 {
	var p uint32
	for i, bit := range []uint32{protRead, protWrite, protExec} {
		if perms[i] != '-' {
			p |= bit
		}
	}
	return p
}

// unescapeMapsName undoes the only escape of that file: \012 for a newline.
func unescapeMapsName(name string) string { return strings.ReplaceAll(name, `\012`, "\n") }
