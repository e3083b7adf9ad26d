package callreel_test

import (
	"image"
	"math"
	"testing"
	"time"
)

// What changes in mid-call, each person something else.
const (
	recoded  = 120 * oddEvery // since the epoch: VP8 gives way to H.264, Opus to PCMU
	recoded2 = 210 * oddEvery // and H.264 to VP9
	slow     = 9 * oddEvery   // until a new track sends pictures
)

// sizes are those that a sender goes through.
func sizes() []image.Point {
	return []image.Point{{320, 180}, {640, 360}, {427, 241}, {176, 144}}
}

// TestChangesInMidCall replaces tracks by ones of other codecs, and changes the
// size of pictures. There is no hole in a tile, and everything stays in sync.
func TestChangesInMidCall(t *testing.T) {
	t.Parallel()
	formats := []format{h264(), vp9()}
	p := throw(t, 4, 22*time.Second, func(i int, c *caller) {
		switch i {
		case 1:
			second := c.successor(recoded)
			third := second.successor(recoded2 - recoded)
			second.format, third.format = &formats[0], &formats[1]
			second.noAudio, third.noAudio = true, true
			second.sight.quiet = during(0, slow)
			third.sight.quiet = second.sight.quiet
		case 2:
			second := c.successor(recoded)
			second.pcmu, second.noVideo = true, true
		case 3:
			c.resize = func(at time.Duration) image.Point { return sizes()[min(at/(5*time.Second), 3)] }
		}
	})
	for i, name := range []string{"clean", "codec of pictures", "codec of sound", "size"} {
		t.Run(name, func(t *testing.T) {
			q := p.of(t)
			first, second := recoded-settle, recoded2-settle
			switch i {
			case 1:
				q.synced(i, 0, window{time.Second, first}, window{first + slow, second}, window{second + slow, q.length})
			case 2:
				q.synced(i, 0, window{time.Second, first}, window{first + 500*time.Millisecond, q.length})
			default:
				q.synced(i, 0, window{time.Second, q.length})
			}
			q.undisturbed(i, window{})
			q.whole(i)
			for track := range q.res.Report.Tracks() {
				if track.DecodeErrors > 0 || track.Received().Lost > 0 || track.Pictures != nil && track.Pictures.Frozen.Count > 0 {
					t.Errorf("%+v", track)
				}
			}
		})
	}
	t.Run("sizes in the report", func(t *testing.T) {
		used := make(map[image.Point]time.Duration)
		for _, u := range p.of(t).track(3, "video").Pictures.Used {
			used[image.Pt(u.Width, u.Height)] = u.Duration
		}
		for k, want := range []time.Duration{5*time.Second - settle, 5 * time.Second, 5 * time.Second, p.length + settle - 15*time.Second} {
			if got := used[sizes()[k]]; !about(got, want) {
				t.Errorf("%v for %v, want %v", sizes()[k], got, want)
			}
		}
	})
}

// whole checks that a caller's picture is there all the time: its own grey, or white.
func (p *party) whole(i int) {
	p.t.Helper()
	tile := grid(len(p.callers))[i]
	own := (float64(p.callers[i].luma) - 16) * 255 / 219
	for n := 1; n < len(p.frames); n++ { // the first picture comes when the recording has begun
		if g := p.grey(n, tile); math.Abs(g-own) > 5 && g < 245 {
			p.t.Errorf("frame %d is %.0f, neither %.0f nor white", n, g, own)
		}
	}
}
