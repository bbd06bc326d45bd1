package twin

import (
	"errors"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// privateFields describe the bodies of the records that only recordings hold.
var privateFields = map[perfevent.RecordType]func(*walker){
	perfdata.RecordHeaderFeature: featureRecord,
	perfdata.RecordHeaderAttr:    func(w *walker) { w.attr(); w.numbers("ids", -1, 8, decimal) },
	perfdata.RecordEventType:     func(w *walker) { w.x64("config"); w.chars("name", -1) },
	perfdata.RecordTracingData: func(w *walker) {
		w.u32("data_size")
		w.hex("data", -1)
	},
	perfdata.RecordBuildID:       buildIDBody,
	perfdata.RecordFinishedRound: rest,
	perfdata.RecordFinishedInit:  rest,
	perfdata.RecordIDIndex: func(w *walker) {
		w.groups("id", 8, func() { w.u64("id"); w.u64("idx"); w.number("cpu", 8, signed); w.number("tid", 8, signed) })
		w.hex("more", -1)
	},
	perfdata.RecordAuxtraceInfo: func(w *walker) {
		w.u32("type")
		w.terse("reserved", 4, hexadecimal)
		w.numbers("priv", -1, 8, hexadecimal)
	},
	perfdata.RecordAuxtrace: func(w *walker) {
		w.u64("aux_size")
		w.x64("offset")
		w.x64("reference")
		w.u32("idx")
		w.pid("tid")
		w.pid("cpu")
		w.terse("reserved", 4, hexadecimal)
	},
	perfdata.RecordAuxtraceError: func(w *walker) {
		w.u32("type")
		w.u32("code")
		w.pid("cpu")
		w.pid("pid")
		w.pid("tid")
		w.u32("fmt")
		w.x64("ip")
		w.u64("time")
		w.chars("msg", -1)
	},
	perfdata.RecordThreadMap: func(w *walker) {
		w.groups("pid", 8, func() { w.number("pid", 8, signed); w.chars("comm", 16) })
	},
	perfdata.RecordCPUMap: func(w *walker) { w.u16("type"); w.hex("map", -1) },
	perfdata.RecordStatConfig: func(w *walker) {
		w.groups("tag", 8, func() { w.u64("tag"); w.u64("value") })
	},
	perfdata.RecordStat: func(w *walker) {
		w.u64("id")
		w.pid("cpu")
		w.u32("thread")
		w.u64("value")
		w.u64("enabled")
		w.u64("running")
	},
	perfdata.RecordStatRound:   func(w *walker) { w.u64("type"); w.u64("time") },
	perfdata.RecordEventUpdate: eventUpdate,
	perfdata.RecordTimeConv: func(w *walker) {
		w.u64("shift")
		w.u64("mult")
		w.u64("zero")
		w.numbers("more", -1, 8, decimal)
	},
	perfdata.RecordCompressed:  func(w *walker) { w.hex("data", -1) },
	perfdata.RecordCompressed2: func(w *walker) { w.u64("data_size"); w.hex("data", -1) },
}

// Kinds of EVENT_UPDATE records that hold no string (enum
// PERF_EVENT_UPDATE__*).
const (
	updateScale  = 1
	updateCPUs   = 3
	updateProbes = 0x676f7265636f7264 // "gorecord": part of the description of probes
)

func eventUpdate(w *walker) {
	kind := w.u64("type")
	w.u64("id")
	switch kind {
	case updateScale:
		w.x64("scale") // the bits of a C double
		w.hex("more", -1)
	case updateCPUs:
		w.hex("cpus", -1)
	case updateProbes:
		w.hex("probes", -1)
	default:
		w.chars("text", -1)
	}
}

func rest(w *walker) { w.hex("data", -1) }

// firstPrivate is the first type of records that only recordings hold.
const firstPrivate perfevent.RecordType = 64

// featureRecord codes the body of a FEATURE record of a recording in pipe mode.
func featureRecord(w *walker) {
	var f uint64
	if w.enc {
		f = parseFeature(w, w.single("feature"))
		w.appendNumber(f, 8)
	} else {
		f = w.readNumber(8)
		w.put("feature", featureName(int(min(f, maxFeatures))))
		if f >= maxFeatures {
			w.fail(errFeature)
		}
	}
	switch bare := !w.enc && len(w.b) == 0 || w.enc && w.from == w.limit; {
	case w.err != nil || bare:
	case w.enc && w.peek("data") != nil || !w.feature(perfdata.Feature(f)):
		w.hex("data", -1)
	}
}

var errFeature = errors.New("feature: want a name or a number up to 255")

func parseFeature(w *walker, name string) uint64 {
	f, ok := features.byName[name]
	if !ok {
		w.fail(errFeature)
	}
	return uint64(f)
}
