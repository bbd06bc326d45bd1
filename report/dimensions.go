package report

import (
	"gorecord/perfevent"
	"gorecord/symbolize/stack"
)

// Dimensions say what the rows of a Profile are kept apart by. The fewer, the
// smaller and the faster.
type Dimensions uint16

// Dimensions of a row.
const (
	ByComm    Dimensions = 1 << iota // thread name at the time of the sample
	ByThread                         // process and thread number
	ByCPU                            // CPU number
	ByAddress                        // address of the sample
	ByStack                          // callchain
	ByTrace                          // content of a tracepoint
)

// NoCPU is the CPU of rows whose samples do not tell it.
const NoCPU = -1

// NoTrace is the trace of rows whose samples carry none.
const NoTrace TraceID = 0

// TraceID numbers the different contents of a tracepoint from 1.
type TraceID uint32

// Row is what samples have in common, and their sum. Fields that the Profile
// was not asked for are zero.
type Row struct {
	Comm     uint32 // index in Profile.Comms
	PID, TID uint32
	CPU      int32          // NoCPU where it is not known
	Mode     perfevent.Misc // CPU mode; always there
	Leaf     stack.AddressID
	Stack    stack.StackID
	Trace    TraceID
	// FirstTID is the thread of the first sample; always there.
	FirstTID uint32
	// Samples counts them, Period adds up what each stands for.
	Samples, Period uint64
}

// rowKey is the part of a Row that tells it from others.
type rowKey struct {
	comm, pid, tid uint32
	cpu            int32
	leaf           stack.AddressID
	stack          stack.StackID
	trace          TraceID
	mode           perfevent.Misc
}

func (r *Row) key() rowKey {
	return rowKey{comm: r.Comm, pid: r.PID, tid: r.TID, cpu: r.CPU, leaf: r.Leaf, stack: r.Stack, trace: r.Trace, mode: r.Mode}
}

// slot spreads keys, which mostly are small numbers.
func (k *rowKey) slot() uint32 {
	return uint32(k.leaf) + uint32(k.stack)*3 + uint32(k.trace)*5 + k.comm*7 + k.tid*11 + uint32(k.cpu)*13
}
