package symbolize

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

func absolute(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestStoreFrames(t *testing.T) {
	cpp := absolute(t, "testdata/zoo/cpp")
	for style, want := range map[DemangleStyle]string{
		DemangleShort: "ns::over",
		DemangleFull:  "ns::over(int)",
		DemangleNone:  "_ZN2ns4overEi",
	} {
		s := newStore(t, StoreOptions{Demangle: style})
		m, err := s.Module(cpp, "")
		if err != nil {
			t.Fatal(err)
		}
		a := m.Find("_ZN2ns4overEi")[0].Addr + 2
		for range 2 { // the second time from memory
			frames := s.Frames(m, a)
			if len(frames) != 1 || frames[0] != (Frame{Function: want, SystemName: "_ZN2ns4overEi", Offset: 2}) {
				t.Errorf("style %d: %+v, want %s+2", style, frames, want)
			}
		}
		if frames := s.Frames(m, 0); frames != nil {
			t.Errorf("frames where no symbol is: %+v", frames)
		}
	}
}

func TestStoreBuildID(t *testing.T) {
	s := newStore(t, StoreOptions{})
	file := absolute(t, "../testdata/seed/main")
	m, err := s.Module(file, "")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.Module(file, ""); again != m || err != nil {
		t.Error("asked twice, loaded twice")
	}
	padded := m.BuildID() + "\x00\x00"
	if other, err := s.Module(file, padded); err != nil || !other.BuildID().Equal(padded) {
		t.Errorf("with its build id, padded: %v", err)
	}
	_, err = s.Module(file, "\x01\x02")
	var mismatch *BuildIDError
	if !errors.As(err, &mismatch) || mismatch.Have != m.BuildID() || !strings.Contains(err.Error(), "build id 0102 wanted, it has "+m.BuildID().String()) {
		t.Errorf("with another build id: %v", err)
	}
	_, err = s.Module(absolute(t, "testdata/zoo/symbols-noid.so"), "\x01\x02")
	if !errors.As(err, &mismatch) || !strings.Contains(err.Error(), "it has none") {
		t.Errorf("a file without build id: %v", err)
	}
}

// A failure is kept: the file that appears later is not taken.
func TestStoreKeepsFailures(t *testing.T) {
	s := newStore(t, StoreOptions{})
	file := filepath.Join(t.TempDir(), "late")
	_, err := s.Module(file, "")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("absent file: %v", err)
	}
	copyFile(t, "../testdata/seed/main", file)
	if m, again := s.Module(file, ""); m != nil || again != err {
		t.Errorf("asked again: %v, %v, want the same failure", m, again)
	}
}

func TestStoreConcurrent(t *testing.T) {
	s := newStore(t, StoreOptions{})
	files := zoo(t)
	for i := range files {
		files[i] = absolute(t, files[i])
	}
	got := make([][]*Module, 8)
	var wg sync.WaitGroup
	for g := range got {
		wg.Go(func() {
			for _, file := range files {
				m, err := s.Module(file, "")
				if err != nil {
					t.Error(err)
					return
				}
				got[g] = append(got[g], m)
				for sym := range m.Symbols() {
					s.Frames(m, sym.Addr)
				}
			}
		})
	}
	wg.Wait()
	for g := range got {
		for i := range got[g] {
			if got[g][i] != got[0][i] {
				t.Errorf("%s: loaded more than once", files[i])
			}
		}
	}
}

func TestStoreClose(t *testing.T) {
	s, err := NewStore(StoreOptions{Root: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Module("/x", ""); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("closed store: %v, want ErrClosed", err)
	}
	if _, err := NewStore(StoreOptions{Root: filepath.Join(t.TempDir(), "absent")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent root: %v", err)
	}
}

// Inside a root, absolute links start at the root and nothing leads out of it.
func TestStoreRoot(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	copyFile(t, "../testdata/seed/main", filepath.Join(root, "usr/lib/real"))
	copyFile(t, "../testdata/seed/main-nopie", filepath.Join(dir, "outside"))
	links := map[string]string{
		"lib":         "usr/lib",
		"usr/abs":     "/usr/lib/real",
		"usr/via":     "/lib/real",
		"usr/up":      "../../../../../../usr/lib/real", // ".." stops at the root
		"usr/out":     "../../outside",
		"usr/host":    filepath.Join(dir, "outside"),
		"usr/hostdir": dir,
		"loop":        "loop",
		"a":           "b/c",
		"b":           "a",
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	s := newStore(t, StoreOptions{Root: root})
	want, err := ReadBuildIDFile("../testdata/seed/main")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/usr/lib/real", "usr/lib/real", "/lib/real", "/usr/abs", "/usr/via", "/usr/up", "/../usr/lib/real", "//usr/./lib//real"} {
		m, err := s.Module(path, want)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		} else if m.Path() != path {
			t.Errorf("%s: path %s", path, m.Path())
		}
	}
	for _, path := range []string{"/usr/out", "/usr/host", "/usr/hostdir/outside", "/../outside", "/loop", "/a", "/usr/lib", "/", "/absent", filepath.Join(dir, "outside")} {
		if m, err := s.Module(path, ""); err == nil {
			t.Errorf("%s: build id %v, want it refused", path, m.BuildID())
		}
	}
}

func names(m *Module) string {
	var list []string
	for s := range m.Symbols() {
		list = append(list, s.Name)
	}
	return strings.Join(list, " ")
}

// Symbols that were stripped into a debug file are found by build id, and by
// link with the right checksum; in a root, only inside it.
func TestStoreDebugFiles(t *testing.T) {
	const stripped = "label_in_text" // is in .symtab only
	id, err := ReadBuildIDFile("testdata/zoo/symbols-debug.so")
	if err != nil {
		t.Fatal(err)
	}
	byID := ".build-id/" + id.String()[:2] + "/" + id.String()[2:] + ".debug"
	for name, test := range map[string]struct {
		lib   string
		files map[string]string // place → file of the zoo
		want  bool
	}{
		"none":                {"symbols-debug.so", nil, false},
		"by build id":         {"symbols-debug.so", map[string]string{"/debug/" + byID: "symbols-debug.so.debug"}, true},
		"by link, beside":     {"symbols-debug.so", map[string]string{"/usr/lib/symbols-debug.so.debug": "symbols-debug.so.debug"}, true},
		"by link, .debug":     {"symbols-debug.so", map[string]string{"/usr/lib/.debug/symbols-debug.so.debug": "symbols-debug.so.debug"}, true},
		"by link, folder":     {"symbols-debug.so", map[string]string{"/debug/usr/lib/symbols-debug.so.debug": "symbols-debug.so.debug"}, true},
		"of another file":     {"symbols-debug.so", map[string]string{"/debug/" + byID: "symbols-noid.so.debug"}, false},
		"not ELF":             {"symbols-debug.so", map[string]string{"/debug/" + byID: "build.sh"}, false},
		"without symbols":     {"symbols-debug.so", map[string]string{"/debug/" + byID: "symbols-debug.so"}, false},
		"by checksum":         {"symbols-noid.so", map[string]string{"/usr/lib/symbols-noid.so.debug": "symbols-noid.so.debug"}, true},
		"with wrong checksum": {"symbols-noid.so", map[string]string{"/usr/lib/symbols-noid.so.debug": "symbols-debug.so.debug"}, false},
	} {
		root := t.TempDir()
		copyFile(t, "testdata/zoo/"+test.lib, filepath.Join(root, "usr/lib", test.lib))
		for place, file := range test.files {
			copyFile(t, "testdata/zoo/"+file, filepath.Join(root, place))
		}
		s := newStore(t, StoreOptions{Root: root, DebugFolders: []string{"/debug"}})
		m, err := s.Module("/usr/lib/"+test.lib, "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := len(m.Find(stripped)) > 0; got != test.want {
			t.Errorf("%s: stripped symbol found: %v, want %v (%s)", name, got, test.want, names(m))
		}
		if len(m.Find("alias_global")) != 1 {
			t.Errorf("%s: exported symbol not found (%s)", name, names(m))
		}
	}
}

// A debug file whose inside is broken costs its symbols only.
func TestStoreBrokenDebugFile(t *testing.T) {
	root := t.TempDir()
	copyFile(t, "testdata/zoo/symbols-debug.so", filepath.Join(root, "x.so"))
	debug, err := os.ReadFile("testdata/zoo/symbols-debug.so.debug")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "symbols-debug.so.debug"), debug[:len(debug)-100], 0o644); err != nil {
		t.Fatal(err)
	}
	s := newStore(t, StoreOptions{Root: root})
	if m, err := s.Module("/x.so", ""); err != nil || len(m.Find("alias_global")) != 1 {
		t.Errorf("%v, want the symbols of the file itself", err)
	}
}

// The build id cache stands in for a file that is gone or was replaced.
func TestStoreBuildIDCache(t *testing.T) {
	cache := t.TempDir()
	id, err := ReadBuildIDFile("../testdata/seed/main")
	if err != nil {
		t.Fatal(err)
	}
	copyFile(t, "../testdata/seed/main", filepath.Join(cache, ".build-id", id.String()[:2], id.String()[2:], "elf"))
	s := newStore(t, StoreOptions{BuildIDCache: cache})
	for _, path := range []string{"/absent/main", absolute(t, "../testdata/seed/main-nopie")} {
		if m, err := s.Module(path, id); err != nil || len(m.Find("callee")) != 1 {
			t.Errorf("%s: %v, want the cached file", path, err)
		}
	}
	if _, err := s.Module("/absent/main", ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a build id: %v, want the file missed", err)
	}
	if _, err := s.Module("/absent/main", "\x01\x02\x03"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("not in the cache: %v, want the file missed", err)
	}
	if _, err := s.Module("/absent/main", "\x01"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an id of one byte: %v, want the file missed", err)
	}
}

func TestStoreVDSO(t *testing.T) {
	s := newStore(t, StoreOptions{})
	m, err := s.Module(VDSOPath, "")
	if runtime.GOOS != "linux" {
		if err == nil {
			t.Error("a vDSO without Linux")
		}
		return
	}
	if err != nil {
		maps, readErr := os.ReadFile("/proc/self/maps")
		if readErr != nil || !strings.Contains(string(maps), VDSOPath) {
			t.Skipf("the kernel maps no vDSO: %v", err)
		}
		t.Fatal(err)
	}
	found := append(m.Find("__vdso_clock_gettime"), m.Find("__kernel_clock_gettime")...)
	if len(found) != 1 {
		t.Errorf("clock_gettime is not in %s", names(m))
	}
	if again, err := s.Module(VDSOPath, m.BuildID()); err != nil || again.Len() != m.Len() {
		t.Errorf("by its build id: %v", err)
	}
	other := newStore(t, StoreOptions{Root: t.TempDir()})
	if _, err := other.Module(VDSOPath, ""); err == nil {
		t.Error("in a root, the vDSO of this system was taken unseen")
	}
}
