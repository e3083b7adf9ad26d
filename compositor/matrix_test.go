package compositor

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"testing"
)

// slowConvert takes one colour to BT.601 in limited range by way of RGB.
func slowConvert(y, cb, cr, kr, kb float64, full bool) [3]float64 {
	l, b, r := (y-16)/219, (cb-128)/224, (cr-128)/224
	if full {
		l, b, r = y/255, (cb-128)/255, (cr-128)/255
	}
	red, blue := l+2*(1-kr)*r, l+2*(1-kb)*b
	green := (l - kr*red - kb*blue) / (1 - kr - kb)
	l = 0.299*red + 0.587*green + 0.114*blue
	clip := func(v float64) float64 { return min(max(0, v), 255) }
	return [3]float64{clip(16 + 219*l), clip(128 + 224*(blue-l)/1.772), clip(128 + 224*(red-l)/1.402)}
}

func TestConvert(t *testing.T) {
	for _, test := range []struct {
		matrix uint8
		kr, kb float64
	}{
		{0, 0.299, 0.114},
		{1, 0.2126, 0.0722},
		{2, 0.299, 0.114},
		{4, 0.30, 0.11},
		{5, 0.299, 0.114},
		{6, 0.299, 0.114},
		{7, 0.212, 0.087},
		{9, 0.2627, 0.0593},
		{255, 0.299, 0.114},
	} {
		for _, full := range []bool{false, true} {
			t.Run(fmt.Sprint(test.matrix, full), func(t *testing.T) {
				testConvert(t, Colour{test.matrix, full}, test.kr, test.kb)
			})
		}
	}
}

// testConvert converts blocks of two by two pixels, of four luma values each.
func testConvert(t *testing.T, from Colour, kr, kb float64) {
	t.Helper()
	const step, n = 15, 18 // 0 to 255
	p := newPicture(2*n, 2*n)
	for luma := 0; luma < 256; luma += 3 {
		for y := range n {
			for x := range n {
				p.Cb[y*p.CStride+x], p.Cr[y*p.CStride+x] = uint8(x*step), uint8(y*step)
			}
		}
		at := func(x, y int) int { return (luma + 5*(x&1) + 11*(y&1)) & 255 }
		for y := range 2 * n {
			for x := range 2 * n {
				p.Y[y*p.YStride+x] = uint8(at(x, y))
			}
		}
		convert(p, from)
		for y := range 2 * n {
			for x := range 2 * n {
				want := slowConvert(float64(at(x, y)), float64(x/2*step), float64(y/2*step), kr, kb, from.FullRange)
				c := p.YCbCrAt(x, y)
				for i, got := range [...]uint8{c.Y, c.Cb, c.Cr} {
					if math.Abs(float64(got)-want[i]) > 0.52 {
						t.Fatalf("Y %d, Cb %d, Cr %d: %v, want %.2f", at(x, y), x/2*step, y/2*step, c, want)
					}
				}
			}
		}
	}
}

// Each picture is converted once, whichever way it is drawn.
func TestComposeConverts(t *testing.T) {
	red := color.YCbCr{Y: 63, Cb: 102, Cr: 240} // of BT.709
	want := color.YCbCr{Y: 81, Cb: 90, Cr: 240}
	for _, test := range []struct {
		name     string
		size     image.Point
		rotation int
	}{
		{"copied", image.Pt(320, 180), 0},
		{"scaled", image.Pt(641, 361), 0},
		{"turned", image.Pt(180, 320), 90},
		{"scaled and turned", image.Pt(271, 481), 270},
	} {
		p := newPicture(test.size.X, test.size.Y)
		FillRect(p, p.Rect, red)
		tile := Tile{Picture: p, Colour: Colour{Matrix: 1}, Rotation: test.rotation}
		c := newCompositor(t, Config{Width: 320, Height: 180})
		for tile.Version = range 2 {
			canvas, _ := compose(t, c, []Tile{tile})
			flat := newPicture(320, 180)
			FillRect(flat, flat.Rect, want)
			if d := worstDifference(canvas, flat); d > 1 {
				t.Errorf("%s: %v, want %v", test.name, canvas.YCbCrAt(0, 0), want)
			}
		}
	}
}

func BenchmarkConvert(b *testing.B) {
	p := gradient(640, 360, 1)
	b.SetBytes(640 * 360)
	for b.Loop() {
		convert(p, Colour{Matrix: 1})
	}
}
