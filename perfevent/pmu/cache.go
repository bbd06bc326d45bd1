package pmu

import (
	"iter"
	"strings"
)

// cacheAliases names a level, an operation or a result; the first is the name
// in listings. The index is the number of enum perf_hw_cache_{id,op_id,op_result_id}.
type cacheAliases [][]string

var (
	cacheLevels = cacheAliases{
		{"L1-dcache", "l1-d", "l1d", "L1-data"},
		{"L1-icache", "l1-i", "l1i", "L1-instruction"},
		{"LLC", "L2"},
		{"dTLB", "d-tlb", "Data-TLB"},
		{"iTLB", "i-tlb", "Instruction-TLB"},
		{"branch", "branches", "bpu", "btb", "bpc"},
		{"node"},
	}
	cacheOps = cacheAliases{
		{"load", "loads", "read"},
		{"store", "stores", "write"},
		{"prefetch", "prefetches", "speculative-read", "speculative-load"},
	}
	cacheResults = cacheAliases{
		{"refs", "Reference", "ops", "access"},
		{"misses", "miss"},
	}
)

// cacheOpsOf are the operations that make sense for a level, as a bit set by
// operation: instructions are only read and prefetched, some only read.
var cacheOpsOf = [...]uint{0: 7, 1: 1 | 4, 2: 7, 3: 7, 4: 1, 5: 1, 6: 7}

// cut takes one of the names off the front of s, the longest that ends at the
// end of a word.
func (a cacheAliases) cut(s string) (index int, rest string, ok bool) {
	longest := 0
	for i, names := range a {
		for _, name := range names {
			if !strings.HasPrefix(s, name) || len(name) <= longest {
				continue
			}
			if tail := s[len(name):]; tail == "" || tail[0] == '-' {
				index, rest, longest = i, strings.TrimPrefix(tail, "-"), len(name)
			}
		}
	}
	if longest > 0 && longest < len(s) && rest == "" {
		return 0, "", false // a dash at the end
	}
	return index, rest, longest > 0
}

// cacheConfig reads LEVEL[-OPERATION][-RESULT], the last two in either order;
// a load and an access where they are left out.
func cacheConfig(name string) (uint64, bool) {
	level, rest, ok := cacheLevels.cut(name)
	if !ok {
		return 0, false
	}
	op, result := -1, -1
	for rest != "" {
		if i, after, ok := cacheOps.cut(rest); ok && op < 0 {
			op, rest = i, after
		} else if i, after, ok := cacheResults.cut(rest); ok && result < 0 {
			result, rest = i, after
		} else {
			return 0, false
		}
	}
	op, result = max(op, 0), max(result, 0)
	if cacheOpsOf[level]&(1<<op) == 0 {
		return 0, false
	}
	return uint64(level) | uint64(op)<<8 | uint64(result)<<16, true
}

// cacheNames are the names that perf lists: LEVEL-loads, LEVEL-load-misses and
// so on.
func cacheNames() iter.Seq[string] {
	return func(yield func(string) bool) {
		for level, ops := range cacheOpsOf {
			for op, names := range cacheOps {
				if ops&(1<<op) == 0 {
					continue
				}
				name := cacheLevels[level][0] + "-"
				if !yield(name+names[1]) || !yield(name+names[0]+"-misses") {
					return
				}
			}
		}
	}
}
