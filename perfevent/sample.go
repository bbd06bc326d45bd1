package perfevent

import "encoding/binary"

// Sample is a decoded PERF_RECORD_SAMPLE. Fields that the layout does not
// have are zero. Slices of bytes are views of the record; the other slices
// belong to the Sample and are reused by the next decoding into it.
type Sample struct {
	Misc Misc
	SampleIdentity
	IP     Addr
	Addr   Addr
	Period uint64 // 0 where the layout has no PERIOD: the attribute's is meant
	Read   ReadValues
	// Callchain holds the innermost address first, context markers included.
	Callchain []Addr
	Raw       []byte
	Branches  []Branch
	// BranchHWIndex is the hardware's index of the newest branch, with
	// BranchHWIndex in the attribute.
	BranchHWIndex uint64
	BranchCounts  []uint64 // one for each branch, with BranchCounters
	RegsUser      Regs
	StackUser     []byte // the part of the stack dump that was filled
	StackUserSize uint64 // of the whole dump; 0 stands for what StackUser needs
	RegsIntr      Regs
	Weight        uint64
	DataSrc       uint64
	Transaction   uint64
	PhysAddr      uint64
	Cgroup        uint64
	DataPageSize  uint64
	CodePageSize  uint64
	Aux           []byte
}

// Regs are registers as a sample holds them: the values of the attribute's
// mask bits in ascending order. ABI is 0 where there are none, 1 for a 32-bit
// and 2 for a 64-bit task.
type Regs struct {
	ABI    uint64
	Values []uint64
}

// Branch is one entry of a branch stack.
type Branch struct {
	From, To Addr
	Flags    uint64
}

// ReadValues is what read(2) on an event gives: the values of the event, or of
// each member of its group.
type ReadValues struct {
	TimeEnabled, TimeRunning uint64
	Values                   []ReadValue
}

// ReadValue is the count of one event.
type ReadValue struct{ Value, ID, Lost uint64 }

// DecodeSample decodes the body of a sample into s, which it overwrites. It
// allocates only where a slice of s has to grow. Where the record is too short
// it returns an error that wraps io.ErrUnexpectedEOF; s then holds what could
// be read.
func (l *Layout) DecodeSample(raw RawRecord, s *Sample) error {
	body := raw.Body()
	*s = Sample{
		Misc: raw.Misc, Read: ReadValues{Values: s.Read.Values[:0]},
		Callchain: s.Callchain[:0], Branches: s.Branches[:0], BranchCounts: s.BranchCounts[:0],
		RegsUser: Regs{Values: s.RegsUser.Values[:0]}, RegsIntr: Regs{Values: s.RegsIntr.Values[:0]},
	}
	c := coder{buf: body, big: l.big}
	if l.fixedSize > len(body) {
		var padded [8 * len(fixedFields)]byte
		copy(padded[:], body[:len(body)&^7])
		l.fixed(padded[:], s)
		c.failed = true
		return c.err("SAMPLE record", len(body))
	}
	l.fixed(body, s)
	const variable = ^(SampleIdentifier | SampleIP | SampleTID | SampleTime | SampleAddr |
		SampleID | SampleStreamID | SampleCPU | SamplePeriod)
	if l.sampleType&variable == 0 {
		return nil
	}
	// IDENTIFIER, IP … PERIOD precede every field of variable size.
	c.off = l.fixedSize
	l.variable(&c, s)
	return c.err("SAMPLE record", len(body))
}

func (l *Layout) fixed(body []byte, s *Sample) {
	if at := l.at[atIP]; at >= 0 {
		s.IP = Addr(l.u64(body[at:]))
	}
	if at := l.at[atTID]; at >= 0 {
		s.PID, s.TID = l.u32(body[at:]), l.u32(body[at+4:])
	}
	if at := l.at[atTime]; at >= 0 {
		s.Time = l.u64(body[at:])
	}
	if at := l.at[atAddr]; at >= 0 {
		s.Addr = Addr(l.u64(body[at:]))
	}
	if at := l.at[atIdentifier]; at >= 0 {
		s.ID = l.u64(body[at:])
	} else if at := l.at[atID]; at >= 0 {
		s.ID = l.u64(body[at:])
	}
	if at := l.at[atStreamID]; at >= 0 {
		s.StreamID = l.u64(body[at:])
	}
	if at := l.at[atCPU]; at >= 0 {
		s.CPU = l.u32(body[at:])
	}
	if at := l.at[atPeriod]; at >= 0 {
		s.Period = l.u64(body[at:])
	}
}

func (l *Layout) variable(c *coder, s *Sample) {
	has := func(t SampleType) bool { return l.sampleType&t != 0 }
	if has(SampleRead) {
		l.read(c, &s.Read)
	}
	if has(SampleCallchain) {
		s.Callchain = readAddrs(c, s.Callchain)
	}
	if has(SampleRaw) {
		var size uint32
		c.u32(&size)
		s.Raw = c.take(int(size))
	}
	if has(SampleBranchStack) {
		l.branches(c, s)
	}
	if has(SampleRegsUser) {
		readRegs(c, &s.RegsUser, l.regsUser)
	}
	if has(SampleStackUser) {
		readStack(c, s)
	}
	if has(SampleWeight | SampleWeightStruct) {
		c.u64(&s.Weight)
	}
	if has(SampleDataSrc) {
		c.u64(&s.DataSrc)
	}
	if has(SampleTransaction) {
		c.u64(&s.Transaction)
	}
	if has(SampleRegsIntr) {
		readRegs(c, &s.RegsIntr, l.regsIntr)
	}
	if has(SamplePhysAddr) {
		c.u64(&s.PhysAddr)
	}
	if has(SampleCgroup) {
		c.u64(&s.Cgroup)
	}
	if has(SampleDataPageSize) {
		c.u64(&s.DataPageSize)
	}
	if has(SampleCodePageSize) {
		c.u64(&s.CodePageSize)
	}
	if has(SampleAux) {
		var size uint64
		c.u64(&size)
		s.Aux = c.take(boundedSize(c, size))
	}
}

// boundedSize turns a size from a record into an int that take refuses where
// it reaches behind the record.
func boundedSize(c *coder, size uint64) int {
	if size > uint64(c.rest()) {
		return -1
	}
	return int(size)
}

// count checks a number of entries of the given size against what is left.
func count(c *coder, n uint64, size int) int {
	if n > uint64(c.rest()/size) {
		c.failed = true
		c.off = len(c.buf)
		return 0
	}
	return int(n)
}

func readAddrs(c *coder, dst []Addr) []Addr {
	var n uint64
	c.u64(&n)
	entries := c.take(8 * count(c, n, 8))
	for ; len(entries) >= 8; entries = entries[8:] {
		v := binary.LittleEndian.Uint64(entries)
		if c.big {
			v = binary.BigEndian.Uint64(entries)
		}
		dst = append(dst, Addr(v))
	}
	return dst
}

func (l *Layout) read(c *coder, r *ReadValues) {
	var n uint64 = 1
	group := l.readFormat&FormatGroup != 0
	value := func() {
		var v ReadValue
		c.u64(&v.Value)
		r.Values = append(r.Values, v)
	}
	tail := func(v *ReadValue) {
		if l.readFormat&FormatID != 0 {
			c.u64(&v.ID)
		}
		if l.readFormat&FormatLost != 0 {
			c.u64(&v.Lost)
		}
	}
	if group {
		c.u64(&n)
	} else {
		value()
	}
	if l.readFormat&FormatTotalTimeEnabled != 0 {
		c.u64(&r.TimeEnabled)
	}
	if l.readFormat&FormatTotalTimeRunning != 0 {
		c.u64(&r.TimeRunning)
	}
	if !group {
		tail(&r.Values[0])
		return
	}
	for range count(c, n, 8) {
		value()
		tail(&r.Values[len(r.Values)-1])
	}
}

// DecodeRead decodes the values of a READ record or of read(2).
func (l *Layout) DecodeRead(b []byte) (ReadValues, error) {
	c := coder{buf: b, big: l.big}
	var r ReadValues
	l.read(&c, &r)
	return r, c.err("event values", len(b))
}

func (l *Layout) branches(c *coder, s *Sample) {
	var n uint64
	c.u64(&n)
	if l.branchType&BranchHWIndex != 0 {
		c.u64(&s.BranchHWIndex)
	}
	entries := count(c, n, 24)
	for range entries {
		var b Branch
		c.addr(&b.From)
		c.addr(&b.To)
		c.u64(&b.Flags)
		s.Branches = append(s.Branches, b)
	}
	if l.branchType&BranchCounters != 0 {
		for range count(c, uint64(entries), 8) {
			var v uint64
			c.u64(&v)
			s.BranchCounts = append(s.BranchCounts, v)
		}
	}
}

func readRegs(c *coder, r *Regs, n int) {
	c.u64(&r.ABI)
	if r.ABI == 0 {
		return
	}
	for range count(c, uint64(n), 8) {
		var v uint64
		c.u64(&v)
		r.Values = append(r.Values, v)
	}
}

// readStack reads size, dump, and the size of the part that was filled, which
// is there only behind a dump.
func readStack(c *coder, s *Sample) {
	var size, filled uint64
	c.u64(&size)
	if size == 0 {
		return
	}
	dump := c.take(boundedSize(c, size))
	c.u64(&filled)
	s.StackUser = dump[:min(filled, uint64(len(dump)))]
	s.StackUserSize = uint64(len(dump))
}
