package whip

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/callreel/callreel/ingest"
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
	buf        []byte
	parameters webrtc.RTPParameters
	payloads   payloadMap
	codec      webrtc.RTPCodecParameters // the current one
	last       uint16
	held       dated // the first of a codec
}

// dated is a packet and when it came.
type dated struct {
	*rtp.Packet
	at time.Time
}

// media announces the track, again for each codec that the publisher turns to
// (browsers do when an encoder fails), and pumps its packets.
func (in *inbound) media() {
	in.parameters = in.receiver.GetParameters()
	in.payloads = in.parameters.Codecs
	_, err := in.read() // until the first packet of a codec is held
	for errors.Is(err, errCodec) {
		var w ingest.Writer
		if w, err = in.session.sink.AddTrack(in.describe()); err != nil {
			break
		}
		in.writer.Store(&w)
		err = in.pump(w)
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, ingest.ErrClosed) && in.session.ctx.Err() == nil {
		in.session.server.log.Warn("track given up", "session", in.session.id, "ssrc", in.track.SSRC(), "error", err)
	}
	in.drain()
}

// pump hands packets to w until another codec begins, w wants no more or the
// session ends, and closes it.
func (in *inbound) pump(w ingest.Writer) (err error) {
	defer func() { err = errors.Join(err, w.Close()) }()
	for in.session.ctx.Err() == nil {
		p, err := in.read()
		if err != nil {
			return err
		}
		if err := w.WriteRTP(p.Packet, p.at); err != nil {
			return err
		}
	}
	return nil
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

// read returns the next packet of the current codec, or of what belongs to it.
// It fails with errCodec, keeping the packet for the next pump, when another
// codec begins, and with io.EOF when the peer connection closes.
func (in *inbound) read() (dated, error) {
	if p := in.held; p.Packet != nil {
		in.held, in.last = dated{}, p.SequenceNumber
		return p, nil
	}
	for {
		p, err := in.next()
		switch {
		case err != nil:
			return dated{}, io.EOF
		case p.Packet == nil:
			in.session.dropped.Add(1)
		case in.belongs(p.Packet):
			in.last = p.SequenceNumber
			return p, nil
		case in.beginsCodec(p.Packet):
			in.held = p
			return dated{}, errCodec
		default:
			in.session.dropped.Add(1)
		}
	}
}

// next returns a packet that is its caller's to keep, or none for one that is
// malformed or of no negotiated codec.
func (in *inbound) next() (dated, error) {
	n, _, err := in.track.Read(in.buf)
	if errors.Is(err, webrtc.ErrCodecNotFound) || errors.Is(err, io.ErrShortBuffer) {
		return dated{}, nil
	}
	if err != nil {
		return dated{}, err
	}
	p := &rtp.Packet{}
	if err := p.Unmarshal(bytes.Clone(in.buf[:n])); err != nil {
		return dated{}, nil
	}
	return dated{p, in.session.server.arrivals.of(rtpKey(p.SSRC, p.SequenceNumber), time.Now())}, nil
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
