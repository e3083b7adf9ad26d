package whip

import (
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// onTrack is called by the stack, in a goroutine of its own, for each track and
// simulcast layer: again if another SSRC claims to be the same layer, as some
// senders' retransmissions do. Two readers of one track must not be.
func (x *session) onTrack(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	in := &inbound{session: x, track: t, receiver: r, parameters: r.GetParameters()}
	in.payloads = in.parameters.Codecs
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ended || slices.Contains(x.arrived, t) {
		return
	}
	x.arrived = append(x.arrived, t)
	x.tracks.Go(in.media)
	x.tracks.Go(in.control)
}

// inbound moves one track or layer from the peer connection to the sink, until
// the peer connection closes.
type inbound struct {
	session    *session
	track      *webrtc.TrackRemote
	receiver   *webrtc.RTPReceiver
	parameters webrtc.RTPParameters
	payloads   payloadMap
	writer     atomic.Pointer[ingest.Writer] // of the current codec

	mu      sync.Mutex                // guards the rest
	codec   webrtc.RTPCodecParameters // the current one
	last    uint16
	packets packets
	deaf    bool // nobody wants more
}

// media lets the stack read the first packets, by which it finds out what the
// track is, and then has them handed on without it.
func (in *inbound) media() {
	defer in.end()
	for buf := make([]byte, receiveMTU); ; {
		own := in.session.sources.find(uint32(in.track.SSRC()))
		var reads int64
		if own != nil {
			reads = own.reads.Load()
		}
		n, _, err := in.track.Read(buf)
		switch {
		case errors.Is(err, webrtc.ErrCodecNotFound) || errors.Is(err, io.ErrShortBuffer):
			in.session.dropped.Add(1)
		case err != nil:
			return // the peer connection is closing
		default:
			in.take(buf[:n], in.session.server.arrivals.rtp(buf[:n]))
		}
		// What it has read before comes first, without another read.
		if own != nil && own.reads.Load() > reads && in.divert(own) == nil {
			<-own.closed
			return
		}
	}
}

// divert lets packets be handed on as they are decrypted, with what the stack would
// have done to them when they are read: feedback and retransmissions.
func (in *inbound) divert(own *source) error {
	note := in.session.feedback.stream(uint32(in.track.SSRC()))
	repaired := false
	return own.divert(func(packet []byte) {
		if !repaired {
			repaired = in.divertRepairs()
		}
		note(packet)
		in.take(packet, in.session.server.arrivals.rtp(packet))
	})
}

// divertRepairs does the same for the retransmissions of the track, if they come in
// a stream of their own. That may be known late.
func (in *inbound) divertRepairs() bool {
	ssrc := uint32(in.track.RtxSSRC())
	if ssrc == 0 {
		return false
	}
	repairs := in.session.sources.find(ssrc)
	if repairs == nil {
		return false
	}
	note := in.session.feedback.stream(ssrc)
	return repairs.divert(func(packet []byte) {
		note(packet)
		at := in.session.server.arrivals.rtp(packet)
		if original := in.payloads.retransmitted(packet, uint32(in.track.SSRC())); original != nil {
			in.take(original, at)
		}
	}) == nil
}

// take hands a packet on, which stays its caller's. It announces the track, again for
// each codec that the publisher turns to (browsers do when an encoder fails).
func (in *inbound) take(raw []byte, at time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.deaf || in.session.ctx.Err() != nil {
		return
	}
	p, err := in.packets.read(raw)
	if err != nil {
		in.session.dropped.Add(1)
		return
	}
	switch {
	case in.belongs(p):
	case in.beginsCodec(p):
		err = in.announce()
	default:
		in.session.dropped.Add(1)
		return
	}
	in.last = p.SequenceNumber
	if err == nil {
		err = (*in.writer.Load()).WriteRTP(p, at)
	}
	if err != nil {
		in.giveUp(err)
	}
}

// announce begins the current codec; mu is held.
func (in *inbound) announce() error {
	if w := in.writer.Load(); w != nil {
		if err := (*w).Close(); err != nil {
			return err
		}
	}
	w, err := in.session.sink.AddTrack(in.describe())
	if err == nil {
		in.writer.Store(&w)
	}
	return err
}

// giveUp hands on nothing more. What comes is still noted, so that the feedback about
// the other tracks stays right. mu is held.
func (in *inbound) giveUp(err error) {
	in.deaf = true
	if !errors.Is(err, ingest.ErrClosed) {
		in.session.server.log.Warn("track given up", "session", in.session.id, "ssrc", in.track.SSRC(), "error", err)
	}
	in.close()
}

func (in *inbound) close() {
	w := in.writer.Load()
	if w == nil {
		return
	}
	if err := (*w).Close(); err != nil {
		in.session.server.log.Warn("track closed", "session", in.session.id, "ssrc", in.track.SSRC(), "error", err)
	}
}

// end ends the track.
func (in *inbound) end() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.deaf {
		in.deaf = true
		in.close()
	}
}

func (in *inbound) describe() ingest.TrackInfo {
	g, kind := in.session.grant, in.track.Kind().String()
	info := ingest.TrackInfo{
		Participant: g.Participant,
		ID:          g.Role.String() + "/" + kind,
		MimeType:    in.codec.MimeType,
		ClockRate:   in.codec.ClockRate,
		Fmtp:        in.codec.SDPFmtpLine,
		Role:        g.Role,
		RID:         in.track.RID(),
		SSRC:        uint32(in.track.SSRC()),
		Payloads:    in.payloads.payloads(in.codec),
		Extensions:  extensionIDs(in.parameters.HeaderExtensions),
	}
	if t := in.receiver.RTPTransceiver(); t != nil && t.Mid() != "" {
		info.ID += "/" + t.Mid()
	}
	if in.track.Kind() == video {
		info.RequestKeyFrame = in.requestKeyFrame
	}
	if canNACK(in.codec) {
		info.RequestPackets = in.requestPackets
	}
	return info
}

// requestKeyFrame sends a picture loss indication (RFC 4585, section 6.3.1).
func (in *inbound) requestKeyFrame() {
	in.session.ask(&rtcp.PictureLossIndication{MediaSSRC: uint32(in.track.SSRC())})
}

// requestPackets sends a generic NACK (RFC 4585, section 6.2.1).
func (in *inbound) requestPackets(sequence []uint16) {
	in.session.ask(&rtcp.TransportLayerNack{
		MediaSSRC: uint32(in.track.SSRC()),
		Nacks:     rtcp.NackPairsFromSequenceNumbers(sequence),
	})
}

// belongs reports whether a packet is of the current codec or corrects its errors.
func (in *inbound) belongs(p *rtp.Packet) bool {
	payloadType, ok := in.payloads.carried(p)
	if !ok || in.codec.MimeType == "" {
		return false
	}
	c, ok := in.payloads.find(payloadType)
	return ok && (c.PayloadType == in.codec.PayloadType || isMIME(c, mimeULPFEC))
}

// beginsCodec tells the first packet of another codec from a late one of the
// codec before, and from what carries no media of its own. The packet's codec is
// the current one then.
func (in *inbound) beginsCodec(p *rtp.Packet) bool {
	payloadType, _ := in.payloads.carried(p)
	codec, ok := in.payloads.codec(payloadType)
	if !ok || in.codec.MimeType != "" && int16(p.SequenceNumber-in.last) <= 0 {
		return false
	}
	in.codec = codec
	return true
}

// control passes the track's sender reports on. Reading them is also what
// drives the receiver reports.
func (in *inbound) control() {
	buf := make([]byte, receiveMTU)
	for {
		n, err := in.readControl(buf)
		if err != nil {
			return
		}
		arrival := in.session.server.arrivals.of(rtcpKey(uint32(in.track.SSRC())), time.Now())
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			in.session.dropped.Add(1)
			continue
		}
		reports := packets[:0]
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok && sr.SSRC == uint32(in.track.SSRC()) {
				reports = append(reports, sr)
			}
		}
		if w := in.writer.Load(); w != nil && len(reports) > 0 {
			_ = (*w).WriteRTCP(reports, arrival) // fails only once the track is gone
		}
	}
}

func (in *inbound) readControl(buf []byte) (int, error) {
	if rid := in.track.RID(); rid != "" {
		n, _, err := in.receiver.ReadSimulcast(buf, rid)
		return n, err
	}
	n, _, err := in.receiver.Read(buf)
	return n, err
}
