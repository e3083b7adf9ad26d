package whip

import (
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

const (
	maxDropout  = 3000      // sequence numbers that a stream may skip
	maxMisorder = 100       // by how many a packet may be late
	maxLost     = 1<<23 - 1 // what a report has room for
)

// reception is what a receiver report tells of a stream (RFC 3550, section 6.4.1
// and appendix A).
type reception struct {
	ssrc    uint32
	clock   float64 // Hz
	started bool

	base, highest uint32 // sequence numbers, with the cycles above
	strange       uint32 // the one after a packet that was far off; none if above 16 bits
	received      uint32 // packets, repeated ones too

	expectedBefore, receivedBefore uint32 // at the last report

	jitter     float64 // in units of the clock
	stamp      uint32  // of the packet before
	arrived    time.Time
	report     uint32 // the middle of the NTP time in the sender's last report
	reportCame time.Time
}

const nothingStrange = 1 << 16

func newReception(ssrc, clock uint32) *reception {
	return &reception{ssrc: ssrc, clock: float64(clock)}
}

// packet takes in one that came.
func (r *reception) packet(h *rtp.Header, at time.Time) {
	if !r.counts(h.SequenceNumber) {
		return
	}
	r.received++
	if r.received > 1 {
		transit := at.Sub(r.arrived).Seconds()*r.clock - float64(int32(h.Timestamp-r.stamp))
		r.jitter += (max(transit, -transit) - r.jitter) / 16
	}
	r.stamp, r.arrived = h.Timestamp, at
}

// counts takes in a sequence number, and reports whether it is of the stream. One
// that is far off is not, until the next follows on it.
func (r *reception) counts(seq uint16) bool {
	ahead := seq - uint16(r.highest)
	switch {
	case !r.started || ahead >= maxDropout && ahead <= 1<<16-maxMisorder && uint32(seq) == r.strange:
		*r = reception{
			ssrc: r.ssrc, clock: r.clock, report: r.report, reportCame: r.reportCame,
			started: true, base: uint32(seq), highest: uint32(seq), strange: nothingStrange,
		}
	case ahead < maxDropout:
		r.highest += uint32(ahead)
		r.strange = nothingStrange
	case ahead <= 1<<16-maxMisorder:
		r.strange = uint32(seq + 1)
		return false
	}
	return true
}

// sender takes in a report of the sender.
func (r *reception) sender(sr *rtcp.SenderReport, at time.Time) {
	r.report, r.reportCame = uint32(sr.NTPTime>>16), at
}

// block is what there is to report now; ok is false for a stream of which nothing
// has come.
func (r *reception) block(now time.Time) (b rtcp.ReceptionReport, ok bool) {
	if !r.started {
		return b, false
	}
	expected := r.highest - r.base + 1
	lately := expected - r.expectedBefore
	lost := int64(lately) - int64(r.received-r.receivedBefore)
	r.expectedBefore, r.receivedBefore = expected, r.received
	b = rtcp.ReceptionReport{
		SSRC: r.ssrc, LastSequenceNumber: r.highest, Jitter: uint32(r.jitter), LastSenderReport: r.report,
		// Repeated packets can make it less than nothing, which the stack has no way to write.
		TotalLost: uint32(min(max(int64(expected)-int64(r.received), 0), maxLost)),
	}
	if lately > 0 && lost > 0 {
		b.FractionLost = uint8(min(lost<<8/int64(lately), 255))
	}
	if !r.reportCame.IsZero() {
		b.Delay = uint32(now.Sub(r.reportCame).Seconds() * 65536)
	}
	return b, true
}
