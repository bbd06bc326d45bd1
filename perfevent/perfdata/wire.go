package perfdata

import (
	"fmt"

	"gorecord/perfevent"
)

// Record types that exist only in recordings (enum perf_user_event_type).
const (
	RecordHeaderAttr     perfevent.RecordType = 64
	RecordEventType      perfevent.RecordType = 65
	RecordTracingData    perfevent.RecordType = 66
	RecordBuildID        perfevent.RecordType = 67
	RecordFinishedRound  perfevent.RecordType = 68
	RecordIDIndex        perfevent.RecordType = 69
	RecordAuxtraceInfo   perfevent.RecordType = 70
	RecordAuxtrace       perfevent.RecordType = 71
	RecordAuxtraceError  perfevent.RecordType = 72
	RecordThreadMap      perfevent.RecordType = 73
	RecordCPUMap         perfevent.RecordType = 74
	RecordStatConfig     perfevent.RecordType = 75
	RecordStat           perfevent.RecordType = 76
	RecordStatRound      perfevent.RecordType = 77
	RecordEventUpdate    perfevent.RecordType = 78
	RecordTimeConv       perfevent.RecordType = 79
	RecordHeaderFeature  perfevent.RecordType = 80
	RecordCompressed     perfevent.RecordType = 81
	RecordFinishedInit   perfevent.RecordType = 82
	RecordCompressed2    perfevent.RecordType = 83
	RecordBPFMetadata    perfevent.RecordType = 84
	firstPrivateRecord   perfevent.RecordType = 64
	firstVendorRecord    perfevent.RecordType = 128 // what other tools than perf define
	compressed2HeaderLen                      = 8   // u64 data_size before the payload
)

var recordNames = map[perfevent.RecordType]string{
	RecordHeaderAttr: "HEADER_ATTR", RecordEventType: "EVENT_TYPE", RecordTracingData: "TRACING_DATA",
	RecordBuildID: "BUILD_ID", RecordFinishedRound: "FINISHED_ROUND", RecordIDIndex: "ID_INDEX",
	RecordAuxtraceInfo: "AUXTRACE_INFO", RecordAuxtrace: "AUXTRACE", RecordAuxtraceError: "AUXTRACE_ERROR",
	RecordThreadMap: "THREAD_MAP", RecordCPUMap: "CPU_MAP", RecordStatConfig: "STAT_CONFIG",
	RecordStat: "STAT", RecordStatRound: "STAT_ROUND", RecordEventUpdate: "EVENT_UPDATE",
	RecordTimeConv: "TIME_CONV", RecordHeaderFeature: "FEATURE", RecordCompressed: "COMPRESSED",
	RecordFinishedInit: "FINISHED_INIT", RecordCompressed2: "COMPRESSED2", RecordBPFMetadata: "BPF_METADATA",
}

func isNamed(t perfevent.RecordType) bool {
	return recordNames[t] != "" || t > 0 && t < firstUnknownRecord
}

// RecordName is the name of a record's type, private types included.
func RecordName(t perfevent.RecordType) string {
	if name, ok := recordNames[t]; ok {
		return name
	}
	return t.String()
}

// Feature is the number of a feature section: its bit in the header.
type Feature int

// Feature sections (tools/perf/util/header.h).
const (
	FeatureTracingData    Feature = 1
	FeatureBuildID        Feature = 2
	FeatureHostname       Feature = 3
	FeatureOSRelease      Feature = 4
	FeatureVersion        Feature = 5
	FeatureArch           Feature = 6
	FeatureNrCPUs         Feature = 7
	FeatureCPUDesc        Feature = 8
	FeatureCPUID          Feature = 9
	FeatureTotalMem       Feature = 10
	FeatureCmdLine        Feature = 11
	FeatureEventDesc      Feature = 12
	FeatureCPUTopology    Feature = 13
	FeatureNUMATopology   Feature = 14
	FeatureBranchStack    Feature = 15
	FeaturePMUMappings    Feature = 16
	FeatureGroupDesc      Feature = 17
	FeatureAuxtrace       Feature = 18
	FeatureStat           Feature = 19
	FeatureCache          Feature = 20
	FeatureSampleTime     Feature = 21
	FeatureMemTopology    Feature = 22
	FeatureClockID        Feature = 23
	FeatureDirFormat      Feature = 24
	FeatureBPFProgInfo    Feature = 25
	FeatureBPFBTF         Feature = 26
	FeatureCompressed     Feature = 27
	FeatureCPUPMUCaps     Feature = 28
	FeatureClockData      Feature = 29
	FeatureHybridTopology Feature = 30
	FeaturePMUCaps        Feature = 31

	// FeatureProbes is gorecord's own: what the hits of probes mean (package
	// hit). perf passes over features that it does not know.
	FeatureProbes Feature = 224

	maxFeatures = 256
)

var featureNames = [...]string{
	1: "TRACING_DATA", 2: "BUILD_ID", 3: "HOSTNAME", 4: "OSRELEASE", 5: "VERSION", 6: "ARCH",
	7: "NRCPUS", 8: "CPUDESC", 9: "CPUID", 10: "TOTAL_MEM", 11: "CMDLINE", 12: "EVENT_DESC",
	13: "CPU_TOPOLOGY", 14: "NUMA_TOPOLOGY", 15: "BRANCH_STACK", 16: "PMU_MAPPINGS",
	17: "GROUP_DESC", 18: "AUXTRACE", 19: "STAT", 20: "CACHE", 21: "SAMPLE_TIME",
	22: "MEM_TOPOLOGY", 23: "CLOCKID", 24: "DIR_FORMAT", 25: "BPF_PROG_INFO", 26: "BPF_BTF",
	27: "COMPRESSED", 28: "CPU_PMU_CAPS", 29: "CLOCK_DATA", 30: "HYBRID_TOPOLOGY", 31: "PMU_CAPS",
}

// String is perf's name of the feature, ours for our own, or its number.
func (f Feature) String() string {
	if f == FeatureProbes {
		return "GORECORD_PROBES"
	}
	if f > 0 && int(f) < len(featureNames) {
		return featureNames[f]
	}
	return fmt.Sprintf("feature %d", int(f))
}

const (
	fileHeaderSize = 104
	sectionSize    = 16
	magicV2        = "PERFILE2"
	magicV1        = "PERFFILE"
	dataSizeAt     = 48 // place of data.size in the file header
)

// section is struct perf_file_section: a place in the file.
type section struct{ offset, size uint64 }

// within reports whether the section lies in a file of the given size.
func (s section) within(size int64) bool {
	return s.offset <= uint64(size) && s.size <= uint64(size)-s.offset
}
