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
func (a *app) printFuncs(filters []string) error {
	wanted, err := nameFilter(filters)
	if err != nil {
		return err
	}
	var names []string
	if a.exec == "" {
		names, err = kernelFunctions(a.proc)
	} else {
		names, err = fileFunctions(a.exec)
	}
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !wanted(name) })
	slices.Sort(names)
	if len(names) == 0 {
		a.say("No function's name matches.\n")
		return nil
	}
	a.print(strings.Join(names, "\n") + "\n")
	return nil
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
