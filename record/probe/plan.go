package probe

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gorecord/perfevent/hit"
	"gorecord/perfevent/near"
	"gorecord/perfevent/tracefs"
	"gorecord/symbolize/debuginfo"
	"gorecord/symbolize/gobinary"
)

// plan is what is recorded at one site.
type plan struct {
	site
	args   []string // fetch arguments
	values []hit.Value
	enums  []hit.Enum
	// goid, stackHi and sp are the fields of a goroutine.
	goid, stackHi, sp string
}

// planner makes the plans of one Spec.
type planner struct {
	*finder
	one bool // there is but one function: what it lacks is an error
}

func (p *planner) plan(s site) (plan, error) {
	out := plan{site: s}
	if s.marker != nil && len(p.s.Args) == 0 {
		args, err := s.marker.FetchArgs()
		if err != nil {
			p.notes = append(p.notes, fmt.Sprintf("%s at %#x: %v", p.s.Place(), uint64(s.marker.PC), err))
		}
		out.args = args
		for _, a := range args {
			name, _, _ := strings.Cut(a, "=")
			out.values = append(out.values, fetchedValue(name, a))
		}
		return out, nil
	}
	w := &values{fields: map[string]bool{}, registers: p.o.Registers}
	p.goroutine(&out, w)
	if err := p.findFunction(&out); err != nil {
		return out, err
	}
	p.skipPrologue(&out)
	w.reader = reader{machine: p.b.module.Machine(), addr: out.addr, offset: out.offset, entry: out.addr == out.function.Addr}
	for i := range p.s.Args {
		if err := p.argument(&out, w, i); err != nil {
			return out, fmt.Errorf("probe %s of %s: %w", p.s.Place(), p.b.path, err)
		}
	}
	out.args, out.enums = w.fetches, w.enums
	return out, nil
}

// needsDebug reports whether an argument needs debug information.
func (p *planner) needsDebug() bool {
	for _, a := range p.s.Args {
		if a.Kind != Fetch && (a.Kind != RetVal || (p.o.Typed || p.usesReturns()) && a.Type == "") {
			return true
		}
	}
	return false
}

// findFunction looks the site's function up in the debug information, where
// that is needed.
func (p *planner) findFunction(out *plan) error {
	if out.debug != nil || !p.needsDebug() {
		return nil
	}
	d, err := p.b.debugInfo()
	if err == nil {
		out.debug, err = d.At(out.addr)
	}
	if err != nil && !errors.Is(err, debuginfo.ErrNone) {
		return fmt.Errorf("probe %s of %s: %w", p.s.Place(), p.b.path, err)
	}
	return nil
}

// skipPrologue moves a probe at a function's entry behind the prologue, where
// the function's arguments are read from memory that the prologue fills: in code
// that is not optimized.
func (p *planner) skipPrologue(out *plan) {
	if p.s.Return || p.o.Registers || out.debug == nil || out.inlined != nil || out.debug.Optimized ||
		p.s.Kind == AtAddress || p.s.Kind == AtFileOffset || p.s.Number > 0 || out.addr != out.function.Addr {
		return
	}
	if !p.usesVariables() {
		return
	}
	d, err := p.b.debugInfo()
	if err != nil {
		return
	}
	end, ok := d.PrologueEnd(out.debug)
	if !ok {
		return
	}
	if moved, err := p.at(out.function, end); err == nil {
		out.addr, out.offset = moved.addr, moved.offset
	}
}

func (p *planner) usesVariables() bool {
	for _, a := range p.s.Args {
		if a.Kind == Named || a.Kind == AllParams || a.Kind == AllVars {
			return true
		}
	}
	return false
}

// goroutine adds the fields that tell goroutines apart: the number, the upper
// end of the stack, which moves when it grows, and the stack pointer.
func (p *planner) goroutine(out *plan, w *values) {
	if !p.b.module.IsGo() || p.o.Registers || p.o.Separate {
		return
	}
	g, err := p.b.goInfo()
	if err != nil {
		return // nothing is known of goroutines
	}
	fn, known := g.At(out.function.Addr)
	if !known {
		return
	}
	n, ok := g.GRegister(fn)
	if !ok {
		p.note("%s takes its arguments on the stack, and no register holds the goroutine there: its hits have none", out.name)
		return
	}
	reg := "%" + registerName(p.b.module.Machine(), n)
	offset, _, err := g.GoidOffset()
	if err != nil {
		p.note("hits have no goroutine: %v", err)
		return
	}
	out.goid = w.add("goid", fmt.Sprintf("%+d(%s)", offset, reg), "u64")
	out.stackHi = w.add("hi", fmt.Sprintf("%+d(%s)", gobinary.StackHiOffset, reg), "x64")
	out.sp = w.add("sp", "%sp", "x64")
}

func (f *finder) note(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	for _, n := range f.notes {
		if n == line {
			return
		}
	}
	f.notes = append(f.notes, line)
}

// argument adds an argument of the user's.
func (p *planner) argument(out *plan, w *values, i int) error {
	a := &p.s.Args[i]
	w.left = maxValues
	switch a.Kind {
	case Fetch:
		return p.fetchArg(out, w, a, i)
	case RetVal:
		return p.result(out, w, a, i)
	case AllParams, AllVars:
		return p.all(out, w, a.Kind == AllVars)
	}
	return p.named(out, w, a)
}

// fetchArg passes an argument in the kernel's own language on.
func (p *planner) fetchArg(out *plan, w *values, a *Arg, i int) error {
	if p.o.Registers {
		return p.registerArg(out, w, a, i)
	}
	name, _, named := strings.Cut(a.Text, "=")
	if !named || !tracefs.IsIdentifier(name) {
		name = fmt.Sprintf("arg%d", i+1)
	}
	w.fields[name] = true
	w.fetches = append(w.fetches, a.Text)
	out.values = append(out.values, fetchedValue(name, a.Text))
	return nil
}

// registerArg reads NAME=%REGISTER[:TYPE] where only registers can be had.
func (p *planner) registerArg(out *plan, w *values, a *Arg, i int) error {
	name, text, named := strings.Cut(a.Text, "=")
	if !named {
		name, text = fmt.Sprintf("arg%d", i+1), a.Text
	}
	text, typ := cutType(text)
	reg, ok := strings.CutPrefix(text, "%")
	if typ == "" {
		typ = "x64"
	}
	number := registerNumber(p.b.module.Machine(), reg)
	if !ok || number < 0 || !fetchType.MatchString(typ) {
		return fmt.Errorf("argument %q: without tracefs only registers can be read, such as a=%%di:s32", a.Text)
	}
	v := w.cast(hit.Value{Name: name}, name, typ, place{{Piece: debuginfo.Piece{Kind: debuginfo.Register, Reg: number, Size: 8}}})
	if v.Kind == hit.Missing {
		return fmt.Errorf("argument %q: %s", a.Text, v.Why)
	}
	out.values = append(out.values, v)
	return nil
}

// noDebug says that names cannot be had.
func (p *planner) noDebug(what string) error {
	_, err := p.b.debugInfo()
	if err == nil {
		err = errors.New("its debug information does not cover this function")
	}
	return fmt.Errorf("%s: %w; use registers, such as arg1=%%di:s32, or build it with -g", what, err)
}

// all adds all parameters, or all variables.
func (p *planner) all(out *plan, w *values, locals bool) error {
	if out.debug == nil {
		if p.one {
			return p.noDebug("arguments by name")
		}
		p.note("%s has no debug information: recorded without arguments", out.name)
		return nil
	}
	vars := p.params(out)
	if locals {
		d, err := p.b.debugInfo()
		if err != nil {
			return err
		}
		vars = d.VarsAt(out.debug, out.addr)
	}
	for i := range vars {
		v := &vars[i]
		if v.Name == "" || v.Name == "_" || v.Type == nil {
			continue
		}
		w.left = maxValues
		out.values = append(out.values, w.value(v.Name, v.Name, v.Type, p.locate(out, v), 0))
	}
	return nil
}

func (p *planner) params(out *plan) []debuginfo.Variable {
	if out.inlined != nil {
		return out.inlined.Params
	}
	return out.debug.Params
}

// locate finds where a variable lies at the site. Go's calling convention is
// fixed and tells of all parameters at the entry, where its debug information
// leaves parts out. In other languages the convention helps where only registers
// can be had.
func (p *planner) locate(out *plan, v *debuginfo.Variable) place {
	atEntry := out.addr == out.function.Addr && !p.s.Return && out.inlined == nil
	if atEntry && out.debug.Language == debuginfo.Go {
		if by := p.byConvention(out, v); by != nil {
			return by
		}
	}
	d, err := p.b.debugInfo()
	if err != nil {
		return missing("%v", err)
	}
	found := placeOf(d.Locate(out.debug, v, out.addr))
	if !atEntry || !found.lacks(p.o.Registers) {
		return found
	}
	if by := p.byConvention(out, v); by != nil && !by.lacks(p.o.Registers) {
		return by
	}
	return found
}

// lacks reports whether a part of the place cannot be read.
func (v place) lacks(onlyRegisters bool) bool {
	for _, p := range v {
		if p.Kind == debuginfo.Missing || onlyRegisters && p.Kind != debuginfo.Register {
			return true
		}
	}
	return len(v) == 0
}

// byConvention is where the calling convention passes a parameter; nil where it
// is none.
func (p *planner) byConvention(out *plan, v *debuginfo.Variable) place {
	var places []place
	switch out.debug.Language {
	case debuginfo.Go:
		places = p.goPlaces(out, false)
	case debuginfo.C, debuginfo.CPlusPlus:
		if out.debug.Optimized {
			break // compilers change the convention where they see all callers
		}
		places = entryPlaces(p.b.module.Machine(), out.debug)
	}
	for i := range out.debug.Params {
		if i < len(places) && out.debug.Params[i].Name == v.Name {
			return places[i]
		}
	}
	return nil
}

// named adds an expression.
func (p *planner) named(out *plan, w *values, a *Arg) error {
	if err := checkName(a.Name); err != nil {
		return err
	}
	if out.debug == nil {
		return p.noDebug("argument " + a.Text)
	}
	t, at, err := p.root(out, a)
	var bits *debuginfo.Member
	if err == nil {
		t, at, bits, err = follow(t, at, a)
	}
	label := a.label()
	if err != nil {
		if !p.one {
			out.values = append(out.values, lacking(hit.Value{Name: label}, "%v", err))
			return nil
		}
		return fmt.Errorf("argument %s: %w", a.Text, err)
	}
	var v hit.Value
	switch {
	case bits != nil:
		v = w.bitField(hit.Value{Name: label, Type: t.Name}, label, bits, at)
	case a.Type != "":
		v = w.cast(hit.Value{Name: label, Type: t.Name}, label, a.Type, at)
	default:
		v = w.value(label, label, t, at, 0)
	}
	if v.Kind == hit.Missing && p.one {
		return fmt.Errorf("argument %s cannot be had at this place: %s", a.Text, v.Why)
	}
	out.values = append(out.values, v)
	return nil
}

// root finds the variable that an expression begins with.
func (p *planner) root(out *plan, a *Arg) (*debuginfo.Type, place, error) {
	for _, list := range [][]debuginfo.Variable{p.params(out), out.debug.Results} {
		for i := range list {
			if list[i].Name == a.Root && list[i].Type != nil {
				return list[i].Type, p.locate(out, &list[i]), nil
			}
		}
	}
	d, err := p.b.debugInfo()
	if err != nil {
		return nil, nil, err
	}
	vars := d.VarsAt(out.debug, out.addr)
	for i := range vars {
		if vars[i].Name == a.Root && vars[i].Type != nil {
			return vars[i].Type, placeOf(d.Locate(out.debug, &vars[i], out.addr)), nil
		}
	}
	if v, loc, err := d.Global(a.Root); err == nil {
		return v.Type, placeOf(loc), nil
	}
	names := func(yield func(string) bool) {
		for i := range vars {
			if !yield(vars[i].Name) {
				return
			}
		}
	}
	return nil, nil, fmt.Errorf("%s has no variable of this name here%s", out.name, near.Hint(near.Names(a.Root, names, 3)))
}

// follow goes from a variable to the part that an expression names. bits is that
// part where it is a bit-field; its place is that of the integer it lies in.
func follow(t *debuginfo.Type, at place, a *Arg) (_ *debuginfo.Type, _ place, bits *debuginfo.Member, err error) {
	for _, step := range a.Path {
		if t, at, bits, err = access(t, at, step); err != nil {
			return nil, nil, nil, err
		}
	}
	for range a.Derefs {
		if t, at, err = dereference(t, at); err != nil {
			return nil, nil, nil, err
		}
	}
	return t, at, bits, nil
}

func dereference(t *debuginfo.Type, at place) (*debuginfo.Type, place, error) {
	if t.Kind != debuginfo.Pointer && t.Kind != debuginfo.Reference || t.Elem == nil {
		return nil, nil, fmt.Errorf("a value of type %s points to nothing that has a type", t.Name)
	}
	a, err := at.pointee()
	return t.Elem, inMemory(a), err
}

// access goes one step into a value; pointers on the way are followed.
func access(t *debuginfo.Type, at place, step Access) (_ *debuginfo.Type, _ place, bits *debuginfo.Member, err error) {
	for t.Kind == debuginfo.Pointer && step.Member != "" || t.Kind == debuginfo.Reference {
		if t, at, err = dereference(t, at); err != nil {
			return nil, nil, nil, err
		}
	}
	if step.Member == "" {
		t, at, err = element(t, at, step.Index)
		return t, at, nil, err
	}
	m, offset := member(t, step.Member, 0)
	if m == nil {
		return nil, nil, nil, fmt.Errorf("%s has no member %s%s", t.Name, step.Member, near.Hint(near.Names(step.Member, memberNames(t), 3)))
	}
	if m.BitSize > 0 {
		bits = m
	}
	return m.Type, at.cut(offset, max(m.Type.Size, 0)), bits, nil
}

func memberNames(t *debuginfo.Type) func(func(string) bool) {
	return func(yield func(string) bool) {
		for i := range t.Members {
			if !yield(t.Members[i].Name) {
				return
			}
		}
	}
}

// member finds a member, also in base classes and embedded or nameless parts.
func member(t *debuginfo.Type, name string, depth int) (*debuginfo.Member, int64) {
	for i := range t.Members {
		m := &t.Members[i]
		if m.Name == name || m.Name == "__"+name {
			return m, m.Offset
		}
	}
	for i := range t.Members {
		m := &t.Members[i]
		if (m.Embedded || m.Name == "") && depth < maxDepth && m.Type != nil {
			if found, offset := member(m.Type, name, depth+1); found != nil {
				return found, m.Offset + offset
			}
		}
	}
	return nil, 0
}

func element(t *debuginfo.Type, at place, i int64) (*debuginfo.Type, place, error) {
	if t.Elem == nil || t.Elem.Size < 0 {
		return nil, nil, fmt.Errorf("a value of type %s has no elements", t.Name)
	}
	switch t.Kind {
	case debuginfo.Array:
		if t.Count >= 0 && i >= t.Count {
			return nil, nil, fmt.Errorf("%s has %d elements", t.Name, t.Count)
		}
		return t.Elem, at.cut(i*t.Elem.Size, t.Elem.Size), nil
	case debuginfo.Pointer:
		a, err := at.pointee()
		return t.Elem, inMemory(a.Plus(i * t.Elem.Size)), err
	case debuginfo.GoSlice, debuginfo.RustSlice:
		ptr, _, ok := t.StringParts()
		if !ok {
			break
		}
		pointer, err := at.along(ptr, 8)
		if err != nil {
			return nil, nil, err
		}
		a, err := pointer.pointee()
		return t.Elem, inMemory(a.Plus(i * t.Elem.Size)), err
	}
	return nil, nil, fmt.Errorf("a value of type %s has no elements", t.Name)
}

// result adds what a function returns.
func (p *planner) result(out *plan, w *values, a *Arg, i int) error {
	if !p.s.Return {
		return fmt.Errorf("argument %s: only returns have it; write %s%%return", a.Text, p.s.Place())
	}
	name := a.Name
	if name == "" {
		name = fmt.Sprintf("arg%d", i+1)
	}
	if err := checkName(name); err != nil {
		return err
	}
	if !p.o.Typed && !p.usesReturns() {
		w.fields[name] = true
		w.fetches = append(w.fetches, a.Text)
		return nil
	}
	if a.Type != "" {
		v := w.cast(hit.Value{Name: name}, name, a.Type, place{{Piece: debuginfo.Piece{Kind: debuginfo.Register, Reg: returnRegister, Size: 8}}})
		out.values = append(out.values, v)
		w.useRetval(out)
		return nil
	}
	if out.debug == nil {
		v := w.cast(hit.Value{Name: name}, name, "x64", place{{Piece: debuginfo.Piece{Kind: debuginfo.Register, Reg: returnRegister, Size: 8}}})
		out.values = append(out.values, v)
		w.useRetval(out)
		return nil
	}
	if out.debug.Language == debuginfo.Go {
		return p.goResults(out, w, a)
	}
	if out.debug.Return == nil {
		if p.one {
			return fmt.Errorf("argument %s: %s returns no value", a.Text, out.name)
		}
		return nil
	}
	v := w.value(name, name, out.debug.Return, returnPlace(p.b.module.Machine(), out.debug), 0)
	if v.Kind == hit.Missing && p.one {
		return fmt.Errorf("argument %s: the value of type %s cannot be had: %s", a.Text, out.debug.Return.Name, v.Why)
	}
	out.values = append(out.values, v)
	w.useRetval(out)
	return nil
}

// useRetval writes the register of results as perf does, where the kernel knows
// it as such.
func (w *values) useRetval(out *plan) {
	if out.atReturn {
		return
	}
	for i, f := range w.fetches {
		w.fetches[i] = strings.Replace(f, "=%ax:", "=$retval:", 1)
	}
}

// returnRegister is where functions leave what fits into a register, as DWARF
// counts registers: rax, x0.
const returnRegister = 0

// goResults adds the results of a Go function, each under its own name where it
// has one.
func (p *planner) goResults(out *plan, w *values, a *Arg) error {
	results := out.debug.Results
	if len(results) == 0 {
		if p.one {
			return fmt.Errorf("argument %s: %s returns no value", a.Text, out.name)
		}
		return nil
	}
	places := p.goPlaces(out, true)
	for i := range results {
		name := strings.TrimPrefix(results[i].Name, "~")
		if a.Name != "" {
			name = a.Name
			if len(results) > 1 {
				name = fmt.Sprintf("%s%d", a.Name, i)
			}
		}
		if i >= len(places) || results[i].Type == nil {
			break
		}
		w.left = maxValues
		out.values = append(out.values, w.value(name, name, results[i].Type, places[i], 0))
	}
	return nil
}

// goPlaces are where a Go function takes parameters, or leaves results.
func (p *planner) goPlaces(out *plan, wantResults bool) []place {
	g, err := p.b.goInfo()
	if err != nil {
		return nil
	}
	assign := gobinary.Assign
	if fn, ok := g.At(out.function.Addr); !g.RegisterABI() || ok && g.IsABI0(fn) {
		assign = gobinary.AssignStack
	}
	params := types(out.debug.Params)
	dictionary, generic := gobinary.DictionaryIndex(out.debug.Name)
	if generic = generic && dictionary <= len(params); generic {
		params = slices.Insert(params, dictionary, gobinary.DictionaryType)
	}
	in, results, err := assign(p.b.module.Machine(), params, types(out.debug.Results))
	switch {
	case err != nil:
		return nil
	case wantResults:
		in = results
	case generic:
		in = slices.Delete(in, dictionary, dictionary+1)
	}
	var places []place
	for _, l := range in {
		places = append(places, placeOf(l))
	}
	return places
}

func types(vars []debuginfo.Variable) []*debuginfo.Type {
	out := make([]*debuginfo.Type, len(vars))
	for i := range vars {
		out[i] = vars[i].Type
	}
	return out
}

// fetchedValue describes what an argument in the kernel's language gives, by the
// type that it names; without one, the kernel's is x64.
func fetchedValue(name, text string) hit.Value {
	v := hit.Value{Name: name, Source: name, Kind: hit.Hex, Size: 8}
	value, typ := cutType(text)
	_, bare, ok := strings.Cut(value, "=")
	if !ok {
		bare = value
	}
	base, count, isArray := strings.Cut(typ, "[")
	switch {
	case base == "string" || base == "ustring" || base == "symstr" || typ == "" && (bare == "$comm" || strings.HasPrefix(bare, `\"`)):
		v.Kind, v.Size = hit.Text, 0
	case base == "char":
		v.Kind, v.Size = hit.Char, 1
	case strings.HasPrefix(base, "b"): // b<width>@<offset>/<container>
		v.Kind = hit.Uint
		if _, container, ok := strings.Cut(base, "/"); ok {
			v.Size = atoi(container) / 8
		}
	case base != "" && strings.IndexByte("usx", base[0]) >= 0 && base != "symbol":
		v.Kind = map[byte]hit.Kind{'u': hit.Uint, 's': hit.Int, 'x': hit.Hex}[base[0]]
		v.Size = atoi(base[1:]) / 8
	}
	if isArray && v.Kind != hit.Text {
		model := v
		model.Name = ""
		v.Kind, v.Members = hit.Array, []hit.Value{model}
		v.Size *= atoi(strings.TrimSuffix(count, "]"))
	}
	return v
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
