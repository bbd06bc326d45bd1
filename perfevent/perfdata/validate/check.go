package validate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"gorecord/perfevent"
)

// Finding is one thing that is wrong with a recording.
type Finding struct {
	Offset int64 // in the file; of what is compressed, that of its COMPRESSED record
	What   What
	Text   string
}

// String gives a finding in one line.
func (f Finding) String() string { return fmt.Sprintf("%#x: %v: %s", f.Offset, f.What, f.Text) }

// eachAtMost is how many findings of one kind are told.
const eachAtMost = 20

// Check reads a recording of the given size and tells what is wrong with it,
// nil where nothing is. It does not fail and does not panic, whatever the bytes,
// and takes memory in proportion to the size.
func Check(src io.ReaderAt, size int64) []Finding {
	c := &checker{
		src: src, size: size, byID: map[uint64]*event{}, features: map[int]place{},
		threads: map[uint32]*thread{}, processes: map[uint32]*thread{},
	}
	defer func() { c.stream.close() }()
	if c.magic() {
		if c.pipe {
			c.checkPipe()
		} else {
			c.checkFile()
		}
	}
	slices.SortStableFunc(c.found, func(a, b Finding) int { return int(min(max(a.Offset-b.Offset, -1), 1)) })
	return c.found
}

// checker is the state of one check.
type checker struct {
	src   io.ReaderAt
	size  int64
	found []Finding
	told  [len(whatNames)]int

	pipe     bool
	head     header
	events   []*event
	byID     map[uint64]*event
	features map[int]place
	used     []place // all places that the header and what it names tell of

	cpus       uint32     // of NRCPUS
	times      *[2]uint64 // of SAMPLE_TIME
	timesAt    int64
	comp       *compression
	formats    map[uint64]int // tracepoints in TRACING_DATA by number
	hasTracing bool

	probesParts []byte // of the stream's description of probes
	probesAt    int64

	stream    *zstream
	tail      []byte // of a record that is not yet decompressed as a whole
	rounds    rounds
	threads   map[uint32]*thread
	processes map[uint32]*thread
	sample    perfevent.Sample
	scratch   []byte
	lost      bool // records are missing, so what is missing proves nothing
	partial   bool // not all records were read
	initDone  bool // FINISHED_INIT has come
	first     uint64
	last      uint64
	samples   bool
}

var le = binary.LittleEndian

func (c *checker) add(at int64, what What, format string, args ...any) {
	if c.told[what]++; c.told[what] <= eachAtMost {
		c.found = append(c.found, Finding{at, what, fmt.Sprintf(format, args...)})
	}
}

// place is a part of the file.
type place struct {
	what         string
	offset, size uint64
}

func (p place) end() uint64 { return p.offset + p.size }

// inside reports whether a place lies in the file, and adds a finding where it
// does not.
func (c *checker) inside(at int64, p place) bool {
	if p.offset > uint64(c.size) || p.size > uint64(c.size)-p.offset {
		c.add(at, SectionBounds, "%s: %d bytes at %d in a file of %d", p.what, p.size, p.offset, c.size)
		return false
	}
	return true
}

// read reads a place that lies in the file.
func (c *checker) read(p place) ([]byte, bool) {
	b := make([]byte, p.size)
	if n, err := c.src.ReadAt(b, int64(p.offset)); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		c.add(int64(p.offset), ReadFailed, "%s: %v", p.what, err)
		return nil, false
	}
	return b, true
}
