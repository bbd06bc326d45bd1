package twin_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
	"gorecord/perfevent/perfdata/twin"
)

func readText(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parse(t testing.TB, text string) []byte {
	t.Helper()
	b, err := twin.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestHandWritten reads a recording that was written as text with the reader
// of recordings.
func TestHandWritten(t *testing.T) {
	b := parse(t, string(readText(t, "testdata/small.twin")))
	roundTrip(t, b)
	r, err := perfdata.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil || len(r.Problems()) > 0 {
		t.Fatalf("%v, problems %q", err, r.Problems())
	}
	if i := r.Info(); i.Hostname != "box" || i.NrCPUsOnline != 2 || i.CommandLine() != "gorecord -o a b" || len(i.PMUs) != 2 {
		t.Errorf("info is %+v", i)
	}
	if f, err := r.Feature(77); err != nil || string(f) != "\x00\xffquoted\x01stray" {
		t.Errorf("feature 77 is %q, %v", f, err)
	}
	var got []string
	s := r.Sorted()
	defer s.Close()
	for s.Next() {
		rec := s.Record()
		if rec.Event == nil {
			got = append(got, rec.Type.String())
			continue
		}
		got = append(got, perfdata.RecordName(rec.Type)+" of "+rec.Event.Name)
		if rec.Type == perfevent.RecordSample {
			var sample perfevent.Sample
			if err := rec.Event.Layout.DecodeSample(rec.RawRecord, &sample); err != nil {
				t.Error(err)
			}
		}
	}
	if p := s.Problems(); s.Err() != nil || len(p) != 1 || !strings.HasSuffix(p[0], "stepped over: 1 × RECORD_200") {
		t.Errorf("%v, problems %q", s.Err(), p)
	}
	want := []string{
		"RECORD_200", "COMM of cpu-clock", "MMAP2 of cpu-clock", "SAMPLE of cpu-clock", "SAMPLE of sched:sched_switch",
		"SAMPLE of cpu-clock", "SAMPLE of cpu-clock", "EXIT of cpu-clock", "LOST_SAMPLES of sched:sched_switch",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("records are %q", got)
	}
}

// TestBothOrders writes the same recording in both byte orders; the texts tell
// the same.
func TestBothOrders(t *testing.T) {
	little := string(readText(t, "testdata/small.twin"))
	// zstd streams do not depend on the order, but the records in them do.
	little = strings.ReplaceAll(strings.ReplaceAll(little, "COMPRESSED2 records\n", ""), "COMPRESSED records\n", "")
	little = strings.ReplaceAll(little, "\n+ ", "\n")
	big := strings.Replace(little, `order=little magic="PERFILE2"`, `order=big magic="2ELIFREP"`, 1)
	texts := make([]string, 2)
	for i, text := range []string{little, big} {
		texts[i] = string(roundTrip(t, parse(t, text)))
	}
	if _, rest, _ := strings.Cut(texts[1], "\n"); !strings.HasSuffix(texts[0], rest) {
		t.Error("the texts of the two byte orders differ")
	}
	if strings.Contains(texts[1], "fix=") {
		t.Error("records need mending")
	}
}

func TestGolden(t *testing.T) {
	const golden = "testdata/cpu-clock-g-z.twin"
	b := readText(t, recordingsDir+"/cpu-clock-g-z.data")
	got := print(t, b)
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := readText(t, golden); !bytes.Equal(got, want) {
		t.Errorf("%s: %s", golden, difference(string(got), string(want)))
	}
}

// TestExample checks that the example of the package's documentation is what
// Print writes.
func TestExample(t *testing.T) {
	var example strings.Builder
	for line := range strings.Lines(string(readText(t, "doc.go"))) {
		if text, ok := strings.CutPrefix(line, "//\t"); ok {
			if strings.HasPrefix(text, "record_size") {
				break
			}
			example.WriteString(text)
		}
	}
	if got := string(print(t, parse(t, example.String()))); got != example.String() || got == "" {
		t.Errorf("documented as\n%sprinted as\n%s", example.String(), got)
	}
}

// TestPrintsSafely prints a recording with names that would steer a terminal.
func TestPrintsSafely(t *testing.T) {
	for _, c := range print(t, parse(t, string(readText(t, "testdata/small.twin")))) {
		if c != '\n' && (c < ' ' || c > '~') {
			t.Fatalf("the text contains %q", c)
		}
	}
}

// TestAutoIDs checks that records find their event by an id whose place the
// text leaves open, wherever the ids stand.
func TestAutoIDs(t *testing.T) {
	const head = "header order=little magic=\"PERFILE2\" size=104 attr_size=80 attrs=auto data=auto\n"
	const ids = "ids event=0 values=7\nids event=1 values=8\n"
	const attrs = "attr type=1 size=64 sample_type=IDENTIFIER ids=auto\nattr type=1 size=64 sample_type=IDENTIFIER|IP ids=auto\n"
	const data = "data\nSAMPLE id=8 ip=1\nSAMPLE id=7\n"
	for _, text := range []string{head + ids + attrs + data, head + attrs + ids + data} {
		printed := string(roundTrip(t, parse(t, text)))
		for _, want := range []string{" SAMPLE id=8 ip=0x1\n", " SAMPLE id=7\n"} {
			if !strings.Contains(printed, want) {
				t.Errorf("no%s in\n%s", want, printed)
			}
		}
	}
}

const pipeHead = "pipe order=little magic=\"PERFILE2\" size=16\n"

// TestLines checks bytes of single lines.
func TestLines(t *testing.T) {
	tests := []struct{ line, want string }{
		{"FINISHED_ROUND", "44000000 0000 0800"},
		{"FINISHED_ROUND record_size=40", "44000000 0000 2800"},
		{"@0x77 FINISHED_ROUND misc=0x8002 # anywhere", "44000000 0280 0800"},
		{"LOST id=-1 lost=0x10", "02000000 0000 1800 ffffffffffffffff 1000000000000000"},
		{"LOST id=1\n  lost=2\n\n# comment\n  | information\n  tail=ff fix=0x8:02", "02000000 0000 1900 0200000000000000 0200000000000000 ff"},
		{`COMM pid=1 comm="a" cut=6`, "03000000 0000 1200 0100000000000000 6100"},
		{"SWITCH misc=out|preempt", "0e000000 0060 0800"},
		{"COMM misc=exec", "03000000 0020 1800 0000000000000000 0000000000000000"},
		{"STAT_ROUND type=1 time=2", "4d000000 0000 1800 0100000000000000 0200000000000000"},
		{`EVENT_TYPE config=5 name="a"/3`, "41000000 0000 1300 0500000000000000 610000"},
		{"THREAD_MAP\n pid=1 comm=\"x\"\n pid=2", "49000000 0000 4000 0200000000000000 " +
			"0100000000000000 78000000000000000000000000000000 0200000000000000 00000000000000000000000000000000"},
		{"FEATURE feature=NRCPUS available=1 online=2", "50000000 0000 1800 0700000000000000 01000000 02000000"},
		{"TYPE(4294967295) hex=01 \"A\"", "ffffffff 0000 0a00 0141"},
		{"bytes 0a 0b", "0a0b"},
		{"bytes 0a zeros=3", "0a000000"},
	}
	for _, test := range tests {
		head := parse(t, pipeHead)
		got := parse(t, pipeHead+test.line+"\n")[len(head):]
		if want := parse(t, "bytes "+test.want); !bytes.Equal(got, want) {
			t.Errorf("%s\n got %x\nwant %x", test.line, got, want)
		}
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ text, want string }{
		{"  ip=1", "line 1: an indented line continues nothing"},
		{"@0x10", "line 1: a place without a word"},
		{"@ten data", "line 1: place @ten is no number"},
		{"nonsense", "line 1: nonsense: neither a part of a file nor a record's name"},
		{"# one\n\nLOST id=1 lots=2", `line 3: LOST: field "lots" is unknown`},
		{"LOST id=1\n\n  lost=x", "line 1: LOST: lost: x is no number of 8 bytes"},
		{"LOST id=1 2", "line 1: LOST: id: 2 values, want one"},
		{"LOST id=", "line 1: LOST: id: 0 values, want one"},
		{"COMM pid=4294967296", "line 1: COMM: pid: 4294967296 is no number of 4 bytes"},
		{`COMM comm="x`, "line 1: string without an end"},
		{"COMM pid=1\n  comm=\"x", "line 2: string without an end"},
		{`COMM comm=x`, "line 1: COMM: comm: x is no string"},
		{"COMM misc=strange", "line 1: COMM: misc: strange is no name of a bit of COMM"},
		{"BPF_EVENT tag=00", "line 1: BPF_EVENT: tag: 1 bytes, want 8"},
		{"NAMESPACES namespaces=1:2:3", "line 1: NAMESPACES: namespaces: 1:2:3: more than 2 numbers"},
		{"SAMPLE event=3", "line 1: SAMPLE: event: 3, the text has told of 0"},
		{"TYPE(200)", "line 1: TYPE(200): TYPE(200): a type without fields: want hex"},
		{"bytes 0", "line 1: bytes: : 0 is no row of bytes in hex"},
		{"bytes zeros=9999999", "line 1: bytes: zeros: 9999999 bytes, want at most 1048576"},
		{"bytes 00 fix=1:00", "line 1: bytes: fix: want distance:bytes"},
		{"LOST cut=17", "line 1: LOST: cut: more bytes than there are"},
		{"LOST id=1 record_size=70000", "line 1: LOST: record_size: 70000 is no number of 2 bytes"},
		{"@0x8 data", "line 1: data comes to stand at 0x0, not at 0x8"},
		{"bytes 00\n@0x0 feature HOSTNAME", "line 2: feature comes to stand at 0x1, not at 0x0"},
		{"feature NOTHING", "line 1: feature: feature: want a name or a number"},
		{"feature BPF_BTF x=1", "line 1: feature: this feature has no fields"},
		{"feature_table HOSTNAME=12", "line 1: feature_table: HOSTNAME: 12 is no place"},
		{"feature_table HOSTNAME=auto", "line 1: place of feature HOSTNAME: the text has none"},
		{"attr type=1 size=4 ids=auto", "line 1: attr: size: 4 is no size of an attribute"},
		{`header order=middle`, `line 1: header: order: "middle" is neither little nor big`},
		{`FEATURE feature=HOSTNAME value="x"/99999999`, "line 1: FEATURE: value: 99999999 bytes of room"},
		{`pipe order=little magic="PERFILE23"`, "line 1: pipe: magic: 8 bytes of room for a string of 9"},
		{"+ LOST id=1", "line 1: a line with + needs a line COMPRESSED records above it"},
		{"COMPRESSED records x=1", "line 1: COMPRESSED records: no fields belong here"},
		{"SAMPLE stack_user_size=1", `line 1: SAMPLE: field "stack_user_size" is unknown`},
		{"TYPE(200) hex=" + strings.Repeat("00", 70000), "line 1: TYPE(200): 70008 bytes do not fit into a record"},
	}
	for _, test := range tests {
		b, err := twin.Parse(strings.NewReader(test.text))
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%.80q: %x, error %v, want %s", test.text, b, err, test.want)
		}
	}
}

func TestNotPerfData(t *testing.T) {
	for _, s := range []string{"", "PERF", "PERFILE", "\x7fELF.........................", "PERFILE3........"} {
		if isRecording([]byte(s)) {
			t.Errorf("%q is printed", s)
		}
	}
}
