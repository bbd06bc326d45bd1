package twin

import (
	"encoding/binary"
	"fmt"
	"strconv"
)

const (
	magicSize      = 8
	fileHeaderSize = 104
	pipeHeaderSize = 16
	placeSize      = 16
	maxFeatures    = 256
	maxAttrSize    = 1 << 16
)

// byteOrders are the byte orders by their names in the text.
var byteOrders = map[string]binary.ByteOrder{"little": binary.LittleEndian, "big": binary.BigEndian}

func orderName(o binary.ByteOrder) string {
	if o == binary.BigEndian {
		return "big"
	}
	return "little"
}

// magic codes the byte order, which takes no bytes, and the magic.
func (w *walker) magic() {
	if w.enc {
		name := w.single("order")
		if o, ok := byteOrders[name]; ok {
			w.order = o
		} else {
			w.fail(fmt.Errorf("order: %q is neither little nor big", name))
		}
	} else {
		w.put("order", orderName(w.order))
	}
	w.chars("magic", magicSize)
}

func pipeHeader(w *walker) {
	w.magic()
	w.u64("size")
}

func fileHeader(w *walker) {
	w.magic()
	w.u64("size")
	w.u64("attr_size")
	w.place("attrs", "attrs")
	w.place("data", "data")
	w.place("event_types", "event_types")
	w.bits("features", features, asIs)
}

// attrEntry codes an entry of the attribute section.
func attrEntry(w *walker, event int) {
	w.attr()
	w.place("ids", idsName(event))
}

func idsName(event int) string { return "ids " + strconv.Itoa(event) }

// idList codes the ids of an event, which the text names.
func idList(w *walker, event int) {
	if w.enc {
		w.single("event")
	} else {
		w.put("event", strconv.Itoa(event))
	}
	w.numbers("values", -1, 8, decimal)
}

// featureTable codes the places of the features of these numbers; a text names
// them itself.
func featureTable(w *walker, numbers []int) {
	if w.enc {
		for i := range w.l.fields {
			f := &w.l.fields[i]
			if _, ok := features.byName[f.name]; ok && !f.used {
				w.place(f.name, "feature "+f.name)
			}
		}
		return
	}
	for _, n := range numbers {
		w.fold = true
		w.place(featureName(n), "")
	}
}
