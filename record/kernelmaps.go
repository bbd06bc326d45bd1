package record

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"gorecord/perfevent"
)

// kernelPID is the process that the kernel's own maps belong to.
const kernelPID = -1

// ErrKernelHidden says that the kernel does not tell where its code lies.
var ErrKernelHidden = errors.New("kernel addresses are hidden (kernel.kptr_restrict); kernel samples will have no names")

// Kernel describes the kernel's code and its modules, as far as /proc/kallsyms
// and /proc/modules tell. It returns
// ErrKernelHidden, after describing nothing, where they tell no addresses.
func (s *Synth) Kernel() error {
	text, err := kernelText(s.Proc)
	if err != nil {
		return err
	}
	if text.start == 0 || text.end <= text.start {
		return ErrKernelHidden
	}
	// Readers relocate the symbols of a vmlinux by the address of the symbol
	// behind the bracket, which stands in the place of the file offset.
	rec := perfevent.Mmap{
		PID: uint32(1<<32 + kernelPID), Start: perfevent.Addr(text.start), Len: text.end - text.start,
		Offset: perfevent.FileOffset(text.start), Filename: "[kernel.kallsyms]" + text.symbol,
	}
	if err := s.write(&rec, perfevent.MiscKernel, 0, 0); err != nil {
		return err
	}
	return s.modules()
}

type kernelRange struct{ start, end uint64 }

// kernelCode is the kernel's text, and the symbol at its start.
type kernelCode struct {
	kernelRange
	symbol string
}

// kernelText finds the kernel's text. It begins with _text or, where the kernel
// does not list that (arm64), with _stext.
func kernelText(proc fs.FS) (kernelCode, error) {
	f, err := proc.Open("kallsyms")
	if err != nil {
		return kernelCode{}, fmt.Errorf("find the kernel's code: %w", err)
	}
	defer f.Close()
	var text, stext, end uint64
	for in := bufio.NewScanner(f); in.Scan(); {
		line := in.Bytes()
		var to *uint64
		switch {
		case bytes.HasSuffix(line, []byte(" _text")):
			to = &text
		case bytes.HasSuffix(line, []byte(" _stext")):
			to = &stext
		case bytes.HasSuffix(line, []byte(" _etext")):
			to = &end
		default:
			continue
		}
		addr, _, _ := strings.Cut(string(line), " ")
		if *to, err = strconv.ParseUint(addr, 16, 64); err != nil {
			return kernelCode{}, fmt.Errorf("find the kernel's code: %q: %w", line, err)
		}
		if end != 0 && (text != 0 || stext != 0) {
			break // both stand before the end, which lies above
		}
	}
	if text == 0 {
		return kernelCode{kernelRange{stext, end}, "_stext"}, nil
	}
	return kernelCode{kernelRange{text, end}, "_text"}, nil
}

// modules describes the loaded modules by /proc/modules, whose lines hold
// name, size, …, and address. Missing modules are not an error: a kernel may
// have none.
func (s *Synth) modules() error {
	b, err := fs.ReadFile(s.Proc, "modules")
	if err != nil {
		return nil
	}
	type module struct {
		name string
		kernelRange
	}
	var mods []module
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 6 {
			continue
		}
		size, err1 := strconv.ParseUint(f[1], 10, 64)
		addr, err2 := strconv.ParseUint(strings.TrimPrefix(f[5], "0x"), 16, 64)
		if err1 == nil && err2 == nil && addr != 0 && size > 0 {
			mods = append(mods, module{f[0], kernelRange{addr, addr + size}})
		}
	}
	slices.SortFunc(mods, func(a, b module) int { return cmp.Compare(a.start, b.start) })
	for _, m := range mods {
		rec := perfevent.Mmap{
			PID: uint32(1<<32 + kernelPID), Start: perfevent.Addr(m.start), Len: m.end - m.start,
			Filename: "[" + m.name + "]",
		}
		if err := s.write(&rec, perfevent.MiscKernel, 0, 0); err != nil {
			return err
		}
	}
	return nil
}
