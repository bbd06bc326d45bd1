package tracefs

import (
	"io"
	"io/fs"
	"sync"
)

// Appender opens a file of the folder for appending. It must never truncate:
// opening uprobe_events or kprobe_events with O_TRUNC deletes everybody's
// probes. Each Write is one write(2), so that the kernel's answer to a
// definition is that Write's error.
type Appender func(name string) (io.WriteCloser, error)

// Dir is an event tracing folder. It is safe for use by several goroutines.
type Dir struct {
	fsys   fs.FS
	append Appender
	// root is the file tree of the machine whose folder it is, for what the
	// kernel says of its functions elsewhere; nil where that is not known.
	root fs.FS

	close func() error
	once  sync.Once
	err   error
}

// NewDir gives a Dir over files that the caller owns. append may be nil where
// nothing will be written; Add and Delete then say that the folder is
// read-only.
func NewDir(fsys fs.FS, append Appender) *Dir {
	return &Dir{fsys: fsys, append: append}
}

// FS gives the folder's files for reading, with paths such as
// "events/sched/sched_switch/format". They have no size: read them to their
// end. It must not be used after Close.
func (d *Dir) FS() fs.FS { return d.fsys }

// Close gives back the descriptors that Open took. It may be called again, with
// the same result.
func (d *Dir) Close() error {
	d.once.Do(func() {
		if d.close != nil {
			d.err = d.close()
		}
	})
	return d.err
}
