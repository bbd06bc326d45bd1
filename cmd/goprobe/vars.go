package main

import (
	"fmt"
	"slices"
	"strings"

	"gorecord/record/probe"
	"gorecord/symbolize"
	"gorecord/symbolize/debuginfo"
)

// defaultVarFilter is perf's for --vars.
const defaultVarFilter = "!__k???tab_* & !__crc_*"

// printVars lists the variables that can be read at places, in perf's form.
func (a *app) printVars(places []string) error {
	wanted, err := parseFilter(a.filter)
	if err != nil {
		return usageError{err.Error()}
	}
	parsed := make([]sourcePlace, len(places))
	for i, text := range places {
		parsed[i].text = text
		if parsed[i].Spec, err = probe.ParseSpec(text); err != nil {
			return err
		}
	}
	info, err := a.openInfo("vars")
	if err != nil {
		return err
	}
	defer info.Close()
	for i := range parsed {
		if err := a.printVarsAt(info, &parsed[i], wanted); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printVarsAt(info *debuginfo.File, p *sourcePlace, wanted filter) error {
	found, err := p.find(info)
	if err != nil {
		return err
	}
	var out strings.Builder
	fmt.Fprintf(&out, "Available variables at %s\n", p.title())
	for _, at := range found {
		v := varLister{info: info, at: at, ranges: a.ranges, wanted: wanted}
		v.locals()
		if a.externs {
			if err := v.externs(); err != nil {
				return fmt.Errorf("list the global variables of %s: %w", info.Path(), err)
			}
		}
		fmt.Fprintf(&out, "\t@<%s+%d>\n", at.fn.Name, uint64(at.addr-v.entry()))
		v.write(&out)
	}
	a.print(out.String())
	return nil
}

// title is the place as perf words it: a source file has an @ in front.
func (p *sourcePlace) title() string {
	if p.Kind == probe.AtFileLine {
		return "@" + p.text
	}
	return p.text
}

// varLister collects lines about the variables at an instruction.
type varLister struct {
	info   *debuginfo.File
	at     codePlace
	ranges bool
	wanted filter
	lines  []string
}

func (v *varLister) entry() symbolize.VirtAddr {
	entry, _ := v.at.fn.Entry()
	return entry
}

// locals adds parameters and local variables. Those without a value at the
// instruction are left out, unless ranges are shown: they say where there is one.
func (v *varLister) locals() {
	list := v.info.VarsAt(v.at.fn, v.at.addr)
	if v.at.copy != nil {
		list = v.at.copy.Params
	}
	seen := map[string]bool{}
	for i := range list {
		variable := &list[i]
		if seen[variable.Name] {
			continue // one of an outer block
		}
		where := ""
		if v.ranges {
			where = v.wordRanges(variable)
		}
		switch {
		case readable(v.info.Locate(v.at.fn, variable, v.at.addr)):
			seen[variable.Name] = true
			v.add("[VAL]", variable, where)
		case where != "":
			v.add("[INV]", variable, where)
		}
	}
}

func (v *varLister) externs() error {
	list, err := v.info.UnitGlobals(v.at.fn)
	for i := range list {
		if readable(v.info.Locate(nil, &list[i], v.at.addr)) {
			v.add("[EXT]", &list[i], "")
		}
	}
	return err
}

// readable reports whether all of a value can be had.
func readable(l debuginfo.Location) bool {
	return len(l.Pieces) > 0 && !slices.ContainsFunc(l.Pieces, func(p debuginfo.Piece) bool { return p.Kind == debuginfo.Missing })
}

// wordRanges gives where a variable has a value, as perf words it.
func (v *varLister) wordRanges(variable *debuginfo.Variable) string {
	var b strings.Builder
	for i, r := range v.info.VarRanges(variable) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%d-%d", int64(r.Start-v.entry()), int64(r.End-v.entry()))
	}
	if b.Len() == 0 {
		return ""
	}
	return fmt.Sprintf("\t@<%s+[%s]>", v.at.fn.Name, b.String())
}

func (v *varLister) add(mark string, variable *debuginfo.Variable, where string) {
	if !v.wanted(variable.Name) {
		return
	}
	line := v.typeName(variable.Type) + "\t" + variable.Name
	if v.ranges {
		line = mark + "\t" + line + where
	}
	v.lines = append(v.lines, line)
}

func (v *varLister) write(out *strings.Builder) {
	slices.Sort(v.lines)
	for _, line := range slices.Compact(v.lines) {
		fmt.Fprintf(out, "\t\t%s\n", line)
	}
	if len(v.lines) == 0 {
		out.WriteString("\t\t(No matched variables)\n")
	}
}

// typeName spells a type: for C as perf does, without qualifiers and dimensions,
// otherwise as the source does.
func (v *varLister) typeName(t *debuginfo.Type) string {
	switch {
	case t == nil:
		return "(unknown_type)"
	case v.at.fn.Language == debuginfo.C:
		return perfType(t, 0)
	case t.Name == "":
		return "(unknown_type)"
	}
	return t.Name
}

// maxDepth bounds how deep types are followed: they may refer to themselves.
const maxDepth = 32

// perfType spells a type of C as die_get_typename of perf does.
func perfType(t *debuginfo.Type, depth int) string {
	if t == nil || depth > maxDepth {
		return "void"
	}
	name := unqualified(t.Name)
	switch {
	case t.Kind == debuginfo.Func && !named(name):
		return "(function_type)"
	case t.Kind == debuginfo.Pointer && !named(name):
		return perfType(t.Elem, depth+1) + "*"
	case t.Kind == debuginfo.Array && !named(name):
		elem := t.Elem
		for ; elem != nil && elem.Kind == debuginfo.Array && !named(elem.Name) && depth < maxDepth; depth++ {
			elem = elem.Elem
		}
		return perfType(elem, depth+1) + "*"
	}
	return name
}

// named reports whether a type is called by a name, rather than spelled by
// means of others.
func named(name string) bool { return name != "" && !strings.ContainsAny(name, "*[(") }

// unqualified takes qualifiers off a type's name.
func unqualified(name string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(name), func(word string) bool {
		return word == "const" || word == "volatile" || word == "restrict"
	}), " ")
}
