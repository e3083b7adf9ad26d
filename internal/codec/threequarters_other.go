//go:build !amd64

package codec

import "image"

// threeQuarters has no vector code for this processor.
func threeQuarters(_, _ *image.YCbCr) bool { return false }
