package perfevent_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gorecord/perfevent"
)

// recordCase is a record as the kernel's header describes it, and as a structure.
type recordCase struct {
	name string
	typ  perfevent.RecordType
	misc perfevent.Misc
	body []any // up to the sample_id fields
	// least is how much of the body must be there to be read without an
	// error: all but a string, which may end early.
	least int
	want  perfevent.Record
}

var (
	buildID  = []byte("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14")
	namesPad = "/usr/lib/libc.so.6\x00\x00\x00\x00\x00\x00" // 18 and 6
)

var recordCases = []recordCase{
	{"MMAP", perfevent.RecordMmap, perfevent.MiscUser,
		[]any{uint32(10), uint32(11), uint64(0x400000), uint64(0x2000), uint64(0x1000), namesPad}, 32,
		&perfevent.Mmap{PID: 10, TID: 11, Start: 0x400000, Len: 0x2000, Offset: 0x1000, Filename: "/usr/lib/libc.so.6"}},
	{"MMAP of the kernel", perfevent.RecordMmap, perfevent.MiscKernel,
		[]any{^uint32(0), uint32(0), uint64(0xffffffff81000000), uint64(1 << 24), uint64(0xffffffff81000000), "[kernel.kallsyms]_text\x00\x00"}, 32,
		&perfevent.Mmap{PID: 1<<32 - 1, Start: 0xffffffff81000000, Len: 1 << 24, Offset: 0xffffffff81000000, Filename: "[kernel.kallsyms]_text"}},
	{"MMAP, name of eight bytes", perfevent.RecordMmap, 0,
		[]any{uint32(1), uint32(2), uint64(3), uint64(4), uint64(5), "/bin/cat\x00\x00\x00\x00\x00\x00\x00\x00"}, 32,
		&perfevent.Mmap{PID: 1, TID: 2, Start: 3, Len: 4, Offset: 5, Filename: "/bin/cat"}},
	{"MMAP2", perfevent.RecordMmap2, perfevent.MiscUser,
		[]any{uint32(10), uint32(11), uint64(0x7f0000000000), uint64(0x2000), uint64(0x1000),
			uint32(8), uint32(1), uint64(123456), uint64(42), uint32(5), uint32(2), namesPad}, 64,
		&perfevent.Mmap2{PID: 10, TID: 11, Start: 0x7f0000000000, Len: 0x2000, Offset: 0x1000,
			Major: 8, Minor: 1, Inode: 123456, InodeGeneration: 42, Prot: 5, Flags: 2, Filename: "/usr/lib/libc.so.6"}},
	{"MMAP2 with build id", perfevent.RecordMmap2, perfevent.MiscUser | perfevent.MiscMmapBuildID,
		[]any{uint32(10), uint32(11), uint64(1), uint64(2), uint64(3),
			uint8(20), uint8(0), uint16(0), buildID, uint32(5), uint32(2), "//anon\x00\x00"}, 64,
		&perfevent.Mmap2{PID: 10, TID: 11, Start: 1, Len: 2, Offset: 3, BuildID: buildID, Prot: 5, Flags: 2, Filename: "//anon"}},
	{"MMAP2 with short build id", perfevent.RecordMmap2, perfevent.MiscMmapBuildID,
		[]any{uint32(10), uint32(11), uint64(1), uint64(2), uint64(3),
			uint8(16), uint8(0), uint16(0), buildID[:16], uint32(0), uint32(5), uint32(2), "[vdso]\x00\x00"}, 64,
		&perfevent.Mmap2{PID: 10, TID: 11, Start: 1, Len: 2, Offset: 3, BuildID: buildID[:16], Prot: 5, Flags: 2, Filename: "[vdso]"}},
	{"LOST", perfevent.RecordLost, 0, []any{uint64(7), uint64(1000)}, 16, &perfevent.Lost{ID: 7, Lost: 1000}},
	{"COMM", perfevent.RecordComm, perfevent.MiscCommExec,
		[]any{uint32(3), uint32(4), "cat\x00\x00\x00\x00\x00"}, 8, &perfevent.Comm{PID: 3, TID: 4, Comm: "cat"}},
	{"COMM, longest", perfevent.RecordComm, 0,
		[]any{uint32(3), uint32(4), "fifteen letters\x00"}, 8, &perfevent.Comm{PID: 3, TID: 4, Comm: "fifteen letters"}},
	{"COMM, empty", perfevent.RecordComm, 0,
		[]any{uint32(3), uint32(4), make([]byte, 8)}, 8, &perfevent.Comm{PID: 3, TID: 4}},
	{"EXIT", perfevent.RecordExit, 0, []any{uint32(1), uint32(2), uint32(3), uint32(4), uint64(5)}, 24,
		&perfevent.Exit{Task: perfevent.Task{PID: 1, PPID: 2, TID: 3, PTID: 4, Time: 5}}},
	{"FORK", perfevent.RecordFork, 0, []any{uint32(1), uint32(2), uint32(3), uint32(4), uint64(5)}, 24,
		&perfevent.Fork{Task: perfevent.Task{PID: 1, PPID: 2, TID: 3, PTID: 4, Time: 5}}},
	{"THROTTLE", perfevent.RecordThrottle, 0, []any{uint64(1), uint64(2), uint64(3)}, 24,
		&perfevent.Throttle{Time: 1, ID: 2, StreamID: 3}},
	{"UNTHROTTLE", perfevent.RecordUnthrottle, 0, []any{uint64(1), uint64(2), uint64(3)}, 24,
		&perfevent.Throttle{Un: true, Time: 1, ID: 2, StreamID: 3}},
	{"AUX", perfevent.RecordAux, 0, []any{uint64(1), uint64(2), uint64(3)}, 24, &perfevent.Aux{Offset: 1, Size: 2, Flags: 3}},
	{"ITRACE_START", perfevent.RecordItraceStart, 0, []any{uint32(1), uint32(2)}, 8, &perfevent.ItraceStart{PID: 1, TID: 2}},
	{"LOST_SAMPLES", perfevent.RecordLostSamples, 0, []any{uint64(9)}, 8, &perfevent.LostSamples{Lost: 9}},
	{"SWITCH", perfevent.RecordSwitch, perfevent.MiscSwitchOut, nil, 0, &perfevent.Switch{}},
	{"SWITCH_CPU_WIDE", perfevent.RecordSwitchCPUWide, perfevent.MiscSwitchOut | perfevent.MiscSwitchOutPreempt,
		[]any{uint32(1), uint32(2)}, 8, &perfevent.SwitchCPUWide{NextPrevPID: 1, NextPrevTID: 2}},
	{"NAMESPACES", perfevent.RecordNamespaces, 0,
		[]any{uint32(1), uint32(2), uint64(2), uint64(3), uint64(4), uint64(5), uint64(6)}, 48,
		&perfevent.Namespaces{PID: 1, TID: 2, Namespaces: []perfevent.Namespace{{Dev: 3, Inode: 4}, {Dev: 5, Inode: 6}}}},
	{"KSYMBOL", perfevent.RecordKsymbol, 0,
		[]any{uint64(0xffffffffa0000000), uint32(100), uint16(1), uint16(1), "bpf_prog_1\x00\x00\x00\x00\x00\x00"}, 16,
		&perfevent.Ksymbol{Addr: 0xffffffffa0000000, Len: 100, Type: 1, Flags: 1, Name: "bpf_prog_1"}},
	{"BPF_EVENT", perfevent.RecordBPFEvent, 0, []any{uint16(1), uint16(2), uint32(3), "tagbytes"}, 16,
		&perfevent.BPFEvent{Type: 1, Flags: 2, ID: 3, Tag: [8]byte([]byte("tagbytes"))}},
	{"CGROUP", perfevent.RecordCgroup, 0, []any{uint64(77), "/sys.slice\x00\x00\x00\x00\x00\x00"}, 8,
		&perfevent.Cgroup{ID: 77, Path: "/sys.slice"}},
	{"TEXT_POKE", perfevent.RecordTextPoke, perfevent.MiscKernel,
		[]any{uint64(0xffffffff81234567), uint16(5), uint16(2), "\x90\x90\x90\x90\x90\xeb\xfe", make([]byte, 5)}, 24,
		&perfevent.TextPoke{Addr: 0xffffffff81234567, Old: []byte("\x90\x90\x90\x90\x90"), New: []byte("\xeb\xfe")}},
	{"AUX_OUTPUT_HW_ID", perfevent.RecordAuxOutputHWID, 0, []any{uint64(5)}, 8, &perfevent.AuxOutputHWID{HWID: 5}},
	{"CALLCHAIN_DEFERRED", perfevent.RecordCallchainDeferred, 0,
		[]any{uint64(99), uint64(2), uint64(0xfffffffffffffe00), uint64(0x401000)}, 32,
		&perfevent.CallchainDeferred{Cookie: 99, IPs: []perfevent.Addr{perfevent.ContextUser, 0x401000}}},
}

// The READ record's values stay bytes, in the byte order of the recording.
func readCase(o binary.ByteOrder) recordCase {
	values := wire(o, uint64(5), uint64(6))
	return recordCase{"READ", perfevent.RecordRead, 0, []any{uint32(1), uint32(2), values}, 8,
		&perfevent.Read{PID: 1, TID: 2, Values: values}}
}

// trailerTypes are the sample_id fields in the order of struct sample_id.
var trailerTypes = []perfevent.SampleType{
	perfevent.SampleTID, perfevent.SampleTime, perfevent.SampleID,
	perfevent.SampleStreamID, perfevent.SampleCPU, perfevent.SampleIdentifier,
}

// trailer gives the sample_id fields of a sample type, as bytes and decoded.
func trailer(o binary.ByteOrder, t perfevent.SampleType) ([]byte, perfevent.SampleIdentity) {
	var b []byte
	var id perfevent.SampleIdentity
	add := func(f perfevent.SampleType, values ...any) bool {
		if t&f == 0 {
			return false
		}
		b = append(b, wire(o, values...)...)
		return true
	}
	const pid, tid, time, event, stream, cpu = uint32(0x101), uint32(0x102), uint64(0x1111111122222222), uint64(0x103), uint64(0x104), uint32(5)
	if add(perfevent.SampleTID, pid, tid) {
		id.PID, id.TID = pid, tid
	}
	if add(perfevent.SampleTime, time) {
		id.Time = time
	}
	if add(perfevent.SampleID, event) {
		id.ID = event
	}
	if add(perfevent.SampleStreamID, stream) {
		id.StreamID = stream
	}
	if add(perfevent.SampleCPU, cpu, uint32(0)) {
		id.CPU = cpu
	}
	if add(perfevent.SampleIdentifier, event) {
		id.ID = event
	}
	return b, id
}

// trailerSets are all combinations of the sample_id fields.
func trailerSets() []perfevent.SampleType {
	var sets []perfevent.SampleType
	for set := range 1 << len(trailerTypes) {
		// IP is no sample_id field: it must not count.
		t := perfevent.SampleIP
		for i, f := range trailerTypes {
			if set&(1<<i) != 0 {
				t |= f
			}
		}
		sets = append(sets, t)
	}
	return sets
}

// TestRecords decodes every kind of record with every combination of sample_id
// fields, in both byte orders, and writes it back.
func TestRecords(t *testing.T) {
	for _, o := range orders {
		for _, test := range append(recordCases, readCase(o)) {
			t.Run(fmt.Sprintf("%s/%v", test.name, o), func(t *testing.T) {
				for _, set := range trailerSets() {
					tail, id := trailer(o, set)
					checkRecord(t, test, o, perfevent.Attr{SampleType: set, Flags: perfevent.FlagSampleIDAll}, tail, id)
				}
				all := trailerSets()
				checkRecord(t, test, o, perfevent.Attr{SampleType: all[len(all)-1]}, nil, perfevent.SampleIdentity{})
			})
		}
	}
}

func checkRecord(t *testing.T, test recordCase, o binary.ByteOrder, a perfevent.Attr, tail []byte, id perfevent.SampleIdentity) {
	t.Helper()
	layout := perfevent.NewLayout(&a, o)
	raw := record(o, test.typ, test.misc, append(wire(o, test.body), tail...))
	got, gotID, err := layout.DecodeRecord(raw)
	if err != nil {
		t.Errorf("sample_id %v: %v", a.SampleType, err)
	}
	if diff := cmp.Diff(test.want, got); diff != "" {
		t.Errorf("sample_id %v (-want +got):\n%s", a.SampleType, diff)
	}
	if got.RecordType() != test.typ {
		t.Errorf("decoded type %v, want %v", got.RecordType(), test.typ)
	}
	if gotID != id {
		t.Errorf("sample_id %v: %+v, want %+v", a.SampleType, gotID, id)
	}
	if gotTime, ok := layout.Time(raw); gotTime != id.Time || ok != (id.Time != 0) {
		t.Errorf("sample_id %v: time %#x, %v", a.SampleType, gotTime, ok)
	}
	made, err := layout.AppendRecord([]byte("before"), got, test.misc, gotID)
	if err != nil || string(made[:6]) != "before" || !bytes.Equal(made[6:], raw.Bytes) {
		t.Errorf("sample_id %v: encoded as\n%x, error %v, want\n%x", a.SampleType, made[6:], err, raw.Bytes)
	}
}

// TestRecordsTruncated cuts every record at every byte: what is missing of its
// own fields or of the sample_id fields is an error, never a panic and never
// taken from the other.
func TestRecordsTruncated(t *testing.T) {
	all := trailerSets()
	for _, flags := range []perfevent.Flags{0, perfevent.FlagSampleIDAll} {
		layout := perfevent.NewLayout(&perfevent.Attr{SampleType: all[len(all)-1], Flags: flags}, little)
		var tail []byte
		if flags != 0 {
			tail, _ = trailer(little, all[len(all)-1])
		}
		for _, test := range append(recordCases, readCase(little)) {
			full := append(wire(little, test.body), tail...)
			for n := range len(full) {
				rec, _, err := layout.DecodeRecord(record(little, test.typ, test.misc, full[:n]))
				if rec.RecordType() != test.typ {
					t.Errorf("%s cut to %d bytes comes as %v", test.name, n, rec.RecordType())
				}
				short := n < test.least+len(tail)
				if errors.Is(err, io.ErrUnexpectedEOF) != short || (err != nil) != short {
					t.Errorf("%s (%d and %d bytes) cut to %d: error %v", test.name, test.least, len(tail), n, err)
				}
				if short && !strings.Contains(err.Error(), fmt.Sprintf("%v record: body of %d bytes", test.typ, n)) {
					t.Errorf("the error does not name the record: %v", err)
				}
			}
		}
	}
}

// TestRecordsGrown checks that fields which a later kernel appends before the
// sample_id fields are skipped.
func TestRecordsGrown(t *testing.T) {
	all := trailerSets()
	set := all[len(all)-1]
	layout := perfevent.NewLayout(&perfevent.Attr{SampleType: set, Flags: perfevent.FlagSampleIDAll}, little)
	tail, id := trailer(little, set)
	for _, test := range recordCases {
		body := append(wire(little, test.body, uint64(0x4141414141414141)), tail...)
		got, gotID, err := layout.DecodeRecord(record(little, test.typ, test.misc, body))
		if err != nil || gotID != id {
			t.Errorf("%s: %+v, error %v", test.name, gotID, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestOversizedCounts checks that a count which the record cannot hold is
// refused before memory is taken for it.
func TestOversizedCounts(t *testing.T) {
	layout := perfevent.NewLayout(&perfevent.Attr{SampleType: perfevent.SampleTime, Flags: perfevent.FlagSampleIDAll}, little)
	for _, n := range []uint64{2, 3, 1 << 32, 1 << 61, 1<<64 - 1} {
		// One entry, and the sample_id that a second must not be taken from.
		for typ, body := range map[perfevent.RecordType][]byte{
			perfevent.RecordNamespaces:        wire(little, uint32(1), uint32(2), n, uint64(1), uint64(2), uint64(9)),
			perfevent.RecordCallchainDeferred: wire(little, uint64(1), n, uint64(1), uint64(9)),
		} {
			rec, id, err := layout.DecodeRecord(record(little, typ, 0, body))
			taken := 0
			switch rec := rec.(type) {
			case *perfevent.Namespaces:
				taken = cap(rec.Namespaces)
			case *perfevent.CallchainDeferred:
				taken = cap(rec.IPs)
			}
			if !errors.Is(err, io.ErrUnexpectedEOF) || id.Time != 9 || taken != 0 {
				t.Errorf("%v with %d entries: %+v %+v, error %v", typ, n, rec, id, err)
			}
		}
	}
	// Sizes in TEXT_POKE.
	body := wire(little, uint64(1), uint16(0xffff), uint16(0xffff), make([]byte, 4), uint64(9))
	if _, _, err := layout.DecodeRecord(record(little, perfevent.RecordTextPoke, 0, body)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("TEXT_POKE of 128 KiB: error %v", err)
	}
	// A build id says more than the 20 bytes that there are.
	build := recordCases[4]
	asked := perfevent.NewLayout(&perfevent.Attr{SampleType: perfevent.SampleTime, Flags: perfevent.FlagSampleIDAll | perfevent.FlagBuildID}, little)
	body = wire(little, build.body, uint64(9))
	body[32] = 0xff
	rec, _, err := asked.DecodeRecord(record(little, build.typ, build.misc, body))
	if err != nil || !bytes.Equal(rec.(*perfevent.Mmap2).BuildID, buildID) {
		t.Errorf("build id of 255 bytes: %+v, error %v", rec, err)
	}
}

// TestUnknownRecords checks that records without a structure come as they are,
// with their sample_id fields, and can be written back.
func TestUnknownRecords(t *testing.T) {
	all := trailerSets()
	layout := perfevent.NewLayout(&perfevent.Attr{SampleType: all[len(all)-1], Flags: perfevent.FlagSampleIDAll}, little)
	for _, typ := range []perfevent.RecordType{0, perfevent.RecordSample, 23, 63, 64, 81, 1<<32 - 1} {
		for _, n := range []int{0, 1, 8, 48, 49, 100} {
			body := bytes.Repeat([]byte{0xa5}, n)
			raw := record(little, typ, 7, body)
			got, id, err := layout.DecodeRecord(raw)
			want := &perfevent.Unknown{Type: typ, Data: body}
			if diff := cmp.Diff(perfevent.Record(want), got); diff != "" || err != nil || id != (perfevent.SampleIdentity{}) {
				t.Errorf("type %d, %d bytes: %v %+v (-want +got):\n%s", typ, n, err, id, diff)
			}
			made, err := layout.AppendRecord(nil, got, 7, perfevent.SampleIdentity{ID: 1})
			if err != nil || !bytes.Equal(made, raw.Bytes) {
				t.Errorf("type %d, %d bytes: encoded as %x, error %v", typ, n, made, err)
			}
		}
	}
}

// TestAppendRecordPads checks that every record is a multiple of eight bytes
// long, as the kernel's are, whatever the length of its name.
func TestAppendRecordPads(t *testing.T) {
	layout := perfevent.NewLayout(&perfevent.Attr{SampleType: perfevent.SampleTime, Flags: perfevent.FlagSampleIDAll}, little)
	id := perfevent.SampleIdentity{Time: 0x1234}
	for n := range 40 {
		name := strings.Repeat("x", n)
		for _, rec := range []perfevent.Record{
			&perfevent.Mmap{Filename: name}, &perfevent.Mmap2{Filename: name}, &perfevent.Comm{Comm: name},
			&perfevent.Ksymbol{Name: name}, &perfevent.Cgroup{Path: name},
			&perfevent.TextPoke{Old: []byte(name), New: []byte(name)[:n/2]},
		} {
			// What lies before must not count.
			b, err := layout.AppendRecord([]byte("odd"), rec, 0, id)
			if err != nil {
				t.Fatal(err)
			}
			raw := split(t, b[3:], little)
			if len(raw.Bytes)%8 != 0 {
				t.Errorf("%v with a name of %d bytes has %d bytes", raw.Type, n, len(raw.Bytes))
			}
			got, gotID, err := layout.DecodeRecord(raw)
			if diff := cmp.Diff(rec, got); err != nil || gotID != id || diff != "" {
				t.Errorf("%v with a name of %d bytes: %+v, error %v (-want +got):\n%s", raw.Type, n, gotID, err, diff)
			}
		}
		b, err := layout.AppendRecord(nil, &perfevent.Read{Values: make([]byte, n)}, 0, id)
		if err != nil || len(b)%8 != 0 {
			t.Errorf("READ with values of %d bytes has %d, error %v", n, len(b), err)
		}
	}
}

// TestAppendRecordTooLarge checks the largest record and the first beyond.
func TestAppendRecordTooLarge(t *testing.T) {
	layout := perfevent.NewLayout(&perfevent.Attr{}, little)
	const room = (perfevent.MaxRecordSize - perfevent.HeaderSize) &^ 7
	before := []byte("before")
	for _, test := range []struct {
		what string
		rec  perfevent.Record
		fits bool
	}{
		{"longest name", &perfevent.Comm{Comm: strings.Repeat("x", room-8-1)}, true},
		{"a letter more", &perfevent.Comm{Comm: strings.Repeat("x", room-8)}, false},
		{"unknown", &perfevent.Unknown{Type: 70, Data: make([]byte, perfevent.MaxRecordSize-perfevent.HeaderSize)}, true},
		{"unknown, a byte more", &perfevent.Unknown{Type: 70, Data: make([]byte, perfevent.MaxRecordSize-perfevent.HeaderSize+1)}, false},
		{"code whose length wraps around 16 bits", &perfevent.TextPoke{Old: make([]byte, 1<<16)}, false},
		{"callchain", &perfevent.CallchainDeferred{IPs: make([]perfevent.Addr, 1<<16)}, false},
	} {
		b, err := layout.AppendRecord(before, test.rec, 0, perfevent.SampleIdentity{})
		if (err == nil) != test.fits {
			t.Errorf("%s: error %v", test.what, err)
		}
		if err != nil && !bytes.Equal(b, before) {
			t.Errorf("%s: appended %d bytes and failed", test.what, len(b)-len(before))
		}
		if err == nil {
			split(t, b[len(before):], little)
		}
	}
}

func TestSplitRecord(t *testing.T) {
	for _, o := range orders {
		whole := record(o, perfevent.RecordLost, 3, wire(o, uint64(1), uint64(2)))
		got, err := perfevent.SplitRecord(append(bytes.Clone(whole.Bytes), "next"...), o)
		if diff := cmp.Diff(whole, got); diff != "" || err != nil {
			t.Errorf("%v: error %v (-want +got):\n%s", o, err, diff)
		}
		if cap(got.Bytes) != len(whole.Bytes) {
			t.Errorf("appending to a record of %d bytes would write behind it: capacity %d", len(got.Bytes), cap(got.Bytes))
		}
		for n := range whole.Bytes {
			if _, err := perfevent.SplitRecord(whole.Bytes[:n], o); err == nil {
				t.Errorf("%v: a record cut to %d bytes is accepted", o, n)
			}
		}
		for size := range perfevent.HeaderSize {
			b := wire(o, uint32(2), uint16(0), uint16(size), uint64(1))
			if _, err := perfevent.SplitRecord(b, o); err == nil {
				t.Errorf("%v: the size %d is accepted", o, size)
			}
		}
	}
}

func TestClone(t *testing.T) {
	raw := record(little, perfevent.RecordLost, 3, wire(little, uint64(1), uint64(2)))
	kept := raw.Clone()
	want := bytes.Clone(raw.Bytes)
	clear(raw.Bytes)
	if kept.Type != perfevent.RecordLost || kept.Misc != 3 || !bytes.Equal(kept.Bytes, want) {
		t.Errorf("the copy changed with its original: %+v", kept)
	}
}

// TestTimeOfFileRecords checks that records of the file format, which have no
// sample_id fields, have no time, and that short ones do not panic.
func TestTimeOfFileRecords(t *testing.T) {
	all := trailerSets()
	layout := perfevent.NewLayout(&perfevent.Attr{SampleType: all[len(all)-1], Flags: perfevent.FlagSampleIDAll}, little)
	for typ := perfevent.RecordType(64); typ < 90; typ++ {
		if at, ok := layout.Time(record(little, typ, 0, make([]byte, 100))); ok {
			t.Errorf("%v has the time %d", typ, at)
		}
	}
	for n := range 48 {
		raw := record(little, perfevent.RecordSwitch, 0, bytes.Repeat([]byte{1}, n))
		// TIME, ID, STREAM_ID, CPU and IDENTIFIER are the last 40 bytes.
		if _, ok := layout.Time(raw); ok != (n >= 40) {
			t.Errorf("a body of %d bytes has a time: %v", n, ok)
		}
	}
}

// TestIDPositions compares the places with where the id is found in bytes.
func TestIDPositions(t *testing.T) {
	for _, test := range []struct {
		sampleType        perfevent.SampleType
		flags             perfevent.Flags
		inSample, fromEnd int
	}{
		{0, perfevent.FlagSampleIDAll, -1, -1},
		{perfevent.SampleIP | perfevent.SampleTID, perfevent.FlagSampleIDAll, -1, -1},
		{perfevent.SampleIdentifier, 0, 0, -1},
		{perfevent.SampleIdentifier, perfevent.FlagSampleIDAll, 0, 8},
		{perfevent.SampleIdentifier | perfevent.SampleID | perfevent.SampleIP | perfevent.SampleCPU, perfevent.FlagSampleIDAll, 0, 8},
		{perfevent.SampleID, perfevent.FlagSampleIDAll, 0, 8},
		{perfevent.SampleID | perfevent.SampleIP | perfevent.SampleTID | perfevent.SampleTime | perfevent.SampleAddr, perfevent.FlagSampleIDAll, 32, 8},
		{perfevent.SampleID | perfevent.SampleCPU | perfevent.SampleStreamID | perfevent.SamplePeriod, perfevent.FlagSampleIDAll, 0, 24},
	} {
		layout := perfevent.NewLayout(&perfevent.Attr{SampleType: test.sampleType, Flags: test.flags}, little)
		inSample, fromEnd := layout.IDPositions()
		if inSample != test.inSample || fromEnd != test.fromEnd {
			t.Errorf("%v: %d and %d, want %d and %d", test.sampleType, inSample, fromEnd, test.inSample, test.fromEnd)
		}
		if layout.SampleType() != test.sampleType || layout.ByteOrder() != little {
			t.Errorf("layout of %v, %v", layout.SampleType(), layout.ByteOrder())
		}
	}
	if o := perfevent.NewLayout(&perfevent.Attr{}, big).ByteOrder(); o != big {
		t.Errorf("big-endian layout is %v", o)
	}
}

// TestLeakedBuildIDBit: an MMAP2 record that is marked as having a build id, of an
// event that did not ask for any, has device and inode, unless a build id was
// put in later.
func TestLeakedBuildIDBit(t *testing.T) {
	plain := perfevent.NewLayout(&perfevent.Attr{}, binary.LittleEndian)
	asked := perfevent.NewLayout(&perfevent.Attr{Flags: perfevent.FlagBuildID}, binary.LittleEndian)
	device := &perfevent.Mmap2{PID: 1, TID: 2, Start: 3, Len: 4, Major: 254, Inode: 77, Filename: "/bin/x"}
	withID := &perfevent.Mmap2{PID: 1, TID: 2, Start: 3, Len: 4, BuildID: []byte("0123456789abcdefghij"), Filename: "/bin/x"}
	for _, test := range []struct {
		name   string
		layout *perfevent.Layout
		rec    *perfevent.Mmap2
	}{
		{"leaked", plain, device},
		{"put in", plain, withID},
		{"asked for", asked, withID},
	} {
		misc := perfevent.MiscUser
		if test.rec.BuildID != nil {
			misc |= perfevent.MiscMmapBuildID
		}
		b, err := test.layout.AppendRecord(nil, test.rec, misc, perfevent.SampleIdentity{})
		if err != nil {
			t.Fatal(err)
		}
		binary.LittleEndian.PutUint16(b[4:], uint16(perfevent.MiscUser|perfevent.MiscMmapBuildID))
		raw, err := perfevent.SplitRecord(b, binary.LittleEndian)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := test.layout.DecodeRecord(raw)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.rec, got.(*perfevent.Mmap2)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
