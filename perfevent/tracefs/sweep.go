package tracefs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
)

// Sweep deletes the events of owners that are certainly dead (see Owner.Dead),
// and no others, and returns their names, sorted. An event that somebody
// switched on in the trace buffer is switched off first. What could not be
// deleted stands in the error; what went before or after it is deleted all the
// same. proc is /proc.
func (d *Dir) Sweep(ctx context.Context, proc fs.FS) ([]EventName, error) {
	probes, listErr := d.List()
	dead := map[Owner]bool{}
	kinds := map[EventName]Kind{}
	for i := range probes {
		owner, ok := ParseOwner(probes[i].Group)
		if !ok {
			continue
		}
		if _, known := dead[owner]; !known {
			dead[owner] = owner.Dead(proc)
		}
		if dead[owner] {
			kinds[probes[i].Event()] = probes[i].Kind
		}
	}
	w := writers{dir: d}
	defer w.close()
	var removed []EventName
	errs := []error{listErr}
	for _, event := range slices.SortedFunc(maps.Keys(kinds), EventName.Compare) {
		offErr := d.switchOff(event)
		err := w.delete(ctx, kinds[event], event)
		switch {
		case err == nil:
			removed = append(removed, event)
		case errors.Is(err, fs.ErrNotExist): // another sweep was faster
		default:
			errs = append(errs, err, offErr)
		}
	}
	return removed, joined(errs)
}

// switchOff ends an event's use by the trace buffer; one that is not in use
// stays untouched.
func (d *Dir) switchOff(event EventName) error {
	b, err := fs.ReadFile(d.fsys, event.file("enable"))
	if err != nil || len(b) > 0 && b[0] == '0' || d.append == nil {
		return err
	}
	w, err := d.append(event.file("enable"))
	if err == nil {
		_, err = io.WriteString(w, "0\n")
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		return fmt.Errorf("switch off event %s: %w", event, err)
	}
	return nil
}
