package e2e

import (
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// publisher is a WebRTC peer that means no good.
type publisher struct {
	s     *server
	pc    *webrtc.PeerConnection
	video *webrtc.TrackLocalStaticRTP
	audio *webrtc.TrackLocalStaticRTP
	offer string
}

// newPublisher makes an offer of a codec, and of Opus, over all networks or some.
func (s *server) newPublisher(mimeType string, networks ...webrtc.NetworkType) *publisher {
	s.t.Helper()
	p := &publisher{s: s}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	if len(networks) > 0 {
		settings.SetNetworkTypes(networks)
	}
	var err error
	p.pc, err = webrtc.NewAPI(webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	must(s.t, err)
	s.t.Cleanup(func() { _ = p.pc.Close() })
	p.video = p.add(mimeType, 90000)
	p.audio = p.add(webrtc.MimeTypeOpus, 48000)
	offer, err := p.pc.CreateOffer(nil)
	must(s.t, err)
	gathered := webrtc.GatheringCompletePromise(p.pc)
	must(s.t, p.pc.SetLocalDescription(offer))
	<-gathered
	p.offer = p.pc.LocalDescription().SDP
	return p
}

func (p *publisher) add(mimeType string, clock uint32) *webrtc.TrackLocalStaticRTP {
	p.s.t.Helper()
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mimeType, ClockRate: clock}, mimeType, "stream")
	must(p.s.t, err)
	_, err = p.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	must(p.s.t, err)
	return track
}

// publish joins a call and returns the server's answer once connected.
func (p *publisher) publish(path string) (answer string) {
	t := p.s.t
	t.Helper()
	a := p.s.request(http.MethodPost, path, p.offer, "Authorization", "", "Content-Type", "application/sdp")
	if a.status != http.StatusCreated {
		t.Fatalf("%s: %d %s", path, a.status, a.body)
	}
	must(t, p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: a.body}))
	eventually(t, func() (bool, string) {
		state := p.pc.ConnectionState()
		return state == webrtc.PeerConnectionStateConnected, state.String()
	})
	return a.body
}

// babble sends packets whose payloads are noise.
func (p *publisher) babble(rng *rand.ChaCha8, packets int) {
	p.s.t.Helper()
	r := rand.New(rng)
	for i := range packets {
		payload := make([]byte, r.IntN(1200))
		_, _ = rng.Read(payload)
		for _, track := range []*webrtc.TrackLocalStaticRTP{p.video, p.audio} {
			must(p.s.t, track.WriteRTP(&rtp.Packet{
				Header: rtp.Header{
					Version: 2, Marker: r.IntN(3) == 0,
					SequenceNumber: uint16(i), Timestamp: uint32(i) * uint32(r.IntN(5000)),
				},
				Payload: payload,
			}))
		}
	}
}

var candidate = regexp.MustCompile(`a=candidate:\S+ 1 udp \d+ (127\.0\.0\.1) (\d+) `)

// bombard sends what is no packet of anything to where a server takes media.
func bombard(t *testing.T, answer string, rng *rand.ChaCha8, packets int) {
	t.Helper()
	found := candidate.FindStringSubmatch(answer)
	if found == nil {
		t.Fatal("no candidate in the answer:\n", answer)
	}
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "udp", net.JoinHostPort(found[1], found[2]))
	must(t, err)
	defer func() { _ = conn.Close() }()
	r := rand.New(rng)
	for range packets {
		b := make([]byte, r.IntN(1400))
		_, _ = rng.Read(b)
		if len(b) > 20 { // look like STUN, DTLS or RTP at first sight
			copy(b, [][]byte{{0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42}, {22, 254, 253}, {0x80, 96}, b[:1]}[r.IntN(4)])
		}
		_, _ = conn.Write(b) // refused, where nobody listens: fine
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
