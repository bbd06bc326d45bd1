package record

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// ParseCPUs reads a list of CPUs as the kernel and users write it: 0-3,5.
func ParseCPUs(list string) ([]int, error) {
	const most = 1 << 16
	var cpus []int
	for part := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		lo, hi, isRange := strings.Cut(part, "-")
		first, err := strconv.Atoi(lo)
		last := first
		if err == nil && isRange {
			last, err = strconv.Atoi(hi)
		}
		if err != nil || first < 0 || last < first || last >= most {
			return nil, fmt.Errorf("CPU list %q: want numbers and ranges, such as 0-3,5", list)
		}
		for cpu := first; cpu <= last; cpu++ {
			cpus = append(cpus, cpu)
		}
	}
	slices.Sort(cpus)
	return slices.Compact(cpus), nil
}

// OnlineCPUs reads the CPUs that are online from sysfs.
func OnlineCPUs(sys fs.FS) ([]int, error) {
	b, err := fs.ReadFile(sys, "devices/system/cpu/online")
	if err != nil {
		return nil, err
	}
	return ParseCPUs(string(b))
}
