package twin

import (
	"fmt"
	"strconv"
	"strings"

	"gorecord/perfevent"
	"gorecord/perfevent/perfdata"
)

// bitNames names the bits of a set, in both directions.
type bitNames struct {
	bits   int
	name   func(bit int) string
	byName map[string]int
}

func newBitNames(bits int, name func(bit int) string) *bitNames {
	n := &bitNames{bits: bits, name: name, byName: map[string]int{}}
	for i := range bits {
		n.byName[name(i)] = i
	}
	return n
}

var (
	sampleTypes = newBitNames(64, func(i int) string { return perfevent.SampleType(1 << i).String() })
	readFormats = newBitNames(64, func(i int) string { return perfevent.ReadFormat(1 << i).String() })
	attrFlags   = newBitNames(64, func(i int) string { return perfevent.Flags(1 << i).String() })
	features    = newBitNames(256, featureName)
)

// featureName is the name of a feature, or its number.
func featureName(i int) string {
	if name := perfdata.Feature(i).String(); !strings.Contains(name, " ") {
		return name
	}
	return strconv.Itoa(i)
}

// text joins the names of the set bits of words of 64 bits; "0x0" says none.
func (n *bitNames) text(words ...uint64) string {
	var names []string
	for i := range n.bits {
		if words[i/64]&(1<<(i%64)) != 0 {
			names = append(names, n.name(i))
		}
	}
	if names == nil {
		return "0x0"
	}
	return strings.Join(names, "|")
}

// parse is the inverse of text; what is no name is a number of the first word.
func (n *bitNames) parse(s string, words []uint64) error {
	for name := range strings.SplitSeq(s, "|") {
		if bit, ok := n.byName[name]; ok {
			words[bit/64] |= 1 << (bit % 64)
			continue
		}
		v, err := parseNumber(name, 8)
		if err != nil {
			return fmt.Errorf("%s is no name of a bit", name)
		}
		words[0] |= v
	}
	return nil
}

const maxNamedRecord = 128

var recordTypes = recordTypesByName()

func recordTypesByName() map[string]perfevent.RecordType {
	m := map[string]perfevent.RecordType{}
	for t := range perfevent.RecordType(maxNamedRecord) {
		if name := recordName(t); !strings.Contains(name, "(") {
			m[name] = t
		}
	}
	return m
}

// recordName is the name of a record's type; TYPE(n) for one without.
func recordName(t perfevent.RecordType) string {
	if name := perfdata.RecordName(t); !strings.HasPrefix(name, "RECORD_") {
		return name
	}
	return fmt.Sprintf("TYPE(%d)", uint32(t))
}

func parseRecordName(s string) (perfevent.RecordType, bool) {
	if t, ok := recordTypes[s]; ok {
		return t, true
	}
	number, ok := strings.CutPrefix(s, "TYPE(")
	number, end := strings.CutSuffix(number, ")")
	v, err := parseNumber(number, 4)
	return perfevent.RecordType(v), ok && end && err == nil
}

var cpuModes = [...]string{"unknown", "kernel", "user", "hypervisor", "guest_kernel", "guest_user"}

// miscNames are the bits of misc beside the CPU mode, which mean different
// things in different records.
var miscNames = map[perfevent.RecordType]map[perfevent.Misc]string{
	perfevent.RecordSample:        {perfevent.MiscExactIP: "exact_ip"},
	perfevent.RecordComm:          {perfevent.MiscCommExec: "exec"},
	perfevent.RecordFork:          {perfevent.MiscForkExec: "exec"},
	perfevent.RecordMmap:          {perfevent.MiscMmapData: "data"},
	perfevent.RecordMmap2:         {perfevent.MiscMmapData: "data", perfevent.MiscMmapBuildID: "build_id"},
	perfevent.RecordSwitch:        switchMisc,
	perfevent.RecordSwitchCPUWide: switchMisc,
}

var switchMisc = map[perfevent.Misc]string{
	perfevent.MiscSwitchOut: "out", perfevent.MiscSwitchOutPreempt: "preempt",
}

func miscText(t perfevent.RecordType, m perfevent.Misc) string {
	var names []string
	if mode := int(m.CPUMode()); mode > 0 && mode < len(cpuModes) {
		names = append(names, cpuModes[mode])
		m &^= perfevent.MiscCPUModeMask
	}
	for bit := perfevent.Misc(1); bit != 0; bit <<= 1 {
		if name, ok := miscNames[t][bit]; ok && m&bit != 0 {
			names = append(names, name)
			m &^= bit
		}
	}
	if m != 0 || names == nil {
		names = append(names, fmt.Sprintf("%#x", uint16(m)))
	}
	return strings.Join(names, "|")
}

func parseMisc(t perfevent.RecordType, s string) (perfevent.Misc, error) {
	var m perfevent.Misc
next:
	for name := range strings.SplitSeq(s, "|") {
		for mode, n := range cpuModes {
			if n == name {
				m |= perfevent.Misc(mode)
				continue next
			}
		}
		for bit, n := range miscNames[t] {
			if n == name {
				m |= bit
				continue next
			}
		}
		v, err := parseNumber(name, 2)
		if err != nil {
			return 0, fmt.Errorf("misc: %s is no name of a bit of %s", name, recordName(t))
		}
		m |= perfevent.Misc(v)
	}
	return m, nil
}
