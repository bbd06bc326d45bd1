package symbolize

import (
	"bytes"
	"debug/elf"
	"io"

	"github.com/ulikunitz/xz"
)

// maxMiniDebug bounds what .gnu_debugdata may become: it is a table of symbols
// of functions, of about a megabyte for the largest programs.
const maxMiniDebug = 256 << 20

// miniDebug reads .gnu_debugdata: an ELF file packed by xz, with the symbols of
// functions that .dynsym lacks, which some distributions leave in programs
// that they strip. It is nil where there is none that can be read.
func (f *elfFile) miniDebug() *elfFile {
	s := f.section(".gnu_debugdata")
	if s == nil || s.typ == elf.SHT_NOBITS {
		return nil
	}
	packed, err := f.data(s)
	if err != nil {
		return nil
	}
	// A dictionary is no larger than what it was made for.
	z, err := xz.ReaderConfig{DictCap: 8 << 20, SingleStream: true}.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil
	}
	// Memory grows with what comes, and is bounded by the packed size, too.
	limit := min(int64(len(packed))*1000+1<<20, maxMiniDebug)
	plain, err := io.ReadAll(io.LimitReader(z, limit+1))
	if err != nil || int64(len(plain)) > limit {
		return nil
	}
	mini, err := newELFFile(bytes.NewReader(plain), int64(len(plain)))
	if err != nil || mini.loadSections() != nil || mini.table(elf.SHT_SYMTAB) == nil {
		return nil
	}
	return mini
}
