package simulate_test

import (
	"math"
	"testing"
	"time"

	"github.com/callreel/callreel/internal/codec"
	"github.com/callreel/callreel/internal/simulate"
)

// TestSync decodes what arrives and holds it against the sender reports: strips
// tell the time that the reports do, and each second begins with flash and beep.
func TestSync(t *testing.T) {
	t.Parallel()
	c := newCall(t)
	epoch := time.Now().Add(-time.Hour)
	mimes := map[string]string{"vp8": "video/VP8", "vp9": "video/VP9", "h264": "video/H264", "av1": "video/AV1"}
	index := 0
	for video := range mimes {
		run(t, newParticipant(t, c, simulate.Config{
			ID: video, Index: index, Video: video, Audio: "opus", Width: 320, Height: 180, Epoch: epoch,
		}))
		index++
	}
	for video, mime := range mimes {
		c.wait(t, "media of "+video, func() bool {
			v, a := c.find(video, mime, ""), c.find(video, "audio/opus", "")
			return v != nil && a != nil && len(v.units) > 75 && len(a.units) > 125 && len(v.reports) > 1 && len(a.reports) > 1
		})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for video, mime := range mimes {
		t.Run(video, func(t *testing.T) {
			checkPictures(t, c.find(video, mime, ""), epoch)
			checkBeeps(t, c.find(video, "audio/opus", ""), epoch)
		})
	}
}

func checkPictures(t *testing.T, v *track, epoch time.Time) {
	t.Helper()
	flashes := 0
	var last time.Duration
	dec := v.decoder(t)
	for _, u := range v.units {
		if ok, err := dec.Decode(u.Data); !ok || err != nil {
			t.Fatalf("decode: %v, %v", ok, err)
		}
		p := dec.Picture()
		s, ok := simulate.ReadStrip(p, p.Rect)
		if !ok || s.Time <= last {
			t.Fatalf("strip %v, %v after %v", s, ok, last)
		}
		for _, r := range v.reports {
			if diff := v.since(epoch, u.RTP, r) - s.Time; diff < -time.Millisecond || diff > 2*time.Millisecond {
				t.Fatalf("strip of %v is %v off the report", s.Time, diff)
			}
		}
		lit := simulate.ReadFlash(p, p.Rect)
		if want := s.Time%time.Second < simulate.FlashTime; lit != want {
			t.Errorf("flash %v at %v", lit, s.Time)
		}
		if lit {
			flashes++
		}
		last = s.Time
	}
	if flashes < 6 { // three frames in each of two seconds
		t.Errorf("%d frames with a flash", flashes)
	}
}

// decoder returns one for the track.
func (t *track) decoder(tb testing.TB) *codec.VideoDecoder {
	tb.Helper()
	dec, err := codec.NewVideoDecoder(t.info.MimeType)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(dec.Close)
	return dec
}

// checkBeeps looks for the onsets of beeps.
func checkBeeps(t *testing.T, a *track, epoch time.Time) {
	t.Helper()
	dec, err := codec.NewOpusDecoder()
	if err != nil {
		t.Fatal(err)
	}
	const quiet = 800 // samples: 50 ms
	beeps, silence := 0, 0
	for i, u := range a.units {
		pcm, err := dec.Decode(u.Data)
		if err != nil {
			t.Fatal(err)
		}
		for j, v := range pcm {
			if math.Abs(float64(v)) < 0.05 {
				silence++
				continue
			}
			if silence > quiet && i > 0 {
				beeps++
				at := a.since(epoch, u.RTP+int64(3*j), a.reports[0])
				if off := at - at.Round(time.Second); off.Abs() > 3*time.Millisecond {
					t.Errorf("beep %v off the second", off)
				}
			}
			silence = 0
		}
	}
	if beeps < 2 {
		t.Errorf("%d beeps", beeps)
	}
}

// checkUnseen looks at the pictures of someone who muted the video when there
// had been n, half a second ago.
func checkUnseen(t *testing.T, v *track, n int, mode simulate.MuteMode) {
	t.Helper()
	dec := v.decoder(t)
	for _, u := range v.units {
		if _, err := dec.Decode(u.Data); err != nil {
			t.Fatal(err)
		}
	}
	p := dec.Picture()
	switch mode {
	case simulate.MuteSilence:
		if p.Y[0] > 20 || p.Y[p.YOffset(280, 60)] > 20 || p.Cb[0] != 128 {
			t.Errorf("not black: %d %d", p.Y[0], p.Cb[0])
		}
	case simulate.MuteStop:
		const underWay = 2
		if _, ok := simulate.ReadStrip(p, p.Rect); !ok || len(v.units) > n+underWay {
			t.Errorf("%d more pictures, the last has a strip: %v", len(v.units)-n, ok)
		}
	}
}
