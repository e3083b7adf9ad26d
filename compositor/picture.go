package compositor

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"slices"
)

// ErrPicture is returned for a picture that is empty, is not 4:2:0, or whose
// planes are shorter than its size and strides say.
var ErrPicture = errors.New("compositor: not a 4:2:0 picture")

// chromaLen is the number of chroma samples along n luma samples.
func chromaLen(n int) int { return (n + 1) / 2 }

// check reports whether the planes hold as much as the rectangle says.
func check(p *image.YCbCr) error {
	if p.SubsampleRatio != image.YCbCrSubsampleRatio420 || p.Rect.Empty() {
		return fmt.Errorf("%w: %v, %v", ErrPicture, p.SubsampleRatio, p.Rect)
	}
	w, h := p.Rect.Dx(), p.Rect.Dy()
	cw, ch := chromaLen(w+p.Rect.Min.X&1), chromaLen(h+p.Rect.Min.Y&1)
	luma, chroma := (h-1)*p.YStride+w, (ch-1)*p.CStride+cw
	if p.YStride < w || p.CStride < cw ||
		len(p.Y) < luma || len(p.Cb) < chroma || len(p.Cr) < chroma {
		return fmt.Errorf("%w: planes too short for %v", ErrPicture, p.Rect)
	}
	return nil
}

// source checks a picture from outside and returns it moved to the origin. An
// odd first or last row or column, which shares its chroma, is left out unless
// it is the only one. The planes are shared.
func source(p *image.YCbCr) (image.YCbCr, error) {
	if err := check(p); err != nil {
		return image.YCbCr{}, err
	}
	left, width := evenSpan(p.Rect.Min.X, p.Rect.Dx())
	top, height := evenSpan(p.Rect.Min.Y, p.Rect.Dy())
	q := *p
	y, c := top*p.YStride+left, top*p.CStride+left
	q.Y, q.Cb, q.Cr = p.Y[y:], p.Cb[c:], p.Cr[c:]
	q.Rect = image.Rect(0, 0, width, height)
	return q, nil
}

// evenSpan returns how many samples to skip and to keep so that a span of n
// samples starting at from begins and ends on a chroma sample. Skipping one luma
// sample of an odd start skips exactly one chroma sample.
func evenSpan(from, n int) (skip, keep int) {
	if n == 1 {
		return 0, 1
	}
	skip = from & 1
	if n == 2 && skip == 1 {
		return 1, 1
	}
	return skip, evenDown(n - skip)
}

// view returns the part r of a picture at the origin, moved to the origin. The
// corners of r are even, except that the last may be the picture's.
func view(p *image.YCbCr, r image.Rectangle) image.YCbCr {
	q := *p
	y := r.Min.Y*p.YStride + r.Min.X
	c := r.Min.Y/2*p.CStride + r.Min.X/2
	q.Y, q.Cb, q.Cr = p.Y[y:], p.Cb[c:], p.Cr[c:]
	q.Rect = image.Rectangle{Max: r.Size()}
	return q
}

// resize makes p a picture of another size, with any content.
func resize(p *image.YCbCr, size image.Point) {
	p.Rect = image.Rectangle{Max: size}
	p.SubsampleRatio = image.YCbCrSubsampleRatio420
	p.YStride, p.CStride = size.X, chromaLen(size.X)
	luma, chroma := size.X*size.Y, p.CStride*chromaLen(size.Y)
	p.Y = slices.Grow(p.Y[:0], luma)[:luma]
	p.Cb = slices.Grow(p.Cb[:0], chroma)[:chroma]
	p.Cr = slices.Grow(p.Cr[:0], chroma)[:chroma]
}

// copyPicture copies src to dst, which has the same size.
func copyPicture(dst, src *image.YCbCr) {
	w, h := src.Rect.Dx(), src.Rect.Dy()
	for y := range h {
		copy(dst.Y[y*dst.YStride:][:w], src.Y[y*src.YStride:])
	}
	w, h = chromaLen(w), chromaLen(h)
	for y := range h {
		copy(dst.Cb[y*dst.CStride:][:w], src.Cb[y*src.CStride:])
		copy(dst.Cr[y*dst.CStride:][:w], src.Cr[y*src.CStride:])
	}
}

// FillRect fills the part of r that lies in dst. Where an edge of r is odd, the
// chroma samples that it cuts are filled too. dst is 4:2:0.
func FillRect(dst *image.YCbCr, r image.Rectangle, c color.YCbCr) {
	r = r.Intersect(dst.Rect)
	if r.Empty() {
		return
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		fill(dst.Y[dst.YOffset(r.Min.X, y):][:r.Dx()], c.Y)
	}
	for y := r.Min.Y; y < r.Max.Y; y += 2 - y&1 {
		from, to := dst.COffset(r.Min.X, y), dst.COffset(r.Max.X-1, y)+1
		fill(dst.Cb[from:to], c.Cb)
		fill(dst.Cr[from:to], c.Cr)
	}
}

func fill(row []uint8, v uint8) {
	for i := range row {
		row[i] = v
	}
}
