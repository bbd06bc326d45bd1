package symbolize

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
)

// maxLinks is how many symbolic links one path may go through, as in the
// kernel (MAXSYMLINKS).
const maxLinks = 40

var errTooManyLinks = errors.New("too many levels of symbolic links")

// rootFiles opens paths as a process would whose root folder this is: absolute
// links start at it, ".." stops at it. os.Root guards the result, so that
// not even a link changed meanwhile leads out.
type rootFiles struct{ root *os.Root }

func (r rootFiles) Stat(name string) (fs.FileInfo, error) {
	inside, err := r.resolve(name)
	if err != nil {
		return nil, err
	}
	return r.root.Lstat(inside)
}

func (r rootFiles) OpenFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	inside, err := r.resolve(name)
	if err != nil {
		return nil, err
	}
	return r.root.OpenFile(inside, flag, perm)
}

// resolve returns a path relative to the root without links.
func (r rootFiles) resolve(name string) (string, error) {
	at, rest, links := ".", name, 0
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		switch part {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, part)
		fi, err := r.root.Lstat(next)
		if err != nil {
			return "", err
		}
		if fi.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", &fs.PathError{Op: "open", Path: name, Err: errTooManyLinks}
		}
		target, err := r.root.Readlink(next)
		if err != nil {
			return "", err
		}
		if strings.HasPrefix(target, "/") {
			at = "."
		}
		rest = target + "/" + rest
	}
	return at, nil
}
