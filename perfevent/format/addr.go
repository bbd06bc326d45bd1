package format

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

// Address families of Linux.
const (
	afInet  = 2
	afInet6 = 10
)

// appendSockaddr shows a struct sockaddr of IPv4 or IPv6 as ADDRESS:PORT.
func appendSockaddr(dst, b []byte) []byte {
	if len(b) < 4 {
		return dst
	}
	port := binary.BigEndian.Uint16(b[2:])
	switch family := binary.NativeEndian.Uint16(b); {
	case family == afInet && len(b) >= 8:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port).AppendTo(dst)
	case family == afInet6 && len(b) >= 24:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), port).AppendTo(dst)
	default:
		dst = append(dst, "family "...)
		return strconv.AppendUint(dst, uint64(family), 10)
	}
}

// appendIP shows the address that %pI4, %pi6, %pI6c and %pIS print.
func appendIP(dst, b []byte, spec string) []byte {
	switch {
	case len(spec) > 1 && spec[1] == '4' && len(b) >= 4:
		return netip.AddrFrom4([4]byte(b[:4])).AppendTo(dst)
	case len(spec) > 1 && spec[1] == '6' && len(b) >= 16:
		a := netip.AddrFrom16([16]byte(b[:16]))
		if len(spec) > 2 && spec[2] == 'c' {
			return a.AppendTo(dst)
		}
		expanded := a.StringExpanded()
		if a.Is4In6() {
			expanded = netip.AddrFrom16(a.As16()).StringExpanded()
		}
		return append(dst, expanded...)
	case len(spec) > 1 && spec[1] == 'S':
		return appendSockaddr(dst, b)
	}
	return append(dst, "INVALIDDATA"...)
}

// appendMAC shows a hardware address.
func appendMAC(dst, b []byte, sep byte) []byte {
	if len(b) < 6 {
		return append(dst, "INVALIDMAC"...)
	}
	for i, c := range b[:6] {
		if i > 0 {
			dst = append(dst, sep)
		}
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst
}

// appendUUID shows a UUID in the byte order that %pU stores it in.
func appendUUID(dst, b []byte, little bool) []byte {
	if len(b) < 16 {
		return append(dst, "INVALIDUUID"...)
	}
	order := [16]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	if little {
		order = [16]int{3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15}
	}
	for i, at := range order {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[b[at]>>4], hexDigits[b[at]&15])
	}
	return dst
}
