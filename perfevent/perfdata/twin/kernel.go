package twin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"gorecord/perfevent"
)

// event is an event of the recording as far as the text has told it.
type event struct {
	layout *perfevent.Layout
	idAll  bool // records other than samples end with sample_id fields
}

// bareLayout is that of records with nothing that an attribute asks for.
var bareLayout = perfevent.NewLayout(&perfevent.Attr{}, binary.LittleEndian)

// newRecord makes an empty record of a type of the kernel other than a sample;
// ok is false for other types.
func newRecord(t perfevent.RecordType) (rec perfevent.Record, ok bool) {
	if t >= firstPrivate {
		return nil, false
	}
	// The error says that an empty body is too short.
	rec, _, _ = bareLayout.DecodeRecord(perfevent.RawRecord{Type: t, Bytes: make([]byte, perfevent.HeaderSize)})
	_, unknown := rec.(*perfevent.Unknown)
	return rec, !unknown
}

// recordSlots are the fields of a record of the kernel that is no sample.
func recordSlots(rec perfevent.Record, m perfevent.Misc) []slot {
	switch r := rec.(type) {
	case *perfevent.Mmap:
		return []slot{{"pid", &r.PID, signed}, {"tid", &r.TID, signed}, {"start", &r.Start, 0},
			{"len", &r.Len, hexadecimal}, {"offset", &r.Offset, 0}, {"filename", &r.Filename, 0}}
	case *perfevent.Mmap2:
		return mmap2Slots(r, m)
	case *perfevent.Comm:
		return []slot{{"pid", &r.PID, signed}, {"tid", &r.TID, signed}, {"comm", &r.Comm, 0}}
	case *perfevent.Fork:
		return taskSlots(&r.Task)
	case *perfevent.Exit:
		return taskSlots(&r.Task)
	case *perfevent.Lost:
		return []slot{{"id", &r.ID, 0}, {"lost", &r.Lost, 0}}
	case *perfevent.LostSamples:
		return []slot{{"lost", &r.Lost, 0}}
	case *perfevent.Throttle:
		return []slot{{"time", &r.Time, 0}, {"id", &r.ID, 0}, {"stream_id", &r.StreamID, 0}}
	case *perfevent.Read:
		return []slot{{"pid", &r.PID, signed}, {"tid", &r.TID, signed}, {"values", &r.Values, 0}}
	case *perfevent.Aux:
		return []slot{{"offset", &r.Offset, hexadecimal}, {"aux_size", &r.Size, hexadecimal}, {"flags", &r.Flags, hexadecimal}}
	case *perfevent.ItraceStart:
		return []slot{{"pid", &r.PID, signed}, {"tid", &r.TID, signed}}
	case *perfevent.SwitchCPUWide:
		return []slot{{"next_prev_pid", &r.NextPrevPID, signed}, {"next_prev_tid", &r.NextPrevTID, signed}}
	case *perfevent.Namespaces:
		return []slot{{"pid", &r.PID, signed}, {"tid", &r.TID, signed}, {"namespaces", &r.Namespaces, 0}}
	case *perfevent.Ksymbol:
		return []slot{{"addr", &r.Addr, 0}, {"len", &r.Len, 0}, {"ksym_type", &r.Type, 0},
			{"flags", &r.Flags, hexadecimal}, {"name", &r.Name, 0}}
	case *perfevent.BPFEvent:
		return []slot{{"bpf_type", &r.Type, 0}, {"flags", &r.Flags, hexadecimal}, {"id", &r.ID, 0}, {"tag", &r.Tag, 0}}
	case *perfevent.Cgroup:
		return []slot{{"id", &r.ID, 0}, {"path", &r.Path, 0}}
	case *perfevent.TextPoke:
		return []slot{{"addr", &r.Addr, 0}, {"old", &r.Old, 0}, {"new", &r.New, 0}}
	case *perfevent.AuxOutputHWID:
		return []slot{{"hw_id", &r.HWID, hexadecimal}}
	case *perfevent.CallchainDeferred:
		return []slot{{"cookie", &r.Cookie, hexadecimal}, {"ips", &r.IPs, 0}}
	}
	return nil
}

func mmap2Slots(r *perfevent.Mmap2, m perfevent.Misc) []slot {
	s := []slot{{"pid", &r.PID, signed}, {"tid", &r.TID, signed}, {"start", &r.Start, 0},
		{"len", &r.Len, hexadecimal}, {"offset", &r.Offset, 0}}
	if m&perfevent.MiscMmapBuildID != 0 {
		s = append(s, slot{"build_id", &r.BuildID, 0})
	} else {
		s = append(s, slot{"major", &r.Major, 0}, slot{"minor", &r.Minor, 0},
			slot{"inode", &r.Inode, 0}, slot{"generation", &r.InodeGeneration, 0})
	}
	return append(s, slot{"prot", &r.Prot, hexadecimal}, slot{"flags", &r.Flags, hexadecimal}, slot{"filename", &r.Filename, 0})
}

func taskSlots(r *perfevent.Task) []slot {
	return []slot{{"pid", &r.PID, signed}, {"ppid", &r.PPID, signed}, {"tid", &r.TID, signed},
		{"ptid", &r.PTID, signed}, {"time", &r.Time, 0}}
}

// identitySlots are the sample_id fields at the end of records other than
// samples.
func (e *event) identitySlots(id *perfevent.SampleIdentity) []slot {
	if !e.idAll {
		return nil
	}
	all := []typedSlot{
		{perfevent.SampleTID, slot{"sample.pid", &id.PID, signed}},
		{perfevent.SampleTID, slot{"sample.tid", &id.TID, signed}},
		{perfevent.SampleTime, slot{"sample.time", &id.Time, 0}},
		{perfevent.SampleID | perfevent.SampleIdentifier, slot{"sample.id", &id.ID, 0}},
		{perfevent.SampleStreamID, slot{"sample.stream_id", &id.StreamID, 0}},
		{perfevent.SampleCPU, slot{"sample.cpu", &id.CPU, signed}},
	}
	return pick(all, e.layout.SampleType())
}

// typedSlot is a field that is there where one of the bits is set.
type typedSlot struct {
	when perfevent.SampleType
	slot slot
}

func pick(all []typedSlot, set perfevent.SampleType) []slot {
	slots := make([]slot, 0, 2*bits.OnesCount64(uint64(set)))
	for _, s := range all {
		if s.when&set != 0 {
			slots = append(slots, s.slot)
		}
	}
	return slots
}

// sampleSlots are the fields of a sample, in the order of the wire.
func (e *event) sampleSlots(s *perfevent.Sample) []slot {
	all := []typedSlot{
		{perfevent.SampleIdentifier | perfevent.SampleID, slot{"id", &s.ID, 0}},
		{perfevent.SampleIP, slot{"ip", &s.IP, 0}},
		{perfevent.SampleTID, slot{"pid", &s.PID, signed}},
		{perfevent.SampleTID, slot{"tid", &s.TID, signed}},
		{perfevent.SampleTime, slot{"time", &s.Time, 0}},
		{perfevent.SampleAddr, slot{"addr", &s.Addr, 0}},
		{perfevent.SampleStreamID, slot{"stream_id", &s.StreamID, 0}},
		{perfevent.SampleCPU, slot{"cpu", &s.CPU, signed}},
		{perfevent.SamplePeriod, slot{"period", &s.Period, 0}},
		{perfevent.SampleRead, slot{"read", &s.Read.Values, 0}},
		{perfevent.SampleRead, slot{"time_enabled", &s.Read.TimeEnabled, 0}},
		{perfevent.SampleRead, slot{"time_running", &s.Read.TimeRunning, 0}},
		{perfevent.SampleCallchain, slot{"callchain", &s.Callchain, 0}},
		{perfevent.SampleRaw, slot{"raw", &s.Raw, 0}},
		{perfevent.SampleBranchStack, slot{"branches", &s.Branches, 0}},
		{perfevent.SampleBranchStack, slot{"branch_hw_index", &s.BranchHWIndex, 0}},
		{perfevent.SampleBranchStack, slot{"branch_counts", &s.BranchCounts, hexadecimal}},
		{perfevent.SampleRegsUser, slot{"regs_user_abi", &s.RegsUser.ABI, 0}},
		{perfevent.SampleRegsUser, slot{"regs_user", &s.RegsUser.Values, hexadecimal}},
		{perfevent.SampleStackUser, slot{"stack_user", &s.StackUser, 0}},
		{perfevent.SampleStackUser, slot{"stack_user_size", &s.StackUserSize, 0}},
		{perfevent.SampleWeight | perfevent.SampleWeightStruct, slot{"weight", &s.Weight, 0}},
		{perfevent.SampleDataSrc, slot{"data_src", &s.DataSrc, hexadecimal}},
		{perfevent.SampleTransaction, slot{"transaction", &s.Transaction, hexadecimal}},
		{perfevent.SampleRegsIntr, slot{"regs_intr_abi", &s.RegsIntr.ABI, 0}},
		{perfevent.SampleRegsIntr, slot{"regs_intr", &s.RegsIntr.Values, hexadecimal}},
		{perfevent.SamplePhysAddr, slot{"phys_addr", &s.PhysAddr, hexadecimal}},
		{perfevent.SampleCgroup, slot{"cgroup", &s.Cgroup, 0}},
		{perfevent.SampleDataPageSize, slot{"data_page_size", &s.DataPageSize, 0}},
		{perfevent.SampleCodePageSize, slot{"code_page_size", &s.CodePageSize, 0}},
		{perfevent.SampleAux, slot{"aux", &s.Aux, 0}},
	}
	return pick(all, e.layout.SampleType())
}

// showKernel adds the fields of a record of the kernel to a line. ok is false
// where the record is of another type, or damaged.
func (e *event) showKernel(l *line, raw perfevent.RawRecord) (ok bool) {
	if raw.Type == perfevent.RecordSample {
		var s perfevent.Sample
		if e.layout.DecodeSample(raw, &s) != nil {
			return false
		}
		show(l, e.sampleSlots(&s))
		return true
	}
	rec, id, err := e.layout.DecodeRecord(raw)
	if _, unknown := rec.(*perfevent.Unknown); err != nil || unknown {
		return false
	}
	show(l, recordSlots(rec, raw.Misc))
	show(l, e.identitySlots(&id))
	return true
}

var errStackSize = errors.New("stack_user_size: more than a record holds")

// appendKernel appends the record of the kernel that a line describes.
func (e *event) appendKernel(dst []byte, l *line, t perfevent.RecordType, m perfevent.Misc) ([]byte, error) {
	if t == perfevent.RecordSample {
		s := perfevent.Sample{Misc: m}
		if err := fill(l, e.sampleSlots(&s)); err != nil {
			return dst, err
		}
		if s.StackUserSize > perfevent.MaxRecordSize {
			return dst, errStackSize
		}
		return e.layout.AppendSample(dst, &s)
	}
	rec, ok := newRecord(t)
	if !ok {
		return dst, fmt.Errorf("%s: a type without fields: want hex", recordName(t))
	}
	var id perfevent.SampleIdentity
	if err := fill(l, recordSlots(rec, m)); err != nil {
		return dst, err
	}
	if err := fill(l, e.identitySlots(&id)); err != nil {
		return dst, err
	}
	return e.layout.AppendRecord(dst, rec, m, id)
}
