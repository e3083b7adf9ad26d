package callreel

import (
	"github.com/pion/rtp"

	"github.com/callreel/callreel/internal/timebase"
)

// redReports corrects the sender reports of Opus in RED by browsers. A report tells
// the RTP time of the moment at which it is sent: that of the newest packet, and the
// time in whole milliseconds since that was captured. libwebrtc counts the latter at
// the clock rate of the packet's payload type, knows none of RED's, and takes 8 kHz
// (bugs.webrtc.org/6458). Where it is 12 to 32 ms, sound would be 10 to 27 ms late.
//
// The zero value is ready to use.
type redReports struct {
	red     bool   // the newest packet was redundant data
	started bool   // there was a packet
	seq     uint16 // of the newest packet
	rtp     uint32
	step    uint32 // of the RTP time from packet to packet
	arrival timebase.Ticks

	slow  int // reports that counted at 8 kHz
	exact int // and those that did not
}

const (
	slowUnit  = 8   // RTP time of a millisecond, by mistake
	opusUnit  = 48  // and rightly
	opusStep  = 960 // of packets of 20 ms
	slowLimit = 60 * slowUnit
	// maxSinceNewest is how long ago the newest packet may have come. The time since
	// then is known only up to a multiple of packets, of which some may be lost.
	maxSinceNewest = 100 * timebase.Millisecond
)

// packet takes note of a packet, as it came.
func (r *redReports) packet(p *rtp.Packet, redType uint8, now timebase.Ticks) {
	ahead := int16(p.SequenceNumber - r.seq)
	switch {
	case !r.started:
		r.step = opusStep
	case ahead <= 0:
		return
	case ahead == 1:
		r.step = p.Timestamp - r.rtp
	}
	r.started, r.seq, r.rtp, r.arrival = true, p.SequenceNumber, p.Timestamp, now
	r.red = redType != 0 && p.PayloadType == redType
}

// correct returns the RTP time that a report should have told, or false if that
// can't be known.
func (r *redReports) correct(told uint32, now timebase.Ticks) (uint32, bool) {
	if !r.red || r.step == 0 {
		return told, true
	}
	since := uint32((int64(int32(told-r.rtp))%int64(r.step) + int64(r.step)) % int64(r.step))
	fits := since%slowUnit == 0 && since <= slowLimit
	switch {
	case !fits:
		r.exact++
	case since%opusUnit != 0: // no whole number of milliseconds, if rightly counted
		r.slow++
	}
	if r.slow < r.exact { // until one tells, it is a browser of today
		return told, true
	}
	return told + since/slowUnit*(opusUnit-slowUnit), fits && now-r.arrival <= maxSinceNewest
}
