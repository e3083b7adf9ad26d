package whip_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/ingest/whip"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	vp8  = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}
	opus = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}
)

// fixture is a server over HTTP with one conversation.
type fixture struct {
	*whip.Server
	sink *fakeSink
	http *httptest.Server
}

// authorize trusts the query.
func authorize(r *http.Request, _ string) (whip.Grant, error) {
	q := r.URL.Query()
	switch q.Get("participant") {
	case "":
		return whip.Grant{}, whip.ErrUnauthorized
	case "mallory":
		return whip.Grant{}, whip.ErrForbidden
	}
	g := whip.Grant{Participant: ingest.Participant{ID: q.Get("participant"), Name: q.Get("name")}}
	if q.Get("role") == "screen" {
		g.Role = ingest.Screen
	}
	return g, nil
}

func serve(t *testing.T, edit func(*whip.Config)) *fixture {
	t.Helper()
	f := &fixture{sink: newSink()}
	cfg := whip.Config{
		Sink:        func(context.Context, string) (ingest.Sink, error) { return f.sink, nil },
		Authorize:   authorize,
		Loopback:    true,
		DisableIPv6: true,
	}
	if edit != nil {
		edit(&cfg)
	}
	var err error
	if f.Server, err = whip.New(cfg); err != nil {
		t.Fatal(err)
	}
	f.http = httptest.NewServer(f.Server)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := f.Close(ctx); err != nil {
			t.Error(err)
		}
		f.http.Close()
	})
	return f
}

// reply is an HTTP answer with its body read.
type reply struct {
	*http.Response
	body string
}

func (f *fixture) do(t *testing.T, method, path, body string, header ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.http.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := f.http.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return reply{res, string(b)}
}

// publisher is a WHIP client on the same machine.
type publisher struct {
	*webrtc.PeerConnection
	t        *testing.T
	server   *fixture
	location string
	etag     string
	keyFrame chan uint32 // SSRCs of picture loss indications
	nacked   chan uint16 // sequence numbers of generic NACKs
	stop     context.CancelFunc
	wg       sync.WaitGroup
}

func newPublisher(t *testing.T, f *fixture, networks ...webrtc.NetworkType) *publisher {
	t.Helper()
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	return newPublisherWith(t, f, m, &interceptor.Registry{}, networks...)
}

// newPublisherWith returns a publisher of the codecs of m, through the
// interceptors of r.
func newPublisherWith(t *testing.T, f *fixture, m *webrtc.MediaEngine, r *interceptor.Registry, networks ...webrtc.NetworkType) *publisher {
	t.Helper()
	return newPublisherSet(t, f, m, r, func(*webrtc.SettingEngine) {}, networks...)
}

// newPublisherSet returns one with some settings.
func newPublisherSet(t *testing.T, f *fixture, m *webrtc.MediaEngine, r *interceptor.Registry, set func(*webrtc.SettingEngine), networks ...webrtc.NetworkType) *publisher {
	t.Helper()
	// No retransmissions: Pion's carry the rid where they should carry the repaired one.
	if err := errors.Join(webrtc.ConfigureRTCPReports(r), webrtc.ConfigureSimulcastExtensionHeaders(m)); err != nil {
		t.Fatal(err)
	}
	e := webrtc.SettingEngine{}
	e.SetIncludeLoopbackCandidate(true)
	if len(networks) == 0 {
		networks = []webrtc.NetworkType{webrtc.NetworkTypeUDP4}
	}
	e.SetNetworkTypes(networks)
	set(&e)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(r), webrtc.WithSettingEngine(e))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	p := &publisher{PeerConnection: pc, t: t, server: f, keyFrame: make(chan uint32, 64), nacked: make(chan uint16, 4096)}
	t.Cleanup(p.close)
	return p
}

// close ends the publisher without telling the server more than DTLS does.
func (p *publisher) close() {
	if p.stop != nil {
		p.stop()
	}
	if err := p.GracefulClose(); err != nil {
		p.t.Error(err)
	}
	p.wg.Wait()
}

// add adds a track, or a simulcast track if there are rids.
func (p *publisher) add(c webrtc.RTPCodecCapability, rids ...string) []*webrtc.TrackLocalStaticRTP {
	p.t.Helper()
	if len(rids) == 0 {
		rids = []string{""}
	}
	kind, _, _ := strings.Cut(c.MimeType, "/")
	var tracks []*webrtc.TrackLocalStaticRTP
	var sender *webrtc.RTPSender
	for _, rid := range rids {
		var opts []func(*webrtc.TrackLocalStaticRTP)
		if rid != "" {
			opts = append(opts, webrtc.WithRTPStreamID(rid))
		}
		track, err := webrtc.NewTrackLocalStaticRTP(c, kind, "stream", opts...)
		if err != nil {
			p.t.Fatal(err)
		}
		if sender == nil {
			var tr *webrtc.RTPTransceiver
			tr, err = p.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
			if err == nil {
				sender = tr.Sender()
			}
		} else {
			err = sender.AddEncoding(track)
		}
		if err != nil {
			p.t.Fatal(err)
		}
		tracks = append(tracks, track)
	}
	p.wg.Go(func() { p.readReports(sender) })
	return tracks
}

func (p *publisher) readReports(s *webrtc.RTPSender) {
	for {
		packets, _, err := s.ReadRTCP()
		if err != nil {
			return
		}
		for _, pkt := range packets {
			switch pkt := pkt.(type) {
			case *rtcp.PictureLossIndication:
				p.keyFrame <- pkt.MediaSSRC
			case *rtcp.TransportLayerNack:
				for _, pair := range pkt.Nacks {
					pair.Range(func(seq uint16) bool { p.nacked <- seq; return true })
				}
			}
		}
	}
}

// offer returns an offer, with candidates if gather is set.
func (p *publisher) offer(gather bool, opts *webrtc.OfferOptions) string {
	p.t.Helper()
	done := webrtc.GatheringCompletePromise(p.PeerConnection)
	offer, err := p.CreateOffer(opts)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.SetLocalDescription(offer); err != nil {
		p.t.Fatal(err)
	}
	<-done
	if gather {
		return p.LocalDescription().SDP
	}
	return offer.SDP
}

// publish posts an offer and takes the answer.
func (p *publisher) publish(path, offer string) {
	p.t.Helper()
	res := p.server.do(p.t, http.MethodPost, path, offer, "Content-Type", "application/sdp")
	if res.StatusCode != http.StatusCreated {
		p.t.Fatalf("POST: %s: %s", res.Status, res.body)
	}
	p.location, p.etag = res.Header.Get("Location"), res.Header.Get("ETag")
	p.answer(res.body)
}

func (p *publisher) answer(text string) {
	p.t.Helper()
	err := p.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: text})
	if err != nil {
		p.t.Fatalf("answer: %v\n%s", err, text)
	}
}

// send writes a packet to each track every few milliseconds until the publisher
// is closed.
func (p *publisher) send(tracks ...*webrtc.TrackLocalStaticRTP) {
	ctx, cancel := context.WithCancel(context.Background())
	if p.stop != nil {
		p.t.Fatal("send is called twice")
	}
	p.stop = cancel
	p.wg.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for seq := uint16(1); ; seq++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			for _, track := range tracks {
				_ = track.WriteRTP(p.packet(track, seq)) // fails while not connected
			}
		}
	})
}

// packet makes a packet that looks like a key frame, with the extensions that
// simulcast needs.
func (p *publisher) packet(track *webrtc.TrackLocalStaticRTP, seq uint16) *rtp.Packet {
	pkt := &rtp.Packet{
		Header:  rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(seq) * 450, Marker: true},
		Payload: []byte{0x10, 0x00, 0x00, 0x00, 0x9d, 0x01, 0x2a, byte(seq)},
	}
	if track.RID() == "" {
		return pkt
	}
	for _, tr := range p.GetTransceivers() {
		if tr.Kind() != track.Kind() {
			continue
		}
		for _, ext := range tr.Sender().GetParameters().HeaderExtensions {
			switch ext.URI {
			case sdp.SDESMidURI:
				_ = pkt.SetExtension(uint8(ext.ID), []byte(tr.Mid()))
			case sdp.SDESRTPStreamIDURI:
				_ = pkt.SetExtension(uint8(ext.ID), []byte(track.RID()))
			}
		}
	}
	return pkt
}
