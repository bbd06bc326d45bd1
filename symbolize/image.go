package symbolize

import (
	"debug/elf"
	"io"

	"gorecord/symbolize/pclntab"
)

// ReadImage reads the headers of an ELF file of size bytes, for what looks at the
// linker's tables. The image keeps r; the error wraps [ErrNotELF] when r holds
// something else.
func ReadImage(r io.ReaderAt, size int64) (pclntab.Image, error) {
	f, err := newELFFile(r, size)
	if err != nil {
		return pclntab.Image{}, err
	}
	if err := f.loadSections(); err != nil {
		return pclntab.Image{}, err
	}
	return f.image(), nil
}

func (f *elfFile) image() pclntab.Image {
	im := pclntab.Image{R: f.r, Size: f.size, Order: f.order, PtrSize: 4, Machine: f.machine}
	if f.is64 {
		im.PtrSize = 8
	}
	for _, s := range f.sections {
		if s.typ != elf.SHT_NOBITS && s.flags&elf.SHF_ALLOC != 0 {
			im.Sections = append(im.Sections, pclntab.Section{Name: s.name, Addr: s.addr, Off: s.off, Size: s.size})
		}
	}
	for _, s := range f.segments {
		im.Segments = append(im.Segments, pclntab.Segment{Type: s.typ, Flags: s.flags, Addr: s.vaddr, Off: s.off, Size: s.filesz})
	}
	return im
}
