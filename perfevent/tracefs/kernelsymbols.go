package tracefs

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"gorecord/perfevent/near"
)

// kernelSymbol is a line of /proc/kallsyms.
type kernelSymbol struct {
	addr   uint64 // 0 where the kernel hides addresses
	kind   byte
	name   string
	module string // "" for the kernel's own
}

func (s *kernelSymbol) isFunction() bool { return strings.IndexByte("tTwW", s.kind) >= 0 }

// kernelSymbols lists the symbols of the running kernel, as far as they can be
// read.
func (d *Dir) kernelSymbols() iter.Seq[kernelSymbol] {
	return func(yield func(kernelSymbol) bool) {
		if d.root == nil {
			return
		}
		f, err := d.root.Open("proc/kallsyms")
		if err != nil {
			return
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if s, ok := parseKernelSymbol(lines.Text()); ok && !yield(s) {
				return
			}
		}
	}
}

// parseKernelSymbol reads "ADDRESS KIND NAME", followed by a tab and "[MODULE]"
// in modules.
func parseKernelSymbol(line string) (kernelSymbol, bool) {
	symbol, module, _ := strings.Cut(line, "\t")
	addr, rest, _ := strings.Cut(symbol, " ")
	kind, name, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(addr, 16, 64)
	if err != nil || len(kind) != 1 || name == "" {
		return kernelSymbol{}, false
	}
	return kernelSymbol{n, kind[0], name, strings.Trim(module, "[]")}, true
}

// namedSymbols are the symbols that MODULE:NAME or NAME can stand for.
func (d *Dir) namedSymbols(symbol string) []kernelSymbol {
	module, name := cutModule(symbol)
	var out []kernelSymbol
	for s := range d.kernelSymbols() {
		if s.name == name && (module == "" || s.module == module) {
			out = append(out, s)
		}
	}
	return out
}

func cutModule(symbol string) (module, name string) {
	if module, name, ok := strings.Cut(symbol, ":"); ok {
		return module, name
	}
	return "", symbol
}

// checkKernelPlace refuses places that the kernel takes although no hit of what
// the user means can come from them.
func (d *Dir) checkKernelPlace(p *Probe) error {
	if p.Kind != Kprobe || p.Symbol == "" || d.root == nil {
		return nil
	}
	if err := d.checkModule(p); err != nil {
		return err
	}
	return d.checkOffset(p)
}

// checkModule refuses a module that is not loaded: the kernel would wait for it,
// whether it exists or not.
func (d *Dir) checkModule(p *Probe) error {
	module, name := cutModule(p.Symbol)
	if module == "" {
		return nil
	}
	e := &Error{Op: "define", Event: p.Event(), Column: -1, Err: syscall.ENOENT, told: true}
	if _, err := fs.Stat(d.root, "sys/module/"+module+"/initstate"); err == nil {
		return nil
	}
	if _, err := fs.Stat(d.root, "sys/module/"+module); err == nil {
		e.Reason = fmt.Sprintf("module %s is built into the kernel: name the function alone, %s", module, name)
		return e
	}
	e.Reason = fmt.Sprintf("the kernel has no module %s now; load it by modprobe %s (to give the event a name write %s:%s=FUNC)", module, module, module, name)
	return e
}

// checkOffset refuses a place behind the end of its function: the kernel would
// probe another one.
func (d *Dir) checkOffset(p *Probe) error {
	if p.SymbolOffset == 0 {
		return nil
	}
	named := d.namedSymbols(p.Symbol)
	if len(named) != 1 || named[0].addr == 0 {
		return nil // what the kernel says about it will do
	}
	start, end := named[0].addr, ^uint64(0)
	for s := range d.kernelSymbols() {
		if s.addr > start {
			end = min(end, s.addr)
		}
	}
	if p.SymbolOffset >= end-start {
		return p.refuse(fmt.Sprintf("%s+%d lies behind the end of %s, which has %d bytes at most", p.Symbol, p.SymbolOffset, p.Symbol, end-start))
	}
	return nil
}

const unknownSymbol = "Invalid probed address or symbol"

// placeRefusals are the words of the kernel's error log that leave open what is
// wrong with a place.
var placeRefusals = []string{"", unknownSymbol, "Failed to register probe event", "The symbol is not unique"}

// explainKernelPlace says why the kernel refused a probe on one of its
// functions, or gives "". said is what stands in its error log. The errno is the
// kernel's, but ENOENT for a function that is not there, where kernels since
// 6.6 say EINVAL.
func (d *Dir) explainKernelPlace(p *Probe, said string, err error) (reason string, errno error) {
	if p.Kind != Kprobe || p.Symbol == "" || !slices.Contains(placeRefusals, said) {
		return "", err
	}
	named := d.namedSymbols(p.Symbol)
	functions := slices.DeleteFunc(slices.Clone(named), func(s kernelSymbol) bool { return !s.isFunction() })
	missing := errors.Is(err, fs.ErrNotExist)
	invalid := errors.Is(err, syscall.EINVAL)
	switch {
	case missing && len(functions) == 0, invalid && len(named) == 0 && said == unknownSymbol:
		return d.explainMissing(p.Symbol), syscall.ENOENT
	case errors.Is(err, syscall.EADDRNOTAVAIL) && len(named) > 1:
		return fmt.Sprintf("the kernel has %d functions of that name and does not choose among them", len(named)), err
	case invalid && len(named) > 0 && len(functions) == 0:
		return p.Symbol + " is data, not a function", err
	case invalid && len(functions) > 0:
		return d.explainForbidden(p, &functions[0]), err
	}
	return "", err
}

// renamed are functions that are known under older names: the name that
// followed, and the version of Linux.
var renamed = map[string]struct{ to, since string }{
	"do_fork":  {"kernel_clone", "5.10"},
	"_do_fork": {"kernel_clone", "5.10"},
}

// explainMissing says what to do about a function that is not there.
func (d *Dir) explainMissing(symbol string) string {
	module, name := cutModule(symbol)
	names := map[string]bool{}
	for s := range d.kernelSymbols() {
		if module != "" && s.module != module {
			continue
		}
		if s.isFunction() && !strings.HasPrefix(s.name, "__pfx_") {
			names[s.name] = true
		}
	}
	if len(names) == 0 {
		return "" // the list cannot be read
	}
	owner := "the kernel"
	if module != "" {
		owner = "module " + module
	}
	missing := fmt.Sprintf("%s has no function %s", owner, name)
	if r, ok := renamed[name]; ok && names[r.to] {
		return fmt.Sprintf("%s: Linux %s renamed it %s", missing, r.since, r.to)
	}
	if found := otherForms(name, names); len(found) > 0 {
		return missing + near.Hint(found)
	}
	hint := near.Hint(near.Names(name, keys(names), 3))
	if hint == "" {
		hint = "; it may be inlined wherever it is called, or belong to a module that is not loaded"
	}
	return missing + hint
}

func keys(m map[string]bool) iter.Seq[string] {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// otherForms are names under which the kernel has a function that the source
// calls by name: system calls have the architecture's prefix, and compilers
// mark functions that they changed by a suffix.
func otherForms(name string, names map[string]bool) []string {
	var out []string
	for _, prefix := range []string{"sys_", "SyS_", "__x64_sys_", "__arm64_sys_", "__se_sys_"} {
		call, ok := strings.CutPrefix(name, prefix)
		for _, now := range []string{"__x64_sys_", "__arm64_sys_"} {
			if ok && names[now+call] {
				out = append(out, now+call)
			}
		}
	}
	for n := range names {
		if suffix, ok := strings.CutPrefix(n, name+"."); ok && !strings.Contains(suffix, "cold") {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// explainForbidden says why a function that exists cannot be probed.
func (d *Dir) explainForbidden(p *Probe, f *kernelSymbol) string {
	if runtime.GOARCH == "arm64" && p.SymbolOffset%4 != 0 {
		return fmt.Sprintf("offset %d is not the start of an instruction: all have four bytes", p.SymbolOffset)
	}
	listed, err := d.blacklisted(f)
	if listed {
		return fmt.Sprintf("%s is on the kernel's list of functions that cannot be probed (kprobes/blacklist in /sys/kernel/debug): handling a probe needs them", p.Symbol)
	}
	switch known := d.traceable(f.name); {
	case known && p.SymbolOffset != 0:
		return fmt.Sprintf("the instruction at %s+%d is the function tracer's own, or one that cannot be probed; take another", p.Symbol, p.SymbolOffset)
	case known || p.SymbolOffset != 0:
		return ""
	}
	if err != nil {
		return fmt.Sprintf("%s may be one of the functions that handling a probe needs: kprobes/blacklist in /sys/kernel/debug lists them (mount -t debugfs nodev /sys/kernel/debug)", p.Symbol)
	}
	return p.Symbol + " is marked notrace in the kernel's source: tracing itself uses it, so the kernel probes it only when built with CONFIG_KPROBE_EVENTS_ON_NOTRACE"
}

// blacklisted reports whether a function is on the list of those that cannot be
// probed. The error says why the list cannot be read.
func (d *Dir) blacklisted(f *kernelSymbol) (bool, error) {
	text, err := fs.ReadFile(d.root, "sys/kernel/debug/kprobes/blacklist")
	if err != nil {
		return false, err
	}
	for line := range strings.Lines(string(text)) {
		place, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
		from, to, ok := addressRange(place)
		if name == f.name || ok && f.addr != 0 && from <= f.addr && f.addr < to {
			return true, nil
		}
	}
	return false, nil
}

// addressRange reads 0xFROM-0xTO.
func addressRange(text string) (from, to uint64, ok bool) {
	a, b, _ := strings.Cut(text, "-")
	from, err1 := strconv.ParseUint(a, 0, 64)
	to, err2 := strconv.ParseUint(b, 0, 64)
	return from, to, err1 == nil && err2 == nil
}

// traceable reports whether the kernel's function tracer knows a function, or
// nothing is known about that.
func (d *Dir) traceable(name string) bool {
	text, err := fs.ReadFile(d.fsys, "available_filter_functions")
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(text)) {
		if f, _, _ := strings.Cut(strings.TrimSpace(line), " "); f == name {
			return true
		}
	}
	return false
}
