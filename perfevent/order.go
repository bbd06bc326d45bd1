package perfevent

import "encoding/binary"

// hostOrder is the byte order of this machine as one of the two comparable
// values of package binary.
func hostOrder() binary.ByteOrder {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return binary.LittleEndian
	}
	return binary.BigEndian
}
