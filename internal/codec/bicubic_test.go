package codec_test

import (
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/cpu"

	"github.com/callreel/callreel/internal/codec"
)

// TestScaleIsBicubic compares pictures of noise, in which every weight shows, with
// what a bicubic filter makes of them in exact arithmetic. Weights of 6 bits are good
// for 36 dB below the noise; a weight in the wrong place comes to ten levels.
func TestScaleIsBicubic(t *testing.T) {
	for _, sizes := range [][2]image.Point{
		{{640, 360}, {960, 540}},   // 2x2 tiles
		{{640, 360}, {1920, 1080}}, // one
		{{320, 180}, {384, 216}},   // 5x5
		{{320, 180}, {274, 154}},   // 7x7
		{{641, 359}, {350, 333}},
		{{64, 8}, {34, 30}}, // hardly more than the vector code needs
	} {
		t.Run(fmt.Sprint(sizes[0], sizes[1]), func(t *testing.T) {
			if sizes[0].Y < 16 && !cpu.X86.HasAVX2 {
				t.Skip("no vector code here, and libswscale is off where chroma has four rows")
			}
			src, dst := noise(sizes[0]), image.NewYCbCr(image.Rectangle{Max: sizes[1]}, image.YCbCrSubsampleRatio420)
			var s codec.Scaler
			defer s.Close()
			if err := s.Scale(dst, src); err != nil {
				t.Fatal(err)
			}
			half := func(p image.Point) image.Point { return p.Add(image.Pt(1, 1)).Div(2) }
			checkBicubic(t, "Y", dst.Y, sizes[1], src.Y, sizes[0])
			checkBicubic(t, "Cb", dst.Cb, half(sizes[1]), src.Cb, half(sizes[0]))
			checkBicubic(t, "Cr", dst.Cr, half(sizes[1]), src.Cr, half(sizes[0]))
		})
	}
}

func checkBicubic(t *testing.T, name string, got []uint8, gs image.Point, src []uint8, ss image.Point) {
	t.Helper()
	want := bicubic(src, ss, gs)
	var sum, worst float64
	for i, v := range got {
		d := math.Abs(float64(v) - want[i])
		sum, worst = sum+d*d, max(worst, d)
	}
	rms := math.Sqrt(sum / float64(len(got)))
	t.Logf("%s: rms %.2f, worst %.1f", name, rms, worst)
	if rms > 1.2 || worst > 12 {
		t.Errorf("%s is off by %.2f levels (rms), %.1f at worst", name, rms, worst)
	}
}

// bicubic scales a plane, columns first.
func bicubic(src []uint8, ss, ds image.Point) []float64 {
	at := make([]float64, len(src))
	for i, v := range src {
		at[i] = float64(v)
	}
	wide := make([]float64, ds.X*ss.Y)
	for y := range ss.Y {
		resize(wide[y*ds.X:], 1, ds.X, at[y*ss.X:], 1, ss.X)
	}
	out := make([]float64, ds.X*ds.Y)
	for x := range ds.X {
		resize(out[x:], ds.X, ds.Y, wide[x:], ds.X, ss.Y)
	}
	for i, v := range out {
		out[i] = min(max(0, v), 255)
	}
	return out
}

func resize(dst []float64, dstStep, to int, src []float64, srcStep, from int) {
	ratio := float64(from) / float64(to)
	stretch := max(1, ratio)
	for i := range to {
		centre := (float64(i)+0.5)*ratio - 0.5
		var sum, weights float64
		for k := int(centre - 2*stretch - 1); k <= int(centre+2*stretch+1); k++ {
			w := keys(math.Abs(float64(k)-centre) / stretch)
			sum += w * src[min(max(0, k), from-1)*srcStep]
			weights += w
		}
		dst[i*dstStep] = sum / weights
	}
}

// keys is the cubic of Keys (1981) with a = -0.6.
func keys(x float64) float64 {
	const a = -0.6
	if x < 1 {
		return (a+2)*x*x*x - (a+3)*x*x + 1
	}
	if x < 2 {
		return a*x*x*x - 5*a*x*x + 8*a*x - 4*a
	}
	return 0
}

func noise(size image.Point) *image.YCbCr {
	r := rand.New(rand.NewPCG(1, 2))
	p := image.NewYCbCr(image.Rectangle{Max: size}, image.YCbCrSubsampleRatio420)
	for _, plane := range [][]uint8{p.Y, p.Cb, p.Cr} {
		for i := range plane {
			plane[i] = uint8(16 + r.IntN(220))
		}
	}
	return p
}
