package calls

// Hit is an entry or a return.
type Hit struct {
	Time uint64 // ns
	PID  int32
	TID  int32
	// Function is a number that the caller gives functions.
	Function uint32
	Return   bool
	// Goroutine is the number of the goroutine, with HasGoroutine.
	Goroutine    uint64
	HasGoroutine bool
	// Depth is how far the stack pointer is below the stack's upper end, with
	// HasDepth; entries and returns of one call have the same. Stacks of
	// goroutines move, their depths do not.
	Depth    uint64
	HasDepth bool
	// Kernel says that returns of the function come from the kernel's return
	// probes, of which a thread can have MaxKernelDepth outstanding.
	Kernel bool
}

// MaxKernelDepth is how many return probes of the kernel can be outstanding in
// a thread (MAX_URETPROBE_DEPTH in kernel/events/uprobes.c).
const MaxKernelDepth = 64

// Call is a call that has returned.
type Call struct {
	Function    uint32
	Start, End  uint64 // ns
	PID, TID    int32  // TID is that of the return
	Goroutine   uint64
	Nesting     int    // calls of the same thread or goroutine that were going on
	InnerTime   uint64 // ns that paired calls within it took
	OnGoroutine bool
}

// Duration is how long the call took, in ns; 0 where the clock went back.
func (c *Call) Duration() uint64 { return sub(c.End, c.Start) }

// Self is Duration without the paired calls within.
func (c *Call) Self() uint64 { return sub(c.Duration(), c.InnerTime) }

func sub(a, b uint64) uint64 { return max(a, b) - b }

// Counts tell of one function what was paired and what was not.
type Counts struct {
	Pairs uint64
	// Entries and Returns are those without a partner. Calls that are still
	// going on at the end are in Open.
	Entries, Returns, Open uint64
	// Restarts are entries of Go functions that came twice, because the stack
	// had to grow at the first: only the second is a call.
	Restarts uint64
	// BeyondDepth are entries that the kernel's return probes do not follow,
	// since MaxKernelDepth others were outstanding.
	BeyondDepth uint64
}

// maxOpen bounds the calls that are going on, over all stacks. Beyond it new
// entries are counted as unpaired.
const maxOpen = 1 << 20

type key struct {
	pid       int32
	goroutine bool
	id        uint64
}

type frame struct {
	function uint32
	start    uint64
	depth    uint64
	inner    uint64
	hasDepth bool
	kernel   bool
}

type threadStack struct {
	frames []frame
	kernel int // outstanding return probes
}

// Pairer pairs hits that come in the order of time. It is for one goroutine.
type Pairer struct {
	stacks map[key]*threadStack // those with calls
	free   []*threadStack
	counts []Counts // by Function
	open   int
	done   func(*Call)
	call   Call
}

// NewPairer makes a Pairer that gives each call to done as it returns. The Call
// is reused after done.
func NewPairer(done func(*Call)) *Pairer {
	return &Pairer{stacks: map[key]*threadStack{}, done: done}
}

// Add takes in the next hit.
func (p *Pairer) Add(h *Hit) {
	k := key{pid: h.PID, id: uint64(uint32(h.TID))}
	if h.HasGoroutine {
		k.goroutine, k.id = true, h.Goroutine
	}
	s := p.stacks[k]
	if s == nil {
		if h.Return {
			p.of(h.Function).Returns++
			return
		}
		s = p.stack()
		p.stacks[k] = s
	}
	if h.Return {
		p.leave(s, h)
	} else {
		p.enter(s, h)
	}
	if len(s.frames) == 0 {
		delete(p.stacks, k)
		p.free = append(p.free, s)
	}
}

// stack gives an empty stack.
func (p *Pairer) stack() *threadStack {
	n := len(p.free)
	if n == 0 {
		return &threadStack{}
	}
	s := p.free[n-1]
	p.free = p.free[:n-1]
	return s
}

// of gives the counts of a function.
func (p *Pairer) of(function uint32) *Counts {
	for int(function) >= len(p.counts) {
		p.counts = append(p.counts, Counts{})
	}
	return &p.counts[function]
}

func (p *Pairer) enter(s *threadStack, h *Hit) {
	if h.HasDepth {
		p.abandon(s, h)
	}
	c := p.of(h.Function)
	if n := len(s.frames); n > 0 && h.HasGoroutine && h.HasDepth {
		// Nothing else can begin where a call is going on, at its depth: the
		// function has begun again on a larger stack.
		if top := &s.frames[n-1]; top.hasDepth && top.depth == h.Depth && top.function == h.Function {
			c.Restarts++
			top.start = h.Time
			return
		}
	}
	switch {
	case h.Kernel && s.kernel >= MaxKernelDepth:
		c.BeyondDepth++
		return
	case p.open >= maxOpen:
		c.Entries++
		return
	}
	if h.Kernel {
		s.kernel++
	}
	p.open++
	s.frames = append(s.frames, frame{function: h.Function, start: h.Time, depth: h.Depth, hasDepth: h.HasDepth, kernel: h.Kernel})
}

// abandon drops calls that cannot be going on any more when a function is
// entered: those whose frames lay deeper, or at the same depth but of another
// function.
func (p *Pairer) abandon(s *threadStack, h *Hit) {
	for n := len(s.frames); n > 0; n-- {
		top := &s.frames[n-1]
		if !top.hasDepth || top.depth < h.Depth || top.depth == h.Depth && top.function == h.Function {
			return
		}
		p.drop(s)
	}
}

// drop takes the innermost call away, as one without a return.
func (p *Pairer) drop(s *threadStack) {
	top := p.pop(s)
	p.of(top.function).Entries++
}

func (p *Pairer) pop(s *threadStack) frame {
	top := s.frames[len(s.frames)-1]
	s.frames = s.frames[:len(s.frames)-1]
	p.open--
	if top.kernel {
		s.kernel--
	}
	return top
}

func (p *Pairer) leave(s *threadStack, h *Hit) {
	at := -1
	for i := len(s.frames) - 1; i >= 0; i-- {
		f := &s.frames[i]
		if f.function == h.Function && (!f.hasDepth || !h.HasDepth || f.depth == h.Depth) {
			at = i
			break
		}
		if h.HasDepth && f.hasDepth && f.depth < h.Depth {
			break // calls further out are going on
		}
	}
	if at < 0 {
		p.of(h.Function).Returns++
		return
	}
	for len(s.frames) > at+1 {
		p.drop(s)
	}
	f := p.pop(s)
	p.of(f.function).Pairs++
	p.call = Call{
		Function: f.function, Start: f.start, End: h.Time, PID: h.PID, TID: h.TID,
		Goroutine: h.Goroutine, OnGoroutine: h.HasGoroutine, Nesting: at, InnerTime: f.inner,
	}
	if at > 0 {
		s.frames[at-1].inner += p.call.Duration()
	}
	p.done(&p.call)
}

// Exit ends a thread: calls that were going on in it have no return.
func (p *Pairer) Exit(pid, tid int32) {
	k := key{pid: pid, id: uint64(uint32(tid))}
	if s := p.stacks[k]; s != nil {
		for len(s.frames) > 0 {
			p.drop(s)
		}
		delete(p.stacks, k)
	}
}

// Finish counts the calls that are still going on, and gives the counts of all
// functions, by their numbers.
func (p *Pairer) Finish() []Counts {
	for _, s := range p.stacks {
		for len(s.frames) > 0 {
			p.of(p.pop(s).function).Open++
		}
	}
	return p.counts
}
