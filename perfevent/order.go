package perfevent

import "encoding/binary"

// hostOrder is the byte order of this machine as one of the two comparable
// values of package binary.
func hostOrder() binary.ByteOrder {
	if isBig(binary.NativeEndian) {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// isBig tells by what the order does, since binary.NativeEndian equals neither
// of the other two.
func isBig(o binary.ByteOrder) bool { return o.Uint16([]byte{0, 1}) == 1 }
