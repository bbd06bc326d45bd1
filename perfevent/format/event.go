package format

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Event is the description of one trace event. It is read only.
type Event struct {
	Name string
	ID   uint64
	// Common are the fields that all events begin with, Fields its own.
	Common, Fields []Field
	// Print is the print format as the kernel gives it.
	Print string
}

// maxFields bounds the fields of an event; the kernel's largest has some fifty.
const maxFields = 1024

// Parse reads the text of a format file. Lines that it does not know are passed
// over; a text without name or id, or with a field that is no field, is an error.
func Parse(text []byte) (*Event, error) {
	e := &Event{}
	common, hasID := true, false
	for line := range bytes.Lines(text) {
		line := strings.TrimSpace(string(line))
		switch {
		case strings.HasPrefix(line, "name:"):
			e.Name = strings.TrimSpace(line[len("name:"):])
		case strings.HasPrefix(line, "ID:"):
			id, err := strconv.ParseUint(strings.TrimSpace(line[len("ID:"):]), 10, 64)
			if err != nil {
				return nil, fmt.Errorf("event %s: id: %w", e.Name, err)
			}
			e.ID, hasID = id, true
		case strings.HasPrefix(line, "field:"):
			f, err := parseField(line)
			if err != nil {
				return nil, fmt.Errorf("event %s: %w", e.Name, err)
			}
			if len(e.Common)+len(e.Fields) == maxFields {
				return nil, fmt.Errorf("event %s: more than %d fields", e.Name, maxFields)
			}
			if common {
				e.Common = append(e.Common, f)
			} else {
				e.Fields = append(e.Fields, f)
			}
		case line == "" && len(e.Common) > 0:
			// An empty line parts the common fields from the others.
			common = false
		case strings.HasPrefix(line, "print fmt:"):
			// The print format is the rest of the text: strings in it may
			// hold line ends.
			_, rest, _ := bytes.Cut(text, []byte("print fmt:"))
			e.Print = strings.TrimSpace(string(rest))
			return e.checked(hasID)
		}
	}
	return e.checked(hasID)
}

func (e *Event) checked(hasID bool) (*Event, error) {
	if e.Name == "" || !hasID {
		return nil, errors.New("event format: no name or no id")
	}
	return e, nil
}

// Field finds a field by name, common ones included; nil where there is none.
func (e *Event) Field(name string) *Field {
	for i := range e.Fields {
		if e.Fields[i].Name == name {
			return &e.Fields[i]
		}
	}
	for i := range e.Common {
		if e.Common[i].Name == name {
			return &e.Common[i]
		}
	}
	return nil
}
