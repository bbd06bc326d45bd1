package debuginfo

import (
	"errors"
	"fmt"
	"sync"

	"gorecord/symbolize"
)

// ErrNone says that a file has no debug information, and that there is none for
// it beside.
var ErrNone = errors.New("no debug information (compile with -g, or install the debug package)")

var errClosed = errors.New("read debug information: the file was closed")

// errDamaged is what remains of a panic over hostile data.
var errDamaged = errors.New("it is damaged")

// File is the debug information of one program or library. It is safe for
// concurrent use until Close.
type File struct {
	path   string
	main   *object // the program itself
	info   *object // what has the DWARF sections: main, or a debug file
	frames *Frames

	mu         sync.Mutex
	data       []byte // .debug_info, and .debug_types behind it
	typesAt    int
	code       []Range
	units      []*unit
	signatures map[uint64]*unit
	abbrevs    map[abbrevKey]*abbrevTable
	abbrevRead int
	unitRanges int
	linesRead  int
	rowsOf     *lineTable // what rows belong to
	rows       []row
	closed     bool

	whole   *wholeIndex
	spans   *unitSpans
	types   typeCache
	defined map[string][]functionAt
}

// Open opens the debug information (DWARF 2 to 5) of an ELF file: its own, or
// that of a separate debug file (by build id below /usr/lib/debug, or by
// .gnu_debuglink). The error matches ErrNone where there is none; OpenFrames
// may still be of use then. The caller must Close the File.
func Open(path string) (*File, error) {
	main, err := openObject(path)
	if err != nil {
		return nil, err
	}
	info := main
	if !main.has("debug_info") {
		name, err := symbolize.FindDebugFile(path)
		if err == nil && name != "" {
			info, err = openObject(name)
		}
		if err != nil || name == "" || !info.has("debug_info") {
			if info != nil && info != main {
				info.close()
			}
			main.close()
			return nil, fmt.Errorf("read debug information of %s: %w", path, ErrNone)
		}
	}
	f, err := newFile(path, main, info)
	if err != nil {
		info.close()
		main.close()
		return nil, err
	}
	return f, nil
}

func newFile(path string, main, info *object) (f *File, err error) {
	f = &File{path: path, main: main, info: info, abbrevs: map[abbrevKey]*abbrevTable{}}
	defer f.rescue(&err)
	f.frames = newFrames(main, info)
	f.data = info.section("debug_info")
	f.typesAt = len(f.data)
	if types := info.section("debug_types"); types != nil {
		f.data = append(f.data[:f.typesAt:f.typesAt], types...)
	}
	if len(f.data) == 0 {
		return nil, fmt.Errorf("read debug information of %s: .debug_info cannot be read (damaged file?)", path)
	}
	if len(f.data) >= 1<<32 {
		return nil, fmt.Errorf("read debug information of %s: more than 4 GiB: %w", path, errors.ErrUnsupported)
	}
	f.code = main.code()
	f.readUnits()
	if len(f.units) == 0 {
		return nil, fmt.Errorf("read debug information of %s: no unit can be read (damaged file?)", path)
	}
	if u := f.units[0]; u.load() == nil && u.dwo() {
		return nil, fmt.Errorf("read debug information of %s: it is in .dwo files, which are not read (compile without -gsplit-dwarf): %w", path, ErrNone)
	}
	return f, nil
}

// Path is the path that the File was opened by.
func (f *File) Path() string { return f.path }

// Close gives the memory back. It may be called again; what was had from the
// File stays valid.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	f.data, f.units, f.whole, f.spans, f.rows, f.rowsOf = nil, nil, nil, nil, nil, nil
	err := f.main.close()
	if f.info != f.main {
		err = errors.Join(err, f.info.close())
	}
	return err
}

// rescue turns a panic into an error. The decoders are made not to panic; what is
// left of that is damage that nobody thought of.
func (f *File) rescue(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("read debug information of %s: %w", f.path, errDamaged)
	}
}
