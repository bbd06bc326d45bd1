package pmu

import (
	"fmt"
	"strconv"
	"strings"

	"gorecord/perfevent"
)

// Breakpoint kinds (include/uapi/linux/hw_breakpoint.h).
const (
	bpRead    = 1
	bpWrite   = 2
	bpExecute = 4
)

// breakpoint reads ADDR[/LEN][:ACCESS][:MODIFIERS], where ACCESS is of r, w and
// x. Without ACCESS it is rw; without LEN it is 4 bytes of data or 8 of code,
// as in perf.
func (p *parser) breakpoint(spec string) error {
	parts := strings.Split(spec, ":")
	if len(parts) > 3 {
		return fmt.Errorf("more parts than mem:ADDR/LEN:ACCESS:MODIFIERS")
	}
	addr, length, hasLength := strings.Cut(parts[0], "/")
	a := &p.event.Attr
	var err error
	if a.Config1, err = strconv.ParseUint(addr, 0, 64); err != nil {
		return fmt.Errorf("%q is no address", addr)
	}
	access, mods := "rw", ""
	if len(parts) > 1 {
		access = parts[1]
		if strings.Trim(access, "rwx") != "" && len(parts) == 2 {
			access, mods = "rw", parts[1] // no access, modifiers only
		}
	}
	if len(parts) == 3 {
		mods = parts[2]
	}
	if a.BPType, err = bpType(access); err != nil {
		return err
	}
	a.Config2 = 4
	if a.BPType == bpExecute {
		a.Config2 = 8 // the size of a long, as the kernel wants
	}
	if hasLength {
		if a.Config2, err = strconv.ParseUint(length, 0, 64); err != nil || a.Config2 < 1 || a.Config2 > 8 {
			return fmt.Errorf("length %q is not 1 to 8 bytes", length)
		}
	}
	a.Type = perfevent.TypeBreakpoint
	a.SamplePeriod = 1
	return p.modify(mods)
}

func bpType(access string) (uint32, error) {
	bits := map[rune]uint32{'r': bpRead, 'w': bpWrite, 'x': bpExecute}
	var typ uint32
	for _, c := range access {
		if bits[c] == 0 || typ&bits[c] != 0 {
			return 0, fmt.Errorf("access %q is not made of r, w and x, each once", access)
		}
		typ |= bits[c]
	}
	if typ == 0 {
		return 0, fmt.Errorf("access is empty; give r, w, rw or x")
	}
	return typ, nil
}
