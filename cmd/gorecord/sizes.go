package main

import (
	"fmt"
	"strconv"
	"time"
)

// byteSize is a number of bytes with a unit, as perf wants it: B, K, M or G.
type byteSize struct{ to *uint64 }

func (v byteSize) String() string { return "" }
func (v byteSize) Type() string   { return "size" }
func (v byteSize) Set(s string) error {
	n, ok := parseBytes(s)
	if !ok {
		return fmt.Errorf("%q is no size: give a number with B, K, M or G, as in 100M", s)
	}
	*v.to = n
	return nil
}

// parseBytes reads a size that has a unit and is more than nothing.
func parseBytes(s string) (n uint64, ok bool) {
	if s == "" {
		return 0, false
	}
	last := len(s) - 1
	factor := map[byte]uint64{'B': 1, 'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30}[s[last]]
	n, err := strconv.ParseUint(s[:last], 10, 32)
	return n * factor, err == nil && n*factor > 0
}

// switchOption is the value of --switch-output: signal, a size, or a time. on
// is true where it was given; SIGUSR2 switches in any case then.
type switchOption struct {
	on    bool
	size  uint64
	every time.Duration
}

func (v *switchOption) String() string { return "" }
func (v *switchOption) Type() string   { return "when" }
func (v *switchOption) Set(s string) error {
	*v = switchOption{on: true}
	if s == "signal" {
		return nil
	}
	if size, ok := parseBytes(s); ok {
		v.size = size
		return nil
	}
	if every, ok := parseTime(s); ok {
		v.every = every
		return nil
	}
	return fmt.Errorf("%q is no time to switch at: give signal, a size with B, K, M or G, or a time with s, m, h or d", s)
}

// parseTime reads a time with perf's units, s, m, h or d, or one as Go writes
// it (500ms).
func parseTime(s string) (time.Duration, bool) {
	if s == "" {
		return 0, false
	}
	last := len(s) - 1
	if n, err := strconv.ParseUint(s[:last], 10, 16); err == nil && s[last] == 'd' {
		return time.Duration(n) * 24 * time.Hour, n > 0
	}
	d, err := time.ParseDuration(s)
	return d, err == nil && d >= time.Millisecond
}
