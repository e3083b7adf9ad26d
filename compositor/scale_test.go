package compositor

import (
	"errors"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"testing"
)

// slowSample computes one sample of a scaled plane from the definition: each
// source sample is a unit square, weighted by a function of each axis.
func slowSample(src plane, from, to, at image.Point) float64 {
	sum := 0.0
	for y := range from.Y {
		wy := slowWeight(y, from.Y, to.Y, at.Y)
		for x := 0; wy > 0 && x < from.X; x++ {
			sum += wy * slowWeight(x, from.X, to.X, at.X) * float64(src.row(y)[x])
		}
	}
	return sum
}

// slowWeight is how much source sample k counts in sample i.
func slowWeight(k, from, to, i int) float64 {
	scale := float64(from) / float64(to)
	if from >= to {
		left, right := float64(i)*scale, float64(i+1)*scale
		return max(0, min(float64(k+1), right)-max(float64(k), left)) / scale
	}
	centre := min(max(0, (float64(i)+0.5)*scale-0.5), float64(from-1))
	return max(0, 1-math.Abs(float64(k)-centre))
}

func checkPlane(t *testing.T, name string, dst, src plane, from, to image.Point) {
	t.Helper()
	for y := range to.Y {
		for x := range to.X {
			want := slowSample(src, from, to, image.Pt(x, y))
			if got := float64(dst.row(y)[x]); math.Abs(got-want) > 0.52 {
				t.Fatalf("%s at %d,%d: %v, want %.3f", name, x, y, got, want)
			}
		}
	}
}

func TestAreaScaler(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var s AreaScaler
	sizes := []image.Point{{1, 1}, {2, 2}, {3, 5}, {16, 9}, {31, 17}, {64, 36}, {7, 90}, {101, 3}}
	for _, from := range sizes {
		for _, to := range sizes {
			src, dst := noise(r, from.X, from.Y), noise(r, to.X+8, to.Y)
			part := view(dst, image.Rectangle{Max: to})
			if err := s.Scale(&part, src); err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("%v to %v", from, to)
			checkPlane(t, name, plane{dst.Y, dst.YStride}, plane{src.Y, src.YStride}, from, to)
			from := image.Pt(chromaLen(from.X), chromaLen(from.Y))
			to := image.Pt(chromaLen(to.X), chromaLen(to.Y))
			checkPlane(t, name, plane{dst.Cb, dst.CStride}, plane{src.Cb, src.CStride}, from, to)
			checkPlane(t, name, plane{dst.Cr, dst.CStride}, plane{src.Cr, src.CStride}, from, to)
		}
	}
}

// A flat picture stays flat to the bit, whatever the sizes: weights sum to one.
func TestAreaScalerFlat(t *testing.T) {
	var s AreaScaler
	for _, from := range []int{1, 2, 3, 7, 100, 641, 8192} {
		for _, to := range []int{1, 2, 5, 64, 270, 1920} {
			src, dst := newPicture(from, 4), newPicture(to, 4)
			fill(src.Y, 255)
			if err := s.Scale(dst, src); err != nil {
				t.Fatal(err)
			}
			for x, v := range dst.Y[:to] {
				if v != 255 {
					t.Fatalf("%d to %d: sample %d is %d", from, to, x, v)
				}
			}
		}
	}
}

func TestAreaScalerStaysInside(t *testing.T) {
	canvas := newPicture(64, 64)
	part := view(canvas, image.Rect(16, 16, 48, 32))
	src := newPicture(100, 100)
	fill(src.Y, 200)
	if err := (&AreaScaler{}).Scale(&part, src); err != nil {
		t.Fatal(err)
	}
	for y := range 64 {
		for x := range 64 {
			inside := image.Pt(x, y).In(image.Rect(16, 16, 48, 32))
			if got := canvas.Y[y*64+x]; (got == 200) != inside {
				t.Fatalf("%d,%d is %d", x, y, got)
			}
		}
	}
}

func TestAreaScalerRefuses(t *testing.T) {
	good := newPicture(8, 8)
	cut := *good
	cut.Cr = cut.Cr[:3]
	for name, p := range map[string]*image.YCbCr{
		"4:4:4": image.NewYCbCr(good.Rect, image.YCbCrSubsampleRatio444),
		"empty": newPicture(0, 8),
		"cut":   &cut,
	} {
		var s AreaScaler
		if err := s.Scale(p, good); !errors.Is(err, ErrPicture) {
			t.Errorf("to %s: %v", name, err)
		}
		if err := s.Scale(good, p); !errors.Is(err, ErrPicture) {
			t.Errorf("from %s: %v", name, err)
		}
	}
}

func BenchmarkAreaScaler(b *testing.B) {
	for _, test := range []struct{ from, to image.Point }{
		{image.Pt(1280, 720), image.Pt(640, 360)},
		{image.Pt(640, 360), image.Pt(384, 216)},
		{image.Pt(640, 360), image.Pt(1920, 1080)},
	} {
		b.Run(fmt.Sprintf("%dto%d", test.from.X, test.to.X), func(b *testing.B) {
			var s AreaScaler
			src, dst := gradient(test.from.X, test.from.Y, 0), newPicture(test.to.X, test.to.Y)
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Scale(dst, src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
