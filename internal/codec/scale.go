package codec

/*
#cgo darwin,arm64 CFLAGS: -I/opt/homebrew/include
#cgo darwin,arm64 LDFLAGS: -L/opt/homebrew/lib
#cgo LDFLAGS: -lyuv
#include <libswscale/swscale.h>
#include <libyuv/scale.h>

static int cr_scale(struct SwsContext *c, const uint8_t *sy, const uint8_t *su, const uint8_t *sv, int sys, int scs, int sh,
	uint8_t *dy, uint8_t *du, uint8_t *dv, int dys, int dcs) {
	const uint8_t *const src[4] = {sy, su, sv, NULL};
	const int ss[4] = {sys, scs, scs, 0};
	uint8_t *const dst[4] = {dy, du, dv, NULL};
	const int ds[4] = {dys, dcs, dcs, 0};
	return sws_scale(c, src, ss, 0, sh, dst, ds);
}

static int cr_shrink(const uint8_t *sy, const uint8_t *su, const uint8_t *sv, int sys, int scs, int sw, int sh,
	uint8_t *dy, uint8_t *du, uint8_t *dv, int dys, int dcs, int dw, int dh) {
	return I420Scale(sy, sys, su, scs, sv, scs, sw, sh, dy, dys, du, dcs, dv, dcs, dw, dh, kFilterBox);
}

static struct SwsContext *cr_scaler(int sw, int sh, int dw, int dh) {
	return sws_getContext(sw, sh, AV_PIX_FMT_YUV420P, dw, dh, AV_PIX_FMT_YUV420P, SWS_BICUBIC, NULL, NULL, NULL);
}
*/
import "C"

import (
	"fmt"
	"image"
	"runtime"
)

// blockWidth is what libswscale's vector code may round a row up to: only a
// width that divides by it can be written straight into a larger picture.
const blockWidth = 32

// maxScalers bounds the scaling contexts that a Scaler keeps.
const maxScalers = 64

// Scaler scales pictures: by the ratios for which libyuv has vector code with that
// (areas), which takes a tenth of the time, otherwise with libswscale (bicubic),
// keeping one context for each pair of sizes. The zero value is ready to use.
type Scaler struct {
	contexts map[[4]int]*C.struct_SwsContext
	scratch  *image.YCbCr
}

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
	ctx, err := s.context(ss, ds)
	if err != nil {
		return err
	}
	if ds.X%blockWidth == 0 {
		return scale(ctx, dst, src)
	}
	s.grow(ds)
	part := s.scratch.SubImage(image.Rectangle{Max: ds}).(*image.YCbCr)
	if err := scale(ctx, part, src); err != nil {
		return err
	}
	copyPicture(dst, part)
	return nil
}

func scale(ctx *C.struct_SwsContext, dst, src *image.YCbCr) error {
	sy, su, sv := planes(src)
	dy, du, dv := planes(dst)
	rc := C.cr_scale(ctx, sy, su, sv, C.int(src.YStride), C.int(src.CStride), C.int(src.Rect.Dy()),
		dy, du, dv, C.int(dst.YStride), C.int(dst.CStride))
	runtime.KeepAlive(src)
	runtime.KeepAlive(dst)
	if rc < 0 {
		return avError("scale", rc)
	}
	return nil
}

// quick reports whether libyuv shrinks all planes to 3/4, 1/2 or 1/4. At other ratios
// it is hardly quicker, or up to half a pixel off.
func quick(src, dst image.Point) bool {
	if (src.X|src.Y|dst.X|dst.Y)&1 != 0 { // chroma would have another ratio
		return false
	}
	for _, quarters := range [...]int{3, 2, 1} {
		if src.Mul(quarters) == dst.Mul(4) {
			return true
		}
	}
	return false
}

// shrink scales with libyuv, which writes nothing beyond a row.
func shrink(dst, src *image.YCbCr) error {
	sy, su, sv := planes(src)
	dy, du, dv := planes(dst)
	rc := C.cr_shrink(sy, su, sv, C.int(src.YStride), C.int(src.CStride), C.int(src.Rect.Dx()), C.int(src.Rect.Dy()),
		dy, du, dv, C.int(dst.YStride), C.int(dst.CStride), C.int(dst.Rect.Dx()), C.int(dst.Rect.Dy()))
	runtime.KeepAlive(src)
	runtime.KeepAlive(dst)
	if rc != 0 {
		return fmt.Errorf("codec: shrink %v to %v", src.Rect.Size(), dst.Rect.Size())
	}
	return nil
}

// grow makes the scratch picture at least as large as size, with room at the
// end of each row for a whole block.
func (s *Scaler) grow(size image.Point) {
	if s.scratch != nil && s.scratch.Rect.Dx() >= size.X+2*blockWidth && s.scratch.Rect.Dy() >= size.Y {
		return
	}
	r := image.Rect(0, 0, (size.X+4*blockWidth)&^(2*blockWidth-1), size.Y+size.Y&1)
	s.scratch = image.NewYCbCr(r, image.YCbCrSubsampleRatio420)
}

// copyPicture copies src over dst, which has the same size.
func copyPicture(dst, src *image.YCbCr) {
	size := dst.Rect.Size()
	rows := func(d []byte, ds int, s []byte, ss, w, h int) {
		for y := range h {
			copy(d[y*ds:y*ds+w], s[y*ss:])
		}
	}
	do, so := dst.YOffset(dst.Rect.Min.X, dst.Rect.Min.Y), src.YOffset(src.Rect.Min.X, src.Rect.Min.Y)
	rows(dst.Y[do:], dst.YStride, src.Y[so:], src.YStride, size.X, size.Y)
	w, h := (size.X+1)/2, (size.Y+1)/2
	do, so = dst.COffset(dst.Rect.Min.X, dst.Rect.Min.Y), src.COffset(src.Rect.Min.X, src.Rect.Min.Y)
	rows(dst.Cb[do:], dst.CStride, src.Cb[so:], src.CStride, w, h)
	rows(dst.Cr[do:], dst.CStride, src.Cr[so:], src.CStride, w, h)
}

func (s *Scaler) context(src, dst image.Point) (*C.struct_SwsContext, error) {
	key := [4]int{src.X, src.Y, dst.X, dst.Y}
	if ctx := s.contexts[key]; ctx != nil {
		return ctx, nil
	}
	if len(s.contexts) >= maxScalers {
		s.Close()
	}
	ctx := C.cr_scaler(C.int(src.X), C.int(src.Y), C.int(dst.X), C.int(dst.Y))
	if ctx == nil {
		return nil, fmt.Errorf("codec: can't scale %v to %v", src, dst)
	}
	if s.contexts == nil {
		s.contexts = make(map[[4]int]*C.struct_SwsContext)
	}
	s.contexts[key] = ctx
	return ctx, nil
}

// Close frees the contexts. The Scaler can be used again.
func (s *Scaler) Close() {
	for key, ctx := range s.contexts {
		C.sws_freeContext(ctx)
		delete(s.contexts, key)
	}
}
