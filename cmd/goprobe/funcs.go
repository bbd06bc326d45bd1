package main

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"gorecord/symbolize"
	"gorecord/symbolize/usdt"
)

// defaultFilter is perf's for --funcs.
const defaultFilter = "!_* & !*@plt"

// nameFilter makes one filter of several: a name is wanted when one of them
// wants it, and none of those that begin with ! leaves it out.
func nameFilter(texts []string) (filter, error) {
	var any, all []filter
	for _, text := range texts {
		f, err := parseFilter(text)
		if err != nil {
			return nil, usageError{err.Error()}
		}
		if strings.HasPrefix(strings.TrimSpace(text), "!") {
			all = append(all, f)
		} else {
			any = append(any, f)
		}
	}
	return func(name string) bool {
		wants := func(f filter) bool { return f(name) }
		return (len(any) == 0 || slices.ContainsFunc(any, wants)) &&
			!slices.ContainsFunc(all, func(f filter) bool { return !f(name) })
	}, nil
}

// printFuncs lists the functions that the filters want, in the order of their
// names, as perf does; a name that several functions have stands once for each.
// Unlike perf's, the list leaves variables out.
//
// Filters that begin with sdt_ are for static markers, which are called
// sdt_PROVIDER:NAME and stand once, whatever number of places they have.
func (a *app) printFuncs(filters []string) error {
	var markers, functions []string
	for _, text := range filters {
		if strings.HasPrefix(strings.TrimSpace(text), markerPrefix) {
			markers = append(markers, text)
		} else {
			functions = append(functions, text)
		}
	}
	var list []string
	if len(markers) > 0 {
		names, err := matching(markers, a.markers)
		if err != nil {
			return err
		}
		list = slices.Compact(names)
	}
	if len(functions) > 0 {
		names, err := matching(functions, a.functions)
		if err != nil {
			return err
		}
		list = append(list, names...)
	}
	if len(list) == 0 {
		a.say("No name matches.\n")
		return nil
	}
	a.print(strings.Join(list, "\n") + "\n")
	return nil
}

// matching gives the names that the filters want, in their order.
func matching(filters []string, names func() ([]string, error)) ([]string, error) {
	wanted, err := nameFilter(filters)
	if err != nil {
		return nil, err
	}
	list, err := names()
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(name string) bool { return !wanted(name) })
	slices.Sort(list)
	return list, nil
}

// functions are the names of all functions that could be probed.
func (a *app) functions() ([]string, error) {
	if a.exec == "" {
		return kernelFunctions(a.proc)
	}
	return fileFunctions(a.exec)
}

const markerPrefix = "sdt_"

// markers are the names of all static markers of the file.
func (a *app) markers() ([]string, error) {
	if a.exec == "" {
		return nil, usageError{"static markers are in files: give one with -x PATH"}
	}
	list, err := usdt.Markers(a.exec)
	if err != nil {
		return nil, fmt.Errorf("list markers: %w", err)
	}
	names := make([]string, len(list))
	for i, m := range list {
		names[i] = markerPrefix + m.Provider + ":" + m.Name
	}
	return names, nil
}

// kernelFunctions are the names of the running kernel's functions, modules left
// out.
func kernelFunctions(proc fs.FS) ([]string, error) {
	f, err := proc.Open("kallsyms")
	if err != nil {
		return nil, fmt.Errorf("list the kernel's functions: %w", err)
	}
	defer f.Close()
	names, err := textSymbols(f)
	if err != nil {
		return nil, fmt.Errorf("list the kernel's functions: /proc/kallsyms: %w", err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("list the kernel's functions: /proc/kallsyms is empty: the kernel is built without CONFIG_KALLSYMS: %w", errors.ErrUnsupported)
	}
	return names, nil
}

// textSymbols reads lines "ADDRESS TYPE NAME" and gives the names of code;
// those of modules have a fourth word.
func textSymbols(r io.Reader) ([]string, error) {
	var names []string
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 3 && strings.Contains("TtWw", words[1]) {
			names = append(names, words[2])
		}
	}
	return names, lines.Err()
}

// pltHeader is the name that symbolize gives to the code in front of a file's
// PLT, which no symbol names.
const pltHeader = ".plt"

// fileFunctions are the demangled names of a file's functions: symbols of its
// own, or of its separate debug file, or those that a Go program has besides.
func fileFunctions(path string) ([]string, error) {
	store, err := symbolize.NewStore(symbolize.StoreOptions{})
	if err != nil {
		return nil, err
	}
	defer store.Close()
	m, err := store.Module(path, "")
	if err != nil {
		return nil, fmt.Errorf("list functions: %w", err)
	}
	code, err := executable(path)
	if err != nil {
		return nil, fmt.Errorf("list functions of %s: %w", path, err)
	}
	var names []string
	for s := range m.Symbols() {
		if (s.IsFunction() || s.Type == elf.STT_NOTYPE && code(s.Addr)) && s.Name != pltHeader {
			names = append(names, symbolize.Demangle(s.Name))
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("list functions of %s: it has no symbols of functions (stripped), and there is no debug file for it: %w", path, fs.ErrNotExist)
	}
	return names, nil
}

// executable tells which addresses a file's executable segments have.
func executable(path string) (func(symbolize.VirtAddr) bool, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return func(addr symbolize.VirtAddr) bool {
		return slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool {
			return p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 && uint64(addr) >= p.Vaddr && uint64(addr)-p.Vaddr < p.Memsz
		})
	}, nil
}

// filters are those of --funcs: its value, and the words behind the flags.
func (a *app) filters(words []string) []string {
	if a.funcs != defaultFilter || len(words) == 0 {
		words = append([]string{a.funcs}, words...)
	}
	return words
}
