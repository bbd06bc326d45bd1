package validate

// Features that only perf writes.

// cpuTopology reads lists of CPUs by core and by package, then core and package
// of each CPU, and in newer recordings dies.
func (c *checker) cpuTopology(f *fields, _ int64) {
	f.strings()
	f.strings()
	f.take(8 * uint64(c.cpus))
	if len(f.b) < 8 {
		return
	}
	f.strings()
	f.take(4 * uint64(c.cpus))
}

func (f *fields) strings() {
	for range f.count(4) {
		f.str()
	}
}

func (f *fields) numa() {
	for range f.count(24) {
		f.u32()
		f.u64()
		f.u64()
		f.str()
	}
}

func (f *fields) pmus() {
	for range f.count(8) {
		f.u32()
		f.str()
	}
}

func (f *fields) groups() {
	for range f.count(12) {
		f.str()
		f.u32()
		f.u32()
	}
}

func (f *fields) caches() {
	f.u32() // version
	for range f.count(28) {
		f.take(16)
		f.str()
		f.str()
		f.str()
	}
}

func (f *fields) memory() {
	f.u64() // version
	f.u64() // block size
	n := f.u64()
	for i := uint64(0); i < n && !f.short; i++ {
		f.take(16)
		bits := f.u64()
		f.take((bits/64 + min(bits%64, 1)) * 8)
	}
}

func (f *fields) pairs() {
	for range f.count(8) {
		f.str()
		f.str()
	}
}

func (f *fields) capsOfPMUs() {
	for range f.count(8) {
		n := f.count(8)
		f.str()
		for range n {
			f.str()
			f.str()
		}
	}
}
