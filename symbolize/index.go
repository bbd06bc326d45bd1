package symbolize

import (
	"debug/elf"
	"iter"
	"math/bits"
	"slices"
	"strings"
)

// assumedPage is the page size up to which perf extends a last symbol that
// states no size, whatever the machine.
const assumedPage = 4096

// symbolIndex holds symbols in address order, one for each address, and the
// names that came second there. It is built in steps, one for each symbol table:
//
//  1. append the entries of the table, in its order;
//  2. sort by address, keeping that order among equals;
//  3. extend each symbol without a size to the start of the next;
//  4. of several at an address keep the best, fold from first to last.
//
// Step 3 comes before step 4 as it does in perf, and shows: of several symbols
// without a size at one address only the last is extended, and so wins.
type symbolIndex struct {
	names   [tableCount]string
	entries []entry
	aliases []entry
	// outer[i] is the nearest entry before i that ends after i does, or -1.
	// nil when no two symbols overlap.
	outer []int32
}

// add takes the entries of one table in, steps 1 to 4; it may keep the slice.
func (x *symbolIndex) add(entries []entry) {
	if len(x.entries) == 0 {
		x.entries = entries
	} else {
		x.entries = append(x.entries, entries...)
	}
	sortEntries(x.entries)
	extendEnds(x.entries)
	x.dropDuplicates()
}

// finish prepares look-ups once every table is in.
func (x *symbolIndex) finish() {
	x.entries = slices.Clip(x.entries)
	x.linkOverlaps()
}

func (x *symbolIndex) name(e *entry) string { return stringAt(x.names[e.table], e.name) }

func (x *symbolIndex) symbol(e *entry) Symbol {
	return Symbol{Name: x.name(e), Addr: VirtAddr(e.addr), Size: e.end - e.addr, Type: e.typ(), Bind: e.bind()}
}

// lookup returns the innermost symbol around a.
func (x *symbolIndex) lookup(a uint64) (*entry, bool) {
	lo, hi := 0, len(x.entries)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		if x.entries[mid].addr <= a {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for i := lo - 1; i >= 0; i = int(x.outer[i]) {
		e := &x.entries[i]
		if a < e.end || a == e.addr {
			return e, true
		}
		if x.outer == nil {
			break
		}
	}
	return nil, false
}

// at returns the symbols that start exactly at a, the chosen one first.
func (x *symbolIndex) at(a uint64) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		for _, list := range [][]entry{x.entries, x.aliases} {
			i, _ := slices.BinarySearchFunc(list, a, func(e entry, a uint64) int {
				if e.addr < a {
					return -1
				}
				return 1
			})
			for ; i < len(list) && list[i].addr == a; i++ {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

func extendEnds(entries []entry) {
	for i := range entries {
		e := &entries[i]
		if e.end != e.addr {
			continue
		}
		if i+1 < len(entries) {
			e.end = entries[i+1].addr
		} else if end := roundUp(e.addr, assumedPage) + assumedPage; end > e.addr {
			e.end = end
		}
	}
}

func (x *symbolIndex) dropDuplicates() {
	kept := x.entries[:0]
	for _, e := range x.entries {
		last := len(kept) - 1
		if last < 0 || kept[last].addr != e.addr {
			kept = append(kept, e)
			continue
		}
		loser := e
		if x.better(&e, &kept[last]) {
			kept[last], loser = e, kept[last]
		}
		if x.name(&loser) != x.name(&kept[last]) {
			x.aliases = append(x.aliases, loser)
		}
	}
	x.entries = kept
	sortEntries(x.aliases)
}

// better reports whether b names an address better than a, which stands before
// it, by the rules of choose_best_symbol in tools/perf/util/symbol.c.
func (x *symbolIndex) better(b, a *entry) bool {
	if sa, sb := a.end > a.addr, b.end > b.addr; sa != sb {
		return sb
	}
	if wa, wb := a.bind() == elf.STB_WEAK, b.bind() == elf.STB_WEAK; wa != wb {
		return wa
	}
	if ga, gb := a.bind() == elf.STB_GLOBAL, b.bind() == elf.STB_GLOBAL; ga != gb {
		return gb
	}
	return betterName(x.name(b), x.name(a))
}

// betterName decides between names that perf has demangled by then.
func betterName(b, a string) bool {
	if sameButVariant(a, b) {
		return false
	}
	a, b = Demangle(a), Demangle(b)
	if ua, ub := leadingUnderscores(a), leadingUnderscores(b); ua != ub {
		return ub < ua
	}
	if len(a) != len(b) {
		return len(b) > len(a)
	}
	// The kernel once had SyS_read next to sys_read.
	return strings.HasPrefix(a, "SyS") || strings.HasPrefix(a, "compat_SyS")
}

// sameButVariant reports whether two mangled names differ only in the digit of
// a constructor or destructor (C1 and C2), which demangling drops: the usual
// pair, not worth demangling.
func sameButVariant(a, b string) bool {
	if len(a) != len(b) || !strings.HasPrefix(a, "_ZN") || !strings.HasPrefix(b, "_ZN") {
		return a == b
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	return i == len(a) || (a[i-1] == 'C' || a[i-1] == 'D') && isDigit(a[i]) && isDigit(b[i]) && a[i+1:] == b[i+1:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func leadingUnderscores(s string) int { return len(s) - len(strings.TrimLeft(s, "_")) }

// linkOverlaps fills outer.
func (x *symbolIndex) linkOverlaps() {
	x.outer = nil
	var open []int32 // entries whose ends fall, outermost first
	for i := range x.entries {
		for len(open) > 0 && x.entries[open[len(open)-1]].end <= x.entries[i].end {
			open = open[:len(open)-1]
		}
		if len(open) > 0 {
			if x.outer == nil {
				x.outer = make([]int32, len(x.entries))
				for j := range x.outer {
					x.outer[j] = -1
				}
			}
			x.outer[i] = open[len(open)-1]
		}
		open = append(open, int32(i))
	}
}

// sortEntries sorts by address and keeps the order among equals: a radix sort
// over the digits in which addresses differ, since tables are large and stable
// comparison sorts slow.
func sortEntries(entries []entry) {
	const digit = 11
	var diff uint64
	sorted := true
	for i := 1; i < len(entries); i++ {
		diff |= entries[i].addr ^ entries[0].addr
		sorted = sorted && entries[i-1].addr <= entries[i].addr
	}
	if sorted {
		return
	}
	from, to := entries, make([]entry, len(entries))
	for shift := 0; shift < bits.Len64(diff); shift += digit {
		var next [1 << digit]int
		for i := range from {
			next[from[i].addr>>shift&(1<<digit-1)]++
		}
		sum := 0
		for d, n := range next {
			next[d] = sum
			sum += n
		}
		for i := range from {
			d := from[i].addr >> shift & (1<<digit - 1)
			to[next[d]] = from[i]
			next[d]++
		}
		from, to = to, from
	}
	if &from[0] != &entries[0] {
		copy(entries, from)
	}
}
