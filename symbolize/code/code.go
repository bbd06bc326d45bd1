package code

import (
	"debug/elf"
	"errors"
	"fmt"

	"gorecord/symbolize"
)

// DecodeError says where code does not decode.
type DecodeError struct {
	// Addr is the instruction in question, Bytes what stands there.
	Addr   symbolize.VirtAddr
	Bytes  []byte
	Reason string
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("decode code at %#x (bytes % x): %s", uint64(e.Addr), e.Bytes, e.Reason)
}

// Exits are the instructions that leave a function, each list in the order of
// addresses.
type Exits struct {
	// Returns go back to the caller.
	Returns []symbolize.VirtAddr
	// TailJumps are branches, conditional ones included, to an address outside
	// the function: what they go to returns in its place, or is a part of it
	// that the compiler has put elsewhere.
	TailJumps []symbolize.VirtAddr
	// IndirectJumps go to an address that is computed: within the function for a
	// switch, elsewhere for a tail call.
	IndirectJumps []symbolize.VirtAddr
}

// Returns gives the addresses of all instructions that return from the function
// whose code is body and begins at start, in ascending order. None is no error: a
// function may leave by tail calls alone, or never (see [FindExits]).
//
// The error is a *[DecodeError] where the code does not decode cleanly, and wraps
// errors.ErrUnsupported for machines other than amd64 and arm64.
func Returns(machine elf.Machine, body []byte, start symbolize.VirtAddr) ([]symbolize.VirtAddr, error) {
	exits, err := FindExits(machine, body, start)
	return exits.Returns, err
}

// FindExits finds all ways out of a function, under the conditions of [Returns].
func FindExits(machine elf.Machine, body []byte, start symbolize.VirtAddr) (Exits, error) {
	switch machine {
	case elf.EM_X86_64:
		return amd64Exits(body, start)
	case elf.EM_AARCH64:
		return arm64Exits(body, start)
	}
	return Exits{}, errMachine(machine)
}

// Boundary reports whether want is the first byte of an instruction of the
// function whose code is body and begins at start. at is the start of the
// instruction that holds want: want itself when ok. Only the code up to want must
// decode; errors are those of [Returns], and one for an address outside body.
func Boundary(machine elf.Machine, body []byte, start, want symbolize.VirtAddr) (ok bool, at symbolize.VirtAddr, err error) {
	if want < start || uint64(want-start) >= uint64(len(body)) {
		return false, 0, fmt.Errorf("find the instruction at %#x: the function's code is [%#x, %#x)",
			uint64(want), uint64(start), uint64(start)+uint64(len(body)))
	}
	switch machine {
	case elf.EM_X86_64:
		at, err = amd64Holding(body, start, want)
	case elf.EM_AARCH64:
		at = want &^ 3
	default:
		err = errMachine(machine)
	}
	return err == nil && at == want, at, err
}

func errMachine(m elf.Machine) error {
	return fmt.Errorf("decode code of %v: %w (code of amd64 and arm64 is known)", m, errors.ErrUnsupported)
}
