package symbolize

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gorecord/testdata/oracle"
)

// perfAnswer is what perf says of one address: a function and the offset into
// it, both empty for an unknown one.
type perfAnswer struct {
	function string
	offset   uint64
}

func (a perfAnswer) String() string {
	if a.function == "" {
		return "[unknown]"
	}
	return fmt.Sprintf("%s+%#x", a.function, a.offset)
}

// perfCommand gives perf a home folder of its own, in which it keeps its build
// id cache.
func perfCommand(home string, args ...string) *exec.Cmd {
	cmd := exec.Command("perf", args...)
	cmd.Env = append(os.Environ(), "HOME="+home)
	return cmd
}

// askPerf lets perf script name addresses: a recording is made up that maps the
// file at base and has one sample for each address.
func askPerf(t testing.TB, file string, base uint64, kernel bool, addresses []uint64, args ...string) []perfAnswer {
	t.Helper()
	data := filepath.Join(t.TempDir(), "perf.data")
	if err := os.WriteFile(data, madeUpRecording(file, base, kernel, addresses), 0o600); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"script", "-i", data, "-F", "ip,sym,symoff", "--no-inline"}, args...)
	home := t.TempDir()
	out, stderr, err := oracle.Run(t, func() *exec.Cmd { return perfCommand(home, args...) })
	if err != nil {
		t.Fatalf("perf %s: %v\n%s", strings.Join(args, " "), err, stderr)
	}
	answers := make([]perfAnswer, 0, len(addresses))
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		answers = append(answers, parsePerfAnswer(t, line))
	}
	if len(answers) != len(addresses) {
		t.Fatalf("perf script gave %d answers to %d addresses\n%s", len(answers), len(addresses), stderr)
	}
	return answers
}

func parsePerfAnswer(t testing.TB, line string) perfAnswer {
	_, text, _ := strings.Cut(line, " ")
	if text == "[unknown]" {
		return perfAnswer{}
	}
	i := strings.LastIndex(text, "+0x")
	if i < 0 {
		t.Fatalf("perf script line without symbol offset: %q", line)
	}
	offset, err := strconv.ParseUint(text[i+3:], 16, 64)
	if err != nil {
		t.Fatalf("perf script line %q: %v", line, err)
	}
	return perfAnswer{text[:i], offset}
}

// madeUpRecording is a perf.data file with COMM, MMAP and SAMPLE records
// (IP and TID), laid out as tools/perf/Documentation/perf.data-file-format.txt says.
func madeUpRecording(file string, base uint64, kernel bool, addresses []uint64) []byte {
	const (
		attrSize   = 112
		pid        = 4242
		recordMmap = 1
		recordComm = 3
		sample     = 9
		cpuKernel  = 1
		cpuUser    = 2
	)
	le := binary.LittleEndian
	var records []byte
	record := func(typ uint32, misc uint16, body []byte) {
		for len(body)%8 != 0 {
			body = append(body, 0)
		}
		records = le.AppendUint32(records, typ)
		records = le.AppendUint16(records, misc)
		records = le.AppendUint16(records, uint16(8+len(body)))
		records = append(records, body...)
	}
	ids := func(pid uint32) []byte { return le.AppendUint32(le.AppendUint32(nil, pid), pid) }
	record(recordComm, 0, append(ids(pid), "x\x00"...))
	mmap, misc, owner := ids(pid), uint16(cpuUser), uint32(pid)
	if kernel {
		mmap, misc, owner = le.AppendUint32(le.AppendUint32(nil, ^uint32(0)), 0), cpuKernel, pid
	}
	length, pgoff := uint64(1)<<40, uint64(0)
	if kernel {
		length, pgoff = ^uint64(0)-base, base // up to the last address, which perf cannot have
	}
	mmap = le.AppendUint64(mmap, base)
	mmap = le.AppendUint64(mmap, length)
	mmap = le.AppendUint64(mmap, pgoff)
	record(recordMmap, misc, append(append(mmap, file...), 0))
	for _, a := range addresses {
		record(sample, misc, append(le.AppendUint64(nil, a), ids(owner)...))
	}

	const headerSize, attrOffset = 104, 104
	dataOffset := uint64(attrOffset + attrSize + 16)
	b := []byte("PERFILE2")
	for _, v := range []uint64{headerSize, attrSize + 16, attrOffset, attrSize + 16, dataOffset, uint64(len(records)), 0, 0, 0, 0, 0, 0} {
		b = le.AppendUint64(b, v)
	}
	attr := make([]byte, attrSize+16)
	le.PutUint32(attr, 1)            // PERF_TYPE_SOFTWARE, config 0: cpu-clock
	le.PutUint32(attr[4:], attrSize) //
	le.PutUint64(attr[16:], 1)       // period
	le.PutUint64(attr[24:], 3)       // IP, TID
	le.PutUint64(attr[40:], 1<<8|1<<9)
	return append(append(b, attr...), records...)
}
