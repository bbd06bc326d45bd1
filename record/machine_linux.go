package record

import (
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"gorecord/perfevent/perfdata"
)

// MachineInfo describes this machine for the head of a recording. What cannot
// be found out is left out.
func MachineInfo(proc, sys fs.FS) perfdata.Info {
	var info perfdata.Info
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		info.OSRelease = unix.ByteSliceToString(uts.Release[:])
		info.Arch = unix.ByteSliceToString(uts.Machine[:])
	}
	info.Hostname, _ = os.Hostname()
	if online, err := OnlineCPUs(sys); err == nil {
		info.NrCPUsOnline = len(online)
		info.NrCPUsAvail = max(online[len(online)-1]+1, presentCPUs(sys))
	}
	info.CPUDesc, info.CPUID = cpuInfo(proc)
	info.TotalMem = totalMemory(proc)
	info.PMUs = pmuTypes(sys)
	return info
}

func presentCPUs(sys fs.FS) int {
	b, err := fs.ReadFile(sys, "devices/system/cpu/present")
	if err != nil {
		return 0
	}
	cpus, err := ParseCPUs(string(b))
	if err != nil || len(cpus) == 0 {
		return 0
	}
	return cpus[len(cpus)-1] + 1
}

// cpuInfo reads the first CPU's model, and on x86 perf's id of it:
// vendor,family,model,stepping.
func cpuInfo(proc fs.FS) (desc, id string) {
	b, err := fs.ReadFile(proc, "cpuinfo")
	if err != nil {
		return "", ""
	}
	values := map[string]string{}
	for line := range strings.Lines(string(b)) {
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			break // the first CPU ends with an empty line
		}
		values[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	if values["vendor_id"] != "" {
		id = strings.Join([]string{values["vendor_id"], values["cpu family"], values["model"], values["stepping"]}, ",")
	}
	return values["model name"], id
}

func totalMemory(proc fs.FS) uint64 {
	b, err := fs.ReadFile(proc, "meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			n, _ := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(v), "kB")), 10, 64)
			return n
		}
	}
	return 0
}

func pmuTypes(sys fs.FS) map[uint32]string {
	const dir = "bus/event_source/devices"
	entries, err := fs.ReadDir(sys, dir)
	if err != nil {
		return nil
	}
	pmus := map[uint32]string{}
	for _, e := range entries {
		b, err := fs.ReadFile(sys, path.Join(dir, e.Name(), "type"))
		if err != nil {
			continue
		}
		if n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32); err == nil {
			pmus[uint32(n)] = e.Name()
		}
	}
	return pmus
}

// WallClock reads a clock and the wall clock at the same moment, as near as
// can be.
func WallClock(clockID int32) perfdata.ClockData {
	var clock, wall unix.Timespec
	if unix.ClockGettime(clockID, &clock) != nil || unix.ClockGettime(unix.CLOCK_REALTIME, &wall) != nil {
		return perfdata.ClockData{}
	}
	return perfdata.ClockData{ClockID: uint32(clockID), WallTime: uint64(wall.Nano()), Time: uint64(clock.Nano())}
}

// ClockResolution is the resolution of a clock in nanoseconds, 0 where the
// system does not tell.
func ClockResolution(clockID int32) uint64 {
	var res unix.Timespec
	if unix.ClockGetres(clockID, &res) != nil {
		return 0
	}
	return uint64(res.Nano())
}
