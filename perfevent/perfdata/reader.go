package perfdata

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strings"

	"gorecord/perfevent"
)

// ErrNotPerfData says that a file does not start as a recording does.
var ErrNotPerfData = errors.New("not a perf.data file")

// Reader reads a recording, in file mode or, from a file, in pipe mode. It holds what lies before and behind
// the records; they are read by Sorted or Records. It is safe for use by
// several goroutines.
type Reader struct {
	src      io.ReaderAt
	closer   io.Closer
	size     int64
	order    binary.ByteOrder
	data     section
	promised int64   // end of the data as the header has it; 0 where it has none
	parts    []part  // of a folder, beside src
	live     *source // of a stream
	events   []*Event
	byID     map[uint64]*Event
	inSample int // place of the id in a sample's body, or -1
	fromEnd  int // of the id from the end of other records, or -1
	features map[Feature]section
	info     Info
	problems []string

	// Of a recording in pipe mode: contents of features, and names of events by
	// id and by config.
	inline    map[Feature][]byte
	pipeNames map[uint64]string
	typeNames map[uint64]string
}

// NewReader reads a recording of the given size from src, which stays the
// caller's. It fails where src is no recording (ErrNotPerfData), or no event
// can be read; feature sections that cannot be read are problems, not errors.
func NewReader(src io.ReaderAt, size int64) (*Reader, error) {
	r := &Reader{src: src, size: size, order: binary.LittleEndian, features: map[Feature]section{}, byID: map[uint64]*Event{}}
	h, err := r.readHeader()
	if err != nil {
		return nil, err
	}
	if h.pipe {
		r.readsPipe()
		if err := r.readPipe(); err != nil {
			return nil, err
		}
		return r, nil
	}
	if err := r.readAttrs(h); err != nil {
		return nil, err
	}
	r.data = h.data
	switch {
	case h.data.size == 0:
		// The recorder was killed: all that follows may be records.
		r.data.offset = min(r.data.offset, uint64(size))
		r.data.size = uint64(size) - r.data.offset
	case !h.data.within(size):
		// What is missing is told where the records end.
		r.promised = int64(min(h.data.offset+h.data.size, unbounded-1))
		r.data.offset = min(r.data.offset, uint64(size))
		r.data.size = uint64(size) - r.data.offset
	default:
		r.promised = int64(h.data.offset + h.data.size)
		r.readFeatures(h)
	}
	r.index()
	return r, nil
}

// readsPipe makes room for what records of pipe mode tell.
func (r *Reader) readsPipe() {
	r.inline, r.pipeNames, r.typeNames = map[Feature][]byte{}, map[uint64]string{}, map[uint64]string{}
}

type fileHeader struct {
	pipe        bool // pipe mode: the rest is zero
	attrStride  uint64
	attrs, data section
	features    [maxFeatures / 64]uint64
}

func (r *Reader) readHeader() (fileHeader, error) {
	var h fileHeader
	b := make([]byte, fileHeaderSize)
	n, err := r.src.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return h, fmt.Errorf("read header: %w", err)
	}
	b = b[:n]
	if n < 16 || !r.magic(string(b[:8]), b[8:]) {
		return h, ErrNotPerfData
	}
	c := &cursor{what: "file header", b: b[8:], order: r.order}
	headerSize := c.u64()
	if headerSize == pipeHeaderSize {
		h.pipe = true
		return h, nil
	}
	if headerSize != fileHeaderSize {
		return h, fmt.Errorf("%w: header of %d bytes", ErrNotPerfData, headerSize)
	}
	h.attrStride = c.u64()
	h.attrs = section{c.u64(), c.u64()}
	h.data = section{c.u64(), c.u64()}
	c.u64()
	c.u64() // event types, of Linux before 3.x
	for i := range h.features {
		h.features[i] = c.u64()
	}
	return h, c.err()
}

// magic checks the first eight bytes and learns the byte order from them.
func (r *Reader) magic(m string, rest []byte) bool {
	switch m {
	case magicV2:
	case "2ELIFREP":
		r.order = binary.BigEndian
	case magicV1:
		// The first version does not tell the order; the header's size does.
		if s := binary.BigEndian.Uint64(rest); s == fileHeaderSize || s == pipeHeaderSize {
			r.order = binary.BigEndian
		}
	default:
		return false
	}
	return true
}

// section reads a whole section, which must lie in the file.
func (r *Reader) section(s section, what string) ([]byte, error) {
	if !s.within(r.size) {
		return nil, fmt.Errorf("%s: %d bytes at %d reach behind the end of the file (%d bytes)", what, s.size, s.offset, r.size)
	}
	b := make([]byte, s.size)
	if _, err := r.src.ReadAt(b, int64(s.offset)); err != nil && !(errors.Is(err, io.EOF) && s.size == 0) {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return b, nil
}

func (r *Reader) readAttrs(h fileHeader) error {
	b, err := r.section(h.attrs, "event attributes")
	if err != nil {
		return err
	}
	stride := h.attrStride
	if stride < perfevent.AttrSizeVer0+sectionSize || stride > uint64(len(b)) {
		return fmt.Errorf("event attributes: entries of %d bytes in %d bytes", stride, len(b))
	}
	for ; uint64(len(b)) >= stride; b = b[stride:] {
		entry := b[:stride]
		a, size, err := perfevent.DecodeAttr(entry[:stride-sectionSize], r.order)
		if err != nil {
			return err
		}
		// The ids stand behind the attribute, wherever the entry ends.
		at := min(uint64(size), stride-sectionSize)
		place := section{r.order.Uint64(entry[at:]), r.order.Uint64(entry[at+8:])}
		e := &Event{Index: len(r.events), Attr: a, Layout: perfevent.NewLayout(&a, r.order)}
		if ids, err := r.section(place, "event ids"); err != nil {
			r.problemf("%v", err)
		} else {
			e.IDs = decodeIDs(ids, r.order)
		}
		r.events = append(r.events, e)
	}
	return nil
}

func (r *Reader) readFeatures(h fileHeader) {
	n := 0
	for _, w := range h.features {
		n += bits.OnesCount64(w)
	}
	table, err := r.section(section{h.data.offset + h.data.size, uint64(n * sectionSize)}, "feature table")
	if err != nil {
		r.problemf("%v", err)
		return
	}
	var missing []string
	for f := Feature(0); f < maxFeatures; f++ {
		if h.features[f/64]&(1<<(f%64)) == 0 {
			continue
		}
		s := section{r.order.Uint64(table), r.order.Uint64(table[8:])}
		table = table[sectionSize:]
		if !s.within(r.size) {
			missing = append(missing, f.String())
			continue
		}
		r.features[f] = s
		r.decodeFeature(f)
	}
	if len(missing) > 0 {
		r.problemf("sections that should lie behind the end of the file, at %d, are missing: %s", r.size, strings.Join(missing, ", "))
	}
}

func (r *Reader) decodeFeature(f Feature) {
	switch f {
	case FeatureHostname, FeatureOSRelease, FeatureVersion, FeatureArch, FeatureNrCPUs, FeatureCPUDesc,
		FeatureCPUID, FeatureTotalMem, FeatureCmdLine, FeaturePMUMappings, FeatureSampleTime,
		FeatureClockID, FeatureClockData, FeatureCompressed, FeatureBuildID:
	default:
		return
	}
	b, err := r.Feature(f)
	if err == nil && len(b) > 0 {
		err = r.info.decode(f, b, r.order)
	}
	if err != nil {
		r.problemf("%v", err)
	}
}

// index gives events their names and finds out how records tell theirs.
func (r *Reader) index() {
	var desc []*Event
	if b, err := r.Feature(FeatureEventDesc); err != nil {
		r.problemf("%v", err)
	} else if len(b) > 0 {
		if desc, err = decodeEventDesc(b, r.order); err != nil {
			r.problemf("%v", err)
		}
	}
	td, err := r.TracingData()
	if err != nil {
		r.problemf("%v", err)
	}
	r.namePipeEvents()
	nameEvents(r.events, desc, td)
	for _, e := range r.events {
		for _, id := range e.IDs {
			r.byID[id] = e
		}
	}
	r.inSample, r.fromEnd = r.events[0].Layout.IDPositions()
}

func (r *Reader) problemf(format string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

// Close closes the files that the Reader opened.
func (r *Reader) Close() error {
	var errs []error
	for _, p := range r.parts {
		errs = append(errs, p.file.Close())
	}
	if r.closer != nil {
		errs = append(errs, r.closer.Close())
	}
	return errors.Join(errs...)
}

// Events are the events of the recording; there is at least one.
func (r *Reader) Events() []*Event { return r.events }

// Order is the byte order of the machine that recorded.
func (r *Reader) Order() binary.ByteOrder { return r.order }

// Info is what the recording says of itself.
func (r *Reader) Info() *Info { return &r.info }

// Problems says, in one line each, what of the recording's frame is damaged
// or missing. Problems of the records are told by the Sorter.
func (r *Reader) Problems() []string { return r.problems }

// Features are the numbers of the feature sections, ascending.
func (r *Reader) Features() []Feature {
	var fs []Feature
	for f := Feature(0); f < maxFeatures; f++ {
		if _, ok := r.features[f]; ok {
			fs = append(fs, f)
		}
	}
	return fs
}

// Feature reads a feature section; nil without error where there is none.
func (r *Reader) Feature(f Feature) ([]byte, error) {
	if b, ok := r.inline[f]; ok {
		return b, nil
	}
	s, ok := r.features[f]
	if !ok {
		return nil, nil
	}
	return r.section(s, f.String()+" section")
}

// TracingData decodes what is needed for the raw data of tracepoints; nil
// without error where there is none.
func (r *Reader) TracingData() (*TracingData, error) {
	b, err := r.Feature(FeatureTracingData)
	if err != nil || len(b) == 0 {
		return nil, err
	}
	return decodeTracingData(b)
}

// Data is the place of the records in the file: offset and size in bytes.
func (r *Reader) Data() (offset, size uint64) { return r.data.offset, r.data.size }

// knows reports whether a sample belongs to an event, as far as can be told.
func (r *Reader) knows(raw perfevent.RawRecord) bool { return r.event(raw) != nil }

// event finds the event that a record of the kernel belongs to; nil where its
// id is unknown.
func (r *Reader) event(raw perfevent.RawRecord) *Event {
	if len(r.events) == 1 {
		return r.events[0]
	}
	body := raw.Body()
	at := r.inSample
	if raw.Type != perfevent.RecordSample {
		at = len(body) - r.fromEnd
		if r.fromEnd < 0 {
			at = -1
		}
	}
	if at < 0 {
		// Without ids nothing can be told apart: the first event, as perf does.
		return r.events[0]
	}
	if at+8 > len(body) {
		return nil
	}
	id := r.order.Uint64(body[at:])
	if id == 0 && raw.Type != perfevent.RecordSample {
		return r.events[0]
	}
	return r.byID[id]
}
