package compositor

import "image"

// Scaler scales a whole picture to the size of another. Both are 4:2:0 with
// their origin at (0, 0), may have strides beyond their width, and do not
// overlap. Beside dst there are other tiles, so nothing but its samples may be
// written, not even to the end of a row. Neither may be kept after the call.
// Package scalertest checks all that.
type Scaler interface {
	Scale(dst, src *image.YCbCr) error
}

// AreaScaler is the Scaler that needs no other library: it averages areas where
// it shrinks and interpolates linearly where it enlarges, for each axis on its
// own, in exact integer arithmetic. The zero value is ready. It keeps its
// filters and row buffers between calls, so it belongs to one goroutine.
type AreaScaler struct {
	filters map[filterSize]*filter
	rows    [2][]uint16 // the last two scaled rows, by parity of the source row
	rowOf   [2]int      // which source row each holds, -1 none
	sum     []uint32
}

var _ Scaler = (*AreaScaler)(nil)

// maxFilters bounds the filters that an AreaScaler keeps. Each size of tile
// needs four per size of picture.
const maxFilters = 256

// Scale implements [Scaler]. The error is [ErrPicture] or nil.
func (s *AreaScaler) Scale(dst, src *image.YCbCr) error {
	for _, p := range [...]*image.YCbCr{dst, src} {
		if err := check(p); err != nil {
			return err
		}
	}
	w, h := dst.Rect.Dx(), dst.Rect.Dy()
	fx, fy := s.filter(src.Rect.Dx(), w), s.filter(src.Rect.Dy(), h)
	s.scalePlane(plane{dst.Y, dst.YStride}, plane{src.Y, src.YStride}, fx, fy)
	fx = s.filter(chromaLen(src.Rect.Dx()), chromaLen(w))
	fy = s.filter(chromaLen(src.Rect.Dy()), chromaLen(h))
	s.scalePlane(plane{dst.Cb, dst.CStride}, plane{src.Cb, src.CStride}, fx, fy)
	s.scalePlane(plane{dst.Cr, dst.CStride}, plane{src.Cr, src.CStride}, fx, fy)
	return nil
}

// plane is one component of a picture.
type plane struct {
	pix    []uint8
	stride int
}

func (p plane) row(y int) []uint8 { return p.pix[y*p.stride:] }

// scalePlane scales rows first and then adds them up. Source rows are needed in
// rising order, and of one window only its last row again in the next, or its
// last two when enlarging: two buffers hold them.
func (s *AreaScaler) scalePlane(dst, src plane, fx, fy *filter) {
	width := fx.len()
	s.reserve(width)
	for y := range fy.len() {
		first, weights := fy.window(y)
		clear(s.sum)
		for k, w := range weights {
			addWeighted(s.sum, s.scaledRow(src, first+k, fx), w)
		}
		const half = 1 << (weightBits + rowBits - 1)
		out := dst.row(y)[:width]
		for x, v := range s.sum {
			out[x] = uint8((v + half) >> (weightBits + rowBits))
		}
	}
}

func addWeighted(sum []uint32, row []uint16, w uint32) {
	row = row[:len(sum)]
	for x, v := range row {
		sum[x] += w * uint32(v)
	}
}

// scaledRow returns row y of src scaled along x, with rowBits of fraction.
func (s *AreaScaler) scaledRow(src plane, y int, fx *filter) []uint16 {
	slot := y & 1
	if s.rowOf[slot] != y {
		s.rowOf[slot] = y
		fx.apply(s.rows[slot], src.row(y))
	}
	return s.rows[slot]
}

// reserve makes the buffers ready for a plane of the given width.
func (s *AreaScaler) reserve(width int) {
	if cap(s.sum) < width {
		s.sum = make([]uint32, width)
		s.rows = [2][]uint16{make([]uint16, width), make([]uint16, width)}
	}
	s.sum = s.sum[:width]
	for i := range s.rows {
		s.rows[i] = s.rows[i][:width]
		s.rowOf[i] = -1
	}
}

func (s *AreaScaler) filter(from, to int) *filter {
	size := filterSize{from, to}
	f := s.filters[size]
	if f == nil {
		if s.filters == nil || len(s.filters) >= maxFilters {
			s.filters = make(map[filterSize]*filter)
		}
		f = newFilter(size)
		s.filters[size] = f
	}
	return f
}
