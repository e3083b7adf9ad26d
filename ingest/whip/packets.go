package whip

import "github.com/pion/rtp"

// How many packets, and bytes of them, are allocated at a time. Who keeps a packet
// keeps its neighbours' memory too, so it is not much; they are mostly kept for as
// long as each other.
const (
	packetsAtOnce = 16
	bytesAtOnce   = 8 << 10
)

// packets makes packets of one track to be handed on, for good.
type packets struct {
	made  []packet
	bytes []byte
}

// packet has room for the usual header extensions.
type packet struct {
	rtp.Packet
	extensions [4]rtp.Extension
}

// read reads a packet, whose bytes it copies.
func (s *packets) read(raw []byte) (*rtp.Packet, error) {
	if len(s.made) == 0 {
		s.made = make([]packet, packetsAtOnce)
	}
	if len(s.bytes) < len(raw) {
		s.bytes = make([]byte, max(bytesAtOnce, len(raw)))
	}
	p, b := &s.made[0], s.bytes[:len(raw):len(raw)]
	s.made, s.bytes = s.made[1:], s.bytes[len(raw):]
	copy(b, raw)
	p.Extensions = p.extensions[:0]
	return &p.Packet, p.Unmarshal(b)
}
