package main

import (
	"fmt"
	"slices"

	"gorecord/record/probe"
	"gorecord/symbolize"
	"gorecord/symbolize/debuginfo"
)

// sourcePlace is a place whose variables are asked for.
type sourcePlace struct {
	text string // as the user wrote it
	probe.Spec
}

// codePlace is an instruction and the function that it belongs to.
type codePlace struct {
	addr symbolize.VirtAddr
	fn   *debuginfo.Function
	// copy is the copy of an inlined function that begins here, nil for none.
	copy *debuginfo.InlinedCopy
}

// find gives the places in the code. Functions that were inlined have the copies
// as well.
func (p *sourcePlace) find(info *debuginfo.File) ([]codePlace, error) {
	if p.Kind == probe.AtFileLine {
		// Functions of Go packages have names such as main.run.
		if functions, err := functionsOf(info, p.File, ""); err == nil && len(functions) > 0 {
			p.Kind, p.Function, p.File = probe.AtFunctionLine, p.File, ""
		}
	}
	switch p.Kind {
	case probe.AtFunction, probe.AtFunctionLine:
		return p.findFunction(info)
	case probe.AtFileLine:
		addrs, err := info.LineAddrs(p.File, int(p.Number))
		return p.onLine(info, addrs, err)
	}
	binary, err := probe.OpenBinary(info.Path())
	if err != nil {
		return nil, err
	}
	defer binary.Close()
	events, err := binary.Resolve(p.Spec, probe.Options{Separate: true})
	if err != nil {
		return nil, err
	}
	var addrs []symbolize.VirtAddr
	for i := range events {
		for _, point := range events[i].Probes {
			if addr, ok := binary.Module().VirtAddr(symbolize.FileOffset(point.Offset)); ok {
				addrs = append(addrs, addr)
			}
		}
	}
	return p.at(info, addrs)
}

func (p *sourcePlace) findFunction(info *debuginfo.File) ([]codePlace, error) {
	functions, err := functionsOf(info, p.Function, p.File)
	switch {
	case err != nil:
		return nil, err
	case len(functions) == 0:
		return nil, noFunction(info, p.Function, p.File)
	case len(functions) > 1:
		return nil, ambiguous(info, p.Function, functions)
	case p.Kind == probe.AtFunctionLine:
		addrs, err := info.FuncLine(functions[0], int(p.Number))
		return p.onLine(info, addrs, err)
	}
	return p.inFunction(info, functions[0])
}

// at gives the places at addresses, without those of which the debug information
// knows no function.
func (p *sourcePlace) at(info *debuginfo.File, addrs []symbolize.VirtAddr) ([]codePlace, error) {
	var list []codePlace
	for _, addr := range addrs {
		fn, err := info.At(addr)
		if err != nil {
			return nil, fmt.Errorf("place %s: %w", p.text, err)
		}
		if fn != nil {
			list = append(list, codePlace{addr: addr, fn: fn})
		}
	}
	if len(list) == 0 {
		return nil, gone("place %s: the debug information of %s knows no function there", p.text, info.Path())
	}
	return list, nil
}

func (p *sourcePlace) onLine(info *debuginfo.File, addrs []symbolize.VirtAddr, err error) ([]codePlace, error) {
	if err != nil {
		return nil, fmt.Errorf("place %s: %w", p.text, err)
	}
	if len(addrs) == 0 {
		return nil, gone("place %s: no code of %s begins with this line; --line shows those with code", p.text, info.Path())
	}
	return p.at(info, addrs)
}

func (p *sourcePlace) inFunction(info *debuginfo.File, fn *debuginfo.Function) ([]codePlace, error) {
	var list []codePlace
	if entry, ok := fn.Entry(); ok {
		addr := entry + symbolize.VirtAddr(p.Number)
		if !slices.ContainsFunc(fn.Ranges, func(r debuginfo.Range) bool { return addr >= r.Start && addr < r.End }) {
			return nil, gone("place %s: the offset is not within the function", p.text)
		}
		list = append(list, codePlace{addr: addr, fn: fn})
	}
	for i := range fn.Inlined {
		c := &fn.Inlined[i]
		holder, err := info.At(c.Entry)
		if err == nil && holder != nil && p.Number == 0 {
			list = append(list, codePlace{addr: c.Entry, fn: holder, copy: c})
		}
	}
	if len(list) == 0 {
		return nil, gone("place %s: %s has no code of this function", p.text, info.Path())
	}
	return list, nil
}
