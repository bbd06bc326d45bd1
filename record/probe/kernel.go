package probe

import (
	"fmt"
	"strings"

	"gorecord/perfevent/tracefs"
)

// ResolveKernel makes a probe on a function of the kernel, MODULE:FUNC included.
// Whether the kernel has the function is for it to say when the probe is
// defined.
func ResolveKernel(s Spec) (Point, error) {
	if s.Kind != AtFunction {
		return Point{}, &SyntaxError{s.Place(), "the kernel is probed by function, FUNC or FUNC+OFFSET"}
	}
	if strings.ContainsAny(s.Function, " \t/()<>") {
		return Point{}, &SyntaxError{s.Place(), fmt.Sprintf("%q is no name of a kernel function; for a function of a program give its file with -x", s.Function)}
	}
	name := s
	if _, function, ok := strings.Cut(s.Function, ":"); ok {
		name.Function = function
	}
	p := Point{Place: s.Place(), Probe: tracefs.Probe{
		Kind: tracefs.Kprobe, Return: s.Return, Group: s.Group, Name: s.Event,
		Symbol: s.Function, SymbolOffset: s.Number, Args: s.Args,
	}}
	if p.Probe.Group == "" {
		p.Probe.Group = KernelGroup
	}
	if p.Probe.Name == "" {
		p.Probe.Name = EventName(&name)
	}
	return p, nil
}
