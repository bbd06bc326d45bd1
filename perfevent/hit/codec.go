package hit

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The section begins with magic and version (a little-endian u32, in recordings
// of either byte order); JSON packed by gzip follows. Readers take sections of
// later versions, whose new fields they do not know.
const (
	magic   = "gorecord"
	version = 1
	// maxText bounds what a section can become in memory.
	maxText = 64 << 20
)

// Encode writes a description as a feature section.
func Encode(d *Description) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(magic)
	out.Write(binary.LittleEndian.AppendUint32(nil, version))
	z := gzip.NewWriter(&out)
	if err := json.NewEncoder(z).Encode(d); err != nil {
		return nil, fmt.Errorf("describe probes: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("describe probes: %w", err)
	}
	return out.Bytes(), nil
}

var errNoDescription = errors.New("no description of probes of gorecord's")

// Decode reads a feature section. Its memory is bounded: a section that would
// become larger than 64 MiB is an error.
func Decode(b []byte) (*Description, error) {
	if len(b) < len(magic)+4 || string(b[:len(magic)]) != magic {
		return nil, errNoDescription
	}
	z, err := gzip.NewReader(bytes.NewReader(b[len(magic)+4:]))
	if err != nil {
		return nil, fmt.Errorf("the description of probes is damaged: %w", err)
	}
	z.Multistream(false) // zeros may follow
	text, err := io.ReadAll(io.LimitReader(z, maxText+1))
	if err == nil && len(text) > maxText {
		err = fmt.Errorf("it has more than %d MiB", maxText>>20)
	}
	var d Description
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil {
		return nil, fmt.Errorf("the description of probes is damaged: %w", err)
	}
	return &d, nil
}

// Event finds the description of an event by its name in the recording, without
// modifiers; nil where there is none. d may be nil.
func (d *Description) Event(name string) *Event {
	if d == nil {
		return nil
	}
	for i := range d.Events {
		e := &d.Events[i]
		if e.Name == name || len(name) > len(e.Name) && name[:len(e.Name)] == e.Name && name[len(e.Name)] == ':' {
			return e
		}
	}
	return nil
}
