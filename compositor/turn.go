package compositor

import (
	"fmt"
	"image"
)

// quarters is how many quarter turns clockwise a picture is drawn, 0 to 3.
type quarters int

// quarterTurns returns those of an angle. The error is [ErrPicture].
func quarterTurns(degrees int) (quarters, error) {
	switch degrees {
	case 0, 90, 180, 270:
		return quarters(degrees / 90), nil
	}
	return 0, fmt.Errorf("%w: turned by %d degrees", ErrPicture, degrees)
}

// size returns a size as it is after the turn, which is also what it was before.
func (q quarters) size(size image.Point) image.Point {
	if q%2 == 1 {
		return image.Pt(size.Y, size.X)
	}
	return size
}

// turn draws src turned into all of dst. Chroma in the middle of its pixels
// stays there, so each plane is turned on its own.
func turn(dst, src *image.YCbCr, q quarters) {
	size := dst.Rect.Size()
	turnPlane(plane{dst.Y, dst.YStride}, plane{src.Y, src.YStride}, size, q)
	size = image.Pt(chromaLen(size.X), chromaLen(size.Y))
	turnPlane(plane{dst.Cb, dst.CStride}, plane{src.Cb, src.CStride}, size, q)
	turnPlane(plane{dst.Cr, dst.CStride}, plane{src.Cr, src.CStride}, size, q)
}

// turnPlane goes through dst, of the given size, row by row, and through src from
// the corner that comes to lie at the top left.
func turnPlane(dst, src plane, size image.Point, q quarters) {
	var start, right, down int // in src: the first sample, and the steps to the next
	switch q {
	case 0:
		right, down = 1, src.stride
	case 1:
		start, right, down = (size.X-1)*src.stride, -src.stride, 1
	case 2:
		start, right, down = (size.Y-1)*src.stride+size.X-1, -1, -src.stride
	case 3:
		start, right, down = size.Y-1, src.stride, -1
	}
	for y := range size.Y {
		from := start + y*down
		for x := range dst.row(y)[:size.X] {
			dst.pix[y*dst.stride+x] = src.pix[from+x*right]
		}
	}
}
