package text

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
	"gorecord/report"
)

// AppendHeader appends what a recording says of itself, as comment lines in
// the form of perf report --header. captured is when the file was written.
func AppendHeader(dst []byte, r *perfdata.Reader, captured time.Time) []byte {
	h := &headerWriter{r: r, info: r.Info(), out: dst}
	offset, size := r.Data()
	h.raw("# ========")
	h.line("captured on    : %s", captured.Format(time.ANSIC))
	h.line("header version : %d", 1)
	h.line("data offset    : %d", offset)
	h.line("data size      : %d", size)
	h.line("feat offset    : %d", offset+size)
	features := r.Features()
	for _, f := range features {
		h.feature(f)
	}
	var missing []string
	for f := perfdata.FeatureTracingData; f <= perfdata.FeatureHybridTopology; f++ {
		if !slices.Contains(features, f) {
			missing = append(missing, f.String())
		}
	}
	if len(missing) > 0 {
		h.line("missing features: %s ", strings.Join(missing, " "))
	}
	h.raw("# ========")
	h.raw("#")
	return h.out
}

type headerWriter struct {
	r    *perfdata.Reader
	info *perfdata.Info
	out  []byte
}

func (h *headerWriter) raw(s string) { h.out = append(append(h.out, s...), '\n') }

func (h *headerWriter) line(format string, args ...any) {
	h.raw("# " + report.Printable(fmt.Sprintf(format, args...)))
}

// feature writes the lines of one feature section. Sections that only perf
// tools have a use for are named.
func (h *headerWriter) feature(f perfdata.Feature) {
	i := h.info
	switch f {
	case perfdata.FeatureTracingData, perfdata.FeatureBuildID:
		// not for people
	case perfdata.FeatureHostname:
		h.line("hostname : %s", i.Hostname)
	case perfdata.FeatureOSRelease:
		h.line("os release : %s", i.OSRelease)
	case perfdata.FeatureVersion:
		h.line("perf version : %s", i.Version)
	case perfdata.FeatureArch:
		h.line("arch : %s", i.Arch)
	case perfdata.FeatureNrCPUs:
		h.line("nrcpus online : %d", i.NrCPUsOnline)
		h.line("nrcpus avail : %d", i.NrCPUsAvail)
	case perfdata.FeatureCPUDesc:
		h.line("cpudesc : %s", i.CPUDesc)
	case perfdata.FeatureCPUID:
		h.line("cpuid : %s", i.CPUID)
	case perfdata.FeatureTotalMem:
		h.line("total memory : %d kB", i.TotalMem)
	case perfdata.FeatureCmdLine:
		h.line("cmdline : %s ", i.CommandLine())
	case perfdata.FeatureEventDesc:
		for _, e := range h.r.Events() {
			h.event(e)
		}
	case perfdata.FeaturePMUMappings:
		h.pmus()
	case perfdata.FeatureSampleTime:
		h.line("time of first sample : %s", seconds(i.FirstSample))
		h.line("time of last sample : %s", seconds(i.LastSample))
		h.line("sample duration : %10.3f ms", float64(i.LastSample-i.FirstSample)/1e6)
	case perfdata.FeatureClockID:
		h.line("clockid frequency: %d MHz", i.ClockRes*1000)
	case perfdata.FeatureCompressed:
		h.line("compressed : Zstd, level = %d, ratio = %d", i.Compression.Level, i.Compression.Ratio)
	default:
		h.line("%s info available, use perf report -I to display", f)
	}
}

func seconds(ns uint64) string { return fmt.Sprintf("%d.%06d", ns/1e9, ns%1e9/1e3) }

func (h *headerWriter) pmus() {
	types := make([]uint32, 0, len(h.info.PMUs))
	for t := range h.info.PMUs {
		types = append(types, t)
	}
	slices.Sort(types)
	var parts []string
	for _, t := range types {
		parts = append(parts, fmt.Sprintf("%s = %d", h.info.PMUs[t], t))
	}
	h.line("pmu mappings: %s", strings.Join(parts, ", "))
}

// event writes an event with every field of its attribute that is not zero.
func (h *headerWriter) event(e *perfdata.Event) {
	ids := make([]string, len(e.IDs))
	for i, id := range e.IDs {
		ids[i] = fmt.Sprint(id)
	}
	line := "event : name = " + e.Name + ", "
	if len(ids) > 0 {
		line += ", id = { " + strings.Join(ids, ", ") + " }"
	}
	a := &e.Attr
	f := attrFields{}
	f.number("type", uint64(a.Type))
	f.number("size", uint64(a.Size()))
	f.hex("config", a.Config)
	f.number("{ sample_period, sample_freq }", a.SamplePeriod)
	f.set("sample_type", a.SampleType != 0, a.SampleType.String())
	f.set("read_format", a.ReadFormat != 0, a.ReadFormat.String())
	f.flags(a)
	f.number("{ wakeup_events, wakeup_watermark }", uint64(a.Wakeup))
	f.number("bp_type", uint64(a.BPType))
	f.hex("{ bp_addr, config1 }", a.Config1)
	f.hex("{ bp_len, config2 }", a.Config2)
	f.hex("branch_sample_type", a.BranchSampleType)
	f.hex("sample_regs_user", a.SampleRegsUser)
	f.number("sample_stack_user", uint64(a.SampleStackUser))
	f.set("clockid", a.Has(perfevent.FlagUseClockID), fmt.Sprint(a.ClockID))
	f.hex("sample_regs_intr", a.SampleRegsIntr)
	f.number("aux_watermark", uint64(a.AuxWatermark))
	f.number("sample_max_stack", uint64(a.SampleMaxStack))
	f.number("aux_sample_size", uint64(a.AuxSampleSize))
	f.number("sig_data", a.SigData)
	f.hex("config3", a.Config3)
	f.hex("config4", a.Config4)
	h.line("%s", line+", "+strings.Join(f, ", "))
}

// attrFields are the printed fields of an attribute.
type attrFields []string

func (f *attrFields) set(name string, used bool, value string) {
	if used {
		*f = append(*f, name+" = "+value)
	}
}

func (f *attrFields) number(name string, v uint64) { f.set(name, v != 0, fmt.Sprint(v)) }
func (f *attrFields) hex(name string, v uint64)    { f.set(name, v != 0, fmt.Sprintf("%#x", v)) }

func (f *attrFields) flags(a *perfevent.Attr) {
	for bit := range 64 {
		flag := perfevent.Flags(1) << bit
		switch {
		case flag == perfevent.FlagPreciseIPLow:
			f.number("precise_ip", uint64(a.PreciseIP()))
		case flag == perfevent.FlagPreciseIPHigh:
		case a.Has(flag):
			f.number(flag.String(), 1)
		}
	}
}
