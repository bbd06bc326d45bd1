package perfevent

import (
	"fmt"
)

// AppendSample appends a sample as a whole record, with the fields of the
// layout and in its byte order. It is the inverse of DecodeSample: what that decodes
// of a kernel's record is written back with the same bytes, but for the unused
// end of a stack dump, which becomes zero. Raw, StackUser and Aux are padded
// with zeros where the record would not be a multiple of eight bytes long;
// the sizes that it states include the padding, as the kernel's do.
//
// It fails where the sample does not fit the layout (a number of registers,
// counters or values other than the attribute asks for) or the record would be
// larger than MaxRecordSize; dst is then returned as it was.
func (l *Layout) AppendSample(dst []byte, s *Sample) ([]byte, error) {
	if err := l.fits(s); err != nil {
		return dst, err
	}
	start := len(dst)
	c := l.beginRecord(dst, RecordSample, s.Misc)
	for _, f := range fixedFields {
		if l.sampleType&f != 0 {
			appendFixed(&c, f, s)
		}
	}
	l.appendVariable(&c, s)
	size := len(c.buf) - start
	if size > MaxRecordSize {
		return dst, sizeError(RecordSample, size)
	}
	l.ByteOrder().PutUint16(c.buf[start+6:], uint16(size))
	return c.buf, nil
}

// fits checks what a reader would derive from the attribute and not find in
// the record itself.
func (l *Layout) fits(s *Sample) error {
	has := func(t SampleType) bool { return l.sampleType&t != 0 }
	mismatch := func(what string, n, want int) error {
		return fmt.Errorf("SAMPLE record: %d %s, layout has %d", n, what, want)
	}
	if n := len(s.Read.Values); has(SampleRead) && l.readFormat&FormatGroup == 0 && n > 1 {
		return mismatch("values", n, 1)
	}
	if n := len(s.BranchCounts); has(SampleBranchStack) && l.branchType&BranchCounters != 0 && n != len(s.Branches) {
		return mismatch("branch counts", n, len(s.Branches))
	}
	if n := len(s.RegsUser.Values); has(SampleRegsUser) && s.RegsUser.ABI != 0 && n != l.regsUser {
		return mismatch("user registers", n, l.regsUser)
	}
	if n := len(s.RegsIntr.Values); has(SampleRegsIntr) && s.RegsIntr.ABI != 0 && n != l.regsIntr {
		return mismatch("interrupt registers", n, l.regsIntr)
	}
	if has(SampleStackUser) && s.StackUserSize > MaxRecordSize {
		return fmt.Errorf("SAMPLE record: stack dump of %d bytes does not fit into a record", s.StackUserSize)
	}
	return nil
}

func appendFixed(c *coder, f SampleType, s *Sample) {
	switch f {
	case SampleIdentifier, SampleID:
		c.u64(&s.ID)
	case SampleIP:
		c.addr(&s.IP)
	case SampleTID:
		c.u32(&s.PID)
		c.u32(&s.TID)
	case SampleTime:
		c.u64(&s.Time)
	case SampleAddr:
		c.addr(&s.Addr)
	case SampleStreamID:
		c.u64(&s.StreamID)
	case SampleCPU:
		c.cpu(s.CPU)
	default:
		c.u64(&s.Period)
	}
}

func (l *Layout) appendVariable(c *coder, s *Sample) {
	has := func(t SampleType) bool { return l.sampleType&t != 0 }
	put := func(v uint64) { c.u64(&v) }
	if has(SampleRead) {
		l.appendRead(c, &s.Read)
	}
	if has(SampleCallchain) {
		put(uint64(len(s.Callchain)))
		for _, a := range s.Callchain {
			put(uint64(a))
		}
	}
	if has(SampleRaw) {
		// Size and data together end at a multiple of eight bytes.
		size := uint32(alignUp(4+len(s.Raw)) - 4)
		c.u32(&size)
		c.padded(s.Raw, int(size))
	}
	if has(SampleBranchStack) {
		l.appendBranches(c, s)
	}
	if has(SampleRegsUser) {
		appendRegs(c, &s.RegsUser)
	}
	if has(SampleStackUser) {
		size := alignUp(max(len(s.StackUser), int(s.StackUserSize)))
		put(uint64(size))
		if size > 0 {
			c.padded(s.StackUser, size)
			put(uint64(len(s.StackUser)))
		}
	}
	if has(SampleWeight | SampleWeightStruct) {
		put(s.Weight)
	}
	if has(SampleDataSrc) {
		put(s.DataSrc)
	}
	if has(SampleTransaction) {
		put(s.Transaction)
	}
	if has(SampleRegsIntr) {
		appendRegs(c, &s.RegsIntr)
	}
	for _, f := range [...]struct {
		t SampleType
		v uint64
	}{
		{SamplePhysAddr, s.PhysAddr}, {SampleCgroup, s.Cgroup},
		{SampleDataPageSize, s.DataPageSize}, {SampleCodePageSize, s.CodePageSize},
	} {
		if has(f.t) {
			put(f.v)
		}
	}
	if has(SampleAux) {
		size := alignUp(len(s.Aux))
		put(uint64(size))
		c.padded(s.Aux, size)
	}
}

func (l *Layout) appendRead(c *coder, r *ReadValues) {
	values := r.Values
	group := l.readFormat&FormatGroup != 0
	if group {
		n := uint64(len(values))
		c.u64(&n)
	} else {
		if len(values) == 0 {
			values = []ReadValue{{}}
		}
		c.u64(&values[0].Value)
	}
	if l.readFormat&FormatTotalTimeEnabled != 0 {
		c.u64(&r.TimeEnabled)
	}
	if l.readFormat&FormatTotalTimeRunning != 0 {
		c.u64(&r.TimeRunning)
	}
	for i := range values {
		if group {
			c.u64(&values[i].Value)
		}
		if l.readFormat&FormatID != 0 {
			c.u64(&values[i].ID)
		}
		if l.readFormat&FormatLost != 0 {
			c.u64(&values[i].Lost)
		}
	}
}

func (l *Layout) appendBranches(c *coder, s *Sample) {
	n := uint64(len(s.Branches))
	c.u64(&n)
	if l.branchType&BranchHWIndex != 0 {
		c.u64(&s.BranchHWIndex)
	}
	for i := range s.Branches {
		c.addr(&s.Branches[i].From)
		c.addr(&s.Branches[i].To)
		c.u64(&s.Branches[i].Flags)
	}
	if l.branchType&BranchCounters != 0 {
		for i := range s.BranchCounts {
			c.u64(&s.BranchCounts[i])
		}
	}
}

func appendRegs(c *coder, r *Regs) {
	c.u64(&r.ABI)
	if r.ABI == 0 {
		return
	}
	for i := range r.Values {
		c.u64(&r.Values[i])
	}
}
