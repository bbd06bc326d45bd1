package main

import (
	"fmt"
	"os"

	"gorecord/perfevent/perfdata"
	"gorecord/report"
	"gorecord/report/pprof"
	"gorecord/symbolize"
	"gorecord/symbolize/stack"
)

// loading says what is needed of the recording, and sets up who names
// functions. The returned function gives that up again.
func (o *options) loading(r *perfdata.Reader, spec *report.Spec) (report.Options, func(), error) {
	filter, err := o.filterFor(r)
	if err != nil {
		return report.Options{}, nil, err
	}
	load := report.Options{Dimensions: spec.Needs(), Filter: filter, MaxStack: o.rows.maxStack}
	switch {
	case o.stats:
		load.Dimensions = 0
	case o.pprof != "":
		load.Dimensions = pprof.Needs
	}
	if load.Dimensions&(report.ByAddress|report.ByStack|report.ByTrace) == 0 {
		return load, func() {}, nil
	}
	store, err := symbolize.NewStore(symbolize.StoreOptions{Root: o.symbols.symfs, Demangle: o.demangleStyle()})
	if err != nil {
		return load, nil, err
	}
	resolver := &stack.Resolver{
		Store: store, Local: os.DirFS("/"),
		Release: r.Info().OSRelease, Hostname: r.Info().Hostname,
		Embedded: report.Embedded(r), Style: o.demangleStyle(),
	}
	if o.symbols.kallsyms != "" {
		if resolver.Kallsyms, err = readKallsyms(o.symbols.kallsyms); err != nil {
			store.Close()
			return load, nil, err
		}
	}
	load.Namer = resolver
	return load, func() { store.Close() }, nil
}

func (o *options) demangleStyle() symbolize.DemangleStyle {
	if o.symbols.demangle {
		return symbolize.DemangleShort
	}
	return symbolize.DemangleNone
}

func readKallsyms(path string) (*symbolize.Kallsyms, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	k, err := symbolize.ReadKallsyms(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}
