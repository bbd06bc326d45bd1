package stack

import (
	"strings"

	"gorecord/perfevent/machine"
)

// Symbol is a function as its module's symbol table has it. There is one
// Symbol for each function, so that pointers may be compared.
type Symbol struct {
	// Index counts the symbols of a Names from 0.
	Index  int
	Module *machine.Module
	// Name is what people read; SystemName is the linker's name.
	Name, SystemName string
	// Start is the function's address in the terms of its symbol table: an
	// ELF virtual address, or a runtime address in the kernel.
	Start uint64
}

// Frame is one function that was active at an address.
type Frame struct {
	// Symbol is nil where no name is known.
	Symbol *Symbol
	// Offset is the distance of the address from the start of the symbol.
	Offset uint64
	// File and Line are empty and 0 where they are not known.
	File string
	Line int
	// Inlined says that the function was inlined into that of the next
	// frame.
	Inlined bool
}

// FrameID numbers the frames of all addresses of a Names.
type FrameID uint32

// Names holds the frames of every interned address. It is read only, and safe
// for use by any number of goroutines.
type Names struct {
	symbols []*Symbol
	frames  []Frame
	first   []FrameID   // of each address, and the number of frames
	address []AddressID // of each frame
}

// Symbols are all functions that were found, by index.
func (n *Names) Symbols() []*Symbol { return n.symbols }

// Frames are the frames of an address, the innermost first. There is always
// one, without a Symbol where the name is not known.
func (n *Names) Frames(id AddressID) []Frame { return n.frames[n.first[id]:n.first[id+1]] }

// FrameIDs are the numbers of an address's frames: from first, the innermost,
// up to before end.
func (n *Names) FrameIDs(id AddressID) (first, end FrameID) { return n.first[id], n.first[id+1] }

// Frame is the frame with a number.
func (n *Names) Frame(id FrameID) *Frame { return &n.frames[id] }

// AddressOf is the address that a frame belongs to.
func (n *Names) AddressOf(id FrameID) AddressID { return n.address[id] }

// Len is the number of frames.
func (n *Names) Len() int { return len(n.frames) }

// symbolKey tells functions apart.
type symbolKey struct {
	module *machine.Module
	start  uint64
	name   string
}

// namesBuilder collects frames address by address.
type namesBuilder struct {
	Names
	index map[symbolKey]*Symbol
}

func newNamesBuilder(addresses int) *namesBuilder {
	b := &namesBuilder{index: map[symbolKey]*Symbol{}}
	b.first = make([]FrameID, 0, addresses+1)
	b.frames = make([]Frame, 0, addresses)
	b.address = make([]AddressID, 0, addresses)
	return b
}

// add gives the next address its frames. The Symbols in them are templates,
// which are replaced by the one Symbol that stands for the function.
func (b *namesBuilder) add(frames []Frame) {
	id := AddressID(len(b.first))
	b.first = append(b.first, FrameID(len(b.frames)))
	if len(frames) == 0 {
		frames = []Frame{{}}
	}
	for _, f := range frames {
		if f.Symbol != nil {
			f.Symbol = b.intern(f.Symbol)
		}
		b.frames = append(b.frames, f)
		b.address = append(b.address, id)
	}
}

func (b *namesBuilder) intern(s *Symbol) *Symbol {
	k := symbolKey{s.Module, s.Start, s.SystemName}
	if have, ok := b.index[k]; ok {
		return have
	}
	// The names may be views of whole string tables, which are not to stay.
	same := s.Name == s.SystemName
	s.SystemName = strings.Clone(s.SystemName)
	if same {
		s.Name = s.SystemName
	} else {
		s.Name = strings.Clone(s.Name)
	}
	k.name = s.SystemName
	s.Index = len(b.symbols)
	b.symbols = append(b.symbols, s)
	b.index[k] = s
	return s
}

func (b *namesBuilder) finish() *Names {
	b.first = append(b.first, FrameID(len(b.frames)))
	return &b.Names
}

// Unnamed gives every address one frame without a name.
func Unnamed(addresses []Address) *Names {
	b := newNamesBuilder(len(addresses))
	for range addresses {
		b.add(nil)
	}
	return b.finish()
}
