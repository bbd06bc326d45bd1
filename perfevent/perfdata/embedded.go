package perfdata

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Feature sections of simpleperf (system/extras/simpleperf/record_file.h) and
// hiperf (perf_file_format.h) that hold symbols.
const (
	featureSimpleperfFile  Feature = 128
	featureSimpleperfFile2 Feature = 132
	featureHiperfSymbols   Feature = 192
)

// EmbeddedFile is what a recording itself tells of a file that samples hit: the
// functions that its recorder found there.
type EmbeddedFile struct {
	Path    string
	BuildID []byte // nil where it is not told
	// Kernel says that the addresses of symbols are those at run time.
	Kernel bool
	// VirtAddr is the address in the file's own terms of what stands at Offset
	// in it.
	VirtAddr, Offset uint64
	Symbols          []EmbeddedSymbol // by address
}

// EmbeddedSymbol is a function.
type EmbeddedSymbol struct {
	Addr, Size uint64
	Name       string
}

// Function finds the function at a position, which is an offset in the file, or
// in the kernel an address. start is the position where it begins.
func (f *EmbeddedFile) Function(position uint64) (name string, start uint64, ok bool) {
	addr := position
	if !f.Kernel {
		addr = position - f.Offset + f.VirtAddr
	}
	i, found := slices.BinarySearchFunc(f.Symbols, addr, func(s EmbeddedSymbol, a uint64) int { return cmp.Compare(s.Addr, a) })
	if !found {
		i--
	}
	if i < 0 || addr-f.Symbols[i].Addr >= max(f.Symbols[i].Size, 1) {
		return "", 0, false
	}
	return f.Symbols[i].Name, position - (addr - f.Symbols[i].Addr), true
}

// EmbeddedFiles are the files whose functions the recording holds. Of a damaged
// section come those before the damage, which is one of the Reader's problems
// then. It must be called before records are read.
func (r *Reader) EmbeddedFiles() []*EmbeddedFile {
	var files []*EmbeddedFile
	for _, s := range []struct {
		feature Feature
		decode  func(*cursor) ([]*EmbeddedFile, error)
	}{
		{featureSimpleperfFile, decodeSimpleperfFiles},
		{featureSimpleperfFile2, decodeSimpleperfFiles2},
		{featureHiperfSymbols, decodeHiperfFiles},
	} {
		b, err := r.Feature(s.feature)
		if err == nil && len(b) > 0 {
			var more []*EmbeddedFile
			more, err = s.decode(&cursor{what: s.feature.String(), b: b, order: r.order})
			files = append(files, more...)
		}
		if err != nil {
			r.problemf("%v; functions of files behind that are not named by it", err)
		}
	}
	for _, f := range files {
		slices.SortStableFunc(f.Symbols, func(a, b EmbeddedSymbol) int { return cmp.Compare(a.Addr, b.Addr) })
	}
	return files
}

// Types of files (DsoType of simpleperf; hiperf's begin alike).
const (
	dsoKernel = 0
	dsoELF    = 2
)

// decodeSimpleperfFiles reads the first form of simpleperf's symbols: for each
// file its size, path, type, address, symbols, and what depends on the type.
func decodeSimpleperfFiles(section *cursor) ([]*EmbeddedFile, error) {
	var files []*EmbeddedFile
	for len(section.b) > 0 {
		c := &cursor{what: section.what, order: section.order}
		if c.b = section.take(uint64(section.u32())); section.short {
			return files, section.err()
		}
		f := &EmbeddedFile{Path: c.cstr()}
		kind := c.u32()
		f.VirtAddr = c.u64()
		f.Kernel = kind == dsoKernel
		const least = 8 + 4 + 1
		for range c.count(least) {
			f.Symbols = append(f.Symbols, EmbeddedSymbol{Addr: c.u64(), Size: uint64(c.u32()), Name: c.cstr()})
		}
		if kind == dsoELF && len(c.b) >= 8 {
			f.Offset = c.u64()
		}
		if c.short {
			return files, c.err()
		}
		if kind == dsoKernel || kind == dsoELF {
			files = append(files, f)
		}
	}
	return files, nil
}

// decodeSimpleperfFiles2 reads the second form: for each file its size, and a
// protobuf message (FileFeature in record_file.proto).
func decodeSimpleperfFiles2(section *cursor) ([]*EmbeddedFile, error) {
	var files []*EmbeddedFile
	for len(section.b) > 0 {
		b := section.take(uint64(section.u32()))
		if section.short {
			return files, section.err()
		}
		f, kind := &EmbeddedFile{}, uint64(0)
		err := protoFields(b, func(field int, n uint64, b []byte) error {
			switch field {
			case 1:
				f.Path = string(b)
			case 2:
				kind = n
			case 3:
				f.VirtAddr = n
			case 4:
				var s EmbeddedSymbol
				err := protoFields(b, func(field int, n uint64, b []byte) error {
					switch field {
					case 1:
						s.Addr = n
					case 2:
						s.Size = n & math.MaxUint32
					case 3:
						s.Name = string(b)
					}
					return nil
				})
				f.Symbols = append(f.Symbols, s)
				return err
			case 6:
				return protoFields(b, func(field int, n uint64, _ []byte) error {
					if field == 1 {
						f.Offset = n
					}
					return nil
				})
			}
			return nil
		})
		if err != nil {
			return files, fmt.Errorf("%s section: %w", section.what, err)
		}
		f.Kernel = kind == dsoKernel
		if kind == dsoKernel || kind == dsoELF {
			files = append(files, f)
		}
	}
	return files, nil
}

var errProto = errors.New("damaged protobuf message")

// protoFields calls a function for each field of a message: with its number, and
// its value or its bytes.
func protoFields(b []byte, field func(number int, value uint64, bytes []byte) error) error {
	varint := func() (v uint64) {
		for shift := 0; shift < 64; shift += 7 {
			if len(b) == 0 {
				return math.MaxUint64
			}
			c := b[0]
			b = b[1:]
			v |= uint64(c&0x7f) << shift
			if c < 0x80 {
				return v
			}
		}
		return v
	}
	for len(b) > 0 {
		key := varint()
		number := int(key >> 3 & math.MaxInt32)
		var value uint64
		var data []byte
		switch key & 7 {
		case 0:
			value = varint()
		case 1, 2, 5:
			size := map[uint64]uint64{1: 8, 5: 4}[key&7]
			if key&7 == 2 {
				size = varint()
			}
			if size > uint64(len(b)) {
				return errProto
			}
			data, b = b[:size], b[size:]
		default:
			return errProto
		}
		if err := field(number, value, data); err != nil {
			return err
		}
	}
	return nil
}

// decodeHiperfFiles reads hiperf's symbols: the number of files, and for each
// path, type, address and offset of its code, build id in hexadecimal digits, and
// symbols.
func decodeHiperfFiles(c *cursor) ([]*EmbeddedFile, error) {
	const leastFile, leastSymbol = 4 + 4 + 16 + 4 + 4, 8 + 4 + 4
	var files []*EmbeddedFile
	for range c.count(leastFile) {
		f := &EmbeddedFile{Path: c.str()}
		kind := c.u32()
		f.VirtAddr, f.Offset = c.u64(), c.u64()
		f.BuildID, _ = hex.DecodeString(string(bytes.TrimRight([]byte(c.str()), "\x00")))
		for range c.count(leastSymbol) {
			f.Symbols = append(f.Symbols, EmbeddedSymbol{Addr: c.u64(), Size: uint64(c.u32()), Name: c.str()})
		}
		if c.short {
			break
		}
		if f.Kernel = kind == dsoKernel; kind == dsoKernel || kind == dsoELF {
			files = append(files, f)
		}
	}
	return files, c.err()
}
