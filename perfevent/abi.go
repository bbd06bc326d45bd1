package perfevent

import (
	"fmt"
	"strings"
)

// EventType is perf_event_attr.type: one of the fixed types below or the
// number that /sys/bus/event_source/devices/NAME/type gives for a PMU.
type EventType uint32

// Fixed event types (enum perf_type_id).
const (
	TypeHardware   EventType = 0
	TypeSoftware   EventType = 1
	TypeTracepoint EventType = 2
	TypeHWCache    EventType = 3
	TypeRaw        EventType = 4
	TypeBreakpoint EventType = 5
)

// Config values of TypeHardware (enum perf_hw_id).
const (
	HWCPUCycles             = 0
	HWInstructions          = 1
	HWCacheReferences       = 2
	HWCacheMisses           = 3
	HWBranchInstructions    = 4
	HWBranchMisses          = 5
	HWBusCycles             = 6
	HWStalledCyclesFrontend = 7
	HWStalledCyclesBackend  = 8
	HWRefCPUCycles          = 9
)

// Config values of TypeSoftware (enum perf_sw_ids).
const (
	SWCPUClock        = 0
	SWTaskClock       = 1
	SWPageFaults      = 2
	SWContextSwitches = 3
	SWCPUMigrations   = 4
	SWPageFaultsMin   = 5
	SWPageFaultsMaj   = 6
	SWAlignmentFaults = 7
	SWEmulationFaults = 8
	SWDummy           = 9
	SWBPFOutput       = 10
	SWCgroupSwitches  = 11
)

// SampleType is the set of fields that a sample carries
// (perf_event_attr.sample_type).
type SampleType uint64

// Sample fields (enum perf_event_sample_format).
const (
	SampleIP           SampleType = 1 << 0
	SampleTID          SampleType = 1 << 1
	SampleTime         SampleType = 1 << 2
	SampleAddr         SampleType = 1 << 3
	SampleRead         SampleType = 1 << 4
	SampleCallchain    SampleType = 1 << 5
	SampleID           SampleType = 1 << 6
	SampleCPU          SampleType = 1 << 7
	SamplePeriod       SampleType = 1 << 8
	SampleStreamID     SampleType = 1 << 9
	SampleRaw          SampleType = 1 << 10
	SampleBranchStack  SampleType = 1 << 11
	SampleRegsUser     SampleType = 1 << 12
	SampleStackUser    SampleType = 1 << 13
	SampleWeight       SampleType = 1 << 14
	SampleDataSrc      SampleType = 1 << 15
	SampleIdentifier   SampleType = 1 << 16
	SampleTransaction  SampleType = 1 << 17
	SampleRegsIntr     SampleType = 1 << 18
	SamplePhysAddr     SampleType = 1 << 19
	SampleAux          SampleType = 1 << 20
	SampleCgroup       SampleType = 1 << 21
	SampleDataPageSize SampleType = 1 << 22
	SampleCodePageSize SampleType = 1 << 23
	SampleWeightStruct SampleType = 1 << 24
)

var sampleTypeNames = []string{
	"IP", "TID", "TIME", "ADDR", "READ", "CALLCHAIN", "ID", "CPU", "PERIOD",
	"STREAM_ID", "RAW", "BRANCH_STACK", "REGS_USER", "STACK_USER", "WEIGHT",
	"DATA_SRC", "IDENTIFIER", "TRANSACTION", "REGS_INTR", "PHYS_ADDR", "AUX",
	"CGROUP", "DATA_PAGE_SIZE", "CODE_PAGE_SIZE", "WEIGHT_STRUCT",
}

// String gives the field names joined by "|", as perf prints them.
func (t SampleType) String() string { return bitNames(uint64(t), sampleTypeNames) }

// ReadFormat is the set of values that read(2) on an event and PERF_SAMPLE_READ
// give (perf_event_attr.read_format).
type ReadFormat uint64

// Read formats (enum perf_event_read_format).
const (
	FormatTotalTimeEnabled ReadFormat = 1 << 0
	FormatTotalTimeRunning ReadFormat = 1 << 1
	FormatID               ReadFormat = 1 << 2
	FormatGroup            ReadFormat = 1 << 3
	FormatLost             ReadFormat = 1 << 4 // since Linux 6.0
)

var readFormatNames = []string{"TOTAL_TIME_ENABLED", "TOTAL_TIME_RUNNING", "ID", "GROUP", "LOST"}

// String gives the format names joined by "|", as perf prints them.
func (f ReadFormat) String() string { return bitNames(uint64(f), readFormatNames) }

// Branch sample type bits that change the layout of a sample
// (enum perf_branch_sample_type).
const (
	BranchCallStack uint64 = 1 << 11
	BranchHWIndex   uint64 = 1 << 17
	BranchCounters  uint64 = 1 << 19
)

// Flags are the one-bit fields of perf_event_attr, as a little-endian kernel
// lays them out; Attr decoding converts from big-endian recordings.
type Flags uint64

// Attribute flags, in the order of struct perf_event_attr.
const (
	FlagDisabled               Flags = 1 << 0
	FlagInherit                Flags = 1 << 1
	FlagPinned                 Flags = 1 << 2
	FlagExclusive              Flags = 1 << 3
	FlagExcludeUser            Flags = 1 << 4
	FlagExcludeKernel          Flags = 1 << 5
	FlagExcludeHV              Flags = 1 << 6
	FlagExcludeIdle            Flags = 1 << 7
	FlagMmap                   Flags = 1 << 8
	FlagComm                   Flags = 1 << 9
	FlagFreq                   Flags = 1 << 10
	FlagInheritStat            Flags = 1 << 11
	FlagEnableOnExec           Flags = 1 << 12
	FlagTask                   Flags = 1 << 13
	FlagWatermark              Flags = 1 << 14
	FlagPreciseIPLow           Flags = 1 << 15 // two bits: see Attr.PreciseIP
	FlagPreciseIPHigh          Flags = 1 << 16
	FlagMmapData               Flags = 1 << 17
	FlagSampleIDAll            Flags = 1 << 18
	FlagExcludeHost            Flags = 1 << 19
	FlagExcludeGuest           Flags = 1 << 20
	FlagExcludeCallchainKernel Flags = 1 << 21
	FlagExcludeCallchainUser   Flags = 1 << 22
	FlagMmap2                  Flags = 1 << 23
	FlagCommExec               Flags = 1 << 24
	FlagUseClockID             Flags = 1 << 25
	FlagContextSwitch          Flags = 1 << 26
	FlagWriteBackward          Flags = 1 << 27
	FlagNamespaces             Flags = 1 << 28
	FlagKsymbol                Flags = 1 << 29
	FlagBPFEvent               Flags = 1 << 30
	FlagAuxOutput              Flags = 1 << 31
	FlagCgroup                 Flags = 1 << 32
	FlagTextPoke               Flags = 1 << 33
	FlagBuildID                Flags = 1 << 34
	FlagInheritThread          Flags = 1 << 35
	FlagRemoveOnExec           Flags = 1 << 36
	FlagSigtrap                Flags = 1 << 37
	FlagDeferCallchain         Flags = 1 << 38
	FlagDeferOutput            Flags = 1 << 39
)

var flagNames = []string{
	"disabled", "inherit", "pinned", "exclusive", "exclude_user", "exclude_kernel",
	"exclude_hv", "exclude_idle", "mmap", "comm", "freq", "inherit_stat",
	"enable_on_exec", "task", "watermark", "precise_ip_1", "precise_ip_2",
	"mmap_data", "sample_id_all", "exclude_host", "exclude_guest",
	"exclude_callchain_kernel", "exclude_callchain_user", "mmap2", "comm_exec",
	"use_clockid", "context_switch", "write_backward", "namespaces", "ksymbol",
	"bpf_event", "aux_output", "cgroup", "text_poke", "build_id",
	"inherit_thread", "remove_on_exec", "sigtrap", "defer_callchain", "defer_output",
}

// String gives the flag names joined by "|".
func (f Flags) String() string { return bitNames(uint64(f), flagNames) }

func bitNames(v uint64, names []string) string {
	if v == 0 {
		return "0"
	}
	var out []string
	for i, name := range names {
		if v&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	if rest := v >> len(names) << len(names); rest != 0 {
		out = append(out, fmt.Sprintf("%#x", rest))
	}
	return strings.Join(out, "|")
}

// Callchain context markers: entries of a callchain that say what the entries
// after them are (enum perf_callchain_context).
const (
	ContextHV           Addr = ^Addr(32 - 1)
	ContextKernel       Addr = ^Addr(128 - 1)
	ContextUser         Addr = ^Addr(512 - 1)
	ContextUserDeferred Addr = ^Addr(640 - 1)
	ContextGuest        Addr = ^Addr(2048 - 1)
	ContextGuestKernel  Addr = ^Addr(2176 - 1)
	ContextGuestUser    Addr = ^Addr(2560 - 1)
	// ContextMax bounds the markers from below: an entry at or above it is
	// a marker, known or not.
	ContextMax Addr = ^Addr(4095 - 1)
)

// Misc is the misc field of a record header.
type Misc uint16

// Misc values: the low three bits tell the CPU mode, the others depend on the
// record's type (PERF_RECORD_MISC_*).
const (
	MiscCPUModeMask      Misc = 7
	MiscCPUModeUnknown   Misc = 0
	MiscKernel           Misc = 1
	MiscUser             Misc = 2
	MiscHypervisor       Misc = 3
	MiscGuestKernel      Misc = 4
	MiscGuestUser        Misc = 5
	MiscProcMapTimeout   Misc = 1 << 12
	MiscMmapData         Misc = 1 << 13 // MMAP, MMAP2
	MiscCommExec         Misc = 1 << 13 // COMM
	MiscForkExec         Misc = 1 << 13 // FORK, perf's own use
	MiscSwitchOut        Misc = 1 << 13 // SWITCH
	MiscExactIP          Misc = 1 << 14 // SAMPLE
	MiscSwitchOutPreempt Misc = 1 << 14 // SWITCH
	MiscMmapBuildID      Misc = 1 << 14 // MMAP2
	MiscExtReserved      Misc = 1 << 15
)

// CPUMode is the mode part of a misc field.
func (m Misc) CPUMode() Misc { return m & MiscCPUModeMask }
