package codec

/*
#cgo darwin,arm64 CFLAGS: -I/opt/homebrew/include
#cgo darwin,arm64 LDFLAGS: -L/opt/homebrew/lib
#cgo LDFLAGS: -lyuv
#include <libyuv/scale.h>

static int cr_shrink(const uint8_t *sy, const uint8_t *su, const uint8_t *sv, int sys, int scs, int sw, int sh,
	uint8_t *dy, uint8_t *du, uint8_t *dv, int dys, int dcs, int dw, int dh) {
	return I420Scale(sy, sys, su, scs, sv, scs, sw, sh, dy, dys, du, dcs, dv, dcs, dw, dh, kFilterBox);
}
*/
import "C"

import (
	"fmt"
	"image"
	"runtime"
)

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

// shrink scales to 3/4, 1/2 or 1/4: with libyuv, which writes nothing beyond a row,
// unless there is something quicker.
func shrink(dst, src *image.YCbCr) error {
	if threeQuarters(dst, src) {
		return nil
	}
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
