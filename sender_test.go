package callreel_test

import (
	"cmp"
	"context"
	"image"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callreel/callreel/ingest"
	"github.com/callreel/callreel/internal/codec"
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

	period           time.Duration // of the flashes; zero means 1 s
	flash, beep      time.Duration // how long they last; zero means 100 ms
	late             time.Duration // from joining to the first packet
	began            time.Time     // when the first picture was taken; set by the caller
	noVideo, noAudio bool
	every            time.Duration // from one picture to the next; zero means 1/15 s
	size             image.Point   // zero means 320x180
	resize           func(at time.Duration) image.Point
	paint            painter                 // if not nil, what is seen
	sized            func(width, height int) // what RequestSize asks for
	format           *format                 // nil means VP8
	mtu              int                     // of payloads of pictures; zero means 1200 bytes
	pcmu             bool                    // sound is G.711
	small            *caller                 // sends a second, smaller simulcast layer
	next             *caller                 // runs, too: to replace tracks
	rid              string

	loss            float64       // share of the packets
	cut             atomic.Bool   // all packets are lost
	link, videoLink link          // pictures go by link unless they have their own
	rtt             time.Duration // if not 0, packets that are asked for are sent again
	red             bool          // of sound each packet has the one before, too
	noReports       bool
	sound, sight    script
	mutedVideo      atomic.Bool // nothing is sent, the clock goes on
	mutedAudio      atomic.Bool
	ppm             int64 // by how much the sound's clock is fast
}

const (
	callerFPS = 15
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
	if c.next != nil {
		wg.Go(func() { c.next.run(ctx) })
	}
	wg.Wait()
}

// successor adds somebody who replaces tracks of c after a time.
func (c *caller) successor(after time.Duration) *caller {
	n := &caller{
		t: c.t, sink: c.sink, who: c.who, luma: c.luma, hertz: c.hertz, epoch: c.epoch, late: after,
		period: c.period, flash: c.flash, beep: c.beep, every: c.every, size: c.size, link: c.link,
	}
	c.next = n
	return n
}

// flashing and beeping say what is seen and heard a time after the epoch.
func (c *caller) flashing(at time.Duration) bool {
	return c.phase(at) < cmp.Or(c.flash, 100*time.Millisecond)
}

func (c *caller) beeping(at time.Duration) bool {
	return c.phase(at) < cmp.Or(c.beep, 100*time.Millisecond)
}

// phase is the time since the last flash began.
func (c *caller) phase(at time.Duration) time.Duration {
	if at < 0 {
		return math.MaxInt64
	}
	return at % cmp.Or(c.period, time.Second)
}

// captured returns when the n-th picture is, after the start.
func (c *caller) captured(n int) time.Duration {
	if c.every == 0 {
		return time.Duration(n) * time.Second / callerFPS
	}
	return time.Duration(n) * c.every
}

// pace calls do with the time since the start, every so often, until ctx ends
// or the track does.
func pace(ctx context.Context, every time.Duration, do func(n int) error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 0; do(n) == nil; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (c *caller) sendVideo(ctx context.Context) {
	if c.noVideo {
		<-ctx.Done()
		return
	}
	key := make(chan struct{}, 1)
	key <- struct{}{}
	f := vp8()
	if c.format != nil {
		f = *c.format
	}
	l := c.link
	if c.videoLink != nil {
		l = c.videoLink
	}
	s := newStream(nil, mediaPayload, 1000+uint32(c.luma), 90000)
	c.set(s, c.sight, l)
	c.began = s.start
	w, err := c.sink.AddTrack(s.info(ingest.TrackInfo{
		Participant: c.who, MimeType: f.mime, RID: c.rid, RequestSize: c.sized,
		RequestKeyFrame: func() {
			select {
			case key <- struct{}{}:
			default:
			}
		},
	}))
	if err != nil {
		c.t.Error(err)
		return
	}
	s.w = w
	defer func() { _ = w.Close() }() // never fails
	defer s.flying.Wait()
	every := cmp.Or(c.every, time.Second/callerFPS)
	cam := &lens{format: f, rate: int(time.Second / every)}
	defer func() { cam.close() }()
	pay := f.payloader()
	pace(ctx, every, func(n int) error {
		at := c.captured(n)
		force := false
		select {
		case <-key:
			force = true
		default:
		}
		quiet := c.mutedVideo.Load() || ask(c.sight.quiet, at)
		if !quiet {
			if err := c.sendPicture(cam, pay, s, n, at, force); err != nil {
				return err
			}
		}
		return c.report(s, at, quiet)
	})
}

// set makes a stream the caller's.
func (c *caller) set(s *stream, odd script, l link) {
	s.script, s.link, s.rtt, s.loss, s.cut = odd, l, c.rtt, c.loss, &c.cut
}

// report sends a report every second, but not of the first packet.
func (c *caller) report(s *stream, at time.Duration, quiet bool) error {
	if c.noReports || at == 0 || at < s.reported || quiet && !s.script.talkback {
		return nil
	}
	s.reported = at + time.Second
	return s.report(at)
}

// sendPicture sends the n-th picture, captured at a time since the start.
func (c *caller) sendPicture(cam *lens, pay payloader, s *stream, n int, at time.Duration, key bool) error {
	size := cmp.Or(c.size, image.Pt(320, 180))
	if c.resize != nil {
		size = c.resize(at)
	}
	if err := cam.focus(size); err != nil {
		c.t.Error(err)
		return err
	}
	c.draw(cam.img, s.start.Add(at).Sub(c.epoch), ask(s.script.dark, at))
	packets, err := cam.enc.Encode(cam.img, int64(n), key)
	if err != nil {
		c.t.Error(err)
		return err
	}
	for _, p := range packets {
		parts := pay.Payload(uint16(cmp.Or(c.mtu, 1200)), p.Data)
		for i, part := range parts {
			if err := s.send(part, at, i == len(parts)-1); err != nil {
				return err
			}
		}
	}
	return nil
}

// draw draws what is seen a time after the epoch.
func (c *caller) draw(img *image.YCbCr, at time.Duration, dark bool) {
	switch secret := c.secret.Load(); {
	case dark:
		fill(img, 16)
	case c.paint != nil:
		c.paint(img, at)
	case c.flashing(at):
		fill(img, white)
	case secret != 0:
		fill(img, uint8(secret))
	default:
		fill(img, c.luma)
	}
}

func (c *caller) sendAudio(ctx context.Context) {
	if c.noAudio {
		<-ctx.Done()
		return
	}
	mime, rate := "audio/opus", int64(48000)
	if c.pcmu {
		mime, rate = "audio/PCMU", 8000
	}
	encode, done := c.voice(mime)
	defer done()
	s := newStream(nil, mediaPayload, 2000+uint32(c.luma), rate)
	c.set(s, c.sound, c.link)
	s.red = c.red
	w, err := c.sink.AddTrack(s.info(ingest.TrackInfo{Participant: c.who, MimeType: mime}))
	if err != nil {
		c.t.Error(err)
		return
	}
	s.w = w
	defer func() { _ = w.Close() }() // never fails
	defer s.flying.Wait()
	began, samples := s.start.Sub(c.epoch), int(rate/50)
	pcm := make([]int16, samples)
	// Of a fast clock 20 ms are over sooner.
	wall := func(d time.Duration) time.Duration { return d - d*time.Duration(c.ppm)/1_000_000 }
	pace(ctx, wall(20*time.Millisecond), func(n int) error {
		at := time.Duration(n) * 20 * time.Millisecond
		dark := ask(s.script.dark, at)
		for i := range pcm {
			heard := began + wall(time.Duration(n*samples+i)*time.Second/time.Duration(rate))
			pcm[i] = 0
			if c.beeping(heard) && !dark {
				pcm[i] = int16(9000 * math.Sin(2*math.Pi*c.hertz*heard.Seconds()))
			}
		}
		packet, err := encode(pcm)
		if err != nil {
			c.t.Error(err)
			return err
		}
		quiet := c.mutedAudio.Load() || ask(c.sound.quiet, at)
		if !quiet {
			if err := s.send(packet, at, n == 0); err != nil {
				return err
			}
		}
		return c.report(s, at, quiet)
	})
}

// voice returns what codes 20 ms of sound.
func (c *caller) voice(mime string) (encode func(pcm []int16) ([]byte, error), done func()) {
	if mime == "audio/opus" {
		enc, err := codec.NewOpusEncoder(1, 32000, false)
		if err != nil {
			c.t.Fatal(err)
		}
		return enc.Encode, func() {}
	}
	enc, err := codec.NewWaveEncoder(mime, 160)
	if err != nil {
		c.t.Fatal(err)
	}
	return enc.Encode, enc.Close
}
