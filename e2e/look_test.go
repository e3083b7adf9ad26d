package e2e

import (
	"image"
	"math"
	"math/cmplx"
	"time"

	"github.com/callreel/callreel/internal/simulate"
)

// grid returns the tiles of n participants: rows of 16:9 tiles, the last row and
// all rows together in the middle of the canvas.
func grid(n int) []image.Rectangle {
	columns := int(math.Ceil(math.Sqrt(float64(n)))) // as many rows fit
	size := image.Pt(canvas.Dx()/columns, canvas.Dy()/columns)
	rows := (n + columns - 1) / columns
	var tiles []image.Rectangle
	for i := range n {
		inRow := min(columns, n-i/columns*columns)
		at := image.Pt((canvas.Dx()-inRow*size.X)/2+i%columns*size.X, (canvas.Dy()-rows*size.Y)/2+i/columns*size.Y)
		tiles = append(tiles, image.Rectangle{Min: at, Max: at.Add(size)})
	}
	return tiles
}

// mean returns the mean luma of a part of a picture.
func mean(img *image.YCbCr, r image.Rectangle) float64 {
	sum := 0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for _, v := range img.Y[img.YOffset(r.Min.X, y):][:r.Dx()] {
			sum += int(v)
		}
	}
	return float64(sum) / float64(r.Dx()*r.Dy())
}

// spread returns how much the luma differs within a part of a picture: its
// standard deviation.
func spread(img *image.YCbCr, r image.Rectangle) float64 {
	m, sum := mean(img, r), 0.0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for _, v := range img.Y[img.YOffset(r.Min.X, y):][:r.Dx()] {
			sum += (float64(v) - m) * (float64(v) - m)
		}
	}
	return math.Sqrt(sum / float64(r.Dx()*r.Dy()))
}

// moving counts in how many frames from one on the picture in a tile differs from
// that before: more than 1 pixel in 1000 by more than compression does.
func (m *movie) moving(tile image.Rectangle, from, to int) (moved, of int) {
	before := image.NewYCbCr(canvas, image.YCbCrSubsampleRatio420)
	for n, img := range m.frames() {
		if n > from && n < to {
			of++
			if changed(before, img, tile)*1000 > tile.Dx()*tile.Dy() {
				moved++
			}
		}
		copy(before.Y, img.Y)
	}
	return moved, of
}

func changed(a, b *image.YCbCr, r image.Rectangle) (pixels int) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		from, to := a.YOffset(r.Min.X, y), a.YOffset(r.Max.X, y)
		for i := from; i < to; i++ {
			if d := int(a.Y[i]) - int(b.Y[i]); d > 24 || d < -24 {
				pixels++
			}
		}
	}
	return pixels
}

// read returns who is in the tiles of a frame with n of them, by index, and when
// each picture was drawn.
func read(img *image.YCbCr, n int) map[int]time.Duration {
	who := make(map[int]time.Duration)
	for _, tile := range grid(n) {
		if s, ok := simulate.ReadStrip(img, tile); ok {
			who[s.Index] = s.Time
		}
	}
	return who
}

// samples are sound at 16 kHz; full scale is 1.
type samples []float64

func (s samples) length() time.Duration { return time.Duration(len(s)) * time.Second / sampleRate }

// level returns the amplitude of a tone of that frequency.
func (s samples) level(hertz int) float64 {
	amount, _ := s.correlate(1, rotation(hertz))
	return 2 * cmplx.Abs(amount) / float64(len(s))
}

// rotation is what a tone turns by from one sample to the next. To multiply by it is
// much cheaper than to take sines.
func rotation(hertz int) complex128 { return cmplx.Rect(1, 2*math.Pi*float64(hertz)/sampleRate) }

// correlate returns how much of a tone is in samples, as the sum of products with
// it, and where the tone is after them.
func (s samples) correlate(at, turn complex128) (sum, next complex128) {
	for _, v := range s {
		sum += complex(v*real(at), v*imag(at))
		at *= turn
	}
	return sum, at
}

// beeps returns when the beeps of a frequency begin, to a millisecond or two.
// Windows of 50 ms tell frequencies apart that differ by 60 Hz.
func (s samples) beeps(hertz int) []time.Duration {
	const step, window = sampleRate / 1000, sampleRate / 20
	parts := make([]complex128, len(s)/step)
	at, by := complex(1, 0), rotation(hertz)
	for i := range parts {
		parts[i], at = s[i*step:][:step].correlate(at, by)
	}
	var out []time.Duration
	on := false
	for i := 0; i+window <= len(parts)*step; i += step {
		var sum complex128
		for _, part := range parts[i/step:][:window/step] {
			sum += part
		}
		switch l := 2 * cmplx.Abs(sum) / window; {
		case !on && l > beepLevel/2: // half of the window is in the beep
			on = true
			out = append(out, time.Duration(i+window/2)*time.Second/sampleRate)
		case on && l < beepLevel/4:
			on = false
		}
	}
	return out
}

// beepLevel is the amplitude of a simulated participant's beep.
const beepLevel = 0.2

// loudness returns the root mean square of the samples between two times.
func (s samples) loudness(from, to time.Duration) float64 {
	a, b := int(from*sampleRate/time.Second), min(int(to*sampleRate/time.Second), len(s))
	sum := 0.0
	for _, v := range s[a:b] {
		sum += v * v
	}
	return math.Sqrt(sum / float64(b-a))
}
