package symbolize

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"gorecord/testdata/oracle"
)

func TestBuildID(t *testing.T) {
	id, err := ParseBuildID("00A1ff")
	if err != nil || id != "\x00\xa1\xff" || id.String() != "00a1ff" {
		t.Errorf("ParseBuildID: %q, %v", id, err)
	}
	for _, bad := range []string{"", "0", "xy", strings.Repeat("00", maxBuildID+1)} {
		if id, err := ParseBuildID(bad); err == nil {
			t.Errorf("ParseBuildID(%q) = %v, want an error", bad, id)
		}
	}
	for _, test := range []struct {
		a, b BuildID
		want bool
	}{
		{"\x01\x02", "\x01\x02\x00\x00", true},
		{"\x01\x02\x00", "\x01\x02", true},
		{"\x00\x01", "\x01", false},
		{"\x01", "\x01\x02", false},
		{"", "\x00\x00", true},
	} {
		if got := test.a.Equal(test.b); got != test.want {
			t.Errorf("%q.Equal(%q) = %v", test.a, test.b, got)
		}
	}
	if BuildID("").Known() || BuildID("\x00\x00").Known() || !BuildID("\x00\x01").Known() {
		t.Error("Known: want it of ids with a byte that is not zero")
	}
}

// elfNote lays a note out with the padding of its segment.
func elfNote(order binary.AppendByteOrder, align int, name string, typ uint32, desc string) []byte {
	b := order.AppendUint32(nil, uint32(len(name)+1))
	b = order.AppendUint32(b, uint32(len(desc)))
	b = order.AppendUint32(b, typ)
	b = append(append(b, name...), 0)
	for len(b)%align != 0 {
		b = append(b, 0)
	}
	b = append(b, desc...)
	for len(b)%align != 0 {
		b = append(b, 0)
	}
	return b
}

func TestNotes(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	const id = "\x01\x02\x03\x04\x05"
	property := func(align int) []byte { return elfNote(le, align, "GNU", 5, "12345678901") }
	for name, test := range map[string]struct {
		data  []byte
		order binary.ByteOrder
		align uint64
		want  BuildID
	}{
		"alone":                {elfNote(le, 4, "GNU", 3, id), le, 4, id},
		"big endian":           {elfNote(be, 4, "GNU", 3, id), be, 4, id},
		"behind another":       {append(property(4), elfNote(le, 4, "GNU", 3, id)...), le, 4, id},
		"padded to eight":      {append(property(8), elfNote(le, 8, "GNU", 3, id)...), le, 8, id},
		"other owner":          {elfNote(le, 4, "Xen", 3, id), le, 4, ""},
		"other type":           {elfNote(le, 4, "GNU", 1, id), le, 4, ""},
		"empty id":             {elfNote(le, 4, "GNU", 3, ""), le, 4, ""},
		"last without padding": {elfNote(le, 4, "GNU", 3, id)[:16+len(id)], le, 4, id},
		"cut off":              {elfNote(le, 4, "GNU", 3, id)[:18], le, 4, ""},
		"sizes that overflow":  {bytes.Repeat([]byte{0xff}, 40), le, 4, ""},
		"nothing":              {nil, le, 4, ""},
	} {
		if got := buildIDNote(test.data, test.order, test.align); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	if _, err := ParseNotes(nil, le); !errors.Is(err, ErrNoBuildID) {
		t.Errorf("ParseNotes of nothing: %v, want ErrNoBuildID", err)
	}
}

// The running kernel's build id is the one that perf finds.
func TestKernelBuildID(t *testing.T) {
	notes, err := os.ReadFile("/sys/kernel/notes")
	if err != nil {
		t.Skipf("no kernel notes: %v", err)
	}
	oracle.Perf(t)
	out, err := perfCommand(t.TempDir(), "buildid-list", "-k").Output()
	if err != nil {
		t.Skipf("perf buildid-list: %v", err)
	}
	id, err := ParseNotes(notes, binary.NativeEndian)
	if want := strings.TrimSpace(string(out)); err != nil || id.String() != want {
		t.Errorf("%v, %v, want %s", id, err, want)
	}
}

func TestReadBuildIDRefusals(t *testing.T) {
	if _, err := ReadBuildIDFile("testdata/zoo/symbols-noid.so"); !errors.Is(err, ErrNoBuildID) {
		t.Errorf("file without: %v, want ErrNoBuildID", err)
	}
	if _, err := ReadBuildIDFile("testdata/zoo/build.sh"); !errors.Is(err, ErrNotELF) {
		t.Errorf("shell script: %v, want ErrNotELF", err)
	}
	if _, err := ReadBuildIDFile("testdata/zoo/absent"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v, want ErrNotExist", err)
	}
	for _, name := range []string{"testdata", os.DevNull} {
		if _, err := ReadBuildIDFile(name); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v, want it refused", name, err)
		}
	}
}

// A file that is cut off anywhere gives its id or an error, and never hangs on
// to more than it has.
func TestReadBuildIDCutOff(t *testing.T) {
	whole, err := os.ReadFile("testdata/zoo/symbols-lld")
	if err != nil {
		t.Fatal(err)
	}
	want, err := ReadBuildID(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		id, err := ReadBuildID(bytes.NewReader(whole[:n]), int64(n))
		if (err == nil) != (id == want) {
			t.Fatalf("first %d bytes: %v, %v", n, id, err)
		}
		if _, err := NewModule(bytes.NewReader(whole[:n]), int64(n)); err == nil && n < len(whole)-1 {
			t.Fatalf("first %d of %d bytes make a module, though the section headers stand at the end", n, len(whole))
		}
	}
}

func BenchmarkReadBuildIDFile(b *testing.B) {
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	files := map[string]string{"seed": "../testdata/seed/main", "go": exe}
	if found, _ := filepath.Glob("/lib/*-linux-gnu/libc.so.6"); runtime.GOOS == "linux" && len(found) > 0 {
		files["libc"] = found[0]
	}
	for name, file := range files {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ReadBuildIDFile(file); err != nil && !errors.Is(err, ErrNoBuildID) {
					b.Fatal(err)
				}
			}
		})
	}
}
