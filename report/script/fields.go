package script

import (
	"errors"
	"fmt"
	"strings"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// field is one thing that a line can show.
type field uint64

// The fields, by perf's names.
const (
	fieldComm field = 1 << iota
	fieldTID
	fieldPID
	fieldTime
	fieldCPU
	fieldEvent
	fieldTrace
	fieldIP
	fieldSym
	fieldDSO
	fieldAddr
	fieldSymOff
	fieldDSOOff
	fieldPeriod
	fieldIRegs
	fieldURegs
	fieldBrstack
	fieldBrstackSym
	fieldBrstackOff
	fieldWeight
	fieldInsLat
	fieldRetireLat
	fieldBPFOutput
	fieldPhysAddr
	fieldMisc
	fieldTOD
	fieldDataPageSize
	fieldCodePageSize
)

// fieldInfo describes one field.
type fieldInfo struct {
	name  string
	field field
	// sample is what a sample needs for the field, or 0; what perf calls it.
	sample perfevent.SampleType
	attr   string
}

var fieldTable = []fieldInfo{
	{"comm", fieldComm, 0, ""},
	{"tid", fieldTID, perfevent.SampleTID, "TID"},
	{"pid", fieldPID, perfevent.SampleTID, "TID"},
	{"time", fieldTime, perfevent.SampleTime, "TIME"},
	{"cpu", fieldCPU, perfevent.SampleCPU, "CPU"},
	{"event", fieldEvent, 0, ""},
	{"trace", fieldTrace, perfevent.SampleRaw, "RAW"},
	{"ip", fieldIP, perfevent.SampleIP, "IP"},
	{"sym", fieldSym, 0, ""},
	{"dso", fieldDSO, 0, ""},
	{"dsoff", fieldDSOOff, 0, ""},
	{"addr", fieldAddr, perfevent.SampleAddr, "ADDR"},
	{"symoff", fieldSymOff, 0, ""},
	{"period", fieldPeriod, 0, ""},
	{"iregs", fieldIRegs, perfevent.SampleRegsIntr, "IREGS"},
	{"uregs", fieldURegs, perfevent.SampleRegsUser, "UREGS"},
	{"brstack", fieldBrstack, perfevent.SampleBranchStack, "BRSTACK"},
	{"brstacksym", fieldBrstackSym, perfevent.SampleBranchStack, "BRSTACK"},
	{"brstackoff", fieldBrstackOff, perfevent.SampleBranchStack, "BRSTACK"},
	{"weight", fieldWeight, perfevent.SampleWeight | perfevent.SampleWeightStruct, "WEIGHT"},
	{"ins_lat", fieldInsLat, perfevent.SampleWeightStruct, "WEIGHT_STRUCT"},
	{"retire_lat", fieldRetireLat, perfevent.SampleWeightStruct, "WEIGHT_STRUCT"},
	{"bpf-output", fieldBPFOutput, perfevent.SampleRaw, "RAW"},
	{"phys_addr", fieldPhysAddr, perfevent.SamplePhysAddr, "PHYS_ADDR"},
	{"misc", fieldMisc, 0, ""},
	{"tod", fieldTOD, perfevent.SampleTime, "TIME"},
	{"data_page_size", fieldDataPageSize, perfevent.SampleDataPageSize, "DATA_PAGE_SIZE"},
	{"code_page_size", fieldCodePageSize, perfevent.SampleCodePageSize, "CODE_PAGE_SIZE"},
}

// otherFields are perf's that are not shown here, and what to do instead.
var otherFields = map[string]string{
	"srcline":         "goreport and go tool pprof show source lines",
	"srccode":         "goreport and go tool pprof show source lines",
	"data_src":        "perf script -F data_src decodes it",
	"flags":           "it needs hardware traces to be decoded, which perf script does",
	"callindent":      "it needs hardware traces to be decoded, which perf script does",
	"insn":            "it needs hardware traces to be decoded, which perf script does",
	"insnlen":         "it needs hardware traces to be decoded, which perf script does",
	"brstackinsn":     "brstacksym names the branches; perf script shows instructions",
	"brstackinsnlen":  "brstacksym names the branches; perf script shows instructions",
	"brstackdisasm":   "brstacksym names the branches; perf script shows instructions",
	"disasm":          "perf script shows instructions",
	"ipc":             "it needs hardware traces to be decoded, which perf script does",
	"synth":           "it needs hardware traces to be decoded, which perf script does",
	"metric":          "perf script computes metrics",
	"machine_pid":     "guests are not followed; perf script knows them",
	"vcpu":            "guests are not followed; perf script knows them",
	"cgroup":          "--json shows the cgroup's number",
	"tracebufferdata": "perf script shows it",
}

// kind is what perf calls the type of an event in -F TYPE:….
type kind int

const (
	kindHardware kind = iota
	kindSoftware
	kindTracepoint
	kindRaw
	kindBreakpoint
	kindOther // cache events and those of other PMUs
	kinds
)

func kindOf(a *perfevent.Attr) kind {
	switch a.Type {
	case perfevent.TypeHardware:
		return kindHardware
	case perfevent.TypeSoftware:
		return kindSoftware
	case perfevent.TypeTracepoint:
		return kindTracepoint
	case perfevent.TypeRaw:
		return kindRaw
	case perfevent.TypeBreakpoint:
		return kindBreakpoint
	}
	return kindOther
}

var kindNames = map[string]kind{
	"hw": kindHardware, "sw": kindSoftware, "trace": kindTracepoint, "raw": kindRaw, "break": kindBreakpoint,
}

// invalid are the fields that a kind of event cannot have.
func (k kind) invalid() field {
	if k == kindTracepoint {
		return 0
	}
	return fieldTrace
}

const placeFields = fieldIP | fieldSym | fieldSymOff | fieldDSO

var defaultFields = [kinds]field{
	kindHardware:   fieldComm | fieldTID | fieldCPU | fieldTime | fieldEvent | placeFields | fieldPeriod,
	kindSoftware:   fieldComm | fieldTID | fieldCPU | fieldTime | fieldEvent | placeFields | fieldPeriod | fieldBPFOutput,
	kindTracepoint: fieldComm | fieldTID | fieldCPU | fieldTime | fieldEvent | fieldTrace,
	kindRaw: fieldComm | fieldTID | fieldCPU | fieldTime | fieldEvent | placeFields | fieldPeriod |
		fieldAddr | fieldWeight | fieldPhysAddr | fieldDataPageSize | fieldCodePageSize | fieldInsLat,
	kindBreakpoint: fieldComm | fieldTID | fieldCPU | fieldTime | fieldEvent | placeFields,
	kindOther:      fieldComm | fieldTID | fieldCPU | fieldTime | fieldEvent | placeFields | fieldPeriod,
}

// FieldSet says which fields lines show, for each kind of event. The zero value
// is perf's default.
type FieldSet struct {
	chosen  [kinds]bool // anything was said
	set     [kinds]bool // the default does not matter
	fields  [kinds]field
	added   [kinds]field // by name, so that it is an error where they are missing
	removed [kinds]field
}

var (
	errNone   = errors.New("cannot set fields to 'none' for all event types")
	errType   = errors.New("invalid event type in field string")
	errField  = errors.New("invalid field requested")
	errMix    = errors.New("cannot mix +-field with overridden fields")
	errOffset = errors.New("display of offsets requested but symbol is not selected: add sym")
)

// Add reads the value of one -F: fields separated by commas, each with + or - in
// front to change what is shown by default, and all with TYPE: in front to mean
// only events of a type (hw, sw, trace, raw, break).
func (s *FieldSet) Add(text string) error {
	targets := []kind{kindHardware, kindSoftware, kindTracepoint, kindRaw, kindBreakpoint, kindOther}
	one := false
	if name, rest, ok := strings.Cut(text, ":"); ok {
		k, known := kindNames[name]
		if !known {
			return fmt.Errorf("%w (%q: the types are hw, sw, trace, raw, break)", errType, name)
		}
		targets, text, one = []kind{k}, rest, true
	} else if text == "" {
		return errNone
	}
	if !strings.HasPrefix(text, "+") && !strings.HasPrefix(text, "-") {
		for _, k := range targets {
			s.set[k], s.fields[k], s.added[k], s.removed[k] = true, 0, 0, 0
		}
	}
	const (
		sets    = byte('=')
		adds    = byte('+')
		removes = byte('-')
	)
	change := byte(0)
	for word := range strings.SplitSeq(text, ",") {
		if word == "" {
			continue
		}
		now := sets
		if word[0] == adds || word[0] == removes {
			now, word = word[0], word[1:]
		}
		if change != 0 && (change == sets) != (now == sets) {
			return errMix
		}
		change = now
		info, err := findField(word)
		if err != nil {
			return err
		}
		for _, k := range targets {
			s.chosen[k] = true
			switch {
			case k.invalid()&info.field != 0:
				if one {
					return fmt.Errorf("'%s' is not valid for these events", word)
				}
			case now == removes:
				s.removed[k] |= info.field
				s.added[k] &^= info.field
			default:
				s.added[k] |= info.field
				s.removed[k] &^= info.field
			}
		}
	}
	return nil
}

func findField(name string) (fieldInfo, error) {
	for _, f := range fieldTable {
		if f.name == name {
			return f, nil
		}
	}
	if instead, ok := otherFields[name]; ok {
		return fieldInfo{}, fmt.Errorf("field %s is not shown here: %s", name, instead)
	}
	return fieldInfo{}, fmt.Errorf("%w (%q)", errField, name)
}

// of gives the fields that lines of an event show. Fields of the default that
// its samples do not have are left out; it is an error where such a field was
// asked for.
// chain says whether callchains are shown; unless fields were chosen for them,
// tracepoints have their place only then. registers says that the event is a
// probe whose values are registers: it is shown as probes of tracefs are.
func (s *FieldSet) of(e *perfdata.Event, r *perfdata.Reader, chain, registers bool) (field, error) {
	a := &e.Attr
	k := kindOf(a)
	if registers {
		k = kindTracepoint
	}
	fields := s.fields[k]
	if !s.set[k] {
		fields = defaultFields[k]
		if chain && !s.chosen[k] {
			fields |= placeFields
		}
		if a.Type != perfevent.TypeSoftware || a.Config != perfevent.SWBPFOutput {
			fields &^= fieldBPFOutput
		}
	}
	fields = (fields | s.added[k]) &^ s.removed[k]
	for _, f := range fieldTable {
		if fields&f.field == 0 || f.sample == 0 || a.SampleType&f.sample != 0 || f.field == fieldTrace && registers {
			continue
		}
		if s.added[k]&f.field != 0 {
			return 0, fmt.Errorf("samples for '%s' event do not have %s attribute set: cannot print '%s' field", e.Name, f.attr, f.name)
		}
		fields &^= f.field
	}
	if fields&fieldSymOff != 0 && fields&fieldSym == 0 {
		if s.added[k]&fieldSymOff != 0 {
			return 0, errOffset
		}
		fields &^= fieldSymOff
	}
	if fields&fieldTOD != 0 && r.Info().Clock.WallTime == 0 {
		return 0, errors.New("can't provide 'tod' time, missing clock data: record with -k")
	}
	return fields, nil
}

// FieldNames are the names of all fields, for help texts.
func FieldNames() string {
	names := make([]string, len(fieldTable))
	for i, f := range fieldTable {
		names[i] = f.name
	}
	return strings.Join(names, ",")
}
