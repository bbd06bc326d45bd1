package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"slices"
	"strings"

	"gorecord/perfevent/near"
	"gorecord/record/probe"
	"gorecord/symbolize/debuginfo"
)

// listing is the part of a source file to show.
type listing struct {
	function   string // "" for a file
	path       string // of the file, as the debug information names it
	offset     int    // the line that counts as 0
	start, end int    // lines of the file; end is math.MaxInt32 for open
	code       []int  // lines of the file with code, within the range, ascending
}

// openInfo opens the debug information of the file that --exec names.
func (a *app) openInfo(flag string) (*debuginfo.File, error) {
	if a.exec == "" {
		return nil, usageError{fmt.Sprintf("--%s needs debug information: give the file with -x PATH", flag)}
	}
	info, err := debuginfo.Open(a.exec)
	if errors.Is(err, debuginfo.ErrNone) {
		return nil, noInfoError{a.exec}
	}
	return info, err
}

// noInfoError says that a file has no debug information. It matches
// fs.ErrNotExist.
type noInfoError struct{ path string }

func (e noInfoError) Error() string {
	return fmt.Sprintf("%s has no debug information: compile it with -g, or install its debug package", e.path)
}
func (e noInfoError) Is(target error) bool { return target == fs.ErrNotExist }

// printLines shows source lines, with numbers at those that a probe can stand
// on, in perf's form.
func (a *app) printLines(text string) error {
	r, err := parseLineRange(text)
	if err != nil {
		return usageError{err.Error()}
	}
	info, err := a.openInfo("line")
	if err != nil {
		return err
	}
	defer info.Close()
	l, err := findLines(info, r)
	if err != nil {
		return err
	}
	if len(l.code) == 0 {
		return gone("lines %q: no code of %s belongs to them", text, a.exec)
	}
	source, path, err := openSource(l.path, a.source)
	if err != nil {
		return err
	}
	defer source.Close()
	var out strings.Builder
	if l.function != "" {
		fmt.Fprintf(&out, "<%s@%s:%d>\n", l.function, path, l.start-l.offset)
	} else {
		fmt.Fprintf(&out, "<%s:%d>\n", path, l.start)
	}
	err = l.write(&out, source)
	a.print(out.String())
	if err != nil {
		return fmt.Errorf("show %s: %w", path, err)
	}
	return nil
}

// findLines finds the lines of a range, first among functions.
func findLines(info *debuginfo.File, r lineRange) (*listing, error) {
	functions, err := functionsOf(info, r.name, r.file)
	if err != nil {
		return nil, err
	}
	switch {
	case len(functions) > 1:
		return nil, ambiguous(info, r.name, functions)
	case len(functions) == 1:
		return functionLines(info, functions[0], r)
	case r.file == "" && strings.ContainsAny(r.name, "./"):
		return fileLines(info, r)
	}
	return nil, noFunction(info, r.name, r.file)
}

// functionsOf gives the functions of a name, one for each place where one is
// declared; of those that are declared in a file, where one is given.
func functionsOf(info *debuginfo.File, name, file string) ([]*debuginfo.Function, error) {
	found, err := info.Find(name)
	if err != nil {
		return nil, fmt.Errorf("find %s in %s: %w", name, info.Path(), err)
	}
	type place struct {
		file string
		line int
	}
	seen := map[place]bool{}
	return slices.DeleteFunc(found, func(fn *debuginfo.Function) bool {
		at := place{fn.File, fn.Line}
		drop := seen[at] || file != "" && !isFile(fn.File, file)
		seen[at] = true
		return drop
	}), nil
}

// isFile reports whether name is a path, or its end from a slash on.
func isFile(path, name string) bool {
	return path == name || strings.HasSuffix(path, "/"+strings.TrimPrefix(name, "./"))
}

func ambiguous(info *debuginfo.File, name string, functions []*debuginfo.Function) error {
	var places []string
	for _, fn := range functions {
		places = append(places, fmt.Sprintf("%s:%d", fn.File, fn.Line))
	}
	const shown = 8
	if len(places) > shown {
		places = append(places[:shown], fmt.Sprintf("and %d more", len(places)-shown))
	}
	return fmt.Errorf("%s has several functions %s; choose by FILE:LINE, by %s@FILE or by parameters: %s", info.Path(), name, name, strings.Join(places, ", "))
}

// noFunction is the error for a function that the debug information lacks, or
// does not declare in a file.
func noFunction(info *debuginfo.File, name, file string) error {
	if elsewhere, err := functionsOf(info, name, ""); err == nil && len(elsewhere) > 0 {
		return gone("the debug information of %s declares no function %s in %s, but in %s", info.Path(), name, file, elsewhere[0].File)
	}
	e := &probe.NotFoundError{Function: name, Path: "the debug information of " + info.Path()}
	e.Near = near.Names(name, info.Names(), 3)
	e.Hint = near.Hint(e.Near)
	return e
}

func functionLines(info *debuginfo.File, fn *debuginfo.Function, r lineRange) (*listing, error) {
	if fn.File == "" || fn.Line == 0 {
		return nil, gone("the debug information of %s does not say where %s is declared", info.Path(), r.name)
	}
	l := &listing{function: r.name, path: fn.File, offset: fn.Line}
	l.start, l.end = r.shift(fn.Line)
	for _, line := range info.FunctionLines(fn) {
		if line.HasCode {
			l.add(line.Line)
		}
	}
	return l, nil
}

func fileLines(info *debuginfo.File, r lineRange) (*listing, error) {
	files, err := info.FileLines(r.name)
	if err != nil {
		return nil, fmt.Errorf("find the lines of %s in %s: %w", r.name, info.Path(), err)
	}
	paths := slices.Sorted(maps.Keys(files))
	if _, ok := files[r.name]; ok {
		paths = []string{r.name}
	}
	switch {
	case len(paths) == 0:
		return nil, gone("%s has neither a function nor a source file %s with code", info.Path(), r.name)
	case len(paths) > 1:
		return nil, fmt.Errorf("%s has several source files %s; give more of the path: %s", info.Path(), r.name, strings.Join(paths, ", "))
	}
	l := &listing{path: paths[0], start: r.start, end: r.end}
	for _, line := range files[paths[0]] {
		l.add(line)
	}
	return l, nil
}

func (l *listing) add(line int) {
	if line >= l.start && line <= l.end {
		l.code = append(l.code, line)
	}
}

// openSource opens a source file, and tells by which path. As in perf, a folder
// that is given stands for the first part of the path, as long a part of it as
// gives a file.
func openSource(path, folder string) (*os.File, string, error) {
	if folder == "" {
		f, err := openRegular(path)
		if err != nil {
			return nil, "", fmt.Errorf("the source %s cannot be shown: %w; give its folder with --source", path, err)
		}
		return f, path, nil
	}
	for rest := path; ; {
		name := folder + "/" + rest
		f, err := openRegular(name)
		if err == nil {
			return f, name, nil
		}
		_, after, ok := strings.Cut(rest[1:], "/")
		if !errors.Is(err, fs.ErrNotExist) || !ok || after == "" {
			return nil, "", fmt.Errorf("the source %s, or the end of its path, is not in %s: %w", path, folder, err)
		}
		rest = "/" + after
	}
}

// openRegular opens a file that is no device and no pipe: its name comes from a
// binary.
func openRegular(path string) (*os.File, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, cause(err)
	}
	if !st.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	return f, cause(err)
}

// cause takes operation and path off an error that will be named with them.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// additionalLines is how much is shown behind the last line with code, as in
// perf, where no end is given.
const additionalLines = 3

// write shows the lines from start on. Behind the last line with code the file
// may end; before that, it is not the one that was compiled.
func (l *listing) write(w io.Writer, source io.Reader) error {
	last := l.code[len(l.code)-1]
	end := l.end
	if end == math.MaxInt32 {
		end = min(last, math.MaxInt32-additionalLines) + additionalLines
	}
	r := bufio.NewReader(source)
	code := l.code
	for n := 1; n <= end; n++ {
		text, err := sourceLineOf(r, n >= l.start)
		if err != nil && n > last && errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("it has only %d lines, but line %d has code: it is not the file that was compiled", n-1, last)
		}
		if err != nil {
			return cause(err)
		}
		if n < l.start {
			continue
		}
		if len(code) > 0 && code[0] == n {
			fmt.Fprintf(w, "%7d  %s\n", n-l.offset, text)
			code = code[1:]
		} else {
			fmt.Fprintf(w, "         %s\n", text)
		}
	}
	return nil
}

// maxSourceLine bounds how much of a line is shown.
const maxSourceLine = 1 << 16

// sourceLineOf reads a line without its end; its text only where it is kept. The
// error is io.EOF where there is none.
func sourceLineOf(r *bufio.Reader, keep bool) (string, error) {
	var text []byte
	for begun := false; ; begun = true {
		part, more, err := r.ReadLine()
		if err != nil && (!begun || !errors.Is(err, io.EOF)) {
			return "", err
		}
		if keep && len(text) < maxSourceLine {
			text = append(text, part...)
		}
		if !more {
			return string(text), nil
		}
	}
}
