package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gorecord/perfevent/perfdata/twin"
)

// dumpFile prints a file of a recording as text (see package twin).
func (o *options) dumpFile(stdin io.Reader, stdout io.Writer) error {
	w := bufio.NewWriterSize(stdout, 1<<16)
	var err error
	switch st, statErr := os.Stat(o.input); {
	case o.input == "-":
		err = dumpStream(w, stdin)
	case statErr != nil:
		return statErr
	case st.IsDir():
		return fmt.Errorf("%s: -D prints files: name one, as %s", o.input, filepath.Join(o.input, "data"))
	default:
		err = dumpPath(w, o.input)
	}
	return errors.Join(err, w.Flush())
}

func dumpPath(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return dumpStream(w, f)
	}
	if err := twin.Print(w, f, st.Size()); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// dumpStream keeps a stream in a file without a name, since places in it are
// printed before what lies there.
func dumpStream(w io.Writer, stream io.Reader) error {
	f, err := os.CreateTemp("", "goscript")
	if err != nil {
		return fmt.Errorf("keep the stream: %w", err)
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("keep the stream: %w", err)
	}
	size, err := io.Copy(f, stream)
	if err != nil {
		return fmt.Errorf("keep the stream: %w", err)
	}
	if err := twin.Print(w, f, size); err != nil {
		return fmt.Errorf("standard input: %w", err)
	}
	return nil
}
