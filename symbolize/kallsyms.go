package symbolize

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// KernelSymbol is a symbol of the running kernel or one of its modules.
type KernelSymbol struct {
	Name string
	// Module is the module's name without brackets, empty for the kernel itself.
	Module string
	Addr   RuntimeAddr
}

// KernelModule is a module and the addresses that its symbols span, End excluded.
type KernelModule struct {
	Name       string
	Start, End RuntimeAddr
}

// Kallsyms is the symbol list of a kernel, as /proc/kallsyms prints it. It is
// immutable and safe for concurrent use.
type Kallsyms struct {
	names      string
	entries    []kernelEntry
	aliases    []kernelEntry // names that came second at their address
	modules    []string      // [0] is the kernel itself
	boundaries map[string]RuntimeAddr
	restricted bool
}

// kernelEntry is a symbol in 24 bytes.
type kernelEntry struct {
	addr, end uint64
	name      uint32 // in names, up to the next newline
	module    uint32 // in modules
}

// maxKallsymsLine bounds a line: names have at most 512 bytes (KSYM_NAME_LEN),
// module names 56.
const maxKallsymsLine = 64 << 10

// ReadKallsyms reads lines "ADDRESS TYPE NAME", in modules followed by a tab and
// "[MODULE]". It keeps the types
// that perf keeps: text and weak (T, t, W, w), of which samples are made, and
// data (D, d, B, b), where text ends. An error names the line.
func ReadKallsyms(r io.Reader) (*Kallsyms, error) {
	k := &Kallsyms{modules: []string{""}, boundaries: map[string]RuntimeAddr{}, restricted: true}
	p := kallsymsParser{k: k, moduleIDs: map[string]uint32{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxKallsymsLine)
	n := 0
	for lines.Scan() {
		n++
		if err := p.line(lines.Bytes()); err != nil {
			return nil, fmt.Errorf("read kernel symbols, line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read kernel symbols, line %d: %w", n+1, err)
	}
	k.restricted = k.restricted && n > 0
	k.names = p.names.String()
	k.finish()
	return k, nil
}

type kallsymsParser struct {
	k         *Kallsyms
	names     strings.Builder
	moduleIDs map[string]uint32
}

var errKallsymsLine = errors.New("want ADDRESS TYPE NAME [MODULE]")

func (p *kallsymsParser) line(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	addr, n := parseHex(b)
	if n == 0 || len(b) < n+4 || b[n] != ' ' || b[n+2] != ' ' {
		return fmt.Errorf("%w, got %q", errKallsymsLine, b)
	}
	typ, name := b[n+1], b[n+3:]
	var module []byte
	if i := bytes.IndexByte(name, '\t'); i >= 0 {
		module = bytes.Trim(name[i:], "\t []\r")
		name = name[:i]
	}
	if addr != 0 {
		p.k.restricted = false
	}
	if isBoundary(name) {
		p.k.boundaries[string(name)] = RuntimeAddr(addr)
	}
	// '$' starts the mapping symbols of Arm modules.
	if !textOrData(typ) || len(name) == 0 || name[0] == '$' {
		return nil
	}
	if uint64(p.names.Len())+uint64(len(name)) >= math.MaxUint32 {
		return errors.New("more than 4 GiB of names")
	}
	p.k.entries = append(p.k.entries, kernelEntry{addr: addr, name: uint32(p.names.Len()), module: p.module(module)})
	p.names.Write(name)
	p.names.WriteByte('\n')
	return nil
}

func (p *kallsymsParser) module(name []byte) uint32 {
	if len(name) == 0 {
		return 0
	}
	id, ok := p.moduleIDs[string(name)]
	if !ok {
		id = uint32(len(p.k.modules))
		p.k.modules = append(p.k.modules, string(name))
		p.moduleIDs[string(name)] = id
	}
	return id
}

// parseHex reads up to 16 hexadecimal digits and says how many there were.
func parseHex(b []byte) (v uint64, n int) {
	for n < len(b) && n < 16 {
		c := b[n]
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return v, n
		}
		v = v<<4 | uint64(c)
		n++
	}
	return v, n
}

func textOrData(typ byte) bool {
	switch typ {
	case 'T', 't', 'W', 'w', 'D', 'd', 'B', 'b':
		return true
	}
	return false
}

// isBoundary picks names whose address is wanted whatever their type is: some
// machines call the end of text read-only data.
func isBoundary(name []byte) bool {
	switch string(name) {
	case "_text", "_stext", "_etext", "_end", "_sinittext", "_einittext":
		return true
	}
	return false
}

// finish sorts and gives each symbol its end and each address one symbol, in
// the steps of symbolIndex: no symbol states a size here, so the last listed of
// several at an address stays.
func (k *Kallsyms) finish() {
	byAddr := func(a, b kernelEntry) int { return cmp.Compare(a.addr, b.addr) }
	if !slices.IsSortedFunc(k.entries, byAddr) {
		slices.SortStableFunc(k.entries, byAddr)
	}
	kept := k.entries[:0]
	for i, e := range k.entries {
		e.end = k.entryEnd(i)
		if n := len(kept); n == 0 || kept[n-1].addr != e.addr {
			kept = append(kept, e)
		} else {
			k.aliases = append(k.aliases, kept[n-1])
			kept[n-1] = e
		}
	}
	k.entries = slices.Clip(kept)
}

// entryEnd follows symbols__fixup_end of tools/perf/util/symbol.c: the last
// symbol of the kernel or of a module ends a page further, rounded up, unless
// another starts before, since the gap to the next region may be huge.
func (k *Kallsyms) entryEnd(i int) uint64 {
	e := k.entries[i]
	end := max(roundUp(e.addr, assumedPage)+assumedPage, e.addr)
	if i+1 < len(k.entries) {
		if next := k.entries[i+1]; next.module == e.module || next.addr < end {
			return next.addr
		}
	}
	return end
}

func (k *Kallsyms) symbol(e *kernelEntry) KernelSymbol {
	return KernelSymbol{Name: k.name(e), Module: k.modules[e.module], Addr: RuntimeAddr(e.addr)}
}

func (k *Kallsyms) name(e *kernelEntry) string {
	s := k.names[e.name:]
	return s[:strings.IndexByte(s, '\n')]
}

// Lookup returns the symbol that holds a and how far into it a lies, in bytes.
// It finds nothing when the list is restricted, and does not allocate.
func (k *Kallsyms) Lookup(a RuntimeAddr) (sym KernelSymbol, offset uint64, ok bool) {
	if k.restricted {
		return KernelSymbol{}, 0, false
	}
	lo, hi := 0, len(k.entries)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if k.entries[mid].addr <= uint64(a) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return KernelSymbol{}, 0, false
	}
	e := &k.entries[lo-1]
	if uint64(a) >= e.end && uint64(a) != e.addr {
		return KernelSymbol{}, 0, false
	}
	return k.symbol(e), uint64(a) - e.addr, true
}

// Restricted reports whether the kernel hid every address (kernel.kptr_restrict,
// or kernel.perf_event_paranoid without the right to profile the kernel).
func (k *Kallsyms) Restricted() bool { return k.restricted }

// Len is the number of symbols that Lookup can return.
func (k *Kallsyms) Len() int { return len(k.entries) }

// Address gives the address of a kernel symbol (not of a module's). The bounds
// of the kernel's text (_text, _stext, _etext, _end, _sinittext, _einittext)
// are found whatever their type, others if they are text or data. False when
// the list is restricted.
func (k *Kallsyms) Address(name string) (RuntimeAddr, bool) {
	if k.restricted {
		return 0, false
	}
	if a, ok := k.boundaries[name]; ok {
		return a, true
	}
	for _, list := range [][]kernelEntry{k.entries, k.aliases} {
		for i := range list {
			if e := &list[i]; e.module == 0 && k.name(e) == name {
				return RuntimeAddr(e.addr), true
			}
		}
	}
	return 0, false
}

// Modules lists the modules that have symbols, in order of their start.
// Generated code stands under the names of its makers ("bpf",
// "__builtin__ftrace"). Empty when the list is restricted.
func (k *Kallsyms) Modules() []KernelModule {
	if k.restricted {
		return nil
	}
	modules := make([]KernelModule, len(k.modules))
	for i := range k.entries {
		e := &k.entries[i]
		m := &modules[e.module]
		if m.Name == "" {
			*m = KernelModule{Name: k.modules[e.module], Start: RuntimeAddr(e.addr)}
		}
		m.End = RuntimeAddr(e.end)
	}
	modules = slices.DeleteFunc(modules, func(m KernelModule) bool { return m.Name == "" })
	slices.SortFunc(modules, func(a, b KernelModule) int { return cmp.Compare(a.Start, b.Start) })
	return modules
}
