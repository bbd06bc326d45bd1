package validate

import "fmt"

// What is the kind of a finding. "Of perf" in the comments marks what perf's own
// recordings have as well; it breaks nothing there, but we do without.
type What uint8

// Kinds of findings.
const (
	_              What = iota
	ReadFailed          // the file cannot be read up to its size
	Magic               // no recording, or one of another byte order or version
	HeaderSize          // header of another size than file (104) or pipe mode (16) has
	Reserved            // bits or fields of the header that must be zero are not
	AttrEntries         // the attributes are no whole number of entries
	AttrSize            // attr.size is not the smallest that holds all fields in use; of perf
	AttrReserved        // bits of an attribute are set that no kernel knows
	AttrLayout          // events differ in where their records carry id or time
	EventIDs            // an event has no ids, or two events share one
	SectionBounds       // something lies outside the file
	SectionOverlap      // two parts of the file overlap
	VendorBit           // a feature that is neither perf's nor ours
	FeatureLength       // a feature is shorter or longer than its fields
	FeatureString       // a string without NUL, or padded with something else
	NrCPUs              // NRCPUS: more CPUs online than there are, or none
	CommandLine         // CMDLINE without arguments
	EventDesc           // EVENT_DESC differs from the attributes
	BuildID             // BUILD_ID: size, length of the id, or name of an entry
	SampleTimes         // SAMPLE_TIME is not what the samples say; of perf with -B and in pipe mode
	Compression         // COMPRESSED: version, type, level, length or the section missing; of perf (version)
	Clock               // CLOCKID and CLOCK_DATA are not what the attributes say
	TracingData         // TRACING_DATA cannot be parsed
	TracingFormat       // not exactly one format for an event's tracepoint
	RecordSize          // a record smaller than its header
	RecordAlign         // a record's size is no multiple of eight; of perf in pipe mode
	RecordType          // a record of a type that has no place there
	RecordMisc          // misc bits that a record of this type does not have
	RecordBody          // a record's fields and sample_id do not fill it exactly
	RecordPadding       // padding in a record is not zero
	// MapBuildID: a build id in a MMAP2 of impossible length, or of an event that
	// did not ask for any. While another recorder asks, Linux (as of 6.18)
	// marks the maps of all, but gives the others device and inode; so of perf.
	MapBuildID
	RecordID      // a record of an event that is not described
	LostID        // loss of an event that is not described
	RoundMissing  // records with times, but no FINISHED_ROUND
	RoundOrder    // a record that is older than its round allows
	RoundBody     // FINISHED_ROUND with a body that is no feature table
	CommMissing   // a sample of a thread before its COMM or FORK
	MapMissing    // a user sample of a process before its first map
	LateSynthesis // a synthesised COMM or MMAP behind FINISHED_INIT
	DataEnd       // the data end in the middle of a record
	ZstdStream    // the COMPRESSED records are no zstd stream of records
	ZstdYield     // a COMPRESSED record that yields nothing or too much
	PipeStart     // pipe mode: the first record is no HEADER_ATTR
	EventUpdate   // EVENT_UPDATE of an unknown kind or event
	OwnFeature    // the description of probes: content, or its place in a stream
	PipeTracing   // pipe mode: TRACING_DATA is not padded; of perf (alignment)
	// Unfinished marks a file whose writer goes on or was killed: a
	// FINISHED_ROUND reaches over the end of the data, and holds the feature
	// table there.
	Unfinished
	// Trailing marks bytes behind everything that the file describes, as a
	// writer leaves them that was killed in a flush.
	Trailing
)

var whatNames = [...]string{
	ReadFailed: "read", Magic: "magic", HeaderSize: "header size", Reserved: "reserved", AttrEntries: "attribute entries",
	AttrSize: "attribute size", AttrReserved: "attribute reserved", AttrLayout: "attribute layout",
	EventIDs: "event ids", SectionBounds: "section bounds", SectionOverlap: "section overlap",
	VendorBit: "vendor bit", FeatureLength: "feature length", FeatureString: "feature string",
	NrCPUs: "NRCPUS", CommandLine: "CMDLINE", EventDesc: "EVENT_DESC", BuildID: "BUILD_ID",
	SampleTimes: "SAMPLE_TIME", Compression: "COMPRESSED", Clock: "clock", TracingData: "TRACING_DATA",
	TracingFormat: "tracepoint format", RecordSize: "record size", RecordAlign: "record alignment",
	RecordType: "record type", RecordMisc: "record misc", RecordBody: "record body", RecordPadding: "record padding",
	MapBuildID: "map build id", RecordID: "record id", LostID: "lost id", RoundMissing: "round missing", RoundOrder: "round order",
	RoundBody: "round body", CommMissing: "comm missing", MapMissing: "map missing",
	LateSynthesis: "late synthesis", DataEnd: "data end", ZstdStream: "zstd stream", ZstdYield: "zstd yield",
	PipeStart: "pipe start", EventUpdate: "EVENT_UPDATE", OwnFeature: "own feature", PipeTracing: "pipe tracing data",
	Unfinished: "unfinished", Trailing: "trailing",
}

// String is the kind's short name.
func (w What) String() string {
	if int(w) < len(whatNames) && w > 0 {
		return whatNames[w]
	}
	return fmt.Sprintf("what %d", uint8(w))
}
