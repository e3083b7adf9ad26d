package compositor

import (
	"encoding/binary"
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
	drawStencils(dst, r, stencils(layers, r.Size()))
}

// stencil is a layer that was cut to the size of a tile: how much of its colour goes
// over each sample. What does not depend on the picture is worked out once.
type stencil struct {
	luma, chroma *image.Alpha // in the samples of the tile's planes
	color        color.YCbCr
}

// stencils makes stencils for tiles of a size.
func stencils(layers []layer, tile image.Point) []stencil {
	made := make([]stencil, len(layers))
	for i, l := range layers {
		made[i] = newStencil(l, image.Rectangle{Max: tile})
	}
	return made
}

// newStencil cuts a layer to a picture's rectangle. A chroma sample takes the mean of
// the mask over those of its pixels that the picture has.
func newStencil(l layer, picture image.Rectangle) stencil {
	mask := *l.mask
	mask.Rect = mask.Rect.Add(l.at.Sub(mask.Rect.Min))
	luma := mask.SubImage(picture).(*image.Alpha)
	r := luma.Rect
	chroma := image.NewAlpha(image.Rect(r.Min.X>>1, r.Min.Y>>1, (r.Max.X+1)>>1, (r.Max.Y+1)>>1))
	for y := chroma.Rect.Min.Y; y < chroma.Rect.Max.Y; y++ {
		for x := chroma.Rect.Min.X; x < chroma.Rect.Max.X; x++ {
			block := image.Rect(2*x, 2*y, 2*x+2, 2*y+2)
			chroma.Pix[chroma.PixOffset(x, y)] = meanAlpha(luma, block.Intersect(picture))
		}
	}
	return stencil{luma, chroma, l.color}
}

// drawStencils draws into the part r of dst, whose corners are even.
func drawStencils(dst *image.YCbCr, r image.Rectangle, all []stencil) {
	tile := view(dst, r)
	for _, s := range all {
		s.draw(&tile)
	}
}

// draw lays the colour over a picture of the rectangle that the stencil was cut to.
func (s *stencil) draw(dst *image.YCbCr) {
	r := s.luma.Rect
	for y := r.Min.Y; y < r.Max.Y; y++ {
		mixRow(dst.Y[dst.YOffset(r.Min.X, y):], s.color.Y, s.luma.Pix[s.luma.PixOffset(r.Min.X, y):][:r.Dx()])
	}
	r = s.chroma.Rect
	for y := r.Min.Y; y < r.Max.Y; y++ {
		alpha := s.chroma.Pix[s.chroma.PixOffset(r.Min.X, y):][:r.Dx()]
		i := dst.COffset(max(2*r.Min.X, dst.Rect.Min.X), max(2*y, dst.Rect.Min.Y))
		mixRow(dst.Cb[i:], s.color.Cb, alpha)
		mixRow(dst.Cr[i:], s.color.Cr, alpha)
	}
}

// meanAlpha returns the mean of a mask over r. Outside of the mask it is 0.
func meanAlpha(mask *image.Alpha, r image.Rectangle) uint8 {
	n := r.Dx() * r.Dy()
	r = r.Intersect(mask.Rect)
	sum := n / 2
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			sum += int(mask.Pix[mask.PixOffset(x, y)])
		}
	}
	return uint8(sum / n)
}

// mixRow lays a value over the first samples of a row, as many as there are alphas.
func mixRow(row []uint8, v uint8, alpha []uint8) {
	row = row[:len(alpha)]
	for len(alpha) >= 8 {
		switch all := binary.LittleEndian.Uint64(alpha); all {
		case 0: // as around letters
		case all & 0xff * everyByte: // as in a plate; alpha[0] would keep all from being loaded at once
			mixEight(row, v, uint8(all))
		default:
			mixSome(row[:8], v, alpha)
		}
		row, alpha = row[8:], alpha[8:]
	}
	mixSome(row, v, alpha)
}

// mixSome does that sample by sample, for a whole row.
func mixSome(row []uint8, v uint8, alpha []uint8) {
	for x := range row {
		row[x] = mix(row[x], v, uint32(alpha[x]))
	}
}

const (
	everyByte = 0x0101010101010101
	evenBytes = 0x00ff00ff00ff00ff
)

// mixEight lays a value over eight samples with one alpha: four at a time, each in
// 16 bits.
func mixEight(row []uint8, v, alpha uint8) {
	over := (uint64(v)*uint64(alpha) + 128) * (everyByte & evenBytes)
	eight := binary.LittleEndian.Uint64(row)
	even := divide255(eight&evenBytes*uint64(255-alpha) + over)
	odd := divide255(eight>>8&evenBytes*uint64(255-alpha) + over)
	binary.LittleEndian.PutUint64(row, even|odd<<8)
}

// divide255 divides four times 16 bits, of which each is 128 more than what is to
// be divided and rounded.
func divide255(v uint64) uint64 { return (v + v>>8&evenBytes) >> 8 & evenBytes }

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
	for ; len(row) >= 8; row = row[8:] {
		mixEight(row, to, dimAlpha)
	}
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
