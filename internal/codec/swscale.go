package codec

/*
#include <libswscale/swscale.h>

static int cr_scale(struct SwsContext *c, const uint8_t *sy, const uint8_t *su, const uint8_t *sv, int sys, int scs, int sh,
	uint8_t *dy, uint8_t *du, uint8_t *dv, int dys, int dcs) {
	const uint8_t *const src[4] = {sy, su, sv, NULL};
	const int ss[4] = {sys, scs, scs, 0};
	uint8_t *const dst[4] = {dy, du, dv, NULL};
	const int ds[4] = {dys, dcs, dcs, 0};
	return sws_scale(c, src, ss, 0, sh, dst, ds);
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

// bicubic scales with libswscale.
func (s *Scaler) bicubic(dst, src *image.YCbCr) error {
	size := dst.Rect.Size()
	ctx, err := s.context(sizes{src.Rect.Size(), size})
	if err != nil {
		return err
	}
	if size.X%blockWidth == 0 {
		return ctx.scale(dst, src)
	}
	s.scratch = grow(s.scratch, size)
	part := crop(s.scratch, size)
	if err := ctx.scale(part, src); err != nil {
		return err
	}
	copyPicture(dst, part)
	return nil
}

// context returns libswscale's context for a pair of sizes.
func (s *Scaler) context(key sizes) (swsContext, error) {
	if ctx, ok := s.contexts[key]; ok {
		return ctx, nil
	}
	if len(s.contexts) >= maxScalers {
		s.Close()
	}
	ctx := swsContext{C.cr_scaler(C.int(key.src.X), C.int(key.src.Y), C.int(key.dst.X), C.int(key.dst.Y))}
	if ctx.c == nil {
		return swsContext{}, fmt.Errorf("codec: can't scale %v to %v", key.src, key.dst)
	}
	if s.contexts == nil {
		s.contexts = make(map[sizes]swsContext)
	}
	s.contexts[key] = ctx
	return ctx, nil
}

// swsContext scales from one size to another. It must be freed.
type swsContext struct{ c *C.struct_SwsContext }

func (s swsContext) free() { C.sws_freeContext(s.c) }

func (s swsContext) scale(dst, src *image.YCbCr) error {
	sy, su, sv := planes(src)
	dy, du, dv := planes(dst)
	rc := C.cr_scale(s.c, sy, su, sv, C.int(src.YStride), C.int(src.CStride), C.int(src.Rect.Dy()),
		dy, du, dv, C.int(dst.YStride), C.int(dst.CStride))
	runtime.KeepAlive(src)
	runtime.KeepAlive(dst)
	if rc < 0 {
		return avError("scale", rc)
	}
	return nil
}

// grow returns p, or a picture in its place that has room for the given size and a
// block more at the end of each row.
func grow(p *image.YCbCr, size image.Point) *image.YCbCr {
	if p != nil && p.Rect.Dx() >= size.X+2*blockWidth && p.Rect.Dy() >= size.Y {
		return p
	}
	r := image.Rect(0, 0, (size.X+4*blockWidth)&^(2*blockWidth-1), size.Y+size.Y&1)
	return image.NewYCbCr(r, image.YCbCrSubsampleRatio420)
}

// crop returns the top left of a picture.
func crop(p *image.YCbCr, size image.Point) *image.YCbCr {
	return p.SubImage(image.Rectangle{Max: size}).(*image.YCbCr)
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
	chroma := chromaSize(size)
	do, so = dst.COffset(dst.Rect.Min.X, dst.Rect.Min.Y), src.COffset(src.Rect.Min.X, src.Rect.Min.Y)
	rows(dst.Cb[do:], dst.CStride, src.Cb[so:], src.CStride, chroma.X, chroma.Y)
	rows(dst.Cr[do:], dst.CStride, src.Cr[so:], src.CStride, chroma.X, chroma.Y)
}

// chromaSize is the size of the chroma planes of a 4:2:0 picture.
func chromaSize(p image.Point) image.Point { return p.Add(image.Pt(1, 1)).Div(2) }
