// Package near finds the names that a mistyped name may stand for.
package near

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// maxLength bounds the names that are compared: the time for one pair grows
// with the product of their lengths.
const maxLength = 256

// Names returns at most limit of the candidates, those most like name first,
// equal ones in the alphabet's order and each once. Candidates that are not
// alike are left out: the distance counts characters inserted, left out,
// replaced or swapped with their neighbour, may be a third of the name's
// length (at least one), and ignores case. A candidate that name begins, or
// that holds a name of four characters or more, counts as alike as well, after
// the others.
func Names(name string, candidates iter.Seq[string], limit int) []string {
	if len(name) == 0 || len(name) > maxLength || limit <= 0 {
		return nil
	}
	type hit struct {
		name     string
		distance int
	}
	lower := strings.ToLower(name)
	allowed := max(1, len(name)/3)
	var hits []hit
	seen := map[string]bool{}
	for c := range candidates {
		if len(c) > maxLength || seen[c] {
			continue
		}
		seen[c] = true
		if d, ok := distance(lower, strings.ToLower(c), allowed); ok {
			hits = append(hits, hit{c, d})
		}
	}
	slices.SortFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.name, b.name))
	})
	var out []string
	for _, h := range hits[:min(limit, len(hits))] {
		out = append(out, h.name)
	}
	return out
}

// distance ranks c as seen from name; ok is false where they are not alike.
func distance(name, c string, allowed int) (d int, ok bool) {
	if diff := len(c) - len(name); diff <= allowed && -diff <= allowed {
		if d := edits(name, c); d <= allowed {
			return d, true
		}
	}
	if strings.HasPrefix(c, name) || len(name) >= 4 && strings.Contains(c, name) {
		return allowed + len(c), true
	}
	return 0, false
}

// edits is the restricted Damerau-Levenshtein distance, in bytes.
func edits(a, b string) int {
	before := make([]int, len(b)+1) // the row of a[:i-2]
	above := make([]int, len(b)+1)  // the row of a[:i-1]
	row := make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}

// Hint words near names for the end of an error: "" where there are none,
// else for instance "; did you mean callee or caller?".
func Hint(names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return "; did you mean " + names[0] + "?"
	}
	last := len(names) - 1
	return "; did you mean " + strings.Join(names[:last], ", ") + " or " + names[last] + "?"
}
