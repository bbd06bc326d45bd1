package probe

import (
	"strings"

	"gorecord/perfevent/tracefs"
)

// ParseKernelSpec reads a probe on the kernel, as ParseSpec does; FUNC may be
// MODULE:FUNC there.
func ParseKernelSpec(text string) (Spec, error) {
	text = strings.TrimSpace(text)
	_, rest := cutEventName(text)
	module, place, ok := strings.Cut(rest, ":")
	function, _, _ := strings.Cut(place, "+")
	if !ok || !tracefs.IsIdentifier(module) || place == "" || function == "" || strings.HasPrefix(place, ":") || place[0] >= '0' && place[0] <= '9' {
		s, err := ParseSpec(text)
		if err == nil && (s.Kind == AtFunctionLine || s.Kind == AtFileLine) {
			err = &SyntaxError{text, "source lines of the kernel are not supported yet; probe the function, or FUNC+OFFSET"}
		}
		return s, err
	}
	s, err := ParseSpec(text[:len(text)-len(rest)] + place)
	if err == nil && s.Kind == AtFunction {
		s.Function = module + ":" + s.Function
	}
	return s, err
}
