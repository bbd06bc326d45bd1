package twin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"gorecord/perfevent"
)

// attrField is one field of struct perf_event_attr behind type and size. Its
// fields stand without gaps.
type attrField struct {
	name  string
	size  int
	style style
	names *bitNames
}

var attrFields = [...]attrField{
	{name: "config", size: 8, style: hexadecimal},
	{name: "sample_period", size: 8}, // sample_freq with the flag freq
	{name: "sample_type", size: 8, names: sampleTypes},
	{name: "read_format", size: 8, names: readFormats},
	{name: "flags", size: 8, names: attrFlags},
	{name: "wakeup", size: 4},
	{name: "bp_type", size: 4},
	{name: "config1", size: 8, style: hexadecimal},
	{name: "config2", size: 8, style: hexadecimal},
	{name: "branch_sample_type", size: 8, style: hexadecimal},
	{name: "sample_regs_user", size: 8, style: hexadecimal},
	{name: "sample_stack_user", size: 4},
	{name: "clockid", size: 4, style: signed},
	{name: "sample_regs_intr", size: 8, style: hexadecimal},
	{name: "aux_watermark", size: 4},
	{name: "sample_max_stack", size: 2},
	{name: "reserved_2", size: 2},
	{name: "aux_sample_size", size: 4},
	{name: "aux_action", size: 4, style: hexadecimal},
	{name: "sig_data", size: 8, style: hexadecimal},
	{name: "config3", size: 8, style: hexadecimal},
	{name: "config4", size: 8, style: hexadecimal},
}

var errAttrSize = errors.New("is no size of an attribute")

// attr codes an attribute of the size that it states.
func (w *walker) attr() {
	w.u32("type")
	stated := w.u32("size")
	n := int(stated)
	if stated == 0 {
		n = perfevent.AttrSizeVer0
	}
	if n < perfevent.AttrSizeVer0 || n > maxAttrSize || n%8 != 0 {
		w.fail(fmt.Errorf("size: %d %w", stated, errAttrSize))
		return
	}
	at := 8
	for i := range attrFields {
		if f := &attrFields[i]; at < n {
			w.attrField(f)
			at += f.size
		}
	}
	w.hex("more", n-at)
}

func (w *walker) attrField(f *attrField) {
	turn := asIs
	if f.name == "flags" && w.order == binary.BigEndian {
		turn = bits.Reverse64
	}
	switch {
	case f.names != nil:
		w.bits(f.name, f.names, turn)
	case f.name == "sample_period" && w.isFreq():
		w.terse("sample_freq", f.size, f.style)
	default:
		w.terse(f.name, f.size, f.style)
	}
}

// isFreq looks whether the number that comes now is a frequency.
func (w *walker) isFreq() bool {
	if w.enc {
		return w.peek("sample_freq") != nil
	}
	const flagsBehind = 24
	if len(w.b) < flagsBehind+8 {
		return false
	}
	flags := w.order.Uint64(w.b[flagsBehind:])
	if w.order == binary.BigEndian {
		flags = bits.Reverse64(flags)
	}
	return perfevent.Flags(flags)&perfevent.FlagFreq != 0
}
