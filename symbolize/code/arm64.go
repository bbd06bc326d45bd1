package code

import (
	"encoding/binary"

	"gorecord/symbolize"
)

// arm64Exits looks at each word of a function. Words that the function loads
// relative to the pc are constants, not code.
func arm64Exits(body []byte, start symbolize.VirtAddr) (Exits, error) {
	if start%4 != 0 || len(body)%4 != 0 {
		return Exits{}, decodeError(body, start, 0, "instructions of arm64 are words of 4 bytes")
	}
	constants := arm64Constants(body)
	var x Exits
	for at := 0; at < len(body); at += 4 {
		if constants.has(at) {
			continue
		}
		w := binary.LittleEndian.Uint32(body[at:])
		if group := w >> 25 & 15; group == 1 || group == 3 {
			return Exits{}, decodeError(body[:at+4], start, at, "no instruction")
		}
		pc := start + symbolize.VirtAddr(at)
		rel, direct := arm64Branch(w)
		switch {
		case arm64Returns(w):
			x.Returns = append(x.Returns, pc)
		case w&0xfe9ff000 == 0xd61f0000 && w>>21&3 == 0: // br, braa, brab
			x.IndirectJumps = append(x.IndirectJumps, pc)
		case direct && (int64(at)+rel < 0 || int64(at)+rel >= int64(len(body))):
			x.TailJumps = append(x.TailJumps, pc)
		}
	}
	return x, nil
}

// arm64Returns knows ret with any register, retaa and retab.
func arm64Returns(w uint32) bool {
	return w&0xfffffc1f == 0xd65f0000 || w == 0xd65f0bff || w == 0xd65f0fff
}

// arm64Branch gives where a branch that is no call goes, relative to itself.
func arm64Branch(w uint32) (rel int64, ok bool) {
	switch {
	case w>>26 == 0x05: // b
		return signed(w, 0, 26), true
	case w>>24 == 0x54, w>>25&0x3f == 0x1a: // b.cond, bc.cond; cbz, cbnz
		return signed(w, 5, 19), true
	case w>>25&0x3f == 0x1b: // tbz, tbnz
		return signed(w, 5, 14), true
	}
	return 0, false
}

// signed takes a field of width bits at shift, a signed number of words, and
// gives it in bytes.
func signed(w uint32, shift, width uint) int64 {
	return int64(int32(w<<(32-shift-width))>>(32-width)) * 4
}

// arm64Constants marks the words that ldr (literal) reads.
func arm64Constants(body []byte) bitset {
	constants := make(bitset, len(body)/64+1)
	for at := 0; at < len(body); at += 4 {
		w := binary.LittleEndian.Uint32(body[at:])
		if w&0x3b000000 != 0x18000000 || constants.has(at) {
			continue
		}
		from := int64(at) + signed(w, 5, 19)
		for word := range int64(literalSize(w) / 4) {
			if i := from + 4*word; i >= 0 && i < int64(len(body)) {
				constants.set(int(i))
			}
		}
	}
	return constants
}

// literalSize is how many bytes ldr (literal) reads; none for a prefetch.
func literalSize(w uint32) int {
	vector, opc := w>>26&1 != 0, w>>30
	switch {
	case opc == 3:
		return 0
	case vector:
		return 4 << opc
	case opc == 1:
		return 8
	}
	return 4
}
