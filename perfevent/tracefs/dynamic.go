package tracefs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"
)

// List gives all probes that are defined, whoever defined them, uprobes first,
// each kind in the kernel's order. A kernel that lacks one or both kinds has
// none of them. A line that cannot be understood is left out and reported in
// the error, next to all that could.
func (d *Dir) List() ([]Probe, error) {
	var out []Probe
	var errs []error
	for _, kind := range []Kind{Uprobe, Kprobe} {
		b, err := fs.ReadFile(d.fsys, kind.file())
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list %ss: %w", kind, err)
		}
		for line := range strings.Lines(string(b)) {
			p, err := ParseProbe(line)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			p.Kind = kind
			out = append(out, p)
		}
	}
	return out, errors.Join(errs...)
}

// Supports reports whether the kernel has probes of the kind. The error
// satisfies errors.Is(err, ErrNotSupported) and names the kernel option that is
// missing.
func (d *Dir) Supports(kind Kind) error {
	_, err := fs.Stat(d.fsys, kind.file())
	if errors.Is(err, fs.ErrNotExist) {
		return unsupported(kind)
	}
	return err
}

// Add defines probes: all of them, or where one is refused, none. Each needs a
// Name; an empty Group stands for the kernel's own, uprobes or kprobes. Errors
// are of type *Error or, where a probe could not even be written,
// *DefinitionError.
func (d *Dir) Add(probes ...Probe) error {
	probes = slices.Clone(probes)
	lines := make([]string, len(probes))
	for i := range probes {
		p := &probes[i]
		if p.Name == "" {
			return p.refuse("it has no event name")
		}
		if p.Group == "" {
			p.Group = p.Kind.String() + "s"
		}
		var err error
		if lines[i], err = p.Definition(); err != nil {
			return err
		}
		if err := d.checkKernelPlace(p); err != nil {
			return err
		}
	}
	w := writers{dir: d}
	defer w.close()
	for i := range probes {
		if err := w.write(probes[i].Kind, lines[i]); err != nil {
			return joined([]error{d.refusal(&probes[i], lines[i], err), w.takeBack(probes[:i])})
		}
	}
	return nil
}

// takeBack deletes points that were just added, and no others of their events.
// The kernel compares a point with what is written as text, in the form of its
// own list; before Linux 5.4, when an event had one point only, it looks at the
// name alone.
func (w *writers) takeBack(added []Probe) error {
	if len(added) == 0 {
		return nil
	}
	listed, err := w.dir.List()
	if err != nil {
		return err
	}
	points := map[string]*Probe{}
	for i := range listed {
		points[listed[i].point()] = &listed[i]
	}
	var errs []error
	for i := range added {
		p := points[added[i].point()]
		if p == nil {
			continue
		}
		line := "-" + strings.TrimLeft(p.head(true), "pr0123456789")
		if err := w.write(p.Kind, line); err != nil {
			errs = append(errs, &Error{Op: "delete", Event: p.Event(), Line: line, Column: -1, Err: cause(err)})
		}
	}
	return errors.Join(errs...)
}

// point is what tells a point of an event from its others.
func (p *Probe) point() string { return p.Event().String() + " " + p.place(true) }

// joined is errors.Join, but leaves a single error as it is.
func joined(errs []error) error {
	var out []error
	for _, err := range errs {
		if err != nil {
			out = append(out, err)
		}
	}
	if len(out) == 1 {
		return out[0]
	}
	return errors.Join(out...)
}

// refusal explains why the kernel did not take a definition.
func (d *Dir) refusal(p *Probe, line string, err error) error {
	e := &Error{Op: "define", Event: p.Event(), Column: -1, Err: cause(err)}
	var open *openFailure
	if errors.As(err, &open) {
		e.Reason = accessReason(err)
		return e
	}
	e.Line = line
	entry, ok := d.explain(line)
	if reason, errno := d.explainKernelPlace(p, entry.reason, e.Err); reason != "" {
		e.Reason, e.Err, e.told = reason, errno, true
		return e
	}
	if ok {
		e.told = errors.Is(err, syscall.EILSEQ) // whose own words speak of characters
		e.Reason, e.Column = entry.reason, entry.column
		return e
	}
	e.Reason = defineReason(p, err)
	if errors.Is(err, syscall.EINVAL) {
		e.Reason = d.counterConflict(p)
	}
	return e
}

// counterConflict finds the one common refusal that the kernel does not log:
// all probes at one instruction must have the same reference counter.
func (d *Dir) counterConflict(p *Probe) string {
	probes, _ := d.List()
	for i := range probes {
		o := &probes[i]
		if o.Kind == Uprobe && o.Path == p.Path && o.Offset == p.Offset && o.RefCtr != p.RefCtr {
			return fmt.Sprintf("%s stands on the same instruction with the reference counter %#x, this one has %#x", o.Event(), uint64(o.RefCtr), uint64(p.RefCtr))
		}
	}
	return ""
}

// cause takes the errno out of a path error, whose path says nothing to the
// user.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// writers holds the files that definitions are appended to.
type writers struct {
	dir  *Dir
	open [Kprobe + 1]io.WriteCloser
}

// openFailure says that it did not come to a write.
type openFailure struct{ error }

func (e *openFailure) Unwrap() error { return e.error }

func (w *writers) write(kind Kind, line string) error {
	if w.open[kind] == nil {
		if w.dir.append == nil {
			return &openFailure{syscall.EROFS}
		}
		f, err := w.dir.append(kind.file())
		if errors.Is(err, fs.ErrNotExist) {
			err = unsupported(kind)
		}
		if err != nil {
			return &openFailure{err}
		}
		w.open[kind] = f
	}
	_, err := io.WriteString(w.open[kind], line+"\n")
	return err
}

func (w *writers) close() {
	for _, f := range w.open {
		if f != nil {
			f.Close()
		}
	}
}

// busyPatience is how long Delete waits for an event to come out of use: the
// kernel lets go of a closed descriptor's probe only after a grace period, in
// the background, about 0.1 s for each.
const busyPatience = 2 * time.Second

// Delete deletes events with all their points. It goes on after an error and
// returns all errors, of type *Error. An event that is in use is tried again
// for a short time, since the kernel drops a closed descriptor's hold on it
// with a delay; the error is then syscall.EBUSY. The context can cut the wait
// short, but every event is tried once.
func (d *Dir) Delete(ctx context.Context, events ...EventName) error {
	if len(events) == 0 {
		return nil
	}
	probes, listErr := d.List()
	kinds := map[EventName]Kind{}
	for i := range probes {
		kinds[probes[i].Event()] = probes[i].Kind
	}
	w := writers{dir: d}
	defer w.close()
	var errs []error
	for _, event := range events {
		kind, ok := kinds[event]
		if !ok {
			err := &Error{Op: "delete", Event: event, Column: -1, Err: syscall.ENOENT}
			if listErr != nil {
				err.Reason = listErr.Error()
			}
			errs = append(errs, err)
			continue
		}
		errs = append(errs, w.delete(ctx, kind, event))
	}
	return joined(errs)
}

// delete deletes one event, trying again for a while where it is busy.
func (w *writers) delete(ctx context.Context, kind Kind, event EventName) error {
	deadline := time.Now().Add(busyPatience)
	line := "-:" + event.Group + "/" + event.Name
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := w.write(kind, line)
		if err == nil {
			return nil
		}
		if errors.Is(err, syscall.EBUSY) && time.Now().Before(deadline) && sleep(ctx, pause) {
			continue
		}
		e := &Error{Op: "delete", Event: event, Line: line, Column: -1, Err: cause(err)}
		var open *openFailure
		switch {
		case errors.As(err, &open):
			e.Line, e.Reason = "", accessReason(err)
		case errors.Is(err, syscall.EBUSY):
			e.Reason = "a recording or a trace uses it; end that first"
		}
		return e
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
