package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gorecord/symbolize"
	"gorecord/symbolize/debuginfo"
)

// sourcePlace is a place whose variables are asked for.
type sourcePlace struct {
	text string
	// name is a function, or a source file where no function is called so; ""
	// where addr or offset says all. file is where a function must be declared.
	name, file string
	offset     uint64 // behind the function's entry, or in the file
	line       int    // -1 for none; a function's are counted from its declaration
	addr       symbolize.VirtAddr
	inFile     bool // offset is a position in the file
	ofFile     bool // name was found to be a source file
}

var (
	fileOffsetPlace = regexp.MustCompile(`^0[xX][0-9a-fA-F]+$`)
	addressPlace    = regexp.MustCompile(`^@(0[xX][0-9a-fA-F]+)$`)
	linePlace       = regexp.MustCompile(`^(.*[^:]):\+?([0-9]+)$`)
	offsetPlace     = regexp.MustCompile(`^(.+)\+(0[xX][0-9a-fA-F]+|[0-9]+)$`)
)

// parseSourcePlace reads FUNC[@FILE][+OFFSET|%return|:LINE], FILE:LINE, 0xOFFSET or
// @0xADDRESS.
func parseSourcePlace(text string) (sourcePlace, error) {
	p := sourcePlace{text: text, line: -1}
	var err error
	place := strings.TrimSuffix(text, "%return") // where it returns, what counts is what it was called with
	switch {
	case fileOffsetPlace.MatchString(place):
		p.inFile = true
		p.offset, err = strconv.ParseUint(place, 0, 64)
		return p, err
	case addressPlace.MatchString(place):
		n, err := strconv.ParseUint(place[1:], 0, 64)
		p.addr = symbolize.VirtAddr(n)
		return p, err
	}
	if m := linePlace.FindStringSubmatch(place); m != nil {
		place = m[1]
		if p.line, err = lineNumber(m[2]); err != nil {
			return p, fmt.Errorf("place %q: %w", text, err)
		}
	} else if m := offsetPlace.FindStringSubmatch(place); m != nil {
		place = m[1]
		if p.offset, err = strconv.ParseUint(m[2], 0, 64); err != nil {
			return p, fmt.Errorf("place %q: %s is no offset", text, m[2])
		}
	}
	p.name, p.file, _ = strings.Cut(place, "@")
	if p.name == "" {
		return p, fmt.Errorf("place %q: it names no function and no file", text)
	}
	return p, nil
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
	if p.name == "" {
		return p.findAddress(info)
	}
	functions, err := functionsOf(info, p.name, p.file)
	if err != nil {
		return nil, err
	}
	switch {
	case len(functions) > 1:
		return nil, ambiguous(info, p.name, functions)
	case len(functions) == 1 && p.line >= 0:
		addrs, err := info.FuncLine(functions[0], p.line)
		return p.onLine(info, addrs, err)
	case len(functions) == 1:
		return p.inFunction(info, functions[0])
	case p.file == "" && p.line > 0:
		p.ofFile = true
		addrs, err := info.LineAddrs(p.name, p.line)
		return p.onLine(info, addrs, err)
	}
	return nil, noFunction(info, p.name, p.file)
}

// findAddress is find for an address, or a position in the file.
func (p *sourcePlace) findAddress(info *debuginfo.File) ([]codePlace, error) {
	addr := p.addr
	if p.inFile {
		m, err := symbolize.OpenModule(info.Path())
		if err != nil {
			return nil, err
		}
		defer m.Close()
		var ok bool
		if addr, ok = m.VirtAddr(symbolize.FileOffset(p.offset)); !ok {
			return nil, gone("place %s: no loaded part of %s holds this file offset", p.text, info.Path())
		}
	}
	return p.at(info, []symbolize.VirtAddr{addr})
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
		addr := entry + symbolize.VirtAddr(p.offset)
		if !slices.ContainsFunc(fn.Ranges, func(r debuginfo.Range) bool { return addr >= r.Start && addr < r.End }) {
			return nil, gone("place %s: the offset is not within the function", p.text)
		}
		list = append(list, codePlace{addr: addr, fn: fn})
	}
	for i := range fn.Inlined {
		c := &fn.Inlined[i]
		holder, err := info.At(c.Entry)
		if err == nil && holder != nil && p.offset == 0 {
			list = append(list, codePlace{addr: c.Entry, fn: holder, copy: c})
		}
	}
	if len(list) == 0 {
		return nil, gone("place %s: %s has no code of this function", p.text, info.Path())
	}
	return list, nil
}
