package simulate

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/callreel/callreel/internal/timebase"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// maxPayload keeps packets within the 1200 bytes that browsers send, with room
// for header extensions and the authentication tag.
const maxPayload = 1150

// outbound sends one RTP stream: a track, or one layer of a track.
type outbound struct {
	track     *webrtc.TrackLocalStaticRTP
	sender    *webrtc.RTPSender
	payloader rtp.Payloader
	rate      timebase.Rate
	base      uint32 // RTP time of the epoch
	count     *counters

	ssrc       uint32
	extensions []extension // known once negotiated

	mu              sync.Mutex // the rest is read for sender reports
	seq             uint16
	packets, octets uint32
}

type extension struct {
	id      uint8
	payload []byte
}

func newOutbound(track *webrtc.TrackLocalStaticRTP, p rtp.Payloader, count *counters) *outbound {
	return &outbound{
		track: track, payloader: p, count: count,
		rate: timebase.Rate(track.Codec().ClockRate), base: rand.Uint32(), seq: uint16(rand.Uint32()),
	}
}

// bind says which sender the track belongs to.
func (o *outbound) bind(s *webrtc.RTPSender) {
	o.sender = s
	for _, e := range s.GetParameters().Encodings {
		if e.RID == o.track.RID() {
			o.ssrc = uint32(e.SSRC)
		}
	}
}

// negotiated learns what the answer settled. Layers carry their mid and rid in
// each packet (RFC 8852).
func (o *outbound) negotiated(mid string) {
	if o.track.RID() == "" {
		return
	}
	values := map[string]string{sdp.SDESMidURI: mid, sdp.SDESRTPStreamIDURI: o.track.RID()}
	for _, e := range o.sender.GetParameters().HeaderExtensions {
		if v, ok := values[e.URI]; ok {
			o.extensions = append(o.extensions, extension{uint8(e.ID), []byte(v)})
		}
	}
}

// timestamp returns the RTP time of a position.
func (o *outbound) timestamp(at timebase.Ticks) uint32 { return o.base + uint32(at.At(o.rate)) }

// send sends a coded frame of a position.
func (o *outbound) send(frame []byte, at timebase.Ticks) error {
	parts := o.payloader.Payload(maxPayload, frame)
	for i, part := range parts {
		p := &rtp.Packet{
			Header:  rtp.Header{Version: 2, Marker: i == len(parts)-1, Timestamp: o.timestamp(at), SequenceNumber: o.next(part)},
			Payload: part,
		}
		for _, e := range o.extensions {
			if err := p.SetExtension(e.id, e.payload); err != nil {
				return fmt.Errorf("simulate: RTP header extension: %w", err)
			}
		}
		if err := o.track.WriteRTP(p); err != nil {
			return fmt.Errorf("%w: send RTP: %w", ErrLost, err)
		}
		o.count.packets.Add(1)
		o.count.bytes.Add(uint64(len(part)))
	}
	return nil
}

// next counts a payload and returns its sequence number.
func (o *outbound) next(payload []byte) uint16 {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seq++
	o.packets++
	o.octets += uint32(len(payload))
	return o.seq
}

// report returns the sender report of a position and its wall clock time (RFC
// 3550, section 6.4.1), or nil before the first packet. RTP times come from the
// media clock and not from when packets were written, which encoding delays.
func (o *outbound) report(at timebase.Ticks, wall time.Time) *rtcp.SenderReport {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.packets == 0 {
		return nil
	}
	return &rtcp.SenderReport{
		SSRC: o.ssrc, NTPTime: timebase.NTP(wall), RTPTime: o.timestamp(at), PacketCount: o.packets, OctetCount: o.octets,
	}
}
