package hit

import "slices"

// Add adds the events of another description, which stays as it is.
func (d *Description) Add(o *Description) {
	shift := len(d.Enums)
	d.Enums = append(d.Enums, o.Enums...)
	for _, e := range o.Events {
		e.Values = shifted(e.Values, shift)
		d.Events = append(d.Events, e)
	}
	for _, t := range o.GoTypes {
		if !slices.Contains(d.GoTypes, t) {
			d.GoTypes = append(d.GoTypes, t)
		}
	}
}

// shifted are values that refer to enums that stand further behind.
func shifted(values []Value, by int) []Value {
	out := slices.Clone(values)
	for i := range out {
		v := &out[i]
		if v.Names > 0 {
			v.Names += by
		}
		v.Members = shifted(v.Members, by)
		if v.Length != nil {
			length := *v.Length
			v.Length = &length
		}
	}
	return out
}
