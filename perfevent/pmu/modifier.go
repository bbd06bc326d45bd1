package pmu

import (
	"fmt"
	"strings"

	"gorecord/perfevent"
)

// exclusions of an attribute, by the modifier that asks for the opposite.
var (
	levelFlags = map[byte]perfevent.Flags{
		'u': perfevent.FlagExcludeUser, 'k': perfevent.FlagExcludeKernel, 'h': perfevent.FlagExcludeHV,
	}
	worldFlags = map[byte]perfevent.Flags{
		'G': perfevent.FlagExcludeGuest, 'H': perfevent.FlagExcludeHost,
	}
	otherFlags = map[byte]perfevent.Flags{
		'I': perfevent.FlagExcludeIdle, 'D': perfevent.FlagPinned, 'e': perfevent.FlagExclusive,
	}
)

const (
	allLevels = perfevent.FlagExcludeUser | perfevent.FlagExcludeKernel | perfevent.FlagExcludeHV
	allWorlds = perfevent.FlagExcludeGuest | perfevent.FlagExcludeHost
)

// refusedModifiers are perf's, with the reason why they mean nothing here.
var refusedModifiers = map[byte]string{
	'S': "reads a group's counters; groups of events are not supported",
	'W': "is for groups of events, which are not supported",
	'b': "counts through BPF, which only perf stat does",
}

// ApplyModifiers sets in an attribute what the letters behind an event's colon
// ask for, as perf does:
//
//	u k h  only in user space, the kernel, the hypervisor
//	G H    only in guests, only in the host
//	I      not while idle
//	p      less skid, up to ppp; P the least that the machine can do
//	D e    pinned to the PMU, exclusive use of it
//
// preciseMax tells of P; precise_ip is 3 then. Other letters, and letters given
// twice except p, are errors.
func ApplyModifiers(a *perfevent.Attr, mods string) (preciseMax bool, err error) {
	flags := a.Flags &^ allWorlds
	precise := a.PreciseIP()
	level := flags&allLevels != 0
	world := false
	for i := range len(mods) {
		c := mods[i]
		if c != 'p' && strings.IndexByte(mods[i+1:], c) >= 0 {
			return false, fmt.Errorf("modifier %c is given twice", c)
		}
		switch {
		case levelFlags[c] != 0:
			if !level {
				level = true
				flags |= allLevels
			}
			if c == 'u' && !world { // user space of the host
				flags |= perfevent.FlagExcludeGuest
			}
			flags &^= levelFlags[c]
		case worldFlags[c] != 0:
			if !world {
				world = true
				flags |= allWorlds
			}
			flags &^= worldFlags[c]
		case c == 'p':
			precise++
			if !world {
				flags |= perfevent.FlagExcludeGuest
			}
		case c == 'P':
			preciseMax = true
		case otherFlags[c] != 0:
			flags |= otherFlags[c]
		case refusedModifiers[c] != "":
			return false, fmt.Errorf("modifier %c %s", c, refusedModifiers[c])
		default:
			return false, fmt.Errorf("%q is no modifier; there are u k h (levels), G H (guest, host), I (not idle), p pp ppp P (precise), D (pinned), e (exclusive)", c)
		}
	}
	if precise > 3 {
		return false, fmt.Errorf("modifier p is given %d times; ppp is the most", precise)
	}
	if preciseMax {
		precise = 3
	}
	a.Flags = flags
	a.SetPreciseIP(precise)
	return preciseMax, nil
}
