package codec

import (
	"fmt"
	"image"
)

// maxScalers bounds, for each way to scale, the pairs of sizes that a Scaler keeps
// tables for.
const maxScalers = 64

// Scaler scales pictures, in the quickest way that is exact to a fraction of a pixel:
// to 3/4, 1/2 and 1/4 by areas, with libyuv and vector code of our own, otherwise
// bicubically, where it can be with vector code of our own, which takes a fifth of
// libswscale's time, and where not with libswscale. The zero value is ready to use.
type Scaler struct {
	filters  map[sizes]*polyphase
	contexts map[sizes]swsContext
	shrunk   *image.YCbCr
	scratch  *image.YCbCr
}

// sizes are those of a picture before and after it is scaled.
type sizes struct{ src, dst image.Point }

// Scale scales the whole of src into the whole of dst. Both are 4:2:0; dst must
// begin at even coordinates, src at even ones within its planes.
func (s *Scaler) Scale(dst, src *image.YCbCr) error {
	ss, ds := src.Rect.Size(), dst.Rect.Size()
	if ss.X <= 0 || ss.Y <= 0 || ds.X <= 0 || ds.Y <= 0 {
		return fmt.Errorf("codec: scale %v to %v", ss, ds)
	}
	if quick(ss, ds) {
		return shrink(dst, src)
	}
	if n := divisor(ss, ds); n > 1 {
		s.shrunk = grow(s.shrunk, ss.Div(n))
		part := crop(s.shrunk, ss.Div(n))
		if err := shrink(part, src); err != nil {
			return err
		}
		return s.resample(dst, part)
	}
	return s.resample(dst, src)
}

// divisor returns by how much to shrink a picture at first, which is quick, so that
// the rest of the way is no more than to a half; 1 if that is all.
func divisor(src, dst image.Point) int {
	for _, n := range [...]int{4, 2} {
		if src.X > n*dst.X && src.Y > n*dst.Y && src.X%(2*n) == 0 && src.Y%(2*n) == 0 {
			return n
		}
	}
	return 1
}

// resample scales in one step.
func (s *Scaler) resample(dst, src *image.YCbCr) error {
	key := sizes{src.Rect.Size(), dst.Rect.Size()}
	if quick(key.src, key.dst) {
		return shrink(dst, src)
	}
	if p := s.polyphase(key); p != nil {
		p.scale(dst, src)
		return nil
	}
	return s.bicubic(dst, src)
}

// polyphase returns the filter for a pair of sizes, nil if there is none.
func (s *Scaler) polyphase(key sizes) *polyphase {
	if p, ok := s.filters[key]; ok {
		return p
	}
	if s.filters == nil || len(s.filters) >= maxScalers {
		s.filters = make(map[sizes]*polyphase)
	}
	p := newPolyphase(key)
	s.filters[key] = p
	return p
}

// Close frees what libswscale holds. The Scaler can be used again.
func (s *Scaler) Close() {
	for key, ctx := range s.contexts {
		ctx.free()
		delete(s.contexts, key)
	}
}
