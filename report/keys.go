package report

import (
	"fmt"
	"slices"
	"strings"
)

// Key is a column of a Histogram: a value, or something that rows are grouped
// by.
type Key uint8

// Keys under perf's names. Those before KeyThread are values.
const (
	KeyOverhead Key = iota
	KeyOverheadSys
	KeyOverheadUs
	KeyOverheadGuestSys
	KeyOverheadGuestUs
	KeyOverheadChildren
	KeySample
	KeyPeriod
	KeyThread // perf's "pid", which is the thread's number
	KeyTID
	KeyTGID
	KeyComm
	KeyDSO
	KeySymbol
	KeyCPU
	KeyTrace
	numKeys
)

// keyInfo describes a key. need is what rows must be kept apart by for it.
type keyInfo struct {
	name, header string
	need         Dimensions
}

var keys = [numKeys]keyInfo{
	KeyOverhead:         {"overhead", "Overhead", 0},
	KeyOverheadSys:      {"overhead_sys", "sys", 0},
	KeyOverheadUs:       {"overhead_us", "usr", 0},
	KeyOverheadGuestSys: {"overhead_guest_sys", "guest sys", 0},
	KeyOverheadGuestUs:  {"overhead_guest_us", "guest usr", 0},
	KeyOverheadChildren: {"overhead_children", "Children", ByStack},
	KeySample:           {"sample", "Samples", 0},
	KeyPeriod:           {"period", "Period", 0},
	KeyThread:           {"pid", "    Pid:Command", ByThread},
	KeyTID:              {"tid", "    Tid:Command", ByThread},
	KeyTGID:             {"tgid", "   Tgid:Command", ByThread},
	KeyComm:             {"comm", "Command", ByComm},
	KeyDSO:              {"dso", "Shared Object", ByAddress},
	KeySymbol:           {"symbol", "Symbol", ByAddress},
	KeyCPU:              {"cpu", "CPU", ByCPU},
	KeyTrace:            {"trace", "Trace output", ByTrace},
}

// perfKeys are the keys that perf 6.1 knows, in the order in which it looks
// for one that begins as the word given.
var perfKeys = strings.Fields(`overhead overhead_sys overhead_us overhead_guest_sys
	overhead_guest_us overhead_children sample period
	pid comm dso symbol parent cpu socket srcline srcfile
	local_weight weight transaction trace symbol_size
	dso_size cgroup cgroup_id ipc_null time code_page_size
	local_ins_lat ins_lat local_p_stage_cyc p_stage_cyc
	addr dso_from dso_to symbol_from symbol_to mispredict
	abort in_tx cycles srcline_from srcline_to ipc_lbr
	addr_from addr_to symbol_daddr dso_daddr locked tlb
	mem snoop dcacheline symbol_iaddr phys_daddr data_page_size
	blocked`)

// String is the name of the key.
func (k Key) String() string { return keys[k].name }

// Header is what stands over the key's column.
func (k Key) Header() string { return keys[k].header }

// IsValue reports whether the key is a value, not something to group by.
func (k Key) IsValue() bool { return k < KeyThread }

// Needs is what the rows of a Profile must be kept apart by for the key.
func (k Key) Needs() Dimensions { return keys[k].need }

// KeyError says that a key cannot be used.
type KeyError struct {
	Option string // sort or fields
	Word   string
	Known  bool     // perf knows it
	Near   []string // keys that were perhaps meant
}

// Error is in perf's words, followed by the way out.
func (e *KeyError) Error() string {
	var b strings.Builder
	if e.Known {
		fmt.Fprintf(&b, "Invalid --%s key: `%s' is not supported yet", e.Option, e.Word)
	} else {
		fmt.Fprintf(&b, "Unknown --%s key: `%s'", e.Option, e.Word)
	}
	if len(e.Near) > 0 {
		fmt.Fprintf(&b, " (did you mean `%s'?)", strings.Join(e.Near, "', `"))
	}
	verb := "sort by key(s)"
	if e.Option == "fields" {
		verb = "output field(s)"
	}
	fmt.Fprintf(&b, "; %s: %s", verb, strings.Join(supportedKeys(), " "))
	return b.String()
}

func supportedKeys() []string {
	names := make([]string, 0, numKeys)
	for _, k := range keys {
		names = append(names, k.name)
	}
	return names
}

// ParseKeys reads a list of keys separated by commas or spaces, as perf takes
// them: a key may be shortened as long as it is the beginning of one. option
// is "sort" or "fields", for the error, which is a *KeyError.
func ParseKeys(option, list string) ([]Key, error) {
	var parsed []Key
	words := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
	for _, word := range words {
		k, err := parseKey(option, word)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(parsed, k) {
			parsed = append(parsed, k)
		}
	}
	if len(parsed) == 0 {
		return nil, &KeyError{Option: option, Word: list}
	}
	return parsed, nil
}

func parseKey(option, word string) (Key, error) {
	for k := range numKeys {
		if strings.EqualFold(keys[k].name, word) {
			return k, nil
		}
	}
	for _, name := range perfKeys {
		if len(name) < len(word) || !strings.EqualFold(name[:len(word)], word) {
			continue
		}
		for k := range numKeys {
			if keys[k].name == name {
				return k, nil
			}
		}
		return 0, &KeyError{Option: option, Word: name, Known: true}
	}
	return 0, &KeyError{Option: option, Word: word, Near: nearKeys(word)}
}

// nearKeys are the supported keys that a word is a misspelling of.
func nearKeys(word string) []string {
	var near []string
	for _, k := range keys {
		if distance(strings.ToLower(word), k.name) <= (len(k.name)+1)/3 {
			near = append(near, k.name)
		}
	}
	return near
}

// distance is the number of letters to add, drop or change between two words.
func distance(a, b string) int {
	// A misspelled key is short; anything longer is no near miss.
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := diagonal
			if a[i-1] != b[j-1] {
				change++
			}
			diagonal = row[j]
			row[j] = min(change, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
