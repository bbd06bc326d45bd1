package record

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"time"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// ErrSizeLimit says that a recording has reached its greatest size.
var ErrSizeLimit = errors.New("size limit reached")

// OutputError says that a recording cannot be written.
type OutputError struct {
	Path string // of the file; empty for a stream
	Err  error
}

func (e *OutputError) Error() string {
	name := e.Path
	if name == "" {
		name = "standard output"
	}
	cause := e.Err
	if path := (*fs.PathError)(nil); errors.As(cause, &path) {
		cause = path.Err
	}
	return fmt.Sprintf("%s: %v", name, cause)
}

// Unwrap gives the cause.
func (e *OutputError) Unwrap() error { return e.Err }

// RecordingConfig says where a session's records go.
type RecordingConfig struct {
	// Path names a file. Where Stream is not nil, the recording goes there
	// in pipe mode instead, and there is one only.
	Path   string
	Stream io.Writer
	// Head is what the recording tells besides its records.
	Head    *perfdata.Session
	Options perfdata.Options
	// MaxSize is how many bytes a file may have, give or take a pass over
	// the rings; 0 bounds nothing.
	MaxSize uint64
	// SwitchSize is the size at which another file begins; 0 for none.
	SwitchSize uint64
	// KeepFiles is how many files stay, the oldest being removed; 0 keeps all.
	KeepFiles int
	// KernelID is the build id of the running kernel, nil where unknown.
	KernelID []byte
	// Switching is called in the session's goroutine before another file
	// begins, and Dumped, which may come from any, with the name of each that
	// is whole. Both may be nil.
	Switching func()
	Dumped    func(name string)
}

// Recording is a Sink that makes files of a session's records, one after the
// other, or a stream. Each file is whole by itself: it begins with what runs
// at that time, and ends with what was lost and with build ids. It is written
// under the name of Path; the next one moves it aside as Path.TIME.
//
// Errors of writing are of type *OutputError. They are sticky: what was flushed
// before stays (Kept).
type Recording struct {
	cfg     RecordingConfig
	session *Session
	file    *os.File // nil for a stream
	writer  writer
	mapped  mappedBuildIDs
	limited bool        // ErrSizeLimit was told
	last    bool        // no other file begins
	wanted  atomic.Bool // by Switch
	names   []string    // of the files that were moved aside, oldest first

	completer completer // of files that were moved aside
}

// writer is a perfdata.Writer or PipeWriter.
type writer interface {
	Sink
	Rounds
	Flush() error
	Finish([]perfdata.BuildIDEntry) error
	Size() uint64
	Stats() perfdata.WriterStats
	Kept() perfdata.WriterStats
}

// NewRecording begins a recording of the session, which is open but not
// enabled: the file is made (CreateOutput), and holds, when NewRecording
// returns, its head and what runs already. The caller must call Close.
func NewRecording(s *Session, cfg RecordingConfig) (*Recording, error) {
	r := &Recording{cfg: cfg, session: s, mapped: mappedBuildIDs{layout: s.layout}}
	if err := r.begin(); err != nil {
		if r.writer != nil {
			r.GiveUp()
		}
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// begin makes the file and writes what comes before the session's own records.
func (r *Recording) begin() error {
	var err error
	if r.cfg.Stream != nil {
		r.writer, err = perfdata.NewPipeWriter(r.cfg.Stream, r.cfg.Head, r.cfg.Options)
	} else {
		if r.file, err = CreateOutput(r.cfg.Path); err != nil {
			return err
		}
		r.writer, err = perfdata.NewWriter(countingFile{r.file}, r.cfg.Head, r.cfg.Options)
	}
	if err != nil {
		return err
	}
	if err := r.session.Synthesize(r, NewBuildIDs("/proc").Find); err != nil {
		return err
	}
	return r.failure(r.writer.Flush())
}

// failure wraps an error of the writer.
func (r *Recording) failure(err error) error {
	if err == nil {
		return nil
	}
	e := &OutputError{Err: err}
	if r.cfg.Stream == nil {
		e.Path = r.cfg.Path
	}
	return e
}

// WriteRecord takes a record.
func (r *Recording) WriteRecord(rec perfevent.RawRecord) error {
	if r.cfg.Stream != nil {
		r.mapped.note(rec)
	}
	return r.failure(r.writer.WriteRecord(rec))
}

// FinishRound ends a pass over the rings. It returns ErrSizeLimit, once, where
// the recording is full; and it goes over to another file where that is due.
func (r *Recording) FinishRound() error {
	if err := r.writer.FinishRound(); err != nil {
		return r.failure(err)
	}
	if r.cfg.MaxSize > 0 && !r.limited && r.Size() >= r.cfg.MaxSize {
		r.limited = true
		return ErrSizeLimit
	}
	if r.last {
		return nil
	}
	if r.wanted.Swap(false) || r.cfg.SwitchSize > 0 && r.Size() >= r.cfg.SwitchSize {
		return r.next()
	}
	return nil
}

// Switch asks for another file, which begins when the current pass over the
// rings is complete. It may be called from any goroutine, also before Run.
func (r *Recording) Switch() {
	r.wanted.Store(true)
	r.session.Wake()
}

// Stay says that no other file is to begin: the events have been disabled. It
// must not be called during Run.
func (r *Recording) Stay() { r.last = true }

// next completes the file, beside the session, and begins another.
func (r *Recording) next() error {
	if r.cfg.Switching != nil {
		r.cfg.Switching()
	}
	if err := r.session.WriteLost(r); err != nil {
		return err
	}
	if err := r.writer.Flush(); err != nil {
		return r.failure(err)
	}
	name, err := r.MoveAside()
	if err != nil {
		return r.failure(err)
	}
	file, w := r.file, r.writer
	r.file = nil
	err = r.completer.add(func() error {
		if err := errors.Join(r.complete(file, w), file.Close()); err != nil {
			return err
		}
		if r.cfg.Dumped != nil {
			r.cfg.Dumped(name)
		}
		return nil
	})
	return errors.Join(r.failure(err), r.begin())
}

// complete adds build ids to a file that has been flushed, and finishes it.
func (r *Recording) complete(file *os.File, w writer) error {
	ids, err := r.buildIDs(file)
	if err != nil {
		return err
	}
	return w.Finish(ids)
}

// buildIDs are those of the files that samples hit, or, in a stream, that
// samples may have hit.
func (r *Recording) buildIDs(file *os.File) ([]perfdata.BuildIDEntry, error) {
	if file == nil {
		return r.mapped.entries(r.cfg.KernelID), nil
	}
	st, err := file.Stat()
	if err != nil || !st.Mode().IsRegular() {
		return nil, err
	}
	recording, err := perfdata.NewReader(file, st.Size())
	if err != nil {
		return nil, err
	}
	return HitBuildIDs(recording, r.cfg.KernelID)
}

// Finish completes the recording. The session must have been drained.
func (r *Recording) Finish() error {
	if err := r.completer.wait(); err != nil {
		return r.failure(err)
	}
	if err := r.writer.Flush(); err != nil {
		return r.failure(err)
	}
	return r.failure(r.complete(r.file, r.writer))
}

// MoveAside gives the finished file the name that it has where files are
// switched, Path.TIME, and returns it. It removes the oldest where too many
// stay.
func (r *Recording) MoveAside() (string, error) {
	st, err := r.file.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file: it cannot be moved aside", r.cfg.Path)
	}
	if err != nil {
		return "", err
	}
	name := freeName(r.cfg.Path, time.Now())
	if err := os.Rename(r.cfg.Path, name); err != nil {
		return "", err
	}
	r.names = append(r.names, name)
	if r.cfg.KeepFiles > 0 && len(r.names) > r.cfg.KeepFiles {
		// Somebody else may have taken it away.
		os.Remove(r.names[0])
		r.names = r.names[1:]
	}
	return name, nil
}

// freeName is path with the time behind it, local and in hundredths of a
// second, as perf writes it. A name that is taken is passed over.
func freeName(path string, t time.Time) string {
	for {
		name := fmt.Sprintf("%s.%s%02d", path, t.Format("20060102150405"), t.Nanosecond()/1e7)
		if _, err := os.Lstat(name); err != nil {
			return name
		}
		t = t.Add(10 * time.Millisecond)
	}
}

// Size is the size of the file, or of the stream so far, in bytes.
func (r *Recording) Size() uint64 { return r.writer.Size() }

// Stats gives the numbers of the file that is being written.
func (r *Recording) Stats() perfdata.WriterStats { return r.writer.Stats() }

// Kept gives the numbers of what is certain to be in that file.
func (r *Recording) Kept() perfdata.WriterStats { return r.writer.Kept() }

// GiveUp makes the best of the file after an error: what was written stays, as
// far as it is whole (perfdata.Writer.Salvage), the rest is cut off, and a file
// that never became a recording is removed.
func (r *Recording) GiveUp() error {
	r.completer.wait()
	if r.file == nil {
		return nil
	}
	if st, err := r.file.Stat(); err != nil || !st.Mode().IsRegular() {
		return err
	}
	var err error
	if w, ok := r.writer.(*perfdata.Writer); ok {
		err = w.Salvage()
	}
	if kept := r.writer.Kept().FileBytes; kept > 0 {
		return errors.Join(err, r.file.Truncate(int64(kept)))
	}
	return errors.Join(err, os.Remove(r.cfg.Path))
}

// Close waits for the file before and closes this one.
func (r *Recording) Close() error {
	r.completer.wait()
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}
