package tracefs

import (
	"fmt"
	"strconv"
	"strings"

	"gorecord/perfevent"
)

// Kind says what a probe stands on.
type Kind uint8

// The kinds of probes.
const (
	Uprobe Kind = iota + 1 // an instruction of a file's code
	Kprobe                 // an instruction of the kernel
)

// String gives "uprobe" or "kprobe".
func (k Kind) String() string {
	switch k {
	case Uprobe:
		return "uprobe"
	case Kprobe:
		return "kprobe"
	}
	return "probe of kind " + strconv.Itoa(int(k))
}

// file is where probes of the kind are defined and listed.
func (k Kind) file() string { return k.String() + "_events" }

// Probe is a dynamic event, or one of the points of one: probes with the same
// Group and Name are points of one event and must agree in Kind, Return and
// Args (since Linux 5.4).
type Probe struct {
	Kind   Kind
	Return bool // fires when the function returns, not when it is entered
	// MaxActive is how many returns of a kernel function may be outstanding
	// at a time; 0 lets the kernel choose. Only for Kprobe with Return.
	MaxActive int
	// Group may be empty where the kernel shall choose (uprobes or kprobes),
	// and Name where it shall make one from the place.
	Group, Name string

	// Path, Offset and RefCtr are the place of a Uprobe: the file, the
	// position of the instruction in it, and the position of a counter that
	// is above 0 while the probe is armed (0: none; the semaphore of a
	// static marker).
	Path   string
	Offset perfevent.FileOffset
	RefCtr perfevent.FileOffset

	// Symbol, as FUNCTION or MODULE:FUNCTION, with SymbolOffset bytes added,
	// is the place of a Kprobe; where Symbol is empty it is Address.
	Symbol       string
	SymbolOffset uint64
	Address      perfevent.Addr

	// Args are fetch arguments as the kernel's documents describe them, each
	// with or without NAME= in front.
	Args []string
}

// Event is the name of the event that the probe is a point of.
func (p *Probe) Event() EventName { return EventName{p.Group, p.Name} }

// MaxNameLength is the most bytes that a group or event name can have.
const MaxNameLength = 63

// maxLine is the longest definition that the kernel reads, without its newline
// (WRITE_BUFSIZE of kernel/trace/trace.c).
const maxLine = 4096 - 2

// Definition is the line that defines the probe, without a newline. It fails
// with a *DefinitionError where the kernel could not take the probe as it is.
func (p *Probe) Definition() (string, error) {
	if err := p.check(); err != nil {
		return "", err
	}
	line := p.head(false)
	if len(line) > maxLine {
		return "", p.refuse(fmt.Sprintf("the definition has %d bytes; the kernel reads %d", len(line), maxLine))
	}
	return line, nil
}

// head writes the probe's line. The kernel lists offsets padded to the width of
// an address, and takes only that form where it compares text.
func (p *Probe) head(padded bool) string {
	var b strings.Builder
	b.WriteByte('p')
	if p.Return {
		b.Reset()
		b.WriteByte('r')
		if p.MaxActive > 0 {
			b.WriteString(strconv.Itoa(p.MaxActive))
		}
	}
	if p.Group != "" {
		b.WriteString(":" + p.Group + "/" + p.Name)
	} else if p.Name != "" {
		b.WriteString(":" + p.Name)
	}
	b.WriteString(" " + p.place(padded))
	for _, arg := range p.Args {
		b.WriteString(" " + arg)
	}
	return b.String()
}

func (p *Probe) place(padded bool) string {
	if p.Kind == Kprobe {
		switch {
		case p.Symbol == "":
			return fmt.Sprintf("%#x", uint64(p.Address))
		case p.SymbolOffset > 0:
			return p.Symbol + "+" + strconv.FormatUint(p.SymbolOffset, 10)
		}
		return p.Symbol
	}
	format := "%s:0x%x"
	if padded {
		format = "%s:0x%016x"
	}
	place := fmt.Sprintf(format, p.Path, uint64(p.Offset))
	if p.RefCtr != 0 {
		place += fmt.Sprintf("(0x%x)", uint64(p.RefCtr))
	}
	return place
}

// DefinitionError says why a probe cannot be written as a line that the kernel
// takes.
type DefinitionError struct {
	Probe  Probe
	Reason string
}

func (e *DefinitionError) Error() string {
	name := e.Probe.Event().String()
	if e.Probe.Group == "" {
		name = e.Probe.Name
	}
	return fmt.Sprintf("define %s %s: %s", e.Probe.Kind, name, e.Reason)
}

func (p *Probe) refuse(reason string) error {
	return &DefinitionError{Probe: *p, Reason: reason}
}

func (p *Probe) check() error {
	if p.Group != "" && p.Name == "" {
		return p.refuse("a group without an event name")
	}
	for _, name := range []string{p.Group, p.Name} {
		if name != "" && !IsIdentifier(name) {
			return p.refuse(fmt.Sprintf("name %q is no identifier (letters, digits and _, no digit first) of at most %d bytes", name, MaxNameLength))
		}
	}
	for _, arg := range p.Args {
		if c, bad := untakable(arg); bad || arg == "" {
			return p.refuse(fmt.Sprintf("argument %q holds %q, at which the kernel ends it", arg, c))
		}
	}
	switch p.Kind {
	case Uprobe:
		return p.checkUprobe()
	case Kprobe:
		return p.checkKprobe()
	}
	return p.refuse("it is neither a uprobe nor a kprobe")
}

func (p *Probe) checkUprobe() error {
	switch {
	case p.MaxActive != 0:
		return p.refuse("maxactive is for returns of kernel functions only")
	case p.Symbol != "" || p.SymbolOffset != 0 || p.Address != 0:
		return p.refuse("a uprobe stands on a position in a file, not on a kernel symbol")
	}
	if reason := PathProblem(p.Path); reason != "" {
		return p.refuse(reason)
	}
	return nil
}

func (p *Probe) checkKprobe() error {
	c, bad := untakable(p.Symbol)
	switch {
	case p.Path != "" || p.Offset != 0 || p.RefCtr != 0:
		return p.refuse("a kprobe stands on a kernel symbol, not on a position in a file")
	case p.MaxActive < 0 || p.MaxActive > 4096:
		return p.refuse(fmt.Sprintf("maxactive is %d; the kernel takes up to 4096", p.MaxActive))
	case p.MaxActive != 0 && !p.Return:
		return p.refuse("maxactive is for return probes only")
	case p.Symbol == "" && p.Address == 0:
		return p.refuse("it names no kernel symbol")
	case p.Symbol == "" && p.SymbolOffset != 0:
		return p.refuse("an offset without a symbol")
	case bad:
		return p.refuse(fmt.Sprintf("symbol %q holds %q", p.Symbol, c))
	case strings.ContainsAny(p.Symbol, "+/%"):
		return p.refuse(fmt.Sprintf("symbol %q is none that the kernel takes", p.Symbol))
	}
	return nil
}

// PathProblem says why a uprobe cannot be placed on a file of this path, or
// gives "". The kernel splits a definition at white space, the byte 0xa0 of
// letters such as à among it, and takes # for the start of a remark; it has no
// way to quote them. It follows links, so one without such characters helps.
func PathProblem(path string) string {
	if !strings.HasPrefix(path, "/") {
		return fmt.Sprintf("path %q is not absolute", path)
	}
	if c, bad := untakable(path); bad {
		return fmt.Sprintf("path %q holds %q, which a definition of a uprobe cannot hold; use a link without it (ln -s)", path, c)
	}
	return ""
}

// untakable finds the first byte that cannot be inside a word of a definition.
func untakable(s string) (string, bool) {
	for i := range len(s) {
		switch c := s[i]; {
		case c == 0, c == ' ', c >= '\t' && c <= '\r', c == '#', c == 0xa0:
			return s[i : i+1], true
		}
	}
	return "", false
}

// IsIdentifier reports whether a name can be that of a group or an event: a
// letter or _ first, then letters, digits and _, at most MaxNameLength bytes.
func IsIdentifier(name string) bool {
	if name == "" || len(name) > MaxNameLength || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c == '_', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		default:
			return false
		}
	}
	return true
}
