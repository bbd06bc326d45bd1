// Package usdt reads static markers: the notes that the macros of <sys/sdt.h>
// leave in programs and libraries (.note.stapsdt), one for each place.
//
// The format is SystemTap's, version 3
// (https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation).
package usdt

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"gorecord/symbolize"
)

// Marker is one place of a static marker.
type Marker struct {
	Provider, Name string
	// PC is the address of the instruction, Semaphore that of the 16-bit
	// counter which tells the program that somebody listens; 0 for none.
	PC, Semaphore symbolize.VirtAddr
	// Args is what the note says of the arguments, such as "-4@%edi 8@-24(%rbp)".
	Args    string
	Machine elf.Machine
}

// maxNotes bounds the section that is read.
const maxNotes = 16 << 20

// Markers reads the markers of a file, in the order of its notes. A file without
// any is no error; damaged notes end the list.
func Markers(path string) ([]Marker, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Read(f)
}

// Read is Markers of a file that is open.
func Read(r io.ReaderAt) (list []Marker, err error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return nil, err
	}
	notes := f.Section(".note.stapsdt")
	if notes == nil {
		return nil, nil
	}
	if notes.Type == elf.SHT_NOBITS || notes.Flags&elf.SHF_COMPRESSED != 0 || notes.FileSize > maxNotes {
		return nil, errors.New("the section of static markers makes no sense")
	}
	data := make([]byte, notes.FileSize)
	if n, err := notes.ReadAt(data, 0); n < len(data) {
		return nil, fmt.Errorf("read static markers: %w", err)
	}
	p := parser{order: f.ByteOrder, machine: f.Machine, word: 8}
	if f.Class == elf.ELFCLASS32 {
		p.word = 4
	}
	if base := f.Section(".stapsdt.base"); base != nil {
		p.base = base.Addr
	}
	return p.notes(data), nil
}

type parser struct {
	order   binary.ByteOrder
	machine elf.Machine
	word    int
	base    uint64 // of .stapsdt.base, 0 where there is none
}

const noteType = 3

// notes reads notes up to the first that makes no sense.
func (p *parser) notes(b []byte) []Marker {
	var out []Marker
	for len(b) >= 12 {
		name, desc, typ := p.order.Uint32(b), p.order.Uint32(b[4:]), p.order.Uint32(b[8:])
		b = b[12:]
		nameEnd, descEnd := align4(name), align4(name)+align4(desc)
		if descEnd > uint64(len(b)) {
			break
		}
		if typ == noteType && strings.TrimRight(string(b[:name]), "\x00") == "stapsdt" {
			if m, ok := p.marker(b[nameEnd : nameEnd+uint64(desc)]); ok {
				out = append(out, m)
			}
		}
		b = b[descEnd:]
	}
	return out
}

func align4(n uint32) uint64 { return (uint64(n) + 3) &^ 3 }

func (p *parser) marker(b []byte) (m Marker, ok bool) {
	if len(b) < 3*p.word {
		return m, false
	}
	var words [3]uint64 // pc, base, semaphore
	for i := range words {
		if p.word == 8 {
			words[i] = p.order.Uint64(b[8*i:])
		} else {
			words[i] = uint64(p.order.Uint32(b[4*i:]))
		}
	}
	texts := strings.SplitN(string(b[3*p.word:]), "\x00", 4)
	if len(texts) < 3 || texts[0] == "" || texts[1] == "" {
		return m, false
	}
	// Programs that prelink moved have other addresses now than when the note
	// was written; the base moved with them.
	var moved uint64
	if p.base != 0 && words[1] != 0 {
		moved = p.base - words[1]
	}
	m = Marker{Provider: texts[0], Name: texts[1], Args: texts[2], PC: symbolize.VirtAddr(words[0] + moved), Machine: p.machine}
	if words[2] != 0 {
		m.Semaphore = symbolize.VirtAddr(words[2] + moved)
	}
	return m, true
}
