package whip

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// errCodec ends a pump whose track goes on with another codec.
var errCodec = errors.New("whip: codec changed")

// onTrack is called by the stack, in a goroutine of its own, for each track and
// simulcast layer: again if another SSRC claims to be the same layer, as some
// senders' retransmissions do. Two readers of one track must not be.
func (x *session) onTrack(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	in := &inbound{session: x, track: t, receiver: r, buf: make([]byte, receiveMTU)}
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
	session  *session
	track    *webrtc.TrackRemote
	receiver *webrtc.RTPReceiver
	writer   atomic.Pointer[ingest.Writer] // of the current codec

	// What follows is media's.
	buf         []byte
	payloadType uint8 // of the current codec
	last        uint16
	held        *rtp.Packet // the first of a new codec
}

// media announces the track, again for each codec that the publisher turns to
// (browsers do when an encoder fails), and pumps its packets.
func (in *inbound) media() {
	err := errCodec
	for errors.Is(err, errCodec) {
		codec := in.track.Codec()
		in.payloadType = uint8(codec.PayloadType)
		var w ingest.Writer
		if w, err = in.session.sink.AddTrack(in.describe(codec)); err != nil {
			break
		}
		in.writer.Store(&w)
		err = ingest.Pump(in.session.ctx, w, in.read)
	}
	if err != nil && in.session.ctx.Err() == nil {
		in.session.server.log.Warn("track given up", "session", in.session.id, "ssrc", in.track.SSRC(), "error", err)
	}
	in.drain()
}

func (in *inbound) describe(codec webrtc.RTPCodecParameters) ingest.TrackInfo {
	g, kind := in.session.grant, in.track.Kind().String()
	info := ingest.TrackInfo{
		Participant: g.Participant,
		ID:          g.Role.String() + "/" + kind,
		MimeType:    codec.MimeType,
		ClockRate:   codec.ClockRate,
		Fmtp:        codec.SDPFmtpLine,
		Role:        g.Role,
		RID:         in.track.RID(),
		SSRC:        uint32(in.track.SSRC()),
	}
	if t := in.receiver.RTPTransceiver(); t != nil && t.Mid() != "" {
		info.ID += "/" + t.Mid()
	}
	if in.track.Kind() == video {
		info.RequestKeyFrame = in.requestKeyFrame
	}
	return info
}

func (in *inbound) requestKeyFrame() {
	select {
	case in.session.keyFrames <- in.track.SSRC():
	default: // enough are waiting
	}
}

// read returns the next packet of the current codec. It fails with errCodec,
// keeping the packet for the next pump, when another codec begins.
func (in *inbound) read() (*rtp.Packet, interceptor.Attributes, error) {
	if p := in.held; p != nil {
		in.held, in.last = nil, p.SequenceNumber
		return p, nil, nil
	}
	for {
		p, err := in.next()
		switch {
		case err != nil:
			return nil, nil, io.EOF // the peer connection is closing
		case p == nil:
			in.session.dropped.Add(1)
		case p.PayloadType == in.payloadType:
			in.last = p.SequenceNumber
			return p, nil, nil
		case in.isNewCodec(p):
			in.held = p
			return nil, nil, errCodec
		default:
			in.session.dropped.Add(1)
		}
	}
}

// next returns a packet that is its caller's to keep, or nil for one that is
// malformed or of no negotiated codec.
func (in *inbound) next() (*rtp.Packet, error) {
	n, _, err := in.track.Read(in.buf)
	if errors.Is(err, webrtc.ErrCodecNotFound) || errors.Is(err, io.ErrShortBuffer) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := &rtp.Packet{}
	if err := p.Unmarshal(bytes.Clone(in.buf[:n])); err != nil {
		return nil, nil
	}
	return p, nil
}

// isNewCodec tells the first packet of another codec from a late one of the
// codec before, and from what carries no media of its own.
func (in *inbound) isNewCodec(p *rtp.Packet) bool {
	codec := in.track.Codec()
	return uint8(codec.PayloadType) == p.PayloadType &&
		!strings.EqualFold(codec.MimeType, webrtc.MimeTypeRTX) &&
		int16(p.SequenceNumber-in.last) > 0
}

// drain reads on when the sink wants no more, so that the feedback about the
// other tracks stays right.
func (in *inbound) drain() {
	for {
		if _, err := in.next(); err != nil {
			return
		}
	}
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
		arrival := time.Now()
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
