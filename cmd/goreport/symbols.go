package main

import (
	"gorecord/perfevent/perfdata"
	"gorecord/report"
	"gorecord/report/pprof"
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
	resolver, closeStore, err := o.symbols.Resolver(r)
	if err != nil {
		return load, nil, err
	}
	load.Namer = resolver
	return load, func() { closeStore() }, nil
}
