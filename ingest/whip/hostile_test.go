package whip_test

import (
	"errors"
	"math/rand/v2"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/callreel/callreel/ingest/whip"
	"github.com/pion/interceptor"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// scatter is an interceptor that sends each packet from another source.
type scatter struct{ interceptor.NoOp }

func (s *scatter) NewInterceptor(string) (interceptor.Interceptor, error) { return s, nil }

func (s *scatter) BindLocalStream(_ *interceptor.StreamInfo, w interceptor.RTPWriter) interceptor.RTPWriter {
	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		other := *h
		other.SSRC += uint32(h.SequenceNumber)
		return w.Write(&other, payload, a)
	})
}

// A session with packets of hundreds of sources, for each of which the WebRTC
// stack keeps a buffer, ends.
func TestSourcesAreBounded(t *testing.T) {
	ended := make(chan error, 1)
	f := serve(t, func(c *whip.Config) {
		c.Hooks.Ended = func(_ whip.SessionInfo, reason error) { ended <- reason }
	})
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	r := &interceptor.Registry{}
	r.Add(&scatter{})
	p := newPublisherWith(t, f, m, r)
	tracks := p.add(vp8)
	p.publish(ann, p.offer(true, nil))
	p.send(tracks...)
	select {
	case reason := <-ended:
		if !errors.Is(reason, whip.ErrTooMuch) {
			t.Errorf("ended by %v", reason)
		}
	case <-time.After(patience):
		t.Fatal("the session goes on")
	}
}

// Garbage that strangers send to the port that all sessions share, which looks
// like STUN, DTLS, RTP and nothing at all, leaves the publisher alone and
// nothing behind.
func TestGarbageFromStrangers(t *testing.T) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	f := serve(t, func(c *whip.Config) { c.UDP = conn })
	p := newPublisher(t, f)
	tracks := p.add(vp8)
	p.publish(ann, p.offer(true, nil))
	p.send(tracks...)
	f.sink.wait(t, "a track", func() bool { return len(f.sink.open(10)) == 1 })
	before := runtime.NumGoroutine()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		stranger, err := net.Dial("udp4", conn.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		for n := range 40 {
			b := make([]byte, rng.IntN(1500))
			for i := range b {
				b[i] = byte(rng.Uint32())
			}
			// The first byte tells what it is (RFC 7983).
			if heads := []byte{0, 1, 20, 22, 23, 128, 144, 191, 255}; len(b) > 8 && n%10 < 9 {
				b[0] = heads[n%10]
				copy(b[4:], "\x21\x12\xa4\x42") // STUN's magic cookie
			}
			if _, err := stranger.Write(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := stranger.Close(); err != nil {
			t.Fatal(err)
		}
	}
	f.sink.mu.Lock()
	count := len(f.sink.tracks[0].packets)
	f.sink.mu.Unlock()
	f.sink.wait(t, "packets after the garbage", func() bool { return len(f.sink.open(count+100)) == 1 })
	if grown := runtime.NumGoroutine() - before; grown > 5 {
		t.Errorf("%d goroutines more", grown)
	}
	if s := f.Sessions(); len(s) != 1 || s[0].State != whip.StateConnected {
		t.Errorf("sessions %+v", s)
	}
}
