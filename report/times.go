package report

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// errNoSpan says that a part of the recording was asked for whose length it
// does not tell.
var errNoSpan = errors.New("the recording does not tell when its first and last samples are (no SAMPLE_TIME section); give seconds instead of percents")

// ParseTimes reads time ranges as perf report --time takes them:
//
//	START,STOP          seconds with up to nine decimals, either may be empty
//	A%-B%[,C%-D%…]      parts of the recording
//	A%/N[,B%/M…]        the Nth slice of A percent
//
// Several START,STOP are separated by spaces. first and last are the times of
// the first and the last sample, 0 where they are not known.
func ParseTimes(s string, first, last uint64) ([]TimeRange, error) {
	if strings.Contains(s, "%") {
		return parsePercents(s, first, last)
	}
	var ranges []TimeRange
	for word := range strings.FieldsSeq(s) {
		r, err := parseSeconds(word)
		if err != nil {
			return nil, err
		}
		ranges = append(ranges, r)
	}
	if len(ranges) == 0 {
		return nil, fmt.Errorf("time %q: want START,STOP in seconds, or percents such as 10%%-20%%", s)
	}
	return ranges, nil
}

func parseSeconds(s string) (TimeRange, error) {
	var r TimeRange
	start, stop, ok := strings.Cut(s, ",")
	if !ok {
		return r, fmt.Errorf("time %q: want START,STOP in seconds; either may be left empty", s)
	}
	for _, part := range []struct {
		text string
		to   *uint64
	}{{start, &r.Start}, {stop, &r.End}} {
		if part.text == "" {
			continue
		}
		t, err := parseNanoseconds(part.text)
		if err != nil {
			return r, err
		}
		*part.to = t
	}
	if r.End != 0 && r.End < r.Start {
		return r, fmt.Errorf("time %q: STOP is before START", s)
	}
	return r, nil
}

// parseNanoseconds reads seconds without the rounding of a float.
func parseNanoseconds(s string) (uint64, error) {
	whole, fraction, _ := strings.Cut(s, ".")
	sec, err := strconv.ParseUint(whole, 10, 64)
	if err != nil || sec > math.MaxUint64/1_000_000_000-1 || len(fraction) > 9 {
		return 0, fmt.Errorf("time %q: want seconds such as 12.345678", s)
	}
	var ns uint64
	if fraction != "" {
		if ns, err = strconv.ParseUint((fraction + "000000000")[:9], 10, 64); err != nil {
			return 0, fmt.Errorf("time %q: want seconds such as 12.345678", s)
		}
	}
	return sec*1_000_000_000 + ns, nil
}

func parsePercents(s string, first, last uint64) ([]TimeRange, error) {
	if last <= first {
		return nil, fmt.Errorf("time %q: %w", s, errNoSpan)
	}
	var ranges []TimeRange
	for word := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ',' || r == ' ' }) {
		from, to, err := parsePercent(word)
		if err != nil {
			return nil, err
		}
		span := float64(last - first)
		r := TimeRange{first + uint64(math.Round(span*from/100)), first + uint64(math.Round(span*to/100))}
		if to < 100 {
			r.End-- // the next slice begins there
		}
		if r.End < r.Start {
			r.End = r.Start
		}
		ranges = append(ranges, r)
	}
	return ranges, nil
}

// parsePercent reads A%-B% or A%/N.
func parsePercent(s string) (from, to float64, err error) {
	bad := fmt.Errorf("time %q: want percents such as 10%%-20%%, or 10%%/2 for the second slice of 10%%", s)
	if a, n, ok := strings.Cut(s, "%/"); ok {
		width, err1 := strconv.ParseFloat(a, 64)
		slice, err2 := strconv.ParseUint(n, 10, 32)
		if err1 != nil || err2 != nil || slice == 0 || !(width > 0) || width*float64(slice) > 100 {
			return 0, 0, bad
		}
		return width * float64(slice-1), width * float64(slice), nil
	}
	a, b, ok := strings.Cut(s, "%-")
	if !ok || !strings.HasSuffix(b, "%") {
		return 0, 0, bad
	}
	from, err1 := strconv.ParseFloat(a, 64)
	to, err2 := strconv.ParseFloat(strings.TrimSuffix(b, "%"), 64)
	if err1 != nil || err2 != nil || !(from >= 0) || !(to > from) || to > 100 {
		return 0, 0, bad
	}
	return from, to, nil
}
