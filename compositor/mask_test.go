package compositor

import (
	"bytes"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"testing"
)

func TestLimitedRange(t *testing.T) {
	for _, test := range []struct {
		in   color.Color
		want color.YCbCr
	}{
		{color.Black, black()},
		{color.White, white()},
		{color.Gray{128}, color.YCbCr{Y: 126, Cb: 128, Cr: 128}},
		{color.NRGBA{255, 0, 0, 255}, color.YCbCr{Y: 81, Cb: 90, Cr: 240}},
		{color.NRGBA{0, 255, 0, 255}, color.YCbCr{Y: 145, Cb: 54, Cr: 34}},
		{color.NRGBA{0, 0, 255, 255}, color.YCbCr{Y: 41, Cb: 240, Cr: 110}},
	} {
		if got := LimitedRange(test.in); got != test.want {
			t.Errorf("LimitedRange(%v) = %v, want %v", test.in, got, test.want)
		}
	}
}

// slowBlend is blend by definition: each chroma sample sees the mean of the mask
// over those of its pixels that the picture has.
func slowBlend(dst *image.YCbCr, at image.Point, mask *image.Alpha, c color.YCbCr) {
	alpha := func(x, y int) float64 {
		return float64(mask.AlphaAt(x-at.X+mask.Rect.Min.X, y-at.Y+mask.Rect.Min.Y).A) / 255
	}
	over := func(p *uint8, v uint8, a float64) {
		*p = uint8(math.Floor(float64(*p)*(1-a) + float64(v)*a + 0.5))
	}
	for y := 0; y < dst.Rect.Max.Y; y++ {
		for x := 0; x < dst.Rect.Max.X; x++ {
			over(&dst.Y[dst.YOffset(x, y)], c.Y, alpha(x, y))
			if x%2 == 0 && y%2 == 0 {
				sum, n := 0.0, 0.0
				for _, p := range []image.Point{{x, y}, {x + 1, y}, {x, y + 1}, {x + 1, y + 1}} {
					if p.In(dst.Rect) {
						sum, n = sum+alpha(p.X, p.Y), n+1
					}
				}
				over(&dst.Cb[dst.COffset(x, y)], c.Cb, sum/n)
				over(&dst.Cr[dst.COffset(x, y)], c.Cr, sum/n)
			}
		}
	}
}

func TestStencil(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	c := LimitedRange(color.NRGBA{200, 40, 90, 255})
	for range 300 {
		got := noise(r, 1+r.IntN(20), 1+r.IntN(20))
		want := newPicture(got.Rect.Dx(), got.Rect.Dy())
		copyPicture(want, got)
		mask := image.NewAlpha(image.Rect(0, 0, r.IntN(16), r.IntN(16)).Add(image.Pt(r.IntN(5)-2, 3)))
		for i := range mask.Pix {
			mask.Pix[i] = uint8(r.Uint32()) & uint8(-int(r.Uint32()&1))
		}
		at := image.Pt(r.IntN(30)-10, r.IntN(30)-10)
		s := newStencil(layer{mask, at, c}, got.Rect)
		s.draw(got)
		slowBlend(want, at, mask, c)
		checkClose(t, got.Y, want.Y)
		checkClose(t, got.Cb, want.Cb)
		checkClose(t, got.Cr, want.Cr)
	}
}

func checkClose(t *testing.T, got, want []uint8) {
	t.Helper()
	for i, v := range got {
		if d := int(v) - int(want[i]); d < -1 || d > 1 {
			t.Fatalf("sample %d is %d, want %d", i, v, want[i])
		}
	}
}

func TestFillRect(t *testing.T) {
	c := color.YCbCr{Y: 200, Cb: 50, Cr: 60}
	for _, r := range []image.Rectangle{
		image.Rect(2, 4, 8, 10), image.Rect(3, 5, 8, 8), image.Rect(-5, -5, 3, 3),
		image.Rect(5, 5, 100, 100), image.Rect(4, 4, 4, 9), image.Rect(50, 50, 60, 60), image.Rect(7, 7, 8, 8),
	} {
		p := newPicture(13, 11)
		FillRect(p, r, c)
		for y := range 11 {
			for x := range 13 {
				if got := p.Y[p.YOffset(x, y)] == c.Y; got != image.Pt(x, y).In(r) {
					t.Errorf("%v: luma at %d,%d: %v", r, x, y, got)
				}
				x, y := x&^1, y&^1
				touched := image.Rect(x, y, x+2, y+2).Intersect(p.Rect).Overlaps(r)
				i := p.COffset(x, y)
				if got := p.Cb[i] == c.Cb && p.Cr[i] == c.Cr; got != touched {
					t.Errorf("%v: chroma at %d,%d: %v", r, x, y, got)
				}
			}
		}
	}
}

func TestDim(t *testing.T) {
	p := newPicture(8, 8)
	FillRect(p, p.Rect, color.YCbCr{Y: 235, Cb: 240, Cr: 16})
	dim(p, image.Rect(2, 2, 6, 6))
	inside, outside := p.YCbCrAt(3, 3), p.YCbCrAt(7, 7)
	if want := (color.YCbCr{Y: 106, Cb: 174, Cr: 82}); inside != want {
		t.Errorf("dimmed to %v, want %v", inside, want)
	}
	if want := (color.YCbCr{Y: 235, Cb: 240, Cr: 16}); outside != want {
		t.Errorf("outside is %v", outside)
	}
}

func TestRoundedMask(t *testing.T) {
	for _, d := range []int{2, 8, 32, 100} {
		disc := roundedMask(d, d, d/2, 255)
		sum := 0.0
		for _, v := range disc.Pix {
			sum += float64(v) / 255
		}
		if want := math.Pi * float64(d*d) / 4; math.Abs(sum-want) > 0.01*want+0.1 {
			t.Errorf("disc of %d has area %.1f, want %.1f", d, sum, want)
		}
	}
	plate := roundedMask(20, 10, 3, 150)
	if plate.AlphaAt(0, 0).A > 50 || plate.AlphaAt(10, 0).A != 150 || plate.AlphaAt(19, 5).A != 150 {
		t.Error("plate is not round at the corners only")
	}
}

// Eight samples at a time get what one at a time gets, whatever the mask.
func TestMixingRowsIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		v, n := uint8(rng.Uint32()), rng.IntN(40)
		row, alpha, want := make([]uint8, n+3), make([]uint8, n), make([]uint8, n+3)
		a := uint8(rng.Uint32())
		for i := range alpha {
			if rng.IntN(12) == 0 {
				a = []uint8{0, 255, uint8(rng.Uint32())}[rng.IntN(3)]
			}
			alpha[i] = a
		}
		for i := range row {
			row[i] = uint8(rng.Uint32())
		}
		copy(want, row)
		for i, a := range alpha {
			want[i] = mix(want[i], v, uint32(a))
		}
		if mixRow(row, v, alpha); !bytes.Equal(row, want) {
			t.Fatalf("%v, not %v, for %d by %v", row, want, v, alpha)
		}
	}
	eight := make([]uint8, 8)
	for i := range 5 << 16 {
		d, a, v := uint8(i), uint8(i>>8), []uint8{0, 16, 128, 235, 255}[i>>16]
		eight[0], eight[7] = d, ^d
		if mixEight(eight, v, a); eight[0] != mix(d, v, uint32(a)) || eight[7] != mix(^d, v, uint32(a)) {
			t.Fatalf("%d and %d of %d over %d: %d, %d", a, v, d, ^d, eight[0], eight[7])
		}
	}
}
