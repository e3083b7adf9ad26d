package e2e

import (
	"fmt"
	"image"
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

// pattern is a film in which damage shows: smooth clouds move so fast that what is
// left of an earlier picture is wrong almost everywhere, under a strip that tells the
// number of the picture.
type pattern struct{ clouds *image.YCbCr }

const (
	patternCell  = 20 // pixels, of the strip
	stripHeight  = 24
	patternBits  = 12 // of the number; as many check it
	patternSpeed = 16 // pixels/picture to the left, and half of it upwards
)

func patternSize() image.Point { return image.Pt(2*patternBits*patternCell, 270) }

func newPattern() pattern {
	p := pattern{image.NewYCbCr(image.Rectangle{Max: patternSize()}, image.YCbCrSubsampleRatio420)}
	rng := rand.New(rand.NewPCG(1, 2))
	size := patternSize()
	clouds(p.clouds.Y, size, 30, rng)
	clouds(p.clouds.Cb, size.Div(2), 15, rng)
	clouds(p.clouds.Cr, size.Div(2), 15, rng)
	return p
}

// clouds fills a plane with bright and dark values in turn each so many pixels, which
// change smoothly between. The plane can be repeated in both directions.
func clouds(plane []byte, size image.Point, each int, rng *rand.Rand) {
	columns, rows := size.X/each, size.Y/each
	heights := make([]int, columns*rows)
	for i := range heights {
		heights[i] = 50 + rng.IntN(50) + (i%columns+i/columns)%2*100
	}
	at := func(x, y int) int { return heights[y%rows*columns+x%columns] }
	for y := range size.Y {
		for x := range size.X {
			i, j, u, v := x/each, y/each, x%each, y%each
			above := at(i, j)*(each-u) + at(i+1, j)*u
			below := at(i, j+1)*(each-u) + at(i+1, j+1)*u
			plane[y*size.X+x] = byte((above*(each-v) + below*v) / (each * each))
		}
	}
}

func (p pattern) draw(img *image.YCbCr, n int) {
	size, d := patternSize(), image.Pt(n*patternSpeed, n*patternSpeed/2)
	scroll(img.Y, p.clouds.Y, size, d)
	scroll(img.Cb, p.clouds.Cb, size.Div(2), d.Div(2))
	scroll(img.Cr, p.clouds.Cr, size.Div(2), d.Div(2))
	code := patternCode(n)
	for y := range stripHeight {
		row := img.Y[y*img.YStride:][:size.X]
		for x := range row {
			row[x] = 40 + 180*byte(code>>(x/patternCell)&1)
		}
	}
	gray := size.X / 2 * stripHeight / 2
	fill(img.Cb[:gray], 128)
	fill(img.Cr[:gray], 128)
}

// scroll copies a plane moved to the left and upwards, and around.
func scroll(dst, src []byte, size, by image.Point) {
	dx := by.X % size.X
	for y := range size.Y {
		from, to := src[(y+by.Y)%size.Y*size.X:][:size.X], dst[y*size.X:]
		copy(to[copy(to, from[dx:]):], from[:dx])
	}
}

func patternCode(n int) uint32 {
	check := bits.Reverse32(uint32(n+1)*0x9e3779b1) & (1<<patternBits - 1)
	return uint32(n) | check<<patternBits
}

// number reads the strip of a picture that was scaled up to the whole of img. It
// reports false if that is not certain.
func (p pattern) number(img *image.YCbCr) (int, bool) {
	var code uint32
	for i := range 2 * patternBits {
		cell := image.Rect(i*patternCell, 0, (i+1)*patternCell, stripHeight).Inset(patternCell / 4)
		switch luma := p.shown(img, cell); {
		case luma > 160:
			code |= 1 << i
		case luma > 100:
			return 0, false
		}
	}
	n := int(code & (1<<patternBits - 1))
	return n, patternCode(n) == code
}

// damaged is the deviation of a picture from which on it is not a whole one. What low
// bit rates do to the clouds is below 5.
const damaged = 16

// deviation returns by how much the mean luma of a 10x10 block is off at most, and of
// which, in a picture that shows number n scaled up to the whole of img. Names are
// written at the bottom, which is left out.
func (p pattern) deviation(img, want *image.YCbCr, n int) (worst float64, where image.Rectangle) {
	const side, bottom = 10, 60
	p.draw(want, n)
	for y := stripHeight; y+side <= patternSize().Y-bottom; y += side {
		for x := 0; x < patternSize().X; x += side {
			block := image.Rect(x, y, x+side, y+side)
			if off := math.Abs(p.shown(img, block) - mean(want, block)); off > worst {
				worst, where = off, block
			}
		}
	}
	return worst, where
}

// shown returns the mean luma of a block of a picture that is scaled up to the whole of img.
func (p pattern) shown(img *image.YCbCr, block image.Rectangle) float64 {
	scale := img.Bounds().Dx() / patternSize().X
	return mean(img, image.Rectangle{Min: block.Min.Mul(scale), Max: block.Max.Mul(scale)})
}

// history tells what a block has in an img that shows number n, in that picture, and
// in those before it: damage has what was there before, coarse coding what is around.
func (p pattern) history(img *image.YCbCr, n int, block image.Rectangle) string {
	picture := newPicture()
	text := fmt.Sprintf("%v has %.0f, picture %d", block, p.shown(img, block), n)
	for k := n; k >= max(0, n-8); k-- {
		p.draw(picture, k)
		text += fmt.Sprintf(" %.0f", mean(picture, block))
	}
	return text
}

// Two of three blocks show that are left of the picture before, and so does a strip in which a
// single cell is.
func TestPattern(t *testing.T) {
	p := newPattern()
	before, now, want := newPicture(), newPicture(), newPicture()
	p.draw(before, 41)
	p.draw(now, 42)
	off := func() float64 {
		worst, _ := p.deviation(now, want, 42)
		return worst
	}
	if n, ok := p.number(now); n != 42 || !ok || off() != 0 {
		t.Errorf("picture %d, %v, is %v off", n, ok, off())
	}
	blocks, seen := 0, 0
	for y := 32; y < 208; y += 16 {
		for x := 0; x < patternSize().X; x += 16 {
			paste(now, before, image.Rect(x, y, x+16, y+16))
			if off() > damaged {
				seen++
			}
			blocks++
			p.draw(now, 42)
		}
	}
	if 3*seen < 2*blocks {
		t.Errorf("%d of %d old blocks show", seen, blocks)
	}
	paste(now, before, image.Rect(0, 0, patternCell, stripHeight)) // the lowest bit
	if n, ok := p.number(now); ok {
		t.Errorf("a damaged strip says %d", n)
	}
}

func newPicture() *image.YCbCr {
	return image.NewYCbCr(image.Rectangle{Max: patternSize()}, image.YCbCrSubsampleRatio420)
}

// paste copies the luma of a part of a picture.
func paste(dst, src *image.YCbCr, part image.Rectangle) {
	for y := part.Min.Y; y < part.Max.Y; y++ {
		i := src.YOffset(part.Min.X, y)
		copy(dst.Y[i:i+part.Dx()], src.Y[i:])
	}
}
