package compositor

import (
	"image"
	"testing"
)

func TestCover(t *testing.T) {
	for _, test := range []struct {
		picture, tile image.Point
		want          image.Rectangle
	}{
		{image.Pt(640, 360), image.Pt(640, 360), image.Rect(0, 0, 640, 360)},
		{image.Pt(1280, 720), image.Pt(384, 216), image.Rect(0, 0, 1280, 720)},
		{image.Pt(640, 480), image.Pt(640, 360), image.Rect(0, 60, 640, 420)},
		{image.Pt(360, 640), image.Pt(640, 360), image.Rect(0, 218, 360, 420)},
		{image.Pt(1000, 100), image.Pt(640, 360), image.Rect(410, 0, 588, 100)},
		{image.Pt(1, 1), image.Pt(640, 360), image.Rect(0, 0, 1, 1)},
		{image.Pt(1, 8192), image.Pt(640, 360), image.Rect(0, 4094, 1, 4096)},
		{image.Pt(8192, 1), image.Pt(640, 360), image.Rect(4094, 0, 4096, 1)},
	} {
		if got := cover(test.picture, test.tile); got != test.want {
			t.Errorf("cover(%v, %v) = %v, want %v", test.picture, test.tile, got, test.want)
		}
	}
}

func TestContain(t *testing.T) {
	tile := image.Rect(100, 200, 740, 560)
	for _, test := range []struct {
		picture image.Point
		want    image.Rectangle
	}{
		{image.Pt(1920, 1080), tile},
		{image.Pt(640, 480), image.Rect(180, 200, 660, 560)},
		{image.Pt(1000, 100), image.Rect(100, 348, 740, 412)},
		{image.Pt(1, 1), image.Rect(240, 200, 600, 560)},
		{image.Pt(1, 8192), image.Rect(418, 200, 420, 560)},
		{image.Pt(8192, 1), image.Rect(100, 378, 740, 380)},
	} {
		if got := contain(test.picture, tile); got != test.want {
			t.Errorf("contain(%v) = %v, want %v", test.picture, got, test.want)
		}
	}
}
