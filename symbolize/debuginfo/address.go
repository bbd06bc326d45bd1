package debuginfo

// Plus is the address n bytes on.
func (a Address) Plus(n int64) Address {
	steps := append([]Step(nil), a.Steps...)
	switch {
	case n == 0:
	case len(steps) > 0:
		steps[len(steps)-1].Add += n
	default:
		steps = []Step{{Add: n}}
	}
	a.Steps = steps
	return a
}

// At is the address that is read at this one.
func (a Address) At() Address {
	a.Steps = append(append([]Step(nil), a.Steps...), Step{Deref: true})
	return a
}
