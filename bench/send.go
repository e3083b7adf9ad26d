package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/timebase"
)

// send joins a call at j.Endpoint with all participants of the scenario, by WHIP,
// and sends over and over what they have to say, until ctx ends. It is a process
// of its own, so that encrypting and sending is not taken for recording.
func (j Job) send(ctx context.Context) error {
	c, err := makeCall(ctx, j.Cache, j.Scenario)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, p := range c.parties {
		for _, role := range []ingest.Role{ingest.Camera, ingest.Screen} {
			sends := slices.DeleteFunc(slices.Clone(p.sends), func(s sent) bool { return s.screen != (role == ingest.Screen) })
			if len(sends) == 0 {
				continue
			}
			all.Go(func() {
				if err := publish(ctx, j.Endpoint, p.id, role, sends); err != nil {
					cancel(fmt.Errorf("%s: %w", p.id, err))
				}
			})
		}
	}
	all.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// publish sends the tracks of one participant.
func publish(ctx context.Context, endpoint, id string, role ingest.Role, sends []sent) (err error) {
	pc, err := newConnection(sends)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pc.GracefulClose()) }()
	connected := make(chan struct{})
	var once sync.Once
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			once.Do(func() { close(connected) })
		}
	})
	outs, err := addTracks(pc, sends)
	if err != nil {
		return err
	}
	if err := offer(ctx, pc, fmt.Sprintf("%s?participant=%s&role=%s", endpoint, url.QueryEscape(id), role)); err != nil {
		return err
	}
	select {
	case <-connected:
	case <-ctx.Done():
		return nil
	}
	begin := time.Now()
	var streams sync.WaitGroup
	for _, o := range outs {
		o.extend(pc)
		streams.Go(func() { o.run(ctx, pc, begin) })
	}
	<-ctx.Done()
	streams.Wait()
	return nil
}

// newConnection returns one that speaks the codecs of what is sent.
func newConnection(sends []sent) (*webrtc.PeerConnection, error) {
	media := new(webrtc.MediaEngine)
	for _, s := range sends {
		kind, pt := webrtc.RTPCodecTypeVideo, webrtc.PayloadType(96)
		if !strings.HasPrefix(s.MIME, "video/") {
			kind, pt = webrtc.RTPCodecTypeAudio, 111
		}
		if err := media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: s.capability(), PayloadType: pt}, kind); err != nil {
			return nil, err
		}
	}
	for _, uri := range []string{sdp.SDESMidURI, sdp.SDESRTPStreamIDURI} {
		if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, webrtc.RTPCodecTypeVideo); err != nil {
			return nil, err
		}
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetIPFilter(loopback)
	return webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
}

func (s sent) capability() webrtc.RTPCodecCapability {
	c := webrtc.RTPCodecCapability{MimeType: s.MIME, ClockRate: uint32(s.Clock)}
	switch {
	case s.MIME == "video/H264":
		c.SDPFmtpLine = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
	case !strings.HasPrefix(s.MIME, "video/"):
		c.Channels, c.SDPFmtpLine = 2, "minptime=10;useinbandfec=1"
		return c
	}
	c.RTCPFeedback = []webrtc.RTCPFeedback{{Type: webrtc.TypeRTCPFBNACK, Parameter: "pli"}}
	return c
}

// outgoing is a stream that is sent.
type outgoing struct {
	sent
	track     *webrtc.TrackLocalStaticRTP
	sender    *webrtc.RTPSender
	ssrc      uint32
	ids       map[uint8]string // header extensions
	payloader payloader
	seq       uint16
	next      int         // of the frames
	again     atomic.Bool // from the first frame, which is a key frame
}

func addTracks(pc *webrtc.PeerConnection, sends []sent) ([]*outgoing, error) {
	var outs []*outgoing
	var layered *webrtc.RTPSender
	for i, s := range sends {
		var opts []func(*webrtc.TrackLocalStaticRTP)
		if s.rid != "" {
			opts = append(opts, webrtc.WithRTPStreamID(s.rid))
		}
		id := "sound"
		if strings.HasPrefix(s.MIME, "video/") {
			id = "picture"
		}
		track, err := webrtc.NewTrackLocalStaticRTP(s.capability(), id, "bench", opts...)
		if err != nil {
			return nil, err
		}
		o := &outgoing{sent: s, track: track, payloader: newPayloader(s.coded), seq: uint16(i)}
		if s.rid != "" && layered != nil {
			err = layered.AddEncoding(track)
			o.sender = layered
		} else {
			var t *webrtc.RTPTransceiver
			t, err = pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
			if err == nil {
				o.sender = t.Sender()
			}
			if s.rid != "" {
				layered = o.sender
			}
		}
		if err != nil {
			return nil, err
		}
		outs = append(outs, o)
	}
	return outs, nil
}

// offer does the signalling of WHIP (RFC 9725, section 4.2).
func offer(ctx context.Context, pc *webrtc.PeerConnection, endpoint string) error {
	gathered := webrtc.GatheringCompletePromise(pc)
	description, err := pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	if err := pc.SetLocalDescription(description); err != nil {
		return err
	}
	<-gathered
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(pc.LocalDescription().SDP))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/sdp")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return err
	}
	if res.StatusCode != http.StatusCreated {
		return fmt.Errorf("bench: WHIP: %s: %s", res.Status, answer)
	}
	return pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)})
}

// extend learns what the answer settled: layers carry their mid and rid in each
// packet (RFC 8852).
func (o *outgoing) extend(pc *webrtc.PeerConnection) {
	o.ids = make(map[uint8]string)
	parameters := o.sender.GetParameters()
	for _, e := range parameters.Encodings {
		if e.RID == o.rid {
			o.ssrc = uint32(e.SSRC)
		}
	}
	if o.rid == "" {
		return
	}
	for _, t := range pc.GetTransceivers() {
		if t.Sender() != o.sender {
			continue
		}
		for _, e := range parameters.HeaderExtensions {
			switch e.URI {
			case sdp.SDESMidURI:
				o.ids[uint8(e.ID)] = t.Mid()
			case sdp.SDESRTPStreamIDURI:
				o.ids[uint8(e.ID)] = o.rid
			}
		}
	}
}

// run sends frames as they come due.
func (o *outgoing) run(ctx context.Context, pc *webrtc.PeerConnection, begin time.Time) {
	var feedback sync.WaitGroup
	feedback.Go(o.listen)
	defer feedback.Wait()
	defer func() { _ = o.sender.Stop() }() // ends listen; the connection is closed next
	reported := 0
	for n := 0; ; n++ {
		units := n * o.Step
		at := begin.Add(time.Duration(units) * time.Second / time.Duration(o.Clock))
		select {
		case <-time.After(time.Until(at)):
		case <-ctx.Done():
			return
		}
		if o.again.Swap(false) || o.next == len(o.Frames) {
			o.next = 0
		}
		o.write(o.Frames[o.next], uint32(units))
		o.next++
		if units >= reported*o.Clock {
			reported++
			_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.SenderReport{ // a report more or less
				SSRC: o.ssrc, NTPTime: timebase.NTP(at), RTPTime: uint32(units), PacketCount: uint32(o.seq),
			}})
		}
	}
}

// listen starts again when a key frame is asked for.
func (o *outgoing) listen() {
	for {
		var packets []rtcp.Packet
		var err error
		if o.rid != "" {
			packets, _, err = o.sender.ReadSimulcastRTCP(o.rid)
		} else {
			packets, _, err = o.sender.ReadRTCP()
		}
		if err != nil {
			return
		}
		for _, p := range packets {
			if pli, ok := p.(*rtcp.PictureLossIndication); ok && pli.MediaSSRC == o.ssrc {
				o.again.Store(true)
			}
		}
	}
}

func (o *outgoing) write(f codedFrame, stamp uint32) {
	if len(f.Data) == 0 {
		return
	}
	parts := o.payloader.payloads(f)
	for i, part := range parts {
		o.seq++
		p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: o.seq, Timestamp: stamp, Marker: i == len(parts)-1}, Payload: part}
		for id, value := range o.ids {
			_ = p.SetExtension(id, []byte(value)) // short enough
		}
		_ = o.track.WriteRTP(p) // if the connection is lost, the recorder's figures show it
	}
}
