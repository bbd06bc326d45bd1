package twin

import (
	"fmt"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// feature codes the content of a feature section. ok is false where there is
// no description of it.
func (w *walker) feature(f perfdata.Feature) (ok bool) {
	describe, ok := featureFields[f]
	if ok {
		describe(w)
	}
	return ok
}

func value(w *walker) { w.str("value") }

var featureFields = map[perfdata.Feature]func(*walker){
	perfdata.FeatureBuildID:     buildIDs,
	perfdata.FeatureHostname:    value,
	perfdata.FeatureOSRelease:   value,
	perfdata.FeatureVersion:     value,
	perfdata.FeatureArch:        value,
	perfdata.FeatureNrCPUs:      func(w *walker) { w.u32("available"); w.u32("online") },
	perfdata.FeatureCPUDesc:     value,
	perfdata.FeatureCPUID:       value,
	perfdata.FeatureTotalMem:    func(w *walker) { w.u64("kib") },
	perfdata.FeatureCmdLine:     func(w *walker) { w.strs("args") },
	perfdata.FeatureEventDesc:   eventDesc,
	perfdata.FeatureCPUTopology: func(w *walker) { w.strs("cores"); w.strs("threads"); w.numbers("cpus", -1, 4, signed) },
	perfdata.FeatureNUMATopology: func(w *walker) {
		w.groups("node", 4, func() { w.u32("node"); w.u64("total"); w.u64("free"); w.str("cpus") })
	},
	perfdata.FeatureBranchStack: func(*walker) {},
	perfdata.FeaturePMUMappings: func(w *walker) {
		w.groups("type", 4, func() { w.u32("type"); w.str("name") })
	},
	perfdata.FeatureGroupDesc: func(w *walker) {
		w.groups("name", 4, func() { w.str("name"); w.u32("leader"); w.u32("members") })
	},
	perfdata.FeatureCache: func(w *walker) {
		w.u32("version")
		w.groups("level", 4, func() {
			w.u32("level")
			w.u32("line_size")
			w.u32("sets")
			w.u32("ways")
			w.str("type")
			w.str("size_text")
			w.str("map")
		})
	},
	perfdata.FeatureSampleTime: func(w *walker) { w.u64("first"); w.u64("last") },
	perfdata.FeatureMemTopology: func(w *walker) {
		w.u64("version")
		w.x64("block_size")
		w.groups("node", 8, func() {
			w.u64("node")
			w.x64("size")
			bits := w.u64("bits")
			w.numbers("map", int(min(bits, 1<<32)+63)/64, 8, hexadecimal)
		})
	},
	perfdata.FeatureClockID:   func(w *walker) { w.u64("resolution_ns") },
	perfdata.FeatureDirFormat: func(w *walker) { w.u64("version") },
	perfdata.FeatureCompressed: func(w *walker) {
		w.u32("version")
		w.u32("type")
		w.u32("level")
		w.u32("ratio")
		w.u32("mmap_len")
	},
	perfdata.FeatureCPUPMUCaps: func(w *walker) {
		w.groups("name", 4, func() { w.str("name"); w.str("value") })
	},
	perfdata.FeatureClockData: func(w *walker) {
		w.u32("version")
		w.pid("clockid")
		w.u64("wall_ns")
		w.u64("clock_ns")
	},
	perfdata.FeatureHybridTopology: func(w *walker) {
		w.groups("pmu", 4, func() { w.str("pmu"); w.str("cpus") })
	},
}

// eventDesc codes EVENT_DESC. Its attributes all have the size that stands in
// front of them, whatever they say themselves.
func eventDesc(w *walker) {
	// The number of events comes before the size.
	countAt := len(w.b)
	var n int
	if w.enc {
		w.appendNumber(0, 4)
	} else {
		n = w.bounded(4)
	}
	size := int(w.u32("attr_size"))
	group := func() {
		w.described(size)
		ids := w.length("ids", 4)
		w.str("name")
		w.numbers("ids", ids, 8, decimal)
	}
	if !w.enc {
		for ; n > 0 && w.err == nil; n-- {
			w.fold = true
			group()
		}
		return
	}
	w.each("type", func() { n++; group() })
	w.order.PutUint32(w.b[countAt:], uint32(n))
}

func (w *walker) described(size int) {
	if size < perfevent.AttrSizeVer0 || size > maxAttrSize {
		w.fail(fmt.Errorf("attr_size: %d %w", size, errAttrSize))
		return
	}
	start := len(w.b)
	w.attr()
	used := len(w.b) - start
	if !w.enc {
		used = -used
	}
	if used > size {
		w.fail(fmt.Errorf("size: %d bytes do not fit into attr_size=%d", used, size))
		return
	}
	w.hex("pad", size-used)
}

// buildIDs codes the entries of BUILD_ID, which look like records.
func buildIDs(w *walker) { w.each("entry_misc", func() { buildID(w) }) }

func buildID(w *walker) {
	at := len(w.b)
	if w.enc {
		w.appendNumber(0, 8)
		w.order.PutUint32(w.b[at:], uint32(w.entryField("entry_type", 4)))
		w.order.PutUint16(w.b[at+4:], uint16(w.entryField("entry_misc", 2)))
		buildIDBody(w)
		if size := len(w.b) - at; size <= perfevent.MaxRecordSize {
			w.order.PutUint16(w.b[at+6:], uint16(size))
		} else {
			w.fail(fmt.Errorf("filename: an entry of %d bytes is too long", size))
		}
		return
	}
	typ, misc, size := w.readNumber(4), w.readNumber(2), int(w.readNumber(2))
	w.put("entry_misc", hexadecimal.text(misc, 2))
	if typ != 0 {
		w.put("entry_type", decimal.text(typ, 4))
	}
	entry := &walker{order: w.order, l: w.l, b: w.read(size - perfevent.HeaderSize), err: w.err}
	buildIDBody(entry)
	w.err = entry.err
}

func (w *walker) entryField(name string, size int) uint64 {
	return w.parse(name, w.single(name), size)
}

// buildIDBody codes what follows a header in BUILD_ID sections and records.
// The last four of the 24 bytes of id hold its length where misc says so.
func buildIDBody(w *walker) {
	w.pid("pid")
	w.hex("id", 24)
	w.chars("filename", -1)
}
