package report

import (
	"gorecord/perfevent/perfdata"
	"gorecord/symbolize/stack"
)

// Embedded gives access to the functions that a recording itself holds, as those
// of simpleperf and hiperf do; nil where it holds none.
func Embedded(r *perfdata.Reader) func(module string) stack.FunctionTable {
	byPath := map[string]*perfdata.EmbeddedFile{}
	for _, f := range r.EmbeddedFiles() {
		if len(f.Symbols) > 0 {
			byPath[f.Path] = f
		}
	}
	if len(byPath) == 0 {
		return nil
	}
	return func(module string) stack.FunctionTable {
		if f := byPath[module]; f != nil {
			return f
		}
		return nil
	}
}
