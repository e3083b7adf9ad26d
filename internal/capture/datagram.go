package capture

import (
	"encoding/binary"
	"net/netip"
)

const (
	ipHeader    = 20
	udpHeader   = 8
	maxDatagram = 65535 - ipHeader - udpHeader
	protocolUDP = 17
)

// datagram is a UDP datagram over IPv4 (RFC 768, RFC 791).
type datagram struct {
	from, to netip.AddrPort
	payload  []byte
}

// size returns the bytes of the IP packet.
func (d datagram) size() int { return ipHeader + udpHeader + len(d.payload) }

// append appends the IP packet. The UDP checksum is left out, as IPv4 allows.
func (d datagram) append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, 0x45, 0) // version and header length in words; class of service
	dst = binary.BigEndian.AppendUint16(dst, uint16(d.size()))
	dst = append(dst, 0, 0, 0x40, 0, 64, protocolUDP, 0, 0) // no fragment, time to live
	dst = append(dst, d.from.Addr().AsSlice()...)
	dst = append(dst, d.to.Addr().AsSlice()...)
	binary.BigEndian.PutUint16(dst[start+10:], checksum(dst[start:]))
	dst = binary.BigEndian.AppendUint16(dst, d.from.Port())
	dst = binary.BigEndian.AppendUint16(dst, d.to.Port())
	dst = binary.BigEndian.AppendUint16(dst, uint16(udpHeader+len(d.payload)))
	return append(append(dst, 0, 0), d.payload...)
}

// checksum is that of an IPv4 header whose own field is zero.
func checksum(header []byte) uint16 {
	sum := uint32(0)
	for ; len(header) >= 2; header = header[2:] {
		sum += uint32(binary.BigEndian.Uint16(header))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// parseDatagram reads a whole UDP datagram over IPv4; other packets are not ok.
// The payload is part of p.
func parseDatagram(p []byte) (d datagram, ok bool) {
	if len(p) < ipHeader || p[0]>>4 != 4 || p[9] != protocolUDP {
		return d, false
	}
	header, total := int(p[0]&15)*4, int(binary.BigEndian.Uint16(p[2:]))
	fragment := binary.BigEndian.Uint16(p[6:])&0x3fff != 0
	if header < ipHeader || total < header+udpHeader || total > len(p) || fragment {
		return d, false
	}
	from, _ := netip.AddrFromSlice(p[12:16])
	to, _ := netip.AddrFromSlice(p[16:20])
	udp := p[header:total]
	size := int(binary.BigEndian.Uint16(udp[4:]))
	if size < udpHeader || size > len(udp) {
		return d, false
	}
	return datagram{
		from:    netip.AddrPortFrom(from, binary.BigEndian.Uint16(udp)),
		to:      netip.AddrPortFrom(to, binary.BigEndian.Uint16(udp[2:])),
		payload: udp[udpHeader:size],
	}, true
}
