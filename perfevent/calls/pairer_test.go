package calls

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// run feeds hits written as "in F [depth]" and "out F [depth]", one each
// nanosecond, and gives the calls and what stayed unpaired.
func run(t *testing.T, goroutine, kernel bool, hits ...string) string {
	t.Helper()
	var out []string
	p := NewPairer(func(c *Call) { out = append(out, fmt.Sprintf("%d:%d-%d/%d", c.Function, c.Start, c.End, c.Self())) })
	for i, text := range hits {
		var way string
		h := Hit{Time: uint64(i), PID: 1, TID: 1, HasGoroutine: goroutine, Goroutine: 7, Kernel: kernel}
		n, err := fmt.Sscan(text, &way, &h.Function, &h.Depth)
		if n < 2 {
			t.Fatal(text, err)
		}
		h.HasDepth, h.Return = n == 3, way == "out"
		if goroutine {
			h.TID = int32(i) // goroutines migrate
		}
		p.Add(&h)
	}
	for f, c := range p.Finish() {
		c.Pairs = 0
		if c != (Counts{}) {
			out = append(out, fmt.Sprintf("%d%+v", f, c))
		}
	}
	return strings.Join(out, " ")
}

func TestPairer(t *testing.T) {
	unpaired := func(f, entries, returns, open, restarts, beyond int) string {
		return fmt.Sprintf("%d{Pairs:0 Entries:%d Returns:%d Open:%d Restarts:%d BeyondDepth:%d}", f, entries, returns, open, restarts, beyond)
	}
	for _, tt := range []struct {
		name      string
		goroutine bool
		hits      []string
		want      string
	}{
		{"one", false, []string{"in 0", "out 0"}, "0:0-1/1"},
		{"nested", false, []string{"in 0", "in 1", "out 1", "out 0"}, "1:1-2/1 0:0-3/2"},
		{"recursion", false, []string{"in 0", "in 0", "out 0", "out 0"}, "0:1-2/1 0:0-3/2"},
		{"no return", false, []string{"in 0", "in 1", "out 0"}, "0:0-2/2 " + unpaired(1, 1, 0, 0, 0, 0)},
		{"no entry", false, []string{"out 0", "in 0", "out 0"}, "0:1-2/1 " + unpaired(0, 0, 1, 0, 0, 0)},
		{"going on", false, []string{"in 0"}, unpaired(0, 0, 0, 1, 0, 0)},
		{"stack grows", true, []string{"in 0 80", "in 0 80", "out 0 80"}, "0:1-2/1 " + unpaired(0, 0, 0, 0, 1, 0)},
		{"recursion by depth", true, []string{"in 0 80", "in 0 120", "out 0 120", "out 0 80"}, "0:1-2/1 0:0-3/2"},
		{"panic through two frames", true, []string{"in 0 80", "in 1 120", "in 1 160", "out 0 80"}, "0:0-3/3 " + unpaired(1, 2, 0, 0, 0, 0)},
		{"lost return, next call deeper out", true, []string{"in 0 80", "in 1 120", "in 1 100", "out 1 100", "out 0 80"}, "1:2-3/1 0:0-4/3 " + unpaired(1, 1, 0, 0, 0, 0)},
		{"lost entry", true, []string{"in 0 80", "out 1 120", "out 0 80"}, "0:0-2/2 " + unpaired(1, 0, 1, 0, 0, 0)},
		{"lost entry of an outer call", true, []string{"in 0 120", "out 0 120", "out 0 80"}, "0:0-1/1 " + unpaired(0, 0, 1, 0, 0, 0)},
	} {
		if got := run(t, tt.goroutine, false, tt.hits...); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

// TestKernelDepth: entries beyond the kernel's 64 outstanding returns are
// counted as such, and the others paired.
func TestKernelDepth(t *testing.T) {
	var hits []string
	for range 200 {
		hits = append(hits, "in 0")
	}
	for range MaxKernelDepth {
		hits = append(hits, "out 0")
	}
	got := run(t, false, true, hits...)
	if !strings.HasSuffix(got, "BeyondDepth:136}") || strings.Count(got, "0:") < MaxKernelDepth || !strings.Contains(got, "Entries:0 Returns:0 Open:0") {
		t.Errorf("%s", got)
	}
}

// TestExit: calls of a thread that has ended are unpaired; another thread of the
// same number begins anew.
func TestExit(t *testing.T) {
	p := NewPairer(func(c *Call) { t.Errorf("paired %+v", c) })
	p.Add(&Hit{PID: 1, TID: 2})
	p.Exit(1, 2)
	p.Add(&Hit{PID: 1, TID: 2, Return: true})
	if c := p.Finish()[0]; c.Entries != 1 || c.Returns != 1 || c.Open != 0 {
		t.Errorf("%+v", c)
	}
}

// TestManyGoroutines: well nested calls on goroutines that migrate between
// threads are all paired, whatever their order.
func TestManyGoroutines(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	paired := 0
	p := NewPairer(func(c *Call) { paired++ })
	stacks := make([][]uint32, 50)
	entered := 0
	for i := range 200000 {
		g := r.IntN(len(stacks))
		s := stacks[g]
		h := Hit{Time: uint64(i), PID: 1, TID: int32(r.IntN(4)), HasGoroutine: true, Goroutine: uint64(g), HasDepth: true}
		if len(s) > 0 && (r.IntN(2) == 0 || i > 190000) || len(s) == 100 {
			h.Return, h.Function, h.Depth = true, s[len(s)-1], uint64(len(s)*64)
			stacks[g] = s[:len(s)-1]
		} else if i <= 190000 {
			h.Function, h.Depth = uint32(r.IntN(10)), uint64((len(s)+1)*64)
			stacks[g] = append(s, h.Function)
			entered++
		} else {
			continue
		}
		p.Add(&h)
	}
	open := 0
	for _, s := range stacks {
		open += len(s)
	}
	var sum Counts
	for _, c := range p.Finish() {
		sum.Pairs += c.Pairs
		sum.Open += c.Open
		sum.Entries += c.Entries + c.Returns + c.Restarts + c.BeyondDepth
	}
	if paired != entered-open || sum != (Counts{Pairs: uint64(paired), Open: uint64(open)}) {
		t.Errorf("%d entered, %d open, %d paired: %+v", entered, open, paired, sum)
	}
}

// FuzzPairer: any hits are counted, each once.
func FuzzPairer(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 128, 129})
	f.Fuzz(func(t *testing.T, data []byte) {
		var in, out, pairs uint64
		p := NewPairer(func(*Call) { pairs++ })
		for i, b := range data {
			h := Hit{
				Time: uint64(i), TID: int32(b & 1), Function: uint32(b >> 1 & 3), Return: b&8 != 0, HasGoroutine: b&16 != 0,
				Depth: uint64(b >> 6), HasDepth: b&32 != 0, Kernel: b&64 != 0,
			}
			if h.Return {
				out++
			} else {
				in++
			}
			p.Add(&h)
		}
		var c Counts
		for _, x := range p.Finish() {
			c.Pairs += x.Pairs
			c.Entries += x.Entries + x.Open + x.Restarts + x.BeyondDepth
			c.Returns += x.Returns
		}
		if c.Pairs != pairs || c.Pairs+c.Entries != in || c.Pairs+c.Returns != out {
			t.Errorf("%d in, %d out: %+v", in, out, c)
		}
	})
}
