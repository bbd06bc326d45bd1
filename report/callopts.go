package report

import (
	"fmt"
	"strconv"
	"strings"
)

// CallMode is the form that the callchains of a row take.
type CallMode uint8

// Forms of callchains.
const (
	CallsNone    CallMode = iota
	CallsGraph            // tree, in parts of all samples
	CallsFractal          // tree, in parts of the parent
	CallsFlat             // one list for each chain
	CallsFolded           // one line for each chain
)

// CallValue is what a callchain is measured in.
type CallValue uint8

// Measures of a callchain.
const (
	CallPercent CallValue = iota
	CallPeriod
	CallCount
)

// CallOptions say what is shown of callchains; see ParseCallOptions.
type CallOptions struct {
	Mode CallMode
	// MinPercent hides chains that are less than this part of the whole.
	MinPercent float64
	// Limit bounds the number of chains shown under each parent; 0 does not.
	Limit int
	// Callers puts the outermost caller first, else the function that was
	// hit stands first. OrderSet says that the user chose.
	Callers, OrderSet bool
	// ByAddress keeps the addresses of a function apart.
	ByAddress bool
	Value     CallValue
}

// DefaultCallOptions are perf's. Callers is to be set where rows have children
// and the user did not choose an order.
func DefaultCallOptions() CallOptions {
	return CallOptions{Mode: CallsGraph, MinPercent: 0.5}
}

// Parse changes the options as the value of perf's -g says: words separated by
// commas, each of which may be shortened.
//
//	graph|fractal|flat|folded|none   form
//	caller|callee                    order
//	function|address                 what is one place
//	percent|period|count             measure
//	NUMBER[,NUMBER]                  least percentage, most chains
func (o *CallOptions) Parse(s string) error {
	numbers := 0
	for word := range strings.SplitSeq(s, ",") {
		if word == "" {
			continue
		}
		if o.word(word) {
			if o.Mode == CallsNone {
				return nil
			}
			continue
		}
		switch numbers {
		case 0:
			v, err := strconv.ParseFloat(word, 64)
			if err != nil || !(v >= 0) {
				return callError(word)
			}
			o.MinPercent = v
		case 1:
			n, err := strconv.ParseUint(word, 0, 31)
			if err != nil {
				return callError(word)
			}
			o.Limit = int(n)
		default:
			return callError(word)
		}
		numbers++
	}
	return nil
}

func callError(word string) error {
	return fmt.Errorf("call graph option %q: want graph, fractal, flat, folded or none, caller or callee, function or address, percent, period or count, a least percentage, a most number", word)
}

// IsCallWord reports whether a command-line word can be the value of -g.
func IsCallWord(s string) bool {
	o := DefaultCallOptions()
	return s != "" && o.Parse(s) == nil
}

// word takes in one word that is no number. perf looks for one that begins
// with it in this order.
func (o *CallOptions) word(w string) bool {
	begins := func(full string) bool { return strings.HasPrefix(full, w) }
	switch {
	case begins("none"):
		o.Mode = CallsNone
	case begins("graph"):
		o.Mode = CallsGraph
	case begins("flat"):
		o.Mode = CallsFlat
	case begins("fractal"):
		o.Mode = CallsFractal
	case begins("folded"):
		o.Mode = CallsFolded
	case begins("caller"):
		o.Callers, o.OrderSet = true, true
	case begins("callee"):
		o.Callers, o.OrderSet = false, true
	case begins("function"):
		o.ByAddress = false
	case begins("address"):
		o.ByAddress = true
	case begins("percent"):
		o.Value = CallPercent
	case begins("period"):
		o.Value = CallPeriod
	case begins("count"):
		o.Value = CallCount
	default:
		return false
	}
	return true
}
