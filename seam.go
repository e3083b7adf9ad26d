package callreel

import (
	"github.com/pion/rtp"

	"github.com/callreel/callreel/internal/codec"
)

// seamSpan is for how many packets a seam is looked after: far more than
// redundancy reaches back, and few enough to compare sequence numbers.
const seamSpan = 1024

// seam is where a layer begins, or goes on after a pause. Redundancy in the
// packets behind it would let in what was said before it. The zero seam is
// before the first packet. Numbers that are far back are of a sender that began
// anew, and so is the seam.
type seam struct {
	found, past bool
	timestamp   uint32 // of the first packet
	sequence    uint16
}

// admit takes from a packet what is of before the seam. It reports whether there
// may be anything left.
func (s *seam) admit(l *layer, p *rtp.Packet) bool {
	if s.past {
		return true
	}
	distance := int16(p.SequenceNumber - s.sequence)
	first := !s.found || distance < -seamSpan
	if first {
		*s = seam{found: true, timestamp: p.Timestamp, sequence: p.SequenceNumber}
		distance = 0
	}
	s.past = distance >= seamSpan
	own := l.info.Payloads.Strip(p, s.timestamp, s.sequence)
	if first && l.member.gate.resumed && l.info.MimeType == "audio/opus" && codec.OpusRedundant(own) {
		return false // it repeats the one before within its own sound
	}
	return distance >= 0
}
