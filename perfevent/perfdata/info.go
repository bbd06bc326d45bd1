package perfdata

import (
	"encoding/binary"
	"fmt"
	"strings"

	"gorecord/perfevent"
)

// Info is what a recording says of itself and of the machine that it was made
// on. Fields whose feature is missing are zero.
type Info struct {
	Hostname     string
	OSRelease    string
	Version      string // of the recorder
	Arch         string // as uname -m
	NrCPUsOnline int
	NrCPUsAvail  int
	CPUDesc      string
	CPUID        string
	TotalMem     uint64 // KiB
	CmdLine      []string
	PMUs         map[uint32]string // type → name
	// FirstSample and LastSample are the times of the earliest and the
	// latest sample, in the recording's clock.
	FirstSample, LastSample uint64
	ClockRes                uint64 // nanoseconds, where the clock was chosen
	Clock                   ClockData
	Compression             Compression
	BuildIDs                []BuildIDEntry
}

// ClockData relates the recording's clock to wall-clock time (CLOCK_DATA).
type ClockData struct {
	ClockID  uint32
	WallTime uint64 // ns since 1970, read at the same moment as
	Time     uint64 // ns of the recording's clock
}

// Compression describes the COMPRESSED records of a recording.
type Compression struct {
	Type    uint32 // 1 is zstd, 0 says that there are none
	Level   uint32
	Ratio   uint32
	MmapLen uint32 // most bytes that one record yields
}

const (
	compressionZstd = 1
	clockDataV1     = 1
)

// BuildIDEntry ties a file name to a build id (BUILD_ID feature).
type BuildIDEntry struct {
	Misc     perfevent.Misc // CPU mode: kernel or user
	PID      int32
	BuildID  []byte
	Filename string
}

const miscBuildIDSize perfevent.Misc = 1 << 15

// decode reads one feature section into the field that it belongs to.
// Features without a field are ignored.
func (i *Info) decode(f Feature, b []byte, order binary.ByteOrder) error {
	c := &cursor{what: f.String(), b: b, order: order}
	switch f {
	case FeatureHostname:
		i.Hostname = c.str()
	case FeatureOSRelease:
		i.OSRelease = c.str()
	case FeatureVersion:
		i.Version = c.str()
	case FeatureArch:
		i.Arch = c.str()
	case FeatureNrCPUs:
		i.NrCPUsAvail, i.NrCPUsOnline = int(c.u32()), int(c.u32())
	case FeatureCPUDesc:
		i.CPUDesc = c.str()
	case FeatureCPUID:
		i.CPUID = c.str()
	case FeatureTotalMem:
		i.TotalMem = c.u64()
	case FeatureCmdLine:
		i.CmdLine = nil
		for range c.count(4) {
			i.CmdLine = append(i.CmdLine, c.str())
		}
	case FeaturePMUMappings:
		i.PMUs = map[uint32]string{}
		for range c.count(8) {
			typ := c.u32()
			i.PMUs[typ] = c.str()
		}
	case FeatureSampleTime:
		i.FirstSample, i.LastSample = c.u64(), c.u64()
	case FeatureClockID:
		i.ClockRes = c.u64()
	case FeatureClockData:
		if c.u32() == clockDataV1 {
			i.Clock = ClockData{ClockID: c.u32(), WallTime: c.u64(), Time: c.u64()}
		}
	case FeatureCompressed:
		c.u32() // version
		i.Compression = Compression{Type: c.u32(), Level: c.u32(), Ratio: c.u32(), MmapLen: c.u32()}
	case FeatureBuildID:
		return i.decodeBuildIDs(c)
	}
	return c.err()
}

func (i *Info) decodeBuildIDs(c *cursor) error {
	const fixed = perfevent.HeaderSize + 4 + 24
	for len(c.b) >= fixed {
		_, misc, size := perfevent.ParseHeader(c.b, c.order)
		if size < fixed {
			return fmt.Errorf("%s section: entry of %d bytes, need at least %d", c.what, size, fixed)
		}
		b := c.take(uint64(size))
		if b == nil {
			break
		}
		e := BuildIDEntry{Misc: misc, PID: int32(c.order.Uint32(b[8:])), Filename: untilNUL(b[fixed:])}
		idLen := 20
		if misc&miscBuildIDSize != 0 {
			idLen = min(int(b[32]), 20)
		}
		e.BuildID = append([]byte(nil), b[12:12+idLen]...)
		i.BuildIDs = append(i.BuildIDs, e)
	}
	return c.err()
}

// encode gives the content of a feature section. ok is false where the
// recording has nothing to say in it.
func (i *Info) encode(f Feature) (b []byte, ok bool) {
	le := binary.LittleEndian
	switch f {
	case FeatureHostname:
		return appendStr(nil, i.Hostname), i.Hostname != ""
	case FeatureOSRelease:
		return appendStr(nil, i.OSRelease), i.OSRelease != ""
	case FeatureVersion:
		return appendStr(nil, i.Version), i.Version != ""
	case FeatureArch:
		return appendStr(nil, i.Arch), i.Arch != ""
	case FeatureNrCPUs:
		return le.AppendUint32(le.AppendUint32(nil, uint32(i.NrCPUsAvail)), uint32(i.NrCPUsOnline)), i.NrCPUsAvail > 0
	case FeatureCPUDesc:
		return appendStr(nil, i.CPUDesc), i.CPUDesc != ""
	case FeatureCPUID:
		return appendStr(nil, i.CPUID), i.CPUID != ""
	case FeatureTotalMem:
		return le.AppendUint64(nil, i.TotalMem), i.TotalMem > 0
	case FeatureCmdLine:
		b = le.AppendUint32(nil, uint32(len(i.CmdLine)))
		for _, arg := range i.CmdLine {
			b = appendStr(b, arg)
		}
		return b, len(i.CmdLine) > 0
	case FeaturePMUMappings:
		return i.encodePMUs(), len(i.PMUs) > 0
	case FeatureSampleTime:
		return le.AppendUint64(le.AppendUint64(nil, i.FirstSample), i.LastSample), true
	case FeatureClockID:
		return le.AppendUint64(nil, i.ClockRes), i.ClockRes > 0
	case FeatureClockData:
		b = le.AppendUint32(le.AppendUint32(nil, clockDataV1), i.Clock.ClockID)
		return le.AppendUint64(le.AppendUint64(b, i.Clock.WallTime), i.Clock.Time), i.Clock.WallTime > 0
	case FeatureCompressed:
		c := i.Compression
		for _, v := range []uint32{1, c.Type, c.Level, c.Ratio, c.MmapLen} {
			b = le.AppendUint32(b, v)
		}
		return b, c.Type != 0
	case FeatureBuildID:
		for _, e := range i.BuildIDs {
			b = e.append(b)
		}
		return b, true
	}
	return nil, false
}

func (i *Info) encodePMUs() []byte {
	types := make([]uint32, 0, len(i.PMUs))
	for typ := range i.PMUs {
		types = append(types, typ)
	}
	sortUint32(types)
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(types)))
	for _, typ := range types {
		b = appendStr(binary.LittleEndian.AppendUint32(b, typ), i.PMUs[typ])
	}
	return b
}

func (e *BuildIDEntry) append(dst []byte) []byte {
	name := e.Filename
	// The record's size is a 16-bit field; no path of Linux reaches it.
	name = name[:min(len(name), 4096)]
	// The whole entry is a multiple of eight bytes long, as records are.
	const fixed = perfevent.HeaderSize + 4 + 24
	size := (fixed + len(name) + 1 + 7) &^ 7
	dst = perfevent.AppendHeader(dst, 0, e.Misc|miscBuildIDSize, size)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(e.PID))
	var id [24]byte
	id[20] = byte(copy(id[:20], e.BuildID))
	dst = append(dst, id[:]...)
	dst = append(dst, name...)
	return append(dst, make([]byte, size-fixed-len(name))...)
}

// CommandLine is the command line as one string.
func (i *Info) CommandLine() string { return strings.Join(i.CmdLine, " ") }
