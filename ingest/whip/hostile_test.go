package whip_test

import (
	"bytes"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"sync/atomic"
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

// forger is the socket of a publisher, through which others send too.
type forger struct {
	*net.UDPConn
	peer atomic.Pointer[net.UDPAddr] // to which the publisher sends
}

func (c *forger) WriteTo(b []byte, to net.Addr) (int, error) {
	if addr, ok := to.(*net.UDPAddr); ok {
		c.peer.Store(addr)
	}
	return c.UDPConn.WriteTo(b, to)
}

// forge sends packets that look like the publisher's but are not encrypted with
// its keys, of its source and of others, and reports.
func (c *forger) forge(t *testing.T, ssrc uint32, bursts int) {
	rng := rand.New(rand.NewPCG(3, 4))
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for burst := range bursts {
		<-tick.C
		for n := range 40 {
			p := rtp.Packet{
				Header:  rtp.Header{Version: 2, PayloadType: 96, SSRC: ssrc, SequenceNumber: uint16(burst*40 + n), Timestamp: rng.Uint32(), Marker: true},
				Payload: bytes.Repeat([]byte{forged}, 500+rng.IntN(500)),
			}
			if n%2 == 1 {
				p.SSRC = rng.Uint32()
			}
			b, err := p.Marshal()
			if err != nil {
				t.Error(err)
			}
			if n%8 == 7 {
				b[1] = 200 // a sender report
			}
			if _, err := c.UDPConn.WriteTo(b, c.peer.Load()); err != nil {
				t.Error(err)
			}
		}
	}
}

// refusals counts what the log says of authentication.
type refusals struct{ count atomic.Int64 }

func (r *refusals) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("auth")) {
		r.count.Add(1)
	}
	return len(line), nil
}

// forged is in all payloads of a forger.
const forged = 0xee

// Eight thousand packets a second that fail authentication, from the publisher's
// own address, neither reach the call nor count as sources, and those that are the
// publisher's come as before.
func TestPacketsThatFailAuthentication(t *testing.T) {
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	conn := &forger{UDPConn: udp}
	var refused refusals
	f := serve(t, func(c *whip.Config) {
		c.Logger = slog.New(slog.NewTextHandler(&refused, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	m := &webrtc.MediaEngine{}
	if err := m.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	mux := webrtc.NewICEUDPMux(nil, conn)
	t.Cleanup(func() {
		if err := mux.Close(); err != nil {
			t.Error(err)
		}
	})
	p := newPublisherSet(t, f, m, &interceptor.Registry{}, func(e *webrtc.SettingEngine) { e.SetICEUDPMux(mux) })
	tracks := p.add(vp8)
	p.publish(ann, p.offer(true, nil))
	p.send(tracks...)
	f.sink.wait(t, "a track", func() bool { return len(f.sink.open(10)) == 1 })
	ssrc := uint32(p.GetSenders()[0].GetParameters().Encodings[0].SSRC)
	routines, heap := runtime.NumGoroutine(), allocated()
	f.sink.mu.Lock()
	before := len(f.sink.tracks[0].packets)
	f.sink.mu.Unlock()

	conn.forge(t, ssrc, 200)

	f.sink.wait(t, "packets after the forged ones", func() bool { return len(f.sink.open(before+250)) == 1 })
	if grown := runtime.NumGoroutine() - routines; grown > 5 {
		t.Errorf("%d goroutines more", grown)
	}
	if grown := allocated() - heap; grown > 8<<20 {
		t.Errorf("%d kB more", grown>>10)
	}
	if n := refused.count.Load(); n < 4000 { // some get lost
		t.Errorf("%d packets have failed authentication", n)
	}
	if s := f.Sessions(); len(s) != 1 || s[0].State != whip.StateConnected || s[0].Tracks != 1 {
		t.Errorf("sessions %+v", s)
	}
	f.sink.mu.Lock()
	defer f.sink.mu.Unlock()
	if len(f.sink.tracks) != 1 {
		t.Errorf("%d tracks", len(f.sink.tracks))
	}
	for _, got := range f.sink.tracks[0].packets {
		if len(got.Payload) > 0 && got.Payload[0] == forged {
			t.Fatal("a forged packet was let in")
		}
	}
}

// allocated returns the size of the heap.
func allocated() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
