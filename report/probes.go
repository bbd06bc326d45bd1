package report

import (
	"gorecord/perfevent/hit"
	"gorecord/perfevent/perfdata"
)

// Probes is what a recording tells of the probes that made it; nil where it
// tells nothing.
func Probes(r *perfdata.Reader) (*hit.Description, error) {
	b, err := r.Feature(perfdata.FeatureProbes)
	if err != nil || len(b) == 0 {
		return nil, err
	}
	return hit.Decode(b)
}
