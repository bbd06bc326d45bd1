package validate

import (
	"bytes"
	"fmt"
	"slices"

	"gorecord/perfevent"
)

// Features by number, those with content that is looked at.
const (
	featTracingData  = 1
	featBuildID      = 2
	featSampleTime   = 21
	featCompressed   = 27
	lastPerfFeature  = 31 // of perf 6.1 to 7.2
	compressionZstd  = 1
	pageSize         = 4096
	buildIDRoom      = 20
	miscBuildIDSized = perfevent.Misc(1 << 15)
)

func knownFeature(f int) bool { return f > 0 && f <= lastPerfFeature || f == featProbes }

var featureNames = [...]string{
	1: "TRACING_DATA", 2: "BUILD_ID", 3: "HOSTNAME", 4: "OSRELEASE", 5: "VERSION", 6: "ARCH",
	7: "NRCPUS", 8: "CPUDESC", 9: "CPUID", 10: "TOTAL_MEM", 11: "CMDLINE", 12: "EVENT_DESC",
	13: "CPU_TOPOLOGY", 14: "NUMA_TOPOLOGY", 15: "BRANCH_STACK", 16: "PMU_MAPPINGS",
	17: "GROUP_DESC", 18: "AUXTRACE", 19: "STAT", 20: "CACHE", 21: "SAMPLE_TIME",
	22: "MEM_TOPOLOGY", 23: "CLOCKID", 24: "DIR_FORMAT", 25: "BPF_PROG_INFO", 26: "BPF_BTF",
	27: "COMPRESSED", 28: "CPU_PMU_CAPS", 29: "CLOCK_DATA", 30: "HYBRID_TOPOLOGY", 31: "PMU_CAPS",
}

func featureName(f int) string {
	if f > 0 && f < len(featureNames) {
		return featureNames[f]
	}
	return fmt.Sprintf("feature %d", f)
}

// contents are the fields of features by number. A feature that is not here is
// not looked into.
var contents = map[int]func(c *checker, f *fields, at int64){
	featTracingData: (*checker).tracing,
	3:               (*checker).text, // HOSTNAME
	4:               (*checker).text, // OSRELEASE
	5:               (*checker).text, // VERSION
	6:               (*checker).text, // ARCH
	7:               (*checker).nrCPUs,
	8:               (*checker).text,                                         // CPUDESC
	9:               (*checker).text,                                         // CPUID
	10:              func(_ *checker, f *fields, _ int64) { f.u64() },        // TOTAL_MEM
	11:              (*checker).commandLine,                                  // CMDLINE
	12:              (*checker).eventDesc,                                    // EVENT_DESC
	13:              (*checker).cpuTopology,                                  // CPU_TOPOLOGY
	14:              func(_ *checker, f *fields, _ int64) { f.numa() },       // NUMA_TOPOLOGY
	15:              func(*checker, *fields, int64) {},                       // BRANCH_STACK
	16:              func(_ *checker, f *fields, _ int64) { f.pmus() },       // PMU_MAPPINGS
	17:              func(_ *checker, f *fields, _ int64) { f.groups() },     // GROUP_DESC
	20:              func(_ *checker, f *fields, _ int64) { f.caches() },     // CACHE
	featSampleTime:  (*checker).sampleTime,                                   // SAMPLE_TIME
	22:              func(_ *checker, f *fields, _ int64) { f.memory() },     // MEM_TOPOLOGY
	23:              (*checker).clockRes,                                     // CLOCKID
	featCompressed:  (*checker).compressed,                                   // COMPRESSED
	28:              func(_ *checker, f *fields, _ int64) { f.pairs() },      // CPU_PMU_CAPS
	29:              (*checker).clockData,                                    // CLOCK_DATA
	30:              func(_ *checker, f *fields, _ int64) { f.pairs() },      // HYBRID_TOPOLOGY
	31:              func(_ *checker, f *fields, _ int64) { f.capsOfPMUs() }, // PMU_CAPS
	featProbes:      (*checker).probes,
}

// feature checks the content of a feature, which lies at a place in the file.
func (c *checker) feature(number int, b []byte, at int64) {
	if number == featBuildID {
		c.buildIDs(b, at)
		return
	}
	parse := contents[number]
	if parse == nil {
		return
	}
	f := &fields{b: b}
	parse(c, f, at)
	what := FeatureLength
	if number == featTracingData {
		what = TracingData
	}
	// In pipe mode, contents are padded to whole words.
	padding := c.pipe && len(f.b) < 8 && zero(f.b)
	switch {
	case f.short:
		c.add(at, what, "%s: %d bytes are too few", featureName(number), len(b))
	case len(f.b) > 0 && !padding:
		c.add(at, what, "%s: %d bytes, %d too many", featureName(number), len(b), len(f.b))
	case f.text != "":
		c.add(at, FeatureString, "%s: %s", featureName(number), f.text)
	}
}

func (c *checker) text(f *fields, at int64) {
	if f.str() == "" && !f.short && f.text == "" {
		c.add(at, FeatureString, "empty")
	}
}

func (c *checker) nrCPUs(f *fields, at int64) {
	avail, online := f.u32(), f.u32()
	c.cpus = avail
	if !f.short && (online == 0 || online > avail) {
		c.add(at, NrCPUs, "%d of %d CPUs are online", online, avail)
	}
}

func (c *checker) commandLine(f *fields, at int64) {
	start := len(f.b)
	f.strings()
	if start-len(f.b) == 4 && !f.short {
		c.add(at, CommandLine, "no arguments")
	}
}

// eventDesc compares each attribute with that of the same place.
func (c *checker) eventDesc(f *fields, at int64) {
	n, size := f.u32(), f.u32()
	if f.short {
		return
	}
	if len(c.events) == 0 {
		f.b = nil // told already
		return
	}
	if int64(n) != int64(len(c.events)) || int(size) != len(c.events[0].raw) {
		c.add(at, EventDesc, "%d events of %d bytes; there are %d attributes", n, size, len(c.events))
		f.b = nil
		return
	}
	for i, e := range c.events {
		raw := f.take(uint64(size))
		ids := f.u32()
		name := f.str()
		list := f.take(8 * uint64(ids))
		switch {
		case f.short:
			return
		case !bytes.Equal(raw, e.raw):
			c.add(at, EventDesc, "event %d (%s): another attribute", i, name)
		case !slices.Equal(numbers(list), e.ids):
			c.add(at, EventDesc, "event %d (%s): %d ids, which are others than the %d of its attribute", i, name, ids, len(e.ids))
		case name == "":
			c.add(at, EventDesc, "event %d has no name", i)
		}
	}
}

func (c *checker) sampleTime(f *fields, at int64) {
	times := [2]uint64{f.u64(), f.u64()}
	if f.short {
		return
	}
	c.times, c.timesAt = &times, at
	if times[0] > times[1] {
		c.add(at, SampleTimes, "first sample at %d, last at %d", times[0], times[1])
		c.times = nil
	}
}

// compression is what COMPRESSED says.
type compression struct{ mmapLen uint32 }

func (c *checker) compressed(f *fields, at int64) {
	version, kind, level := f.u32(), f.u32(), f.u32()
	f.u32() // ratio
	length := f.u32()
	if f.short {
		return
	}
	if version != 1 || kind != compressionZstd || level < 1 || level > 22 {
		c.add(at, Compression, "version %d, type %d, level %d", version, kind, level)
	}
	if length == 0 || length%pageSize != 0 {
		c.add(at, Compression, "comp_mmap_len of %d bytes", length)
	}
	c.comp = &compression{length}
}

// clockOf is the clock that the events ask for.
func (c *checker) clockOf() (id int32, ok bool) {
	for _, e := range c.events {
		if e.attr.Has(perfevent.FlagUseClockID) {
			return e.attr.ClockID, true
		}
	}
	return 0, false
}

func (c *checker) clockRes(f *fields, at int64) {
	res := f.u64()
	if len(c.events) == 0 {
		return
	}
	if _, ok := c.clockOf(); !f.short && (res == 0 || !ok) {
		c.add(at, Clock, "resolution of %d ns; an event chooses its clock: %t", res, ok)
	}
}

func (c *checker) clockData(f *fields, at int64) {
	version, id, wall := f.u32(), f.u32(), f.u64()
	f.u64()
	if len(c.events) == 0 {
		return
	}
	want, ok := c.clockOf()
	if !f.short && (version != 1 || !ok || int32(id) != want || wall == 0) {
		c.add(at, Clock, "version %d, clock %d at wall time %d; the events' clock is %d (%t)", version, int32(id), wall, want, ok)
	}
}

// buildIDs checks entries that fill b: each is shaped as a record.
func (c *checker) buildIDs(b []byte, at int64) {
	for len(b) > 0 {
		if len(b) < perfevent.HeaderSize {
			c.add(at, BuildID, "%d stray bytes", len(b))
			return
		}
		_, _, size := perfevent.ParseHeader(b, le)
		if size < perfevent.HeaderSize || size > len(b) {
			c.add(at, BuildID, "entry of %d bytes, with %d left", size, len(b))
			return
		}
		c.buildID(b[:size], at)
		b, at = b[size:], at+int64(size)
	}
}

func (c *checker) buildID(entry []byte, at int64) {
	const fixed = perfevent.HeaderSize + 4 + 24
	_, misc, size := perfevent.ParseHeader(entry, le)
	if size%8 != 0 || size <= fixed {
		c.add(at, BuildID, "entry of %d bytes", size)
		return
	}
	n := buildIDRoom
	if misc&miscBuildIDSized != 0 {
		n = int(entry[12+buildIDRoom])
	}
	name, pad, ok := bytes.Cut(entry[fixed:], []byte{0})
	mode := misc.CPUMode()
	switch {
	case n == 0 || n > buildIDRoom:
		c.add(at, BuildID, "id of %d bytes", n)
	case !zero(entry[12+n : 12+buildIDRoom]):
		c.add(at, BuildID, "id of %d bytes, with others behind it", n)
	case !ok || !zero(pad) || len(name) == 0:
		c.add(at, BuildID, "name %q, padding %x, ends: %t", name, pad, ok)
	case mode < perfevent.MiscKernel || mode > perfevent.MiscGuestUser || misc&^(7|miscBuildIDSized) != 0:
		c.add(at, BuildID, "misc %#x", uint16(misc))
	}
}
