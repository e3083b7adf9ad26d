package e2e

import (
	"image"
	"math"
	"testing"
	"time"
)

// clap is a flash and a beep that begin at the same time, again and again. Their
// interval takes them through 15 phases of the recording's grid of frames, and both
// states of the picture last for two frames of it.
const (
	clapFPS      = 30
	clapInterval = 19                     // pictures
	clapFlash    = 9                      // pictures
	clapTone     = 1000                   // Hz
	clapTime     = fakeRate / 10          // samples
	clapLevel    = 0.4                    // of full scale
	clapApart    = 300 * time.Millisecond // at most, what belongs together
)

func claps(length time.Duration) fakeMedia {
	return fakeMedia{
		size: image.Pt(192, 108), fps: clapFPS, length: length,
		draw: func(img *image.YCbCr, frame int) {
			luma := byte(40)
			if frame%clapInterval < clapFlash {
				luma = 220
			}
			fill(img.Y, luma)
		},
		sound: func(pcm []float64) {
			for i := range pcm {
				if n := i % (clapInterval * fakeRate / clapFPS); n < clapTime {
					pcm[i] = clapLevel * math.Sin(2*math.Pi*clapTone*float64(n)/fakeRate)
				}
			}
		},
	}
}

// clap is when a flash and its beep were.
type clap struct{ flash, beep time.Time }

func (c clap) offset() time.Duration { return c.flash.Sub(c.beep) }

// pair finds the claps of which both was seen and heard.
func pair(flashes, beeps []time.Time) []clap {
	var out []clap
	for _, flash := range flashes {
		if beep, ok := near(flash, beeps); ok {
			out = append(out, clap{flash, beep})
		}
	}
	return out
}

func near(t time.Time, all []time.Time) (time.Time, bool) {
	for _, at := range all {
		if at.Sub(t).Abs() < clapApart {
			return at, true
		}
	}
	return time.Time{}, false
}

// edges finds where pictures turn bright.
type edges struct {
	at     []time.Time
	bright bool
	begun  bool
}

func (e *edges) add(at time.Time, img *image.YCbCr) {
	b := img.Bounds()
	bright := mean(img, b.Inset(b.Dy()/4)) > 128
	if bright && !e.bright && e.begun {
		e.at = append(e.at, at)
	}
	e.bright, e.begun = bright, true
}

// claps finds those of a recording, by the server's clock.
func (m *movie) claps() []clap {
	var e edges
	for n, img := range m.frames() {
		e.add(m.wall(n), img)
	}
	var beeps []time.Time
	for _, at := range m.pcm.beeps(clapTone) {
		beeps = append(beeps, m.when(at))
	}
	return pair(e.at, beeps)
}

// claps finds those that were sent, by the sender's clock.
func (w *witness) claps() []clap {
	var e edges
	for at, img := range w.pictures() {
		e.add(at, img)
	}
	begin, pcm := w.sound()
	var beeps []time.Time
	for _, at := range pcm.beeps(clapTone) {
		beeps = append(beeps, begin.Add(at))
	}
	return pair(e.at, beeps)
}

// A recording of Chromium has sound and pictures as far apart as Chromium sent
// them, as another receiver sees it by RTP timestamps and sender reports, and has
// so after a pause.
//
// Frame n shows the newest picture that was captured up to n/8 s. So a flash is in
// the file up to one frame later than it was captured, and half a frame on average
// over all phases; how often the camera takes pictures does not matter, as both
// receivers are sent the same ones.
func TestLipSync(t *testing.T) {
	ann := browser(t, claps(time.Minute).flags(t)...)
	s := serve(t)
	ann.join(s, "room", "name=Ann&participant=ann&codec=vp8")
	w := ann.witness()
	s.await("room", 2)
	w.awaitReports()
	r := s.start("room")
	pass(t, 10*time.Second)
	r.pause()
	pass(t, 1300*time.Millisecond)
	r.resume()
	pass(t, 10*time.Second)
	m := r.stop()
	ann.hangUp()
	w.close()
	m.lasts(r)

	sent, filed := w.claps(), m.claps()
	t.Logf("%d claps sent, %d in the file", len(sent), len(filed))
	before, after := compareClaps(t, m, sent, filed)
	before.check(t, "before the pause")
	after.check(t, "after the pause")
	append(before, after...).check(t, "in all")
	for _, p := range r.report().Participants {
		t.Logf("the report: %v by %s", p.AVOffset, p.AVBasis)
	}
}

// comparison is how far flashes and beeps are apart in the file, beyond what they
// were when sent, clap by clap, with the half frame taken out.
type comparison []time.Duration

// compareClaps compares claps that were recorded well before and after a pause.
func compareClaps(t *testing.T, m *movie, sent, filed []clap) (before, after comparison) {
	t.Helper()
	const margin = time.Second
	begin, end := m.pauses[0].StartTime, m.pauses[0].StartTime.Add(m.pauses[0].length())
	for _, c := range filed {
		original, ok := find(c, sent)
		if !ok {
			t.Errorf("nothing was sent that looks like %v", c)
			continue
		}
		late := c.offset() - original.offset() - frameTime/2
		switch at := c.flash; {
		case at.After(m.began.Add(margin)) && at.Before(begin.Add(-margin)):
			before = append(before, late)
		case at.After(end.Add(margin)):
			after = append(after, late)
		}
	}
	return before, after
}

// find returns what was sent of a clap in the file. Both clocks are this machine's.
func find(filed clap, sent []clap) (clap, bool) {
	for _, c := range sent {
		if c.beep.Sub(filed.beep).Abs() < clapApart {
			return c, true
		}
	}
	return clap{}, false
}

func (c comparison) check(t *testing.T, when string) {
	t.Helper()
	const least, tolerance = 8, 40 * time.Millisecond
	if len(c) < least {
		t.Fatalf("%d claps can be compared %s", len(c), when)
	}
	var sum time.Duration
	for _, late := range c {
		if late.Abs() > frameTime/2+tolerance {
			t.Errorf("a flash is %v later in the file than it was sent, against its beep", late)
		}
		sum += late
	}
	mean := sum / time.Duration(len(c))
	if mean.Abs() > tolerance {
		t.Errorf("flashes are %v later in the file than they were sent, against beeps", mean)
	}
	t.Logf("%s: %d claps, flashes %v later than sent", when, len(c), mean)
}
