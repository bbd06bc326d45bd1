package symbolize

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// VDSOPath is the name under which the kernel maps its own code into every
// process; it stands for no file.
const VDSOPath = "[vdso]"

// BuildIDError says that the file at a path is not the one that was recorded.
type BuildIDError struct {
	Path string
	Want BuildID
	Have BuildID // empty if the file has none
}

func (e *BuildIDError) Error() string {
	have := "it has none"
	if e.Have != "" {
		have = "it has " + e.Have.String()
	}
	return fmt.Sprintf("load module %s: build id %s wanted, %s (the file was replaced after the recording; its symbols would name wrong functions)",
		e.Path, e.Want, have)
}

// debugFolder is where distributions put separate debug files.
const debugFolder = "/usr/lib/debug"

// StoreOptions say where a Store looks and what it shows. The zero value reads
// the running system and shows names as perf does.
type StoreOptions struct {
	// Root is a folder that stands for "/" (perf's --symfs): every path is
	// looked up inside it, absolute symbolic links included, and none leads
	// out of it. Empty for the running system.
	Root string
	// DebugFolders hold separate debug files by build id and by path
	// (".build-id/ab/cdef.debug", "usr/bin/x.debug"). nil means
	// /usr/lib/debug; empty but not nil means none.
	DebugFolders []string
	// BuildIDCache is a folder as perf keeps it in ~/.debug, outside of Root.
	// It is asked when the file at the path is missing or another one.
	// Empty for none.
	BuildIDCache string
	// Demangle is the style of Frame.Function.
	Demangle DemangleStyle
}

// Store loads each module once and keeps it, failures as well. It is safe for
// concurrent use; different modules load at the same time.
type Store struct {
	options   StoreOptions
	files     opener
	root      *os.Root // nil for the running system
	demangled sync.Map // symbol table name → shown name

	mu      sync.Mutex
	modules map[moduleKey]*storedModule // nil once closed
}

type moduleKey struct {
	path string
	id   BuildID
}

type storedModule struct {
	once   sync.Once
	module *Module
	err    error
}

// NewStore returns an empty Store, which the caller closes. The only error is
// a Root that cannot be opened.
func NewStore(options StoreOptions) (*Store, error) {
	if options.DebugFolders == nil {
		options.DebugFolders = []string{debugFolder}
	}
	s := &Store{options: options, files: hostFiles{}, modules: map[moduleKey]*storedModule{}}
	if options.Root != "" {
		root, err := os.OpenRoot(options.Root)
		if err != nil {
			return nil, fmt.Errorf("open folder for object files: %w", err)
		}
		s.root, s.files = root, rootFiles{root}
	}
	return s, nil
}

// Module returns the module at path, the same one for the same path and build
// id. If want is known, a file with another build id is refused with a
// [*BuildIDError]; if it is empty, any file is taken. The symbols come from a
// separate debug file where the file has no .symtab and one is found.
// The module belongs to the Store: do not close it.
func (s *Store) Module(path string, want BuildID) (*Module, error) {
	s.mu.Lock()
	if s.modules == nil {
		s.mu.Unlock()
		return nil, fmt.Errorf("load module %s: %w", path, fs.ErrClosed)
	}
	key := moduleKey{path, BuildID(want.trim())}
	stored := s.modules[key]
	if stored == nil {
		stored = new(storedModule)
		s.modules[key] = stored
	}
	s.mu.Unlock()
	stored.once.Do(func() { stored.module, stored.err = s.load(path, key.id) })
	return stored.module, stored.err
}

// Close drops every module. It may be called again; Module fails afterwards.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.modules == nil {
		return nil
	}
	s.modules = nil
	s.demangled.Clear()
	if s.root != nil {
		return s.root.Close()
	}
	return nil
}

// load tries the path, then the build id cache.
func (s *Store) load(path string, want BuildID) (*Module, error) {
	m, err := s.loadPath(path, want)
	if err == nil || !want.Known() || s.options.BuildIDCache == "" {
		return m, err
	}
	if cached, cacheErr := s.loadCached(path, want); cacheErr == nil {
		return cached, nil
	}
	return nil, err
}

func (s *Store) loadPath(path string, want BuildID) (*Module, error) {
	if path == VDSOPath {
		return s.loadVDSO(want)
	}
	f, size, err := openRegularIn(s.files, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return s.read(f, size, path, want)
}

func (s *Store) loadVDSO(want BuildID) (*Module, error) {
	if s.root != nil && !want.Known() {
		return nil, fmt.Errorf("load module %s: the one of this system need not be that of the recording", VDSOPath)
	}
	image, err := readVDSO()
	if err != nil {
		return nil, fmt.Errorf("load module %s: %w", VDSOPath, err)
	}
	return s.read(bytes.NewReader(image), int64(len(image)), VDSOPath, want)
}

// loadCached reads ~/.debug/.build-id/ab/cdef…/elf, as perf buildid-cache
// arranges it since 4.12.
func (s *Store) loadCached(name string, want BuildID) (*Module, error) {
	hex := want.String()
	leaf := "elf"
	if name == VDSOPath {
		leaf = "vdso"
	}
	file := filepath.Join(s.options.BuildIDCache, ".build-id", hex[:2], hex[2:], leaf)
	f, size, err := openRegular(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return s.read(f, size, file, want)
}

// read builds the module of an open file once its build id is right.
func (s *Store) read(r io.ReaderAt, size int64, path string, want BuildID) (*Module, error) {
	f, err := newELFFile(r, size)
	if err != nil {
		return nil, fmt.Errorf("load module %s: %w", path, err)
	}
	id, err := f.buildID()
	if err != nil && !errors.Is(err, ErrNoBuildID) {
		return nil, fmt.Errorf("load module %s: %w", path, err)
	}
	if want.Known() && !id.Equal(want) {
		return nil, &BuildIDError{Path: path, Want: want, Have: id}
	}
	debug, closeDebug := s.openDebugFile(f, path, id)
	defer closeDebug()
	m, err := newModule(f, debug)
	if err != nil && debug != nil {
		m, err = newModule(f, nil)
	}
	if err != nil {
		return nil, fmt.Errorf("load module %s: %w", path, err)
	}
	m.path = path
	return m, nil
}
