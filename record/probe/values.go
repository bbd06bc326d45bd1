package probe

import (
	"fmt"
	"strings"

	"gorecord/perfevent/hit"
	"gorecord/perfevent/tracefs"
	"gorecord/symbolize/debuginfo"
)

const (
	// maxValues bounds what one argument is split into, maxDepth how deep it
	// is looked into.
	maxValues, maxDepth = 32, 4
	// textWords is how many 8-byte words of a string or slice are recorded:
	// the kernel takes up to 64 elements.
	textWords = 16
	// maxElems is the most elements of an array in the kernel's language.
	maxElems = 64
	// maxFieldName is the longest name of a field.
	maxFieldName = 31
)

// values turns typed places into fetch arguments, and says how to read what
// they give.
type values struct {
	reader
	// registers says that only the registers of samples are there.
	registers bool
	fetches   []string
	fields    map[string]bool
	enums     []hit.Enum
	left      int // values that the argument may still be split into
}

// value describes a value of type t in a place. field is the name for its raw
// field, or the beginning of those of its parts.
func (w *values) value(name, field string, t *debuginfo.Type, at place, depth int) hit.Value {
	v := hit.Value{Name: name, Type: t.Name}
	if w.left--; w.left < 0 || depth > maxDepth {
		return lacking(v, "cut: too many parts")
	}
	switch t.Kind {
	case debuginfo.Reference:
		if t.Elem == nil {
			break
		}
		a, err := at.pointee()
		if err != nil {
			return lacking(v, "%v", err)
		}
		v = w.value(name, field, t.Elem, inMemory(a), depth)
		v.Type = t.Name
		return v
	case debuginfo.Pointer:
		if isCString(t) && !w.registers {
			return w.cString(v, field, at)
		}
	case debuginfo.Struct, debuginfo.Union, debuginfo.RustEnum:
		return w.structure(v, field, t, at, depth)
	case debuginfo.Array:
		return w.array(v, field, t, at, depth)
	case debuginfo.GoString, debuginfo.RustStr, debuginfo.RustString, debuginfo.CPPString:
		return w.text(v, field, t, at)
	case debuginfo.GoSlice, debuginfo.RustSlice:
		return w.slice(v, field, t, at)
	case debuginfo.GoInterface:
		return w.iface(v, field, t, at)
	}
	return w.scalar(v, field, t, at)
}

func lacking(v hit.Value, format string, args ...any) hit.Value {
	v.Kind, v.Why = hit.Missing, fmt.Sprintf(format, args...)
	return v
}

func isCString(t *debuginfo.Type) bool {
	return t.Elem != nil && t.Elem.Kind == debuginfo.Char && t.Elem.Size == 1
}

// scalarType is the kernel's type for a scalar, and how it is shown. kind is ""
// where there is none.
func scalarType(t *debuginfo.Type) (fetch string, kind hit.Kind) {
	letter := "u"
	switch t.Kind {
	case debuginfo.Bool:
		kind = hit.Bool
	case debuginfo.Int:
		letter, kind = "s", hit.Int
	case debuginfo.Uint:
		kind = hit.Uint
	case debuginfo.Char:
		kind = hit.Char
		if t.Signed {
			letter = "s"
		}
	case debuginfo.Enum:
		kind = hit.EnumKind
		if t.Signed {
			letter = "s"
		}
	case debuginfo.Float:
		letter, kind = "x", hit.Float
	case debuginfo.Pointer, debuginfo.GoMap, debuginfo.GoChan, debuginfo.Func:
		letter, kind = "x", hit.Hex
	default:
		return "", ""
	}
	switch t.Size {
	case 1, 2, 4, 8:
		return fmt.Sprintf("%s%d", letter, t.Size*8), kind
	}
	return "", ""
}

// scalar describes a value that one field holds.
func (w *values) scalar(v hit.Value, field string, t *debuginfo.Type, at place) hit.Value {
	typ, kind := scalarType(t)
	if kind == "" {
		return lacking(v, "values of type %s cannot be shown", t.Name)
	}
	v.Kind, v.Size = kind, int(t.Size)
	if kind == hit.EnumKind {
		v.Names = w.enum(t)
		switch {
		case isFlags(t):
			v.Kind = hit.Flags
		case !t.Signed && v.Names == 0:
			v.Kind = hit.Uint
		}
	}
	return w.leaf(v, field, at, typ)
}

// leaf adds the field that holds a value.
func (w *values) leaf(v hit.Value, field string, at place, typ string) hit.Value {
	if w.registers {
		return w.inRegister(v, at)
	}
	text, typ, err := w.fetch(at, typ, int64(v.Size))
	if err != nil {
		return lacking(v, "%v", err)
	}
	v.Source = w.add(field, text, typ)
	return v
}

func (w *values) inRegister(v hit.Value, at place) hit.Value {
	if len(at) != 1 || at[0].Kind != debuginfo.Register {
		return lacking(v, "it is in no register, and memory is not read without tracefs")
	}
	name, err := w.register(at[0].Reg)
	if err != nil {
		return lacking(v, "%v", err)
	}
	v.Source, v.Offset = strings.TrimPrefix(name, "%"), int(at[0].skip)
	return v
}

// add adds a fetch argument under a name that is free, which it gives.
func (w *values) add(field, text, typ string) string {
	name := w.free(field)
	def := name + "=" + text
	if typ != "" {
		def += ":" + typ
	}
	w.fetches = append(w.fetches, def)
	return name
}

// free is a name for a field, made of what is near to it.
func (w *values) free(name string) string {
	base := strings.Trim(strings.Join(strings.FieldsFunc(name, func(c rune) bool { return !isWord(c) }), "_"), "_")
	if base == "" || base[0] >= '0' && base[0] <= '9' {
		base = "v" + base
	}
	base = base[:min(len(base), maxFieldName)]
	free := base
	for i := 1; w.fields[free] || reservedField[free]; i++ {
		suffix := fmt.Sprintf("_%d", i)
		free = base[:min(len(base), maxFieldName-len(suffix))] + suffix
	}
	w.fields[free] = true
	return free
}

// reservedField are names that the kernel's own fields have
// (kernel/trace/trace_probe.c).
var reservedField = map[string]bool{
	"common_type": true, "common_flags": true, "common_preempt_count": true, "common_pid": true, "common_tgid": true,
	"__probe_ip": true, "__probe_ret_ip": true, "__probe_func": true,
}

// bitField describes a bit-field, which lies in an integer.
func (w *values) bitField(v hit.Value, field string, m *debuginfo.Member, at place) hit.Value {
	_, v.Kind = scalarType(m.Type)
	if v.Kind == "" {
		return lacking(v, "values of type %s cannot be shown", m.Type.Name)
	}
	if v.Kind == hit.EnumKind {
		v.Names = w.enum(m.Type)
	}
	v.Size, v.BitSize = int(m.Type.Size), m.BitSize
	if w.registers {
		v.BitOffset = m.BitOffset
		return w.inRegister(v, at)
	}
	width, skip := v.Size*8, int64(0)
	if len(at) == 1 && at[0].skip > 0 { // the upper part of a register
		at = append(place(nil), at[0])
		skip, at[0].skip, width = at[0].skip*8, 0, 64
		v.Size = 8
	}
	return w.leaf(v, field, at, fmt.Sprintf("b%d@%d/%d", m.BitSize, int64(m.BitOffset)+skip, width))
}

// cString describes a char *.
func (w *values) cString(v hit.Value, field string, at place) hit.Value {
	a, err := at.pointee()
	if err == nil {
		var text string
		if text, err = w.memory(a); err == nil {
			v.Kind, v.Source = hit.Text, w.add(field, text, "string")
			return v
		}
	}
	return lacking(v, "%v", err)
}

func (w *values) structure(v hit.Value, field string, t *debuginfo.Type, at place, depth int) hit.Value {
	if len(at) == 1 && at[0].Kind == debuginfo.Missing {
		return lacking(v, "%s", at[0].Reason)
	}
	v.Kind = hit.Struct
	for _, m := range t.Members {
		where := at.cut(m.Offset, max(m.Type.Size, 0))
		if m.BitSize > 0 {
			v.Members = append(v.Members, w.bitField(hit.Value{Name: m.Name, Type: m.Type.Name}, field+"_"+m.Name, &m, where))
			continue
		}
		v.Members = append(v.Members, w.value(m.Name, field+"_"+m.Name, m.Type, where, depth+1))
		if w.left < 0 {
			break
		}
	}
	return v
}

func (w *values) array(v hit.Value, field string, t *debuginfo.Type, at place, depth int) hit.Value {
	if t.Elem == nil || t.Count < 0 {
		return lacking(v, "an array of unknown length")
	}
	if len(at) == 1 && at[0].Kind == debuginfo.Missing {
		return lacking(v, "%s", at[0].Reason)
	}
	typ, kind := scalarType(t.Elem)
	if kind != "" && len(at) == 1 && at[0].Kind == debuginfo.Memory && !w.registers {
		if t.Elem.Kind == debuginfo.Char && t.Elem.Size == 1 {
			return w.charArray(v, field, at)
		}
		n := min(t.Count, maxElems)
		return w.elements(v, field, t.Elem, at, fmt.Sprintf("%s[%d]", typ, n), int(n*t.Elem.Size))
	}
	v.Kind = hit.Array
	for i := range t.Count {
		v.Members = append(v.Members, w.value("", fmt.Sprintf("%s_%d", field, i), t.Elem, at.cut(i*t.Elem.Size, t.Elem.Size), depth+1))
		if w.left < 0 {
			break
		}
	}
	return v
}

// elements describes consecutive scalars in memory, which one field holds.
func (w *values) elements(v hit.Value, field string, elem *debuginfo.Type, at place, typ string, size int) hit.Value {
	text, _, err := w.fetch(at, "", 8)
	if err != nil {
		return lacking(v, "%v", err)
	}
	_, kind := scalarType(elem)
	v.Kind, v.Size, v.Source = hit.Array, size, w.add(field, text, typ)
	model := hit.Value{Type: elem.Name, Kind: kind, Size: int(elem.Size), Source: v.Source}
	if kind == hit.EnumKind {
		model.Names = w.enum(elem)
	}
	v.Members = []hit.Value{model}
	return v
}

func (w *values) charArray(v hit.Value, field string, at place) hit.Value {
	text, _, err := w.fetch(at, "", 8)
	if err != nil {
		return lacking(v, "%v", err)
	}
	v.Kind, v.Source = hit.Text, w.add(field, text, "string")
	return v
}

// text describes a string that has a length.
func (w *values) text(v hit.Value, field string, t *debuginfo.Type, at place) hit.Value {
	data, length, err := w.pointerAndLength(field, t, at)
	if err != nil {
		return lacking(v, "%v", err)
	}
	words, _, err := w.fetch(inMemory(data), "", 8)
	if err != nil {
		return lacking(v, "%v", err)
	}
	v.Kind, v.Size, v.Length = hit.String, 8*textWords, &length
	v.Source = w.add(field, words, fmt.Sprintf("x64[%d]", textWords))
	return v
}

// slice describes the elements that a slice refers to, where they are scalars.
func (w *values) slice(v hit.Value, field string, t *debuginfo.Type, at place) hit.Value {
	data, length, err := w.pointerAndLength(field, t, at)
	if err != nil {
		return lacking(v, "%v", err)
	}
	if _, kind := scalarType(elemOf(t)); kind != "" {
		v = w.elements(v, field, elemOf(t), inMemory(data), fmt.Sprintf("x64[%d]", textWords), 8*textWords)
		v.Length = &length
		return v
	}
	length.Name, length.Type = "len", ""
	v.Kind = hit.Struct
	v.Members = []hit.Value{length}
	return v
}

func elemOf(t *debuginfo.Type) *debuginfo.Type {
	if t.Elem == nil {
		return &debuginfo.Type{}
	}
	return t.Elem
}

// pointerAndLength finds where the bytes of a string or slice lie, and adds a
// field for how many they are.
func (w *values) pointerAndLength(field string, t *debuginfo.Type, at place) (data debuginfo.Address, length hit.Value, err error) {
	if len(at) == 1 && at[0].Kind == debuginfo.Missing {
		return data, length, fmt.Errorf("%s", at[0].Reason)
	}
	if w.registers {
		return data, length, fmt.Errorf("memory is not read without tracefs")
	}
	ptr, n, ok := t.StringParts()
	if !ok {
		return data, length, fmt.Errorf("the parts of %s are not known", t.Name)
	}
	pointer, err := at.along(ptr, 8)
	if err != nil {
		return data, length, err
	}
	if data, err = pointer.pointee(); err != nil {
		return data, length, err
	}
	count, err := at.along(n, 8)
	if err != nil {
		return data, length, err
	}
	length = w.leaf(hit.Value{Kind: hit.Int, Size: 8}, field+"_len", count, "s64")
	if length.Kind == hit.Missing {
		return data, length, fmt.Errorf("its length: %s", length.Why)
	}
	return data, length, nil
}

// iface describes an interface of Go: its table, its data, and the beginning of
// what the data are, which for many errors is their text.
func (w *values) iface(v hit.Value, field string, t *debuginfo.Type, at place) hit.Value {
	table := w.leaf(hit.Value{Kind: hit.Hex, Size: 8}, field+"_type", at.cut(0, 8), "x64")
	data := w.leaf(hit.Value{Kind: hit.Hex, Size: 8}, field+"_data", at.cut(8, 8), "x64")
	if table.Kind == hit.Missing || data.Kind == hit.Missing {
		return lacking(v, "%s", table.Why+data.Why)
	}
	v.Kind, v.Empty, v.Members = hit.Interface, t.Empty, []hit.Value{table, data}
	if a, err := at.cut(8, 8).pointee(); err == nil && !w.registers {
		text := &debuginfo.Type{Kind: debuginfo.GoString, Name: "string", Size: 16, Members: []debuginfo.Member{
			{Name: "str", Type: &debuginfo.Type{Kind: debuginfo.Pointer, Size: 8}},
			{Name: "len", Type: &debuginfo.Type{Kind: debuginfo.Int, Size: 8}, Offset: 8},
		}}
		v.Members = append(v.Members, w.text(hit.Value{}, field+"_text", text, inMemory(a)))
	}
	return v
}

// enum is the number, plus 1, of the list of names of a type; 0 where it has
// none.
func (w *values) enum(t *debuginfo.Type) int {
	if len(t.Enumerators) == 0 {
		return 0
	}
	for i := range w.enums {
		if w.enums[i].Type == t.Name && len(w.enums[i].Names) == len(t.Enumerators) {
			return i + 1
		}
	}
	e := hit.Enum{Type: t.Name}
	for _, n := range t.Enumerators {
		e.Names = append(e.Names, hit.EnumName{Name: n.Name, Value: n.Value})
	}
	w.enums = append(w.enums, e)
	return len(w.enums)
}

// isFlags reports whether the names of an enum stand for bits, as gdb decides it.
func isFlags(t *debuginfo.Type) bool {
	var bits int64
	for _, e := range t.Enumerators {
		if e.Value < 0 || e.Value&(e.Value-1) != 0 || e.Value&bits != 0 {
			return false
		}
		bits |= e.Value
	}
	return bits != 0
}

// cast describes a value that the user gave a type of the kernel for.
func (w *values) cast(v hit.Value, field, typ string, at place) hit.Value {
	switch {
	case (typ == "string" || typ == "ustring") && !w.registers:
		a, err := at.pointee()
		if err != nil {
			return lacking(v, "%v", err)
		}
		text, err := w.memory(a)
		if err != nil {
			return lacking(v, "%v", err)
		}
		v.Kind, v.Source = hit.Text, w.add(field, text, typ)
		return v
	case typ == "char":
		v.Kind, v.Size = hit.Char, 1
	default:
		v.Kind = map[byte]hit.Kind{'u': hit.Uint, 's': hit.Int, 'x': hit.Hex}[typ[0]]
		fmt.Sscanf(typ[1:], "%d", &v.Size)
		v.Size /= 8
	}
	if v.Kind == "" {
		return lacking(v, "%s is not read without tracefs", typ)
	}
	return w.leaf(v, field, at.cut(0, int64(v.Size)), typ)
}

// checkName refuses names that no field can have.
func checkName(name string) error {
	if name != "" && (!tracefs.IsIdentifier(name) || len(name) > maxFieldName || reservedField[name]) {
		return fmt.Errorf("%q cannot be the name of an argument: letters, digits and _, no digit first, at most %d, and no name of the kernel's", name, maxFieldName)
	}
	return nil
}
