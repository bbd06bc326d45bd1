package near

import (
	"slices"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	all := []string{"cycles", "cpu-clock", "cpu-cycles", "callee", "caller", "malloc", "main", "ref-cycles", "cycles"}
	tests := []struct {
		name string
		want []string
	}{
		{"cycels", []string{"cycles", "ref-cycles"}[:1]}, // neighbours swapped
		{"CYCLES", []string{"cycles", "cpu-cycles", "ref-cycles"}},
		{"calle", []string{"callee", "caller"}}, // equal distance: alphabet
		{"mallok", []string{"malloc"}},
		{"cpu", []string{"cpu-clock", "cpu-cycles"}}, // a beginning
		{"zzz", nil},
		{"", nil},
		{strings.Repeat("x", 1000), nil},
	}
	for _, tt := range tests {
		if got := Names(tt.name, slices.Values(all), 3); !slices.Equal(got, tt.want) {
			t.Errorf("Names(%.20q) = %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := Names("calle", slices.Values(all), 1); !slices.Equal(got, []string{"callee"}) {
		t.Errorf("limit 1: %q", got)
	}
}

func TestEdits(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1},
		{"kitten", "sitting", 3}, {"ab", "ba", 1}, {"flaw", "lawn", 2},
	} {
		if got := edits(tt.a, tt.b); got != tt.want {
			t.Errorf("edits(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestHint(t *testing.T) {
	for _, tt := range []struct {
		names []string
		want  string
	}{
		{nil, ""},
		{[]string{"a"}, "; did you mean a?"},
		{[]string{"a", "b", "c"}, "; did you mean a, b or c?"},
	} {
		if got := Hint(tt.names); got != tt.want {
			t.Errorf("Hint(%q) = %q, want %q", tt.names, got, tt.want)
		}
	}
}
