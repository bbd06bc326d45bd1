package stack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"gorecord/perfevent/machine"
	"gorecord/symbolize"
)

func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// Kernel names the functions of a recorded kernel from a list of symbols.
type Kernel struct {
	symbols *symbolize.Kallsyms
	// moved is how much higher the listed kernel lies than the recorded one.
	moved uint64
}

// RecordedKernel is what a recording tells of the kernel that it was made on.
// Fields that it does not tell are empty.
type RecordedKernel struct {
	BuildID           symbolize.BuildID
	Release, Hostname string
	// Reference is a symbol and the address that it had.
	Reference string
	Address   symbolize.RuntimeAddr
}

// NewKernel uses a symbol list for a recorded kernel that it is known to
// belong to. Where the recording was made in another boot, at another random
// place (KASLR), the list is moved accordingly. It fails where it has no
// addresses.
func NewKernel(symbols *symbolize.Kallsyms, rec RecordedKernel) (*Kernel, error) {
	if symbols.Restricted() {
		return nil, errors.New("the kernel hides its addresses (kernel.kptr_restrict, kernel.perf_event_paranoid); run as root, or give a symbol list with --kallsyms")
	}
	k := &Kernel{symbols: symbols}
	if rec.Address == 0 {
		return k, nil
	}
	for _, name := range []string{rec.Reference, "_stext", "_text"} {
		if name == "" {
			continue
		}
		if here, ok := symbols.Address(name); ok {
			k.moved = uint64(here - rec.Address)
			if name == rec.Reference || k.moved == 0 {
				return k, nil
			}
		}
	}
	return nil, errors.New("the recording does not tell where the kernel lay, so its symbols cannot be matched")
}

// LocalKernel gives the running kernel for a recording, from the files of
// this machine below root ("/"). It fails where the recording was made on
// another kernel: by build id where the recording has one, else by host name
// and release.
func LocalKernel(root fs.FS, rec RecordedKernel) (*Kernel, error) {
	if err := sameKernel(root, rec); err != nil {
		return nil, err
	}
	f, err := root.Open("proc/kallsyms")
	if err != nil {
		return nil, fmt.Errorf("the symbols of this kernel cannot be read: %w", err)
	}
	defer f.Close()
	symbols, err := symbolize.ReadKallsyms(f)
	if err != nil {
		return nil, fmt.Errorf("the symbols of this kernel cannot be read: %w", err)
	}
	return NewKernel(symbols, rec)
}

func sameKernel(root fs.FS, rec RecordedKernel) error {
	const wayOut = "give its symbol list with --kallsyms"
	if rec.BuildID.Known() {
		notes, err := fs.ReadFile(root, "sys/kernel/notes")
		if err != nil {
			return fmt.Errorf("this kernel's build id cannot be read: %w; %s", err, wayOut)
		}
		id, err := symbolize.ParseNotes(notes, binary.NativeEndian)
		if err != nil {
			return fmt.Errorf("this kernel's build id cannot be read: %w; %s", err, wayOut)
		}
		if !id.Equal(rec.BuildID) {
			return fmt.Errorf("the recording was made on another kernel (build id %s); %s", rec.BuildID, wayOut)
		}
		return nil
	}
	release, err1 := fs.ReadFile(root, "proc/sys/kernel/osrelease")
	host, err2 := fs.ReadFile(root, "proc/sys/kernel/hostname")
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("this system has no Linux kernel; %s", wayOut)
	}
	if rec.Release == "" || strings.TrimSpace(string(release)) != rec.Release || strings.TrimSpace(string(host)) != rec.Hostname {
		where := "an unknown machine"
		if rec.Hostname != "" {
			where = rec.Hostname
		}
		if rec.Release != "" {
			where += fmt.Sprintf(" (Linux %s)", rec.Release)
		}
		return fmt.Errorf("the recording was made on %s; %s", where, wayOut)
	}
	return nil
}

// frames names an address of the recorded kernel. A symbol counts only where
// it belongs to the module that was recorded there: other code may have been
// loaded since.
func (k *Kernel) frames(mod *machine.Module, address uint64) []Frame {
	if mod.Kind == machine.KernelModule && k.moved != 0 {
		return nil // modules do not move along
	}
	sym, offset, ok := k.symbols.Lookup(symbolize.RuntimeAddr(address + k.moved))
	if !ok {
		return nil
	}
	owner := ""
	if mod.Kind == machine.KernelModule {
		owner = strings.Trim(mod.ShortName(), "[]")
	}
	if sym.Module != owner {
		return nil
	}
	return []Frame{{
		Symbol: &Symbol{Module: mod, Name: sym.Name, SystemName: sym.Name, Start: uint64(sym.Addr) - k.moved},
		Offset: offset,
	}}
}
