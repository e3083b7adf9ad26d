package codec_test

import (
	"image"
	"math/rand/v2"
	"testing"

	"github.com/callreel/callreel/compositor"
	"github.com/callreel/callreel/compositor/scalertest"
	"github.com/callreel/callreel/internal/codec"
)

func TestScalerConforms(t *testing.T) {
	scalertest.Run(t, func() compositor.Scaler {
		s := new(codec.Scaler)
		t.Cleanup(s.Close)
		return s
	})
}

// To average areas is exact but for rounding, at each end of a row.
func TestAreasAreAveraged(t *testing.T) {
	for _, sizes := range [][2]image.Point{{{640, 360}, {480, 270}}, {{648, 360}, {486, 270}}, {{64, 8}, {48, 6}}, {{1288, 720}, {966, 540}}} {
		src := image.NewYCbCr(image.Rectangle{Max: sizes[0]}, image.YCbCrSubsampleRatio420)
		got := image.NewYCbCr(image.Rectangle{Max: sizes[1]}, image.YCbCrSubsampleRatio420)
		want := image.NewYCbCr(got.Rect, image.YCbCrSubsampleRatio420)
		for _, p := range [][]uint8{src.Y, src.Cb, src.Cr} {
			for i := range p {
				p[i] = uint8(rand.Uint32())
			}
		}
		s := new(codec.Scaler)
		if err := s.Scale(got, src); err != nil {
			t.Fatal(err)
		}
		s.Close()
		if err := new(compositor.AreaScaler).Scale(want, src); err != nil {
			t.Fatal(err)
		}
		for i, planes := range [][2][]uint8{{got.Y, want.Y}, {got.Cb, want.Cb}, {got.Cr, want.Cr}} {
			for at, v := range planes[0] {
				if d := int(v) - int(planes[1][at]); d < -1 || d > 1 {
					t.Fatalf("%v to %v, plane %d: sample %d is %d, want %d", sizes[0], sizes[1], i, at, v, planes[1][at])
				}
			}
		}
	}
}
