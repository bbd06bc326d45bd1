package library

import (
	"bytes"
	"encoding/binary"
)

// entry is a library that ldconfig found.
type entry struct{ name, path string }

// Kinds of entries of 64-bit libraries (flags in sysdeps/generic/ldconfig.h of
// glibc).
const (
	flagsMask  = 0xff00 | 0xff
	flagsELF64 = 0x0003
	x86_64     = 0x0300
	aarch64    = 0x0a00
)

var (
	oldMagic = []byte("ld.so-1.7.0\x00")
	newMagic = []byte("glibc-ld.so.cache1.1")
)

const (
	newHeader, newEntry = 48, 24
	oldHeader, oldEntry = 16, 12
)

// parseCache reads /etc/ld.so.cache in glibc's format of 2.2 and later, which
// may stand behind the older one. Entries for other processors are left out;
// what is damaged ends the list.
func parseCache(b []byte, flags uint32) []entry {
	le := binary.LittleEndian
	if bytes.HasPrefix(b, oldMagic) && len(b) >= oldHeader {
		skip := (oldHeader + uint64(le.Uint32(b[len(oldMagic):]))*oldEntry + 7) &^ 7
		if skip > uint64(len(b)) {
			return nil
		}
		b = b[skip:]
	}
	if !bytes.HasPrefix(b, newMagic) || len(b) < newHeader {
		return nil
	}
	var out []entry
	n := le.Uint32(b[len(newMagic):])
	for rest := b[newHeader:]; n > 0 && len(rest) >= newEntry; n-- {
		e := rest[:newEntry]
		rest = rest[newEntry:]
		if le.Uint32(e)&flagsMask != flags {
			continue
		}
		name, ok1 := text(b, le.Uint32(e[4:]))
		path, ok2 := text(b, le.Uint32(e[8:]))
		if ok1 && ok2 {
			out = append(out, entry{name, path})
		}
	}
	return out
}

// maxText bounds a name.
const maxText = 4096

func text(b []byte, at uint32) (string, bool) {
	if uint64(at) >= uint64(len(b)) {
		return "", false
	}
	b = b[at:min(uint64(len(b)), uint64(at)+maxText)]
	end := bytes.IndexByte(b, 0)
	if end <= 0 {
		return "", false
	}
	return string(b[:end]), true
}
