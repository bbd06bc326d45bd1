package tracefs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gorecord/perfevent"
)

// ParseProbe reads a definition: what Definition writes, what the kernel lists
// in uprobe_events and kprobe_events, and what users write by hand. As in the
// kernel, a place that holds a slash and a colon is that of a uprobe.
// Arguments are kept as they are written.
func ParseProbe(line string) (Probe, error) {
	p, err := parseProbe(line)
	if err != nil {
		return Probe{}, fmt.Errorf("parse probe %q: %w", line, err)
	}
	return p, nil
}

func parseProbe(line string) (Probe, error) {
	words := strings.Fields(line)
	if len(words) < 2 {
		return Probe{}, errors.New("need a type and a place, such as p:group/name place")
	}
	var p Probe
	if err := p.parseHead(words[0]); err != nil {
		return Probe{}, err
	}
	if len(words) > 2 {
		p.Args = words[2:]
	}
	place := words[1]
	if strings.Contains(place, "/") && strings.Contains(place, ":") {
		return p, p.parseFilePlace(place)
	}
	return p, p.parseKernelPlace(place)
}

// parseHead reads p, r or rMAXACTIVE with :GROUP/NAME, :GROUP.NAME or :NAME.
func (p *Probe) parseHead(head string) error {
	kind, name, named := strings.Cut(head, ":")
	switch {
	case kind == "p":
	case strings.HasPrefix(kind, "r"):
		p.Return = true
		if kind == "r" {
			break
		}
		n, err := strconv.ParseUint(kind[1:], 10, 16)
		if err != nil {
			return fmt.Errorf("%q is no number of outstanding returns", kind[1:])
		}
		p.MaxActive = int(n)
	default:
		return fmt.Errorf("%q is neither p nor r", kind)
	}
	if !named {
		return nil
	}
	if i := strings.IndexAny(name, "/."); i >= 0 {
		p.Group, p.Name = name[:i], name[i+1:]
	} else {
		p.Name = name
	}
	if strings.ContainsAny(p.Name, "/.") || name == "" {
		return fmt.Errorf("%q is no event name", name)
	}
	return nil
}

// parseFilePlace reads PATH:OFFSET[%return][(REFCTR)].
func (p *Probe) parseFilePlace(place string) error {
	p.Kind = Uprobe
	i := strings.LastIndexByte(place, ':')
	path, at := place[:i], place[i+1:]
	if path == "" {
		return errors.New("the path is empty")
	}
	p.Path = path
	if before, ref, ok := strings.Cut(at, "("); ok {
		ref, ok = strings.CutSuffix(ref, ")")
		n, err := strconv.ParseUint(ref, 0, 64)
		if !ok || err != nil {
			return fmt.Errorf("%q is no position of a reference counter", at[len(before):])
		}
		at, p.RefCtr = before, perfevent.FileOffset(n)
	}
	at, err := p.cutReturn(at)
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(at, 0, 64)
	if err != nil {
		return fmt.Errorf("%q is no position in a file", at)
	}
	p.Offset = perfevent.FileOffset(n)
	return nil
}

// parseKernelPlace reads [MODULE:]SYMBOL[+OFFSET][%return] or ADDRESS.
func (p *Probe) parseKernelPlace(place string) error {
	p.Kind = Kprobe
	place, err := p.cutReturn(place)
	if err != nil {
		return err
	}
	if c := place[:min(1, len(place))]; c >= "0" && c <= "9" {
		n, err := strconv.ParseUint(place, 0, 64)
		if err != nil {
			return fmt.Errorf("%q is no address", place)
		}
		p.Address = perfevent.Addr(n)
		return nil
	}
	symbol, offset, ok := strings.Cut(place, "+")
	if ok {
		n, err := strconv.ParseUint(offset, 0, 64)
		if err != nil {
			return fmt.Errorf("%q is no offset", offset)
		}
		p.SymbolOffset = n
	}
	if symbol == "" {
		return errors.New("it names no symbol")
	}
	p.Symbol = symbol
	return nil
}

func (p *Probe) cutReturn(place string) (string, error) {
	place, suffix, ok := strings.Cut(place, "%")
	if !ok {
		return place, nil
	}
	if suffix != "return" {
		return "", fmt.Errorf("%%%s is not known; only %%return is", suffix)
	}
	p.Return = true
	return place, nil
}
