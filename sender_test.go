package callreel_test

import (
	"context"
	"image"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/timebase"
)

// caller is a participant made by the test: its picture is its own grey, white
// for 100 ms at each whole second; its sound a beep at the same time.
type caller struct {
	t      testing.TB
	sink   ingest.Sink
	who    ingest.Participant
	luma   uint8
	secret atomic.Uint32 // if not 0, the luma in its stead
	hertz  float64
	epoch  time.Time // of the flashes

	late             time.Duration // from joining to the first packet
	noVideo, noAudio bool
	size             image.Point
	sized            func(width, height int) // what RequestSize asks for
	temporal         bool                    // 30 frames/s in three temporal layers
	small            *caller                 // sends a second, smaller simulcast layer
	rid              string
	loss             float64     // share of the packets
	cut              atomic.Bool // all packets are lost
	link             link
	mutedVideo       atomic.Bool // nothing is sent, the clock goes on
	mutedAudio       atomic.Bool
	ppm              int64       // by how much the sound's clock is fast
	hang             atomic.Bool // capture stands still; RTP goes on afterwards as if it had not
}

const (
	callerFPS = 15
	flash     = 100 * time.Millisecond
	white     = 235
)

// run sends until ctx ends.
func (c *caller) run(ctx context.Context) {
	<-time.After(c.late)
	var wg sync.WaitGroup
	wg.Go(func() { c.sendVideo(ctx) })
	wg.Go(func() { c.sendAudio(ctx) })
	if c.small != nil {
		wg.Go(func() { c.small.sendVideo(ctx) })
	}
	wg.Wait()
}

// hold waits while capture hangs.
func (c *caller) hold() {
	for c.hang.Load() {
		<-time.After(20 * time.Millisecond)
	}
}

func (c *caller) flashing(at time.Duration) bool { return at >= 0 && at%time.Second < flash }

// link says how long a packet sent now is on its way. Nil means not at all.
type link func(now time.Time, rng *rand.Rand) time.Duration

// stream numbers packets and reports their clock.
type stream struct {
	link   link
	flying sync.WaitGroup // packets on their way
	w      ingest.Writer
	header rtp.Header
	rate   int64
	start  time.Time
	loss   float64
	cut    *atomic.Bool
	rng    *rand.Rand
}

func newStream(w ingest.Writer, pt uint8, ssrc uint32, rate int64) *stream {
	return &stream{w: w, rate: rate, start: time.Now(), rng: rand.New(rand.NewPCG(uint64(ssrc), 1)), header: rtp.Header{Version: 2, PayloadType: pt, SSRC: ssrc, SequenceNumber: 65500, Timestamp: 4294900000}}
}

func (s *stream) timestamp(at time.Duration) uint32 {
	return 4294900000 + uint32(int64(at)*s.rate/int64(time.Second))
}

func (s *stream) send(payload []byte, at time.Duration, marker bool) error {
	h := s.header
	h.Timestamp, h.Marker = s.timestamp(at), marker
	s.header.SequenceNumber++
	if s.rng.Float64() < s.loss || s.cut != nil && s.cut.Load() {
		return nil
	}
	return s.carry(func() error { return s.w.WriteRTP(&rtp.Packet{Header: h, Payload: payload}, time.Now()) })
}

// carry does something at the other end of the link.
func (s *stream) carry(arrive func() error) error {
	if s.link == nil {
		return arrive()
	}
	s.flying.Add(1)
	time.AfterFunc(s.link(time.Now(), s.rng), func() {
		defer s.flying.Done()
		_ = arrive() // fails once the track is gone
	})
	return nil
}

func (s *stream) report(at time.Duration) error {
	sr := &rtcp.SenderReport{SSRC: s.header.SSRC, NTPTime: timebase.NTP(time.Now()), RTPTime: s.timestamp(at)}
	return s.carry(func() error { return s.w.WriteRTCP([]rtcp.Packet{sr}, time.Now()) })
}

func (c *caller) sendVideo(ctx context.Context) {
	if c.noVideo {
		<-ctx.Done()
		return
	}
	key := make(chan struct{}, 1)
	key <- struct{}{}
	w, err := c.sink.AddTrack(ingest.TrackInfo{
		Participant: c.who, MimeType: "video/VP8", RID: c.rid, RequestSize: c.sized,
		RequestKeyFrame: func() {
			select {
			case key <- struct{}{}:
			default:
			}
		},
	})
	if err != nil {
		c.t.Error(err)
		return
	}
	defer func() { _ = w.Close() }() // never fails
	size := c.size
	if size == (image.Point{}) {
		size = image.Pt(320, 180)
	}
	fps, options := int64(callerFPS), map[string]string{"deadline": "realtime", "cpu-used": "8"}
	var pay payloader = &codecs.VP8Payloader{EnablePictureID: true}
	if c.temporal {
		fps, pay = 2*callerFPS, new(layeredVP8)
		options["ts-parameters"] = layeredVP8Parameters
	}
	enc, err := codec.NewVideoEncoder(codec.VideoEncoderConfig{
		Encoder: "libvpx", Width: size.X, Height: size.Y, FrameRate: int(fps), KeyInterval: 10000, BitRate: 500_000,
		Options: options,
	})
	if err != nil {
		c.t.Error(err)
		return
	}
	defer enc.Close()
	s := newStream(w, 96, 1000+uint32(c.luma), 90000)
	s.loss, s.cut, s.link = c.loss, &c.cut, c.link
	defer s.flying.Wait()
	img := image.NewYCbCr(image.Rectangle{Max: size}, image.YCbCrSubsampleRatio420)
	for i := range img.Cb {
		img.Cb[i], img.Cr[i] = 128, 128
	}
	tick := time.NewTicker(time.Second / time.Duration(fps))
	defer tick.Stop()
	for n := int64(0); ; n++ {
		c.hold()
		at := time.Duration(n) * time.Second / time.Duration(fps)
		grey := c.luma
		if s := c.secret.Load(); s != 0 {
			grey = uint8(s)
		}
		if c.flashing(s.start.Add(at).Sub(c.epoch)) {
			grey = white
		}
		for i := range img.Y {
			img.Y[i] = grey
		}
		force := false
		select {
		case <-key:
			force = true
		default:
		}
		if c.mutedVideo.Load() {
			<-tick.C
			continue
		}
		packets, err := enc.Encode(img, n, force)
		if err != nil {
			c.t.Error(err)
			return
		}
		for _, p := range packets {
			parts := pay.Payload(1200, p.Data)
			for i, part := range parts {
				if s.send(part, at, i == len(parts)-1) != nil {
					return
				}
			}
		}
		if n%fps == 1 && s.report(at) != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (c *caller) sendAudio(ctx context.Context) {
	if c.noAudio {
		<-ctx.Done()
		return
	}
	w, err := c.sink.AddTrack(ingest.TrackInfo{Participant: c.who, MimeType: "audio/opus"})
	if err != nil {
		c.t.Error(err)
		return
	}
	defer func() { _ = w.Close() }() // never fails
	enc, err := codec.NewOpusEncoder(1, 32000, false)
	if err != nil {
		c.t.Error(err)
		return
	}
	s := newStream(w, 111, 2000+uint32(c.luma), 48000)
	s.loss, s.cut, s.link = c.loss, &c.cut, c.link
	defer s.flying.Wait()
	pcm := make([]int16, 960)
	// Of a fast clock 20 ms are over sooner.
	wall := func(d time.Duration) time.Duration { return d - d*time.Duration(c.ppm)/1_000_000 }
	tick := time.NewTicker(wall(20 * time.Millisecond))
	defer tick.Stop()
	for n := 0; ; n++ {
		c.hold()
		for i := range pcm {
			at := s.start.Add(wall(time.Duration(n*960+i) * time.Second / 48000)).Sub(c.epoch)
			pcm[i] = 0
			if c.flashing(at) {
				pcm[i] = int16(9000 * math.Sin(2*math.Pi*c.hertz*at.Seconds()))
			}
		}
		packet, err := enc.Encode(pcm)
		if err != nil {
			c.t.Error(err)
			return
		}
		at := time.Duration(n) * 20 * time.Millisecond
		if c.mutedAudio.Load() {
			<-tick.C
			continue
		}
		if s.send(packet, at, n == 0) != nil || n%50 == 1 && s.report(at) != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
