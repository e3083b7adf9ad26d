package codec

/*
#include "threequarters.h"
*/
import "C"

import (
	"image"
	"runtime"

	"golang.org/x/sys/cpu"
)

// threeQuarters makes 3/4 of a picture, of which all planes have four samples for three
// as quick says, in 70 % of libyuv's time: neither the tile nor the picture tends
// to be in the cache. It reports false where it can't.
func threeQuarters(dst, src *image.YCbCr) bool {
	size := src.Rect.Size()
	if !cpu.X86.HasAVX2 || size.Mul(3) != dst.Rect.Size().Mul(4) || size.X < 2*readBlock { // chroma has half
		return false
	}
	sy, su, sv := planes(src)
	dy, du, dv := planes(dst)
	w, h := C.int(size.X), C.int(size.Y)
	C.cr_three_quarters(dy, C.ptrdiff_t(dst.YStride), sy, C.ptrdiff_t(src.YStride), w, h)
	C.cr_three_quarters(du, C.ptrdiff_t(dst.CStride), su, C.ptrdiff_t(src.CStride), w/2, h/2)
	C.cr_three_quarters(dv, C.ptrdiff_t(dst.CStride), sv, C.ptrdiff_t(src.CStride), w/2, h/2)
	runtime.KeepAlive(src)
	runtime.KeepAlive(dst)
	return true
}
