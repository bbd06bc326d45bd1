package symbolize

import (
	"debug/elf"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// openDebugFile looks for the file that has the symbols stripped from f, where
// gdb and perf look: by build id, then by the name in .gnu_debuglink. It
// returns nil when f has its own .symtab or nothing fits; a debug file that
// cannot be read is as good as none. The function closes what was opened.
func (s *Store) openDebugFile(f *elfFile, name string, id BuildID) (*elfFile, func()) {
	nothing := func() {}
	if f.loadSections() != nil || f.table(elf.SHT_SYMTAB) != nil {
		return nil, nothing
	}
	for _, place := range s.debugPlaces(f, name, id) {
		if debug, file := s.tryDebugFile(place.file, id, place.sum); debug != nil {
			return debug, func() { file.Close() }
		}
	}
	return nil, nothing
}

// FindDebugFile names the separate file that holds the debug information of the
// ELF file at path: by build id below /usr/lib/debug, then by the name in
// .gnu_debuglink. It is "" where there is none that fits. Whether the file
// needs one is not asked.
func FindDebugFile(path string) (string, error) {
	s := &Store{options: StoreOptions{DebugFolders: []string{debugFolder}}, files: hostFiles{}}
	file, size, err := openRegular(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	f, err := newELFFile(file, size)
	if err != nil {
		return "", fmt.Errorf("find debug file of %s: %w", path, err)
	}
	if err := f.loadSections(); err != nil {
		return "", fmt.Errorf("find debug file of %s: %w", path, err)
	}
	id, err := f.buildID()
	if err != nil {
		id = ""
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for _, place := range s.debugPlaces(f, abs, id) {
		if debug, file := s.tryDebugFile(place.file, id, place.sum); debug != nil {
			return place.file, file.Close()
		}
	}
	return "", nil
}

// debugPlace is a name that a debug file may have; sum is the checksum that it
// must have where there is no build id.
type debugPlace struct {
	file string
	sum  *uint32
}

// debugPlaces are where gdb and perf look, in their order.
func (s *Store) debugPlaces(f *elfFile, name string, id BuildID) []debugPlace {
	var places []debugPlace
	if hex := id.String(); id.Known() && len(hex) > 2 {
		for _, folder := range s.options.DebugFolders {
			places = append(places, debugPlace{file: path.Join(folder, ".build-id", hex[:2], hex[2:]+".debug")})
		}
	}
	link, sum := f.debugLink()
	if link == "" || !path.IsAbs(name) {
		return places
	}
	dir := path.Dir(name)
	files := []string{path.Join(dir, link), path.Join(dir, ".debug", link)}
	for _, folder := range s.options.DebugFolders {
		files = append(files, path.Join(folder, dir, link))
	}
	for _, file := range files {
		if file != name {
			places = append(places, debugPlace{file, &sum})
		}
	}
	return places
}

// tryDebugFile opens a debug file that has the same build id; without one, the
// checksum must be that of the link.
func (s *Store) tryDebugFile(name string, id BuildID, sum *uint32) (*elfFile, *os.File) {
	file, size, err := openRegularIn(s.files, name)
	if err != nil {
		return nil, nil
	}
	debug, err := newELFFile(file, size)
	if err != nil || !fits(debug, file, size, id, sum) {
		file.Close()
		return nil, nil
	}
	return debug, file
}

func fits(debug *elfFile, r io.ReaderAt, size int64, id BuildID, sum *uint32) bool {
	if id.Known() {
		have, err := debug.buildID()
		return err == nil && have.Equal(id)
	}
	if sum == nil {
		return false
	}
	h := crc32.NewIEEE()
	n, err := io.Copy(h, io.NewSectionReader(r, 0, size))
	return err == nil && n == size && h.Sum32() == *sum
}

// debugLink reads .gnu_debuglink: a file name without folders, padding to 4
// bytes, the CRC-32 of that file. The name is empty if there is none.
func (f *elfFile) debugLink() (string, uint32) {
	s := f.section(".gnu_debuglink")
	if s == nil || s.size > 4096 || s.typ == elf.SHT_NOBITS {
		return "", 0
	}
	b, err := f.data(s)
	if err != nil {
		return "", 0
	}
	name := stringAt(string(b), 0)
	at := roundUp(uint64(len(name))+1, 4)
	if strings.ContainsRune(name, '/') || at+4 > uint64(len(b)) {
		return "", 0
	}
	return name, f.order.Uint32(b[at:])
}
