package compositor

import (
	"image"
	"image/color"
)

// layer is a mask of one colour, at a place in its tile.
type layer struct {
	mask  *image.Alpha
	at    image.Point
	color color.YCbCr
}

// drawLayers draws layers into the part r of dst, whose corners are even.
func drawLayers(dst *image.YCbCr, r image.Rectangle, layers ...layer) {
	tile := view(dst, r)
	for _, l := range layers {
		blend(&tile, l.at, l.mask, l.color)
	}
}

// blend lays a colour over dst where the mask, with its corner at a point of dst,
// lets it through. A chroma sample takes the mean of the mask over its pixels.
func blend(dst *image.YCbCr, at image.Point, mask *image.Alpha, c color.YCbCr) {
	move := at.Sub(mask.Rect.Min)
	r := mask.Rect.Add(move).Intersect(dst.Rect)
	if r.Empty() {
		return
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		alpha := mask.Pix[mask.PixOffset(r.Min.X-move.X, y-move.Y):]
		row := dst.Y[dst.YOffset(r.Min.X, y):][:r.Dx()]
		for x := range row {
			row[x] = mix(row[x], c.Y, uint32(alpha[x]))
		}
	}
	for y := evenDown(r.Min.Y); y < r.Max.Y; y += 2 {
		for x := evenDown(r.Min.X); x < r.Max.X; x += 2 {
			block := image.Rect(x, y, x+2, y+2)
			if a := meanAlpha(mask, block.Intersect(dst.Rect).Sub(move)); a > 0 {
				i := dst.COffset(max(x, r.Min.X), max(y, r.Min.Y))
				dst.Cb[i] = mix(dst.Cb[i], c.Cb, a)
				dst.Cr[i] = mix(dst.Cr[i], c.Cr, a)
			}
		}
	}
}

// meanAlpha returns the mean of a mask over r. Outside of the mask it is 0.
func meanAlpha(mask *image.Alpha, r image.Rectangle) uint32 {
	n := uint32(r.Dx() * r.Dy())
	r = r.Intersect(mask.Rect)
	sum := n / 2
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			sum += uint32(mask.Pix[mask.PixOffset(x, y)])
		}
	}
	return sum / n
}

// mix returns a of 255 parts of s and the rest of d.
func mix(d, s uint8, a uint32) uint8 {
	return uint8((uint32(d)*(255-a) + uint32(s)*a + 127) / 255)
}

// dimAlpha is how much of a dimmed picture is black, of 255.
const dimAlpha = 150

// dim darkens the part r of dst, whose corners are even.
func dim(dst *image.YCbCr, r image.Rectangle) {
	k := black()
	part := view(dst, r)
	w, h := r.Dx(), r.Dy()
	for y := range h {
		dimRow(part.Y[y*part.YStride:][:w], k.Y)
	}
	for y := range chromaLen(h) {
		dimRow(part.Cb[y*part.CStride:][:chromaLen(w)], k.Cb)
		dimRow(part.Cr[y*part.CStride:][:chromaLen(w)], k.Cr)
	}
}

func dimRow(row []uint8, to uint8) {
	for i, v := range row {
		row[i] = mix(v, to, dimAlpha)
	}
}

// The corners of rounded masks are sampled coverSamples times along each axis.
const coverSamples = 8

// roundedMask returns a w by h mask of one alpha with round corners. If the
// radius is half of both sides it is a disc.
func roundedMask(w, h, radius int, alpha uint8) *image.Alpha {
	mask := image.NewAlpha(image.Rect(0, 0, w, h))
	fill(mask.Pix, alpha)
	for y := range radius {
		for x := range radius {
			a := uint8(int(alpha) * cornerCover(radius-x, radius-y, radius) / (coverSamples * coverSamples))
			mask.Pix[y*mask.Stride+x] = a
			mask.Pix[y*mask.Stride+w-1-x] = a
			mask.Pix[(h-1-y)*mask.Stride+x] = a
			mask.Pix[(h-1-y)*mask.Stride+w-1-x] = a
		}
	}
	return mask
}

// cornerCover returns how many samples of a pixel lie in a circle around the
// origin. The pixel's corner that is farthest from the origin is (right, bottom).
func cornerCover(right, bottom, radius int) int {
	inside := right*right+bottom*bottom <= radius*radius
	left, top := right-1, bottom-1
	outside := left*left+top*top >= radius*radius
	if inside {
		return coverSamples * coverSamples
	}
	if outside {
		return 0
	}
	n := 0
	limit := 4 * coverSamples * coverSamples * radius * radius
	for sy := range coverSamples {
		for sx := range coverSamples {
			// Sample centres, in units of half a sample.
			x := 2*(left*coverSamples+sx) + 1
			y := 2*(top*coverSamples+sy) + 1
			if x*x+y*y <= limit {
				n++
			}
		}
	}
	return n
}
