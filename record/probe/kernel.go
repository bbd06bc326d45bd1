package probe

import (
	"fmt"
	"strings"

	"gorecord/perfevent/tracefs"
)

// ResolveKernel makes a probe on a function of the kernel, MODULE:FUNC included.
// Whether the kernel has the function is for it to say when the probe is
// defined.
func ResolveKernel(s Spec) (Event, error) {
	if s.Kind != AtFunction {
		return Event{}, &SyntaxError{s.Place(), "the kernel is probed by function, FUNC or FUNC+OFFSET"}
	}
	if strings.ContainsAny(s.Function, " \t/()<>") {
		return Event{}, &SyntaxError{s.Place(), fmt.Sprintf("%q is no name of a kernel function; for a function of a program give its file with -x", s.Function)}
	}
	name := s
	if _, function, ok := strings.Cut(s.Function, ":"); ok {
		name.Function = function
	}
	args := make([]string, len(s.Args))
	for i, a := range s.Args {
		if a.Kind != Fetch && a.Kind != RetVal {
			return Event{}, &SyntaxError{s.Place(), fmt.Sprintf("argument %q: arguments of the kernel's functions by name are not supported yet; use registers, such as a=%%di:u64, $arg1 or $retval", a.Text)}
		}
		args[i] = a.Text
	}
	p := tracefs.Probe{
		Kind: tracefs.Kprobe, Return: s.Return, Group: s.Group, Name: s.Event,
		Symbol: s.Function, SymbolOffset: s.Number, Args: args,
	}
	if p.Group == "" {
		p.Group = KernelGroup
	}
	if p.Name == "" {
		p.Name = EventName(&name)
	}
	return Event{Place: s.Place(), Probes: []tracefs.Probe{p}}, nil
}
