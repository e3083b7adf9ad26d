package scalertest

import (
	"fmt"
	"image"
	"image/color"
	"testing"

	"github.com/callreel/callreel/compositor"
)

// maxShift is how far an edge may be from its place, in pixels of the result.
const maxShift = 0.25

// testEdge scales a picture that changes in its middle, and checks that luma and
// chroma still do. Chroma is in the middle of the pixels that share it, so the
// middle of its planes is that of the picture.
func testEdge(t *testing.T, s compositor.Scaler, from, to image.Point) {
	t.Helper()
	if from.X%4 != 0 || from.Y%4 != 0 || to.X < 4 || to.Y < 4 {
		return // no such middle, or no two sides of it
	}
	src, dst := newPicture(from), newPicture(to)
	for y := range from.Y {
		for x := range from.X {
			v := uint8(50)
			if x < from.X/2 {
				v += 75
			}
			if y < from.Y/2 {
				v += 75
			}
			i := src.COffset(x, y)
			src.Y[src.YOffset(x, y)], src.Cb[i], src.Cr[i] = v, v, v
		}
	}
	scale(t, s, dst, src)
	half := to.Div(2)
	checkEdge(t, "Y", dst.Y[:dst.YStride*to.Y], to, to)
	checkEdge(t, "Cb", dst.Cb[:dst.CStride*half.Y], half, to)
	checkEdge(t, "Cr", dst.Cr[:dst.CStride*half.Y], half, to)
}

// checkEdge measures where the first row and the first column of a plane change.
func checkEdge(t *testing.T, name string, plane []uint8, size, picture image.Point) {
	t.Helper()
	row, column := plane[:size.X], make([]uint8, size.Y)
	for i := range column {
		column[i] = plane[i*size.X]
	}
	dx := (crossing(row)/float64(size.X) - 0.5) * float64(picture.X)
	dy := (crossing(column)/float64(size.Y) - 0.5) * float64(picture.Y)
	if max(dx, -dx, dy, -dy) > maxShift {
		t.Errorf("%s is shifted by %.2f, %.2f pixels", name, dx, dy)
	}
}

// crossing returns where a line falls through the mean of its ends, in samples.
func crossing(line []uint8) float64 {
	mean := (float64(line[0]) + float64(line[len(line)-1])) / 2
	for i, v := range line[1:] {
		if before, after := float64(line[i]), float64(v); after < mean {
			return float64(i) + 0.5 + (before-mean)/(before-after)
		}
	}
	return 0
}

// testTurned lets a compositor draw a picture with a colour in each corner, and
// checks where the corners come to lie.
func testTurned(t *testing.T, s compositor.Scaler) {
	t.Helper()
	c, err := compositor.New(compositor.Config{Width: 320, Height: 180, Scaler: s})
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []image.Point{{640, 360}, {427, 241}, {180, 320}, {63, 113}} {
		src := cornered(size)
		for _, rotation := range []int{0, 90, 180, 270} {
			for _, fit := range []compositor.Fit{compositor.Fill, compositor.Contain} {
				name := fmt.Sprintf("%v, %d degrees, %v", size, rotation, fit)
				canvas, _, err := c.Compose([]compositor.Tile{{Key: name, Picture: src, Rotation: rotation, Fit: fit}})
				if err != nil {
					t.Fatal(err)
				}
				checkCorners(t, name, canvas, shown(size, rotation, fit), rotation)
			}
		}
	}
}

// corners returns the colours of the corners, clockwise from the top left.
func corners() [4]color.YCbCr {
	return [4]color.YCbCr{
		{Y: 81, Cb: 90, Cr: 240},
		{Y: 145, Cb: 54, Cr: 34},
		{Y: 41, Cb: 240, Cr: 110},
		{Y: 210, Cb: 16, Cr: 146},
	}
}

// cornered returns a picture of four quarters, each of a corner's colour.
func cornered(size image.Point) *image.YCbCr {
	p := newPicture(size)
	mid := size.Div(4).Mul(2)
	for i, r := range [4]image.Rectangle{
		{Max: mid},
		image.Rect(mid.X, 0, size.X, mid.Y),
		{Min: mid, Max: size},
		image.Rect(0, mid.Y, mid.X, size.Y),
	} {
		compositor.FillRect(p, r, corners()[i])
	}
	return p
}

// shown returns the part of a 320x180 canvas that shows the picture, without a few
// pixels that rounding may take from it.
func shown(size image.Point, rotation int, fit compositor.Fit) image.Rectangle {
	canvas := image.Rect(0, 0, 320, 180)
	if rotation%180 != 0 {
		size.X, size.Y = size.Y, size.X
	}
	if fit == compositor.Fill {
		return canvas
	}
	wide, high := 180*size.X/size.Y, 320*size.Y/size.X // at full height, at full width
	bars := image.Pt(max(0, 322-wide)/2, max(0, 182-high)/2)
	return image.Rectangle{Min: bars, Max: canvas.Max.Sub(bars)}
}

// checkCorners looks at the outermost pixels, where the rotation brings what was
// so many corners before.
func checkCorners(t *testing.T, name string, canvas *image.YCbCr, r image.Rectangle, rotation int) {
	t.Helper()
	for i, at := range [4]image.Point{
		r.Min,
		{r.Max.X - 1, r.Min.Y},
		r.Max.Sub(image.Pt(1, 1)),
		{r.Min.X, r.Max.Y - 1},
	} {
		want, got := corners()[(i+4-rotation/90)%4], canvas.YCbCrAt(at.X, at.Y)
		if max(abs(int(got.Y)-int(want.Y)), abs(int(got.Cb)-int(want.Cb)), abs(int(got.Cr)-int(want.Cr))) > 1 {
			t.Errorf("%s: corner %d is %v, want %v", name, i, got, want)
		}
	}
}
