package callreel_test

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/timebase"
)

// link says how long a packet sent now is on its way. Nil means not at all.
type link func(now time.Time, rng *rand.Rand) time.Duration

// steady is a link that delays everything alike.
func steady(d time.Duration) link {
	return func(time.Time, *rand.Rand) time.Duration { return d }
}

// jittery adds up to spread, so that packets overtake each other.
func jittery(least, spread time.Duration) link {
	return func(_ time.Time, rng *rand.Rand) time.Duration {
		return least + time.Duration(rng.Int64N(int64(spread)))
	}
}

// stopping holds everything back for a while every two seconds.
func stopping(least, hold time.Duration) link {
	start := time.Now()
	return func(now time.Time, _ *rand.Rand) time.Duration {
		since := now.Sub(start) % (2 * time.Second)
		return least + max(0, hold-since)
	}
}

// cached holds everything back until a time, when it comes in quick succession.
func cached(least time.Duration, until time.Time) link {
	return func(now time.Time, _ *rand.Rand) time.Duration {
		wait := until.Sub(now)
		return max(least, wait-wait/400)
	}
}

// script says what is odd about a track, by the time since its start. What is
// nil is not.
type script struct {
	rtp      func(at time.Duration) time.Duration // by how much its RTP clock is ahead
	ntp      func(at time.Duration) time.Duration // likewise the clock of its reports
	seq      func(at time.Duration) uint16        // added to its sequence numbers
	ssrc     func(at time.Duration) uint32        // added to its SSRC
	quiet    func(at time.Duration) bool          // nothing is sent
	talkback bool                                 // but reports are
	dark     func(at time.Duration) bool          // black or silence is sent
	lost     func(at time.Duration) bool          // packets are
	turns    func(at time.Duration) byte          // the byte of the video orientation
}

// from is v from a time on, and nothing before.
func from[V any](start time.Duration, v V) func(time.Duration) V {
	return func(at time.Duration) (now V) {
		if at >= start {
			now = v
		}
		return now
	}
}

// during is true from one time to another.
func during(from, to time.Duration) func(time.Duration) bool {
	return func(at time.Duration) bool { return from <= at && at < to }
}

// always is the same at any time.
func always[V any](v V) func(time.Duration) V { return func(time.Duration) V { return v } }

func ask[V any](f func(time.Duration) V, at time.Duration) (v V) {
	if f != nil {
		v = f(at)
	}
	return v
}

// The payload types and header extensions of a stream.
const (
	mediaPayload = 111
	redPayload   = 63
	orientation  = 4
)

// stream numbers packets, reports their clock, and sends packets again.
type stream struct {
	script script
	link   link
	flying sync.WaitGroup // packets on their way for the first time
	w      ingest.Writer
	rate   int64
	start  time.Time
	loss   float64
	cut    *atomic.Bool
	rtt    time.Duration
	red    bool

	reported time.Duration // when the next report is due; kept by the caller

	mu     sync.Mutex // packets are asked for from anywhere
	header rtp.Header
	rng    *rand.Rand
	sent   map[uint16]*rtp.Packet
	older  *rtp.Packet // the newest, for redundancy
}

func newStream(w ingest.Writer, pt uint8, ssrc uint32, rate int64) *stream {
	return &stream{
		w: w, rate: rate, start: time.Now(), rng: rand.New(rand.NewPCG(uint64(ssrc), 1)), sent: make(map[uint16]*rtp.Packet),
		header: rtp.Header{Version: 2, PayloadType: pt, SSRC: ssrc, SequenceNumber: 65500, Timestamp: 4294900000},
	}
}

// loses reports whether the network loses the next packet; mu is held.
func (s *stream) loses() bool {
	return s.rng.Float64() < s.loss || s.cut != nil && s.cut.Load()
}

// info adds to a track's description what the stream can do.
func (s *stream) info(t ingest.TrackInfo) ingest.TrackInfo {
	if s.rtt > 0 {
		t.RequestPackets = s.again
	}
	if s.red {
		t.Payloads = ingest.Payloads{Media: mediaPayload, RED: redPayload}
	}
	if s.script.turns != nil {
		t.Extensions.VideoOrientation = orientation
	}
	return t
}

// timestamp is that of what is captured at a time since the start.
func (s *stream) timestamp(at time.Duration) uint32 {
	return 4294900000 + uint32(int64(at+ask(s.script.rtp, at))*s.rate/int64(time.Second))
}

func (s *stream) send(payload []byte, at time.Duration, marker bool) error {
	s.mu.Lock()
	h := s.header
	s.header.SequenceNumber++
	h.Timestamp, h.Marker = s.timestamp(at), marker
	h.SequenceNumber += ask(s.script.seq, at)
	h.SSRC += ask(s.script.ssrc, at)
	if marker && s.script.turns != nil {
		_ = h.SetExtension(orientation, []byte{s.script.turns(at)}) // of a byte it never fails
	}
	p := &rtp.Packet{Header: h, Payload: payload}
	if s.red {
		p, s.older = withRED(p, s.older), p
	}
	s.sent[h.SequenceNumber] = p
	lost := s.loses() || ask(s.script.lost, at)
	s.mu.Unlock()
	if lost {
		return nil
	}
	return s.carry(func() error { return s.write(p) })
}

// write hands over a copy, which the writer may keep and change.
func (s *stream) write(p *rtp.Packet) error { return s.w.WriteRTP(p.Clone(), time.Now()) }

// withRED wraps a packet of sound and the one before it (RFC 2198).
func withRED(p, before *rtp.Packet) *rtp.Packet {
	out := &rtp.Packet{Header: p.Header}
	out.PayloadType = redPayload
	if before != nil {
		word := 1<<31 | uint32(mediaPayload)<<24 | (p.Timestamp-before.Timestamp)<<10 | uint32(len(before.Payload))
		out.Payload = binary.BigEndian.AppendUint32(nil, word)
	}
	out.Payload = append(out.Payload, mediaPayload)
	if before != nil {
		out.Payload = append(out.Payload, before.Payload...)
	}
	out.Payload = append(out.Payload, p.Payload...)
	return out
}

// again sends packets again that are asked for, over the same link. The request
// takes half a round trip.
func (s *stream) again(seqs []uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seq := range seqs {
		if p := s.sent[seq]; p != nil && !s.loses() {
			time.AfterFunc(s.rtt/2+s.delay(), func() { _ = s.write(p) }) // fails once the track is gone
		}
	}
}

// delay is that of a packet sent now; mu is held.
func (s *stream) delay() time.Duration {
	if s.link == nil {
		return 0
	}
	return s.link(time.Now(), s.rng)
}

// carry does something at the other end of the link.
func (s *stream) carry(arrive func() error) error {
	s.mu.Lock()
	d := s.delay()
	s.mu.Unlock()
	if s.link == nil {
		return arrive()
	}
	s.flying.Add(1)
	time.AfterFunc(d, func() {
		defer s.flying.Done()
		_ = arrive() // fails once the track is gone
	})
	return nil
}

// report sends a sender report of what is captured at a time.
func (s *stream) report(at time.Duration) error {
	ntp := timebase.NTP(time.Now().Add(ask(s.script.ntp, at)))
	sr := &rtcp.SenderReport{SSRC: s.header.SSRC + ask(s.script.ssrc, at), NTPTime: ntp, RTPTime: s.timestamp(at)}
	return s.carry(func() error { return s.w.WriteRTCP([]rtcp.Packet{sr}, time.Now()) })
}
