package main

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A report as this test compares it: tables with their rows in order.

type table struct {
	event string
	count string // "Event count (approx.)"
	rows  []row
}

type row struct {
	percents []float64 // as many as lead the line
	text     string    // the rest, columns separated by |
}

func (r row) String() string { return fmt.Sprint(r.percents, " ", r.text) }

var (
	eventLine = regexp.MustCompile(`^# Samples: .* of event '(.*)'`)
	countLine = regexp.MustCompile(`^# Event count \(approx\.\): (\d+)`)
	columnGap = regexp.MustCompile(` {2,}`)
)

// parseReport reads the text of perf report --stdio without call trees.
func parseReport(s string) []table {
	var tables []table
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, "\n")
		if m := eventLine.FindStringSubmatch(line); m != nil {
			tables = append(tables, table{event: m[1]})
		}
		if len(tables) == 0 || strings.TrimSpace(line) == "" {
			continue
		}
		t := &tables[len(tables)-1]
		if m := countLine.FindStringSubmatch(line); m != nil {
			t.count = m[1]
		}
		if !strings.HasPrefix(line, "#") {
			t.rows = append(t.rows, parseRow(line))
		}
	}
	return tables
}

func parseRow(line string) row {
	var r row
	var rest []string
	for _, f := range columnGap.Split(strings.TrimSpace(line), -1) {
		p, isPercent := strings.CutSuffix(f, "%")
		if v, err := strconv.ParseFloat(p, 64); err == nil && isPercent && len(rest) == 0 {
			r.percents = append(r.percents, v)
			continue
		}
		rest = append(rest, f)
	}
	r.text = strings.Join(rest, "|")
	return r
}

// tolerance is how far percentages may be apart, by rounding.
const tolerance = 0.0101

// compareTables checks that both reports have the same tables, with the same
// rows in the same order as far as percentages decide it. known tells rows
// that may be in one report only, with the reason why.
func compareTables(t testing.TB, got, want []table, known func(text string) bool) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d tables, perf has %d", len(got), len(want))
	}
	for i := range want {
		if got[i].event != want[i].event || got[i].count != want[i].count {
			t.Errorf("table %d: %s, %s; perf has %s, %s", i, got[i].event, got[i].count, want[i].event, want[i].count)
		}
		g, w := drop(got[i].rows, known), drop(want[i].rows, known)
		compareRows(t, got[i].event, g, w)
	}
}

func drop(rows []row, known func(string) bool) []row {
	return slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return known != nil && known(r.text) })
}

func compareRows(t testing.TB, event string, got, want []row) {
	t.Helper()
	byText := map[string][]row{}
	for _, r := range want {
		byText[r.text] = append(byText[r.text], r)
	}
	for _, r := range got {
		others := byText[r.text]
		if len(others) == 0 {
			t.Errorf("%s: row %v is not in perf's report", event, r)
			continue
		}
		if !near(r.percents, others[0].percents) {
			t.Errorf("%s: row %v; perf has %v", event, r, others[0].percents)
		}
		byText[r.text] = others[1:]
	}
	for _, rest := range byText {
		for _, r := range rest {
			t.Errorf("%s: perf's row %v is missing", event, r)
		}
	}
	if t.Failed() {
		return
	}
	for i := range got {
		if !near(got[i].percents, want[i].percents) {
			t.Errorf("%s: row %d is %v; in perf's order it is %v", event, i, got[i], want[i])
			return
		}
	}
}

func near(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Abs(x-y) < tolerance })
}

func TestCompareTables(t *testing.T) {
	const report = `# Samples: 3  of event 'x'
# Event count (approx.): 30
#
# Overhead       Samples  Command  Symbol
# ........  ............  .......  ......
#
    66.67%             2  a b      [.] f(int, char)
    33.33%             1  c        [k] g
`
	got := parseReport(report)
	want := []table{{"x", "30", []row{{[]float64{66.67}, "2|a b|[.] f(int, char)"}, {[]float64{33.33}, "1|c|[k] g"}}}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("parsed %v, want %v", got, want)
	}
}
