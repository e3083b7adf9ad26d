package ingest

import "github.com/pion/rtp"

const (
	// maxJump is the largest jump in the sequence numbers that counts as loss, and
	// how far beyond a missing packet others are held back.
	maxJump = 1000
	// maxAge is how far back, in seconds of the RTP clock, the timestamp of a
	// packet with an old sequence number may be. Retransmissions and bandwidth
	// probes (RFC 4588) repeat packets of the last seconds.
	maxAge = 30
	// confirm is how close the second packet of a new stream is to the first.
	confirm = 16
)

// strange reports whether a packet does not continue the running stream.
func (r *Receiver) strange(p *rtp.Packet) bool {
	if p.SSRC != r.ssrc {
		return true
	}
	offset, came := r.buf.offset(p.SequenceNumber), int(r.asker.highest+1-r.buf.next)
	if offset-came > maxJump {
		return true
	}
	age := int64(int32(r.newest - p.Timestamp))
	return offset < -maxJump && (age < 0 || age > maxAge*int64(r.cfg.Codec.ClockRate))
}

// resync follows a sender that restarted or changed its SSRC, once a second
// packet confirms it. It reports whether p now continues the running stream.
// So single packets, whatever they are, do no harm (RFC 3550 appendix A.1).
func (r *Receiver) resync(p arrived) bool {
	first := r.stray
	if first.Packet == nil || p.SSRC != first.SSRC || p.SequenceNumber-first.SequenceNumber-1 >= confirm {
		r.dropStray()
		r.stray = p
		return false
	}
	r.stray = arrived{}
	for r.buf.count > 0 {
		r.giveUp()
	}
	r.stats.Resyncs++
	r.lose(maxJump)
	r.start(first.Packet)
	r.accept(first)
	return true
}

// dropStray gives up waiting for a packet that confirms the stray one.
func (r *Receiver) dropStray() {
	if r.stray.Packet != nil {
		r.stats.Stray++
		r.stray = arrived{}
	}
}
