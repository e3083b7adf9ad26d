package e2e

import (
	"image"
	"slices"
	"testing"
	"time"

	"github.com/callreel/callreel/internal/simulate"
)

// All that a frame shows and that is heard with it happened at the same time,
// whatever codec it came by.
func TestCodecs(t *testing.T) {
	s := serve(t)
	codecs := []string{"vp8", "vp9", "h264", "av1"}
	for i, codec := range codecs {
		cfg := camera(i, codec)
		cfg.FPS = 30
		s.join("room", cfg)
	}
	s.await("room", 2*len(codecs))
	r := s.start("room")
	pass(t, 11*time.Second)
	m := r.stop()
	m.lasts(r)
	c := newChart(m, len(codecs))
	for i, codec := range codecs {
		t.Run(codec, func(t *testing.T) { c.check(t, i) })
	}
	for n, frame := range c.frames {
		if len(frame) != len(codecs) && n >= settled {
			t.Errorf("frame %d shows %v", n, frame)
		}
		if d := apart(frame); d > 150*time.Millisecond {
			t.Errorf("frame %d shows pictures of up to %v apart: %v", n, d, frame)
		}
	}
	for _, track := range r.tracks() {
		if track.Received().Lost > 0 {
			t.Errorf("%+v", track)
		}
	}
}

// settled is the first frame that must show everybody who was there at the start:
// those before may wait for a key frame.
const settled = frameRate

// chart is when what a recording shows was drawn, by frame and participant.
type chart struct {
	m       *movie
	frames  []map[int]time.Duration
	flashes []map[int]bool
}

// newChart reads a recording in which there are always n participants.
func newChart(m *movie, n int) chart {
	c := chart{m: m}
	tiles := grid(n)
	for _, img := range m.frames() {
		c.frames = append(c.frames, read(img, n))
		c.flashes = append(c.flashes, flashing(img, tiles))
	}
	return c
}

func flashing(img *image.YCbCr, tiles []image.Rectangle) map[int]bool {
	lit := make(map[int]bool)
	for _, tile := range tiles {
		if s, ok := simulate.ReadStrip(img, tile); ok {
			lit[s.Index] = simulate.ReadFlash(img, tile)
		}
	}
	return lit
}

// apart returns how far the times of a frame's pictures are apart.
func apart(frame map[int]time.Duration) time.Duration {
	var all []time.Duration
	for _, at := range frame {
		all = append(all, at)
	}
	if len(all) == 0 {
		return 0
	}
	return slices.Max(all) - slices.Min(all)
}

// check checks that a participant's time advances with the recording's, and that
// it is seen and heard at the same time.
func (c chart) check(t *testing.T, index int) {
	t.Helper()
	var ages []time.Duration
	last := time.Duration(-1)
	for n, frame := range c.frames {
		at, ok := frame[index]
		if !ok {
			continue
		}
		if at < last {
			t.Errorf("frame %d: time goes back from %v to %v", n, last, at)
		}
		last = at
		if n < settled {
			continue
		}
		age := c.m.wall(n).Sub(epoch()) - at
		if age < -50*time.Millisecond || age > 250*time.Millisecond {
			t.Errorf("frame %d shows what was %v before", n, age)
		}
		ages = append(ages, age)
	}
	if len(ages) < len(c.frames)-settled {
		t.Errorf("seen in %d of %d frames", len(ages), len(c.frames))
	}
	c.checkSync(t, index)
}

// checkSync compares what is seen with what is heard. A beep begins at a whole
// second, and a picture says to a millisecond when it was drawn; so that all
// frames together tell more than the few with a flash in them do.
func (c chart) checkSync(t *testing.T, index int) {
	t.Helper()
	beeps := c.m.pcm.beeps(simulate.ToneOf(index))
	if want := int(c.m.length() / time.Second); len(beeps) < want-1 || len(beeps) > want+1 {
		t.Errorf("%d beeps in %v: %v", len(beeps), c.m.length(), beeps)
	}
	begin := c.begin(index)
	var sum time.Duration
	for _, beep := range beeps {
		late := begin + beep - (begin + beep).Round(time.Second) // of the sound against the pictures
		if late.Abs() > frameTime {
			t.Errorf("the beep at %v is %v late", beep, late)
		}
		sum += late
		c.checkFlash(t, index, int(beep/frameTime))
	}
	mean := sum / time.Duration(max(len(beeps), 1))
	if mean.Abs() > 40*time.Millisecond {
		t.Errorf("%d beeps are %v late", len(beeps), mean)
	}
	t.Logf("%d beeps, %v late", len(beeps), mean)
}

// begin returns when the recording began by a participant's pictures, on average.
// The newest picture is, on average, half as old as the time between pictures.
func (c chart) begin(index int) time.Duration {
	const age = time.Second / 30 / 2
	var sum time.Duration
	count := 0
	for n, frame := range c.frames {
		if at, ok := frame[index]; ok && n >= settled {
			sum += at + age - time.Duration(n)*frameTime
			count++
		}
	}
	return sum / time.Duration(max(count, 1))
}

// checkFlash checks that the flash of a second is in one of the frames around its
// beep, if the grid of frames meets it: it is shorter than a frame lasts.
func (c chart) checkFlash(t *testing.T, index, n int) {
	t.Helper()
	met, lit := false, false
	for _, near := range []int{n, n + 1} {
		if near >= len(c.frames) {
			return
		}
		at, seen := c.frames[near][index] // the first frames may wait for a key frame
		met = met || seen && at%time.Second < simulate.FlashTime-20*time.Millisecond
		lit = lit || c.flashes[near][index]
	}
	if met && !lit {
		t.Errorf("no flash around frame %d", n)
	}
}

// lasts checks how long a recording is against the clock.
func (m *movie) lasts(r *recording) {
	m.t.Helper()
	if d := m.length(); d < r.least-frameTime || d > r.most+frameTime {
		m.t.Errorf("%v long, but %v to %v were recorded", d, r.least, r.most)
	} else {
		m.t.Logf("%v long, %v to %v were recorded", d, r.least, r.most)
	}
}
