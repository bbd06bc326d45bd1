package stack

import (
	"fmt"
	"strings"
	"testing"

	"gorecord/perfevent"
	"gorecord/perfevent/machine"
)

const (
	kernelText = 0xffffffff81000000
	userText   = 0x400000
)

// testMachine has a kernel, a process 1 with a program and a library, and a
// process 2 that has the library elsewhere.
func testMachine() *machine.Machine {
	m := machine.New()
	mmap := func(pid uint32, start, size uint64, off uint64, name string) {
		misc := perfevent.MiscUser
		if pid == ^uint32(0) {
			misc = perfevent.MiscKernel
		}
		m.Apply(&perfevent.Mmap2{PID: pid, TID: pid, Start: perfevent.Addr(start), Len: size, Offset: perfevent.FileOffset(off), Filename: name}, misc, perfevent.SampleIdentity{})
	}
	mmap(^uint32(0), kernelText, 0x1000000, kernelText, "[kernel.kallsyms]_text")
	mmap(1, userText, 0x10000, 0x1000, "/bin/prog")
	mmap(1, 0x7f0000000000, 0x10000, 0, "/lib/lib.so")
	mmap(2, 0x7f5500000000, 0x10000, 0, "/lib/lib.so")
	return m
}

// text writes a stack as one line, innermost first: where, r for return
// addresses.
func (in *Interner) text(id StackID) string {
	var parts []string
	for id != NoStack {
		n := in.nodes[id]
		a := &in.addresses[n.Address]
		name := "?"
		if a.Mapping != nil {
			name = a.Module().ShortName()
		}
		s := fmt.Sprintf("%s+%x", name, a.Position)
		if a.Return {
			s += "r"
		}
		parts = append(parts, s)
		id = n.Callers
	}
	return strings.Join(parts, " ")
}

func TestStack(t *testing.T) {
	const (
		K  = perfevent.ContextKernel
		U  = perfevent.ContextUser
		k1 = kernelText + 0x10
		k2 = kernelText + 0x20
		u1 = userText + 0x10
		u2 = userText + 0x20
		l1 = 0x7f0000000030
	)
	chain := func(as ...perfevent.Addr) []perfevent.Addr { return as }
	tests := []struct {
		name  string
		mode  perfevent.Misc
		max   int
		chain []perfevent.Addr
		want  string
	}{
		{"empty", perfevent.MiscUser, 0, nil, ""},
		{"only markers", perfevent.MiscUser, 0, chain(K, U), ""},
		{"user", perfevent.MiscUser, 0, chain(U, u1, l1, u2), "prog+1010 lib.so+30r prog+1020r"},
		{"kernel and user: the first of each is no return address", perfevent.MiscKernel, 0,
			chain(K, k1, k2, U, u1, u2), "[kernel.kallsyms]+ffffffff81000010 [kernel.kallsyms]+ffffffff81000020r prog+1010 prog+1020r"},
		{"without markers the sample's mode counts", perfevent.MiscUser, 0, chain(u1, u2), "prog+1010 prog+1020r"},
		{"kernel addresses are not looked for in user mode", perfevent.MiscUser, 0, chain(U, k1), "?+ffffffff81000010"},
		{"unmapped", perfevent.MiscUser, 0, chain(U, u1, 0x5, u2), "prog+1010 ?+5r prog+1020r"},
		{"the innermost frames stay", perfevent.MiscUser, 2, chain(U, u1, u2, l1), "prog+1010 prog+1020r"},
		{"guest and hypervisor have no mappings here", perfevent.MiscGuestUser, 0,
			chain(perfevent.ContextGuestKernel, k1, perfevent.ContextGuestUser, u1, perfevent.ContextHV, u2),
			"?+ffffffff81000010 ?+400010 ?+400020"},
		{"a deferred user part ends the chain", perfevent.MiscKernel, 0,
			chain(K, k1, perfevent.ContextUserDeferred, 0x1234), "[kernel.kallsyms]+ffffffff81000010"},
		{"an unknown marker is stepped over", perfevent.MiscUser, 0, chain(U, u1, perfevent.ContextMax+7, u2), "prog+1010 prog+1020r"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := testMachine()
			in := NewInterner(m, tt.max)
			id := in.Stack(m.Thread(1, 1), tt.mode, tt.chain)
			if got := in.text(id); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if again := in.Stack(m.Thread(1, 1), tt.mode, tt.chain); again != id {
				t.Errorf("the same chain is stack %d, then %d", id, again)
			}
		})
	}
}

func TestUnknownMarkersAreCounted(t *testing.T) {
	m := testMachine()
	in := NewInterner(m, 0)
	in.Stack(m.Thread(1, 1), perfevent.MiscUser, []perfevent.Addr{perfevent.ContextMax, userText})
	if in.UnknownMarkers() != 1 {
		t.Errorf("%d unknown markers, want 1", in.UnknownMarkers())
	}
}

// A place in a file is one place, wherever it is mapped; as a return address
// it is another.
func TestAddressesAreShared(t *testing.T) {
	m := testMachine()
	in := NewInterner(m, 0)
	a := in.Address(m.Thread(1, 1), perfevent.MiscUser, 0x7f0000000123)
	b := in.Address(m.Thread(2, 2), perfevent.MiscUser, 0x7f5500000123)
	if a != b {
		t.Errorf("one place has the numbers %d and %d", a, b)
	}
	if got := in.Addresses()[a]; got.Runtime != 0x7f0000000123 || got.Position != 0x123 || got.Return {
		t.Errorf("address: %+v", got)
	}
	s1 := in.Stack(m.Thread(1, 1), perfevent.MiscUser, []perfevent.Addr{perfevent.ContextUser, 0x7f0000000123, 0x7f0000000456})
	s2 := in.Stack(m.Thread(2, 2), perfevent.MiscUser, []perfevent.Addr{perfevent.ContextUser, 0x7f5500000123, 0x7f5500000456})
	if s1 != s2 {
		t.Errorf("one stack has the numbers %d and %d: %s, %s", s1, s2, in.text(s1), in.text(s2))
	}
	if n := len(in.Nodes()); n != 3 {
		t.Errorf("%d nodes, want 2 and the empty one", n)
	}
}

// The same chain means something else once something else is mapped.
func TestStackFollowsMappings(t *testing.T) {
	m := testMachine()
	in := NewInterner(m, 0)
	chain := []perfevent.Addr{perfevent.ContextUser, userText}
	before := in.text(in.Stack(m.Thread(1, 1), perfevent.MiscUser, chain))
	leaf := in.Address(m.Thread(1, 1), perfevent.MiscUser, userText)
	m.Apply(&perfevent.Mmap2{PID: 1, TID: 1, Start: userText, Len: 0x1000, Filename: "/bin/other"}, perfevent.MiscUser, perfevent.SampleIdentity{})
	after := in.text(in.Stack(m.Thread(1, 1), perfevent.MiscUser, chain))
	if before != "prog+1000" || after != "other+0" {
		t.Errorf("before %s, after %s", before, after)
	}
	if in.Address(m.Thread(1, 1), perfevent.MiscUser, userText) == leaf {
		t.Error("an address kept its number although another file is there")
	}
}

// While a process executes a new program the kernel still has callers in the
// former one.
func TestStackDuringExec(t *testing.T) {
	m := testMachine()
	in := NewInterner(m, 0)
	m.Apply(&perfevent.Comm{PID: 1, TID: 1, Comm: "new"}, perfevent.MiscCommExec, perfevent.SampleIdentity{})
	chain := []perfevent.Addr{perfevent.ContextKernel, kernelText, perfevent.ContextUser, userText}
	if got := in.text(in.Stack(m.Thread(1, 1), perfevent.MiscKernel, chain)); got != "[kernel.kallsyms]+ffffffff81000000 prog+1000" {
		t.Errorf("in the kernel: %s", got)
	}
	if got := in.text(in.Stack(m.Thread(1, 1), perfevent.MiscUser, chain[2:])); got != "?+400000" {
		t.Errorf("in the new program: %s", got)
	}
}

func TestChainCacheIsBounded(t *testing.T) {
	m := testMachine()
	in := NewInterner(m, 0)
	chain := []perfevent.Addr{perfevent.ContextUser, userText, userText}
	ids := map[StackID]bool{}
	for round := range 2 {
		for i := range perfevent.Addr(maxCachedChains + 10) {
			chain[2] = i
			ids[in.Stack(m.Thread(1, 1), perfevent.MiscUser, chain)] = true
		}
		if n := len(ids); n != maxCachedChains+10 {
			t.Errorf("round %d: %d different stacks", round, n)
		}
	}
	if len(in.chains.entries) > maxCachedChains || len(in.chains.words) > maxCachedWords {
		t.Errorf("cache of %d chains, %d words", len(in.chains.entries), len(in.chains.words))
	}
}

func TestStackAllocatesNothing(t *testing.T) {
	m := testMachine()
	in := NewInterner(m, 0)
	chain := testChain(30)
	in.Stack(m.Thread(1, 1), perfevent.MiscUser, chain)
	if n := testing.AllocsPerRun(100, func() {
		in.Stack(m.Thread(1, 1), perfevent.MiscUser, chain)
		in.Address(m.Thread(1, 1), perfevent.MiscUser, chain[1])
	}); n != 0 {
		t.Errorf("a stack that is known costs %v allocations", n)
	}
}

func testChain(n int) []perfevent.Addr {
	chain := []perfevent.Addr{perfevent.ContextUser}
	for i := range n {
		chain = append(chain, userText+perfevent.Addr(i*16))
	}
	return chain
}

func BenchmarkStackKnown(b *testing.B) {
	b.ReportAllocs()
	m := testMachine()
	in := NewInterner(m, 0)
	chain := testChain(30)
	for b.Loop() {
		in.Stack(m.Thread(1, 1), perfevent.MiscUser, chain)
	}
}

func BenchmarkStackNew(b *testing.B) {
	b.ReportAllocs()
	m := testMachine()
	in := NewInterner(m, 0)
	chain := testChain(30)
	i := perfevent.Addr(0)
	for b.Loop() {
		i++
		chain[1] = userText + i&0xffff
		chain[15] = userText + i>>8&0xffff
		in.Stack(m.Thread(1, 1), perfevent.MiscUser, chain)
	}
}

func BenchmarkAddress(b *testing.B) {
	b.ReportAllocs()
	m := testMachine()
	in := NewInterner(m, 0)
	chain := testChain(200)
	i := 0
	for b.Loop() {
		i++
		in.Address(m.Thread(1, 1), perfevent.MiscUser, chain[i%len(chain)])
	}
}

// FuzzStack interns chains of any content, and expects the cache to give what
// a walk gives.
func FuzzStack(f *testing.F) {
	f.Add([]byte{1, 0, 2, 0x10, 2, 0x20, 0, 0, 3, 4}, uint16(2))
	f.Add([]byte{5, 6, 7, 8, 9, 1, 1, 2, 2, 3, 3}, uint16(1))
	f.Fuzz(func(t *testing.T, in []byte, misc uint16) {
		m := testMachine()
		cached := NewInterner(m, 64)
		var chain []perfevent.Addr
		for ; len(in) >= 2; in = in[2:] {
			chain = append(chain, fuzzAddress(in[0], in[1]))
		}
		mode := perfevent.Misc(misc)
		for pid := range uint32(3) {
			th := m.Thread(pid, pid)
			cached.Stack(th, mode, chain)
			got := cached.text(cached.Stack(th, mode, chain))
			fresh := NewInterner(m, 64)
			if want := fresh.text(fresh.Stack(th, mode, chain)); got != want {
				t.Fatalf("from the cache %s, fresh %s", got, want)
			}
			if n := len(strings.Fields(got)); n > min(64, len(chain)) {
				t.Fatalf("%d frames of %d entries", n, len(chain))
			}
		}
		for i, n := range cached.nodes[1:] {
			if int(n.Callers) > i || int(n.Address) >= len(cached.addresses) {
				t.Fatalf("node %d: %+v", i+1, n)
			}
		}
	})
}

func fuzzAddress(kind, n byte) perfevent.Addr {
	switch kind % 8 {
	case 0:
		return perfevent.ContextUser
	case 1:
		return perfevent.ContextKernel
	case 2:
		return userText + perfevent.Addr(n)
	case 3:
		return kernelText + perfevent.Addr(n)
	case 4:
		return 0x7f0000000000 + perfevent.Addr(n)*0x200
	case 5:
		return perfevent.ContextMax + perfevent.Addr(n)*16
	}
	return perfevent.Addr(n) << 56
}
