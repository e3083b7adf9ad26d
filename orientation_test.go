package callreel_test

import (
	"image"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// quadrants paints a picture with another grey in each quarter: top left, top
// right, bottom left, bottom right.
func quadrants(img *image.YCbCr, _ time.Duration) {
	size := img.Rect.Size()
	for y := range size.Y {
		for x := range size.X {
			k := 2*(2*y/size.Y) + 2*x/size.X
			img.Y[y*img.YStride+x] = quarterLuma(k)
		}
	}
}

func quarterLuma(k int) uint8 { return uint8(60 + 40*k) }

// TestOrientationInMidCall turns a phone. By 3GPP TS 26.114 section 7.4.5, table
// 7.2, the two lowest bits of the extension count quarter turns that the receiver
// makes clockwise; the bit for the camera's direction changes nothing.
func TestOrientationInMidCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ann := person(r.conversation("room"), 1, time.Now())
		ann.noAudio, ann.paint = true, quadrants
		ann.sight.turns = func(at time.Duration) byte { return byte(at/(3*time.Second))&3 | 8 }
		leave := r.join(ann)
		time.Sleep(settle)
		rec := r.start(smallConfig("room"))
		time.Sleep(12 * time.Second)
		res := r.stop(rec)
		leave()
		m := decode(t, r.file(res.Chunks[0]), small)
		for turns, want := range [][4]int{
			{0, 1, 2, 3},
			{2, 0, 3, 1}, // what was at the bottom left is at the top left
			{3, 2, 1, 0},
			{1, 3, 0, 2},
		} {
			n := 8*3*turns + 4 // 0.5 s into the recording, and 1 s before the next turn
			for k, from := range want {
				centre := image.Pt(small.X/2-60+120*(k%2), small.Y/2-60+120*(k/2))
				got := m.grey(n, image.Rectangle{Min: centre, Max: centre})
				if luma := (float64(quarterLuma(from)) - 16) * 255 / 219; math.Abs(got-luma) > 5 {
					t.Errorf("turned %d times, quarter %d is %.0f, want %.0f", turns, k, got, luma)
				}
			}
		}
		for _, u := range track(t, res.Report, ann.who.ID, "video").Pictures.Used {
			if !about(u.Duration, 3*time.Second) { // each way up; the first one in two parts
				t.Errorf("used %+v", u)
			}
		}
	})
}
