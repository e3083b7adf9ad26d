// Package scalertest checks that a [compositor.Scaler] keeps its contract and
// scales like [compositor.AreaScaler]. It is for the tests of scalers.
package scalertest

import (
	"bytes"
	"fmt"
	"image"
	"testing"

	"github.com/callreel/callreel/compositor"
)

// How far a scaler may be from AreaScaler on a smooth picture: filters differ,
// but a shift by half a pixel or a wrong range shows.
const (
	maxMean  = 1.5
	maxWorst = 8
)

// marker is in the samples around dst, which nobody may touch.
const marker = 0x5a

// Run tests a scaler. It makes one for each pair of sizes.
func Run(t *testing.T, newScaler func() compositor.Scaler) {
	t.Helper()
	t.Run("turned", func(t *testing.T) { testTurned(t, newScaler()) })
	for _, from := range []image.Point{{1280, 720}, {640, 360}, {321, 183}, {180, 320}, {1, 1}, {2, 90}} {
		for _, to := range []image.Point{{640, 360}, {480, 270}, {384, 216}, {426, 238}, {160, 90}, {98, 54}, {2, 2}} {
			t.Run(fmt.Sprintf("%dx%d to %dx%d", from.X, from.Y, to.X, to.Y), func(t *testing.T) {
				s := newScaler()
				testPlace(t, s, from, to)
				testLike(t, s, from, to)
				testEdge(t, s, from, to)
			})
		}
	}
}

// testPlace checks that a flat picture stays flat, and that only dst is written.
func testPlace(t *testing.T, s compositor.Scaler, from, to image.Point) {
	t.Helper()
	src, canvas := newPicture(from), newPicture(to.Add(image.Pt(38, 6)))
	for _, p := range [][]uint8{canvas.Y, canvas.Cb, canvas.Cr} {
		fill(p, marker)
	}
	fill(src.Y, 200)
	fill(src.Cb, 60)
	fill(src.Cr, 180)
	luma := image.Rectangle{Max: to}.Add(image.Pt(6, 2))
	chroma := image.Rect(luma.Min.X/2, luma.Min.Y/2, luma.Max.X/2, luma.Max.Y/2)
	scale(t, s, part(canvas, luma), src)
	checkFlat(t, canvas.Y, canvas.YStride, luma, 200)
	checkFlat(t, canvas.Cb, canvas.CStride, chroma, 60)
	checkFlat(t, canvas.Cr, canvas.CStride, chroma, 180)
}

// checkFlat checks that a plane has a value inside of r, give or take 1 for
// rounding, and the marker everywhere else.
func checkFlat(t *testing.T, plane []uint8, stride int, r image.Rectangle, value int) {
	t.Helper()
	for i, v := range plane {
		at := image.Pt(i%stride, i/stride)
		if at.In(r) && abs(int(v)-value) > 1 {
			t.Fatalf("sample %v is %d, want %d; dst is %v", at, v, value, r)
		}
		if !at.In(r) && v != marker {
			t.Fatalf("sample %v was written; dst is %v", at, r)
		}
	}
}

// testLike compares with AreaScaler, and checks that the source is left alone.
func testLike(t *testing.T, s compositor.Scaler, from, to image.Point) {
	t.Helper()
	if from.X == 2 {
		return // an edge, which is what filters differ in
	}
	src, got, want := smooth(from), newPicture(to), newPicture(to)
	luma := bytes.Clone(src.Y)
	scale(t, s, got, src)
	if !bytes.Equal(src.Y, luma) {
		t.Error("the source was changed")
	}
	scale(t, &compositor.AreaScaler{}, want, src)
	for i, planes := range [][2][]uint8{{got.Y, want.Y}, {got.Cb, want.Cb}, {got.Cr, want.Cr}} {
		if mean, worst := difference(planes[0], planes[1]); mean > maxMean || worst > maxWorst {
			t.Errorf("plane %d differs by %.2f in the mean and %d at worst", i, mean, worst)
		}
	}
}

func scale(t *testing.T, s compositor.Scaler, dst, src *image.YCbCr) {
	t.Helper()
	if err := s.Scale(dst, src); err != nil {
		t.Fatal(err)
	}
}

func newPicture(size image.Point) *image.YCbCr {
	return image.NewYCbCr(image.Rectangle{Max: size}, image.YCbCrSubsampleRatio420)
}

// smooth returns a picture that rises to the right and falls to the bottom.
func smooth(size image.Point) *image.YCbCr {
	p := newPicture(size)
	for y := range size.Y {
		for x := range size.X {
			p.Y[p.YOffset(x, y)] = uint8(100 + 100*x/size.X - 60*y/size.Y)
			i := p.COffset(x, y)
			p.Cb[i] = uint8(60 + 120*x/size.X)
			p.Cr[i] = uint8(60 + 120*y/size.Y)
		}
	}
	return p
}

// part returns the part r of a picture, moved to the origin.
func part(p *image.YCbCr, r image.Rectangle) *image.YCbCr {
	q := p.SubImage(r).(*image.YCbCr)
	q.Rect = image.Rectangle{Max: r.Size()}
	return q
}

func difference(a, b []uint8) (mean float64, worst int) {
	sum := 0
	for i, v := range a {
		d := abs(int(v) - int(b[i]))
		sum, worst = sum+d, max(worst, d)
	}
	return float64(sum) / float64(len(a)), worst
}

func fill(p []uint8, v uint8) {
	for i := range p {
		p[i] = v
	}
}

func abs(v int) int { return max(v, -v) }
