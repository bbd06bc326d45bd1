package script

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"gorecord/perfevent"
	"gorecord/report"
)

// appendRegs appends registers by name, as perf's perf_sample__fprintf_regs.
func appendRegs(dst []byte, regs *perfevent.Regs, mask uint64, arch string) []byte {
	if len(regs.Values) == 0 {
		return dst
	}
	dst = append(dst, " ABI:"...)
	dst = strconv.AppendUint(dst, regs.ABI, 10)
	dst = append(dst, ' ')
	at := 0
	for bit := range 64 {
		if mask&(1<<bit) == 0 || at >= len(regs.Values) {
			continue
		}
		name := perfevent.RegisterName(arch, bit)
		dst = pad(dst, 5-len(name))
		dst = append(dst, name...)
		dst = append(dst, ":0x"...)
		dst = strconv.AppendUint(dst, regs.Values[at], 16)
		dst = append(dst, ' ')
		at++
	}
	return dst
}

// appendBranches appends the branches of a sample, the newest first.
func appendBranches(dst []byte, it *item, f field, bigEndian bool) []byte {
	for i, b := range it.sample.Branches {
		var from, to *place
		if len(it.branches) > 2*i+1 {
			from, to = &it.branches[2*i], &it.branches[2*i+1]
		}
		dst = append(dst, ' ')
		dst = appendBranchEnd(dst, b.From, from, f)
		dst = append(dst, '/')
		dst = appendBranchEnd(dst, b.To, to, f)
		dst = appendBranchFlags(dst, b.Decode(bigEndian))
	}
	return dst
}

// appendBranchEnd appends an address, a function, or an offset in a module.
func appendBranchEnd(dst []byte, a perfevent.Addr, p *place, f field) []byte {
	switch {
	case f&fieldBrstack != 0 || p == nil:
		dst = strconv.AppendUint(append(dst, "0x"...), uint64(a), 16)
	case f&fieldBrstackSym != 0:
		if fr := p.frame(); fr.Symbol == nil {
			dst = append(dst, "[unknown]"...)
		} else {
			dst = appendWithOffset(dst, report.Printable(fr.Symbol.Name), fr.Offset)
		}
	default:
		dst = strconv.AppendUint(append(dst, "0x"...), p.shown, 16)
	}
	if p != nil && f&fieldDSO != 0 {
		dst = append(dst, '(')
		dst = append(dst, report.Printable(p.moduleName())...)
		dst = append(dst, ')')
	}
	return dst
}

func appendBranchFlags(dst []byte, b perfevent.BranchFlags) []byte {
	letter := func(set bool, c byte) {
		if !set {
			c = '-'
		}
		dst = append(dst, '/', c)
	}
	switch {
	case b.Predicted:
		dst = append(dst, "/P"...)
	case b.Mispredicted:
		dst = append(dst, "/M"...)
	default:
		dst = append(dst, "/-"...)
	}
	letter(b.InTransaction, 'X')
	letter(b.Aborted, 'A')
	dst = append(dst, '/')
	dst = strconv.AppendUint(dst, uint64(b.Cycles), 10)
	dst = append(dst, '/')
	dst = append(dst, b.Kind()...)
	return append(dst, ' ')
}

// appendPageSize appends the size of a page, as 4K or 2M.
func appendPageSize(dst []byte, size uint64) []byte {
	if size == 0 {
		return append(dst, "N/A"...)
	}
	units := "BKMGTPE"
	i := 0
	for ; size >= 1024 && size%1024 == 0 && i < len(units)-1; i++ {
		size /= 1024
	}
	dst = strconv.AppendUint(dst, size, 10)
	return append(dst, units[i])
}

// appendBPFOutput appends what a BPF program gave out, as bytes, and as a string
// where it is one.
func appendBPFOutput(dst []byte, raw []byte) []byte {
	const perLine = 8
	dst = append(dst, '\n')
	label, text := "BPF output:", true
	for at := 0; at < len(raw); at += perLine {
		line := raw[at:min(at+perLine, len(raw))]
		dst = fmt.Appendf(dst, "%17s %04x:", label, at)
		label = "           "
		for _, b := range line {
			dst = fmt.Appendf(dst, " %02x", b)
		}
		dst = append(dst, strings.Repeat("   ", perLine-len(line))...)
		dst = append(dst, "  "...)
		for _, b := range line {
			if b < ' ' || b > '~' {
				b = '.'
			}
			dst = append(dst, b)
		}
		dst = append(dst, strings.Repeat(" ", perLine-len(line))...)
		dst = append(dst, '\n')
	}
	end := bytes.IndexByte(raw, 0)
	for _, b := range raw[:max(0, end)] {
		text = text && b >= ' ' && b <= '~'
	}
	if text && end >= 0 {
		dst = fmt.Appendf(dst, "%17s \"%s\"\n", "BPF string:", raw[:end])
	}
	return dst
}
