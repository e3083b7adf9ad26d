package compositor

import "image/color"

// LimitedRange converts an opaque sRGB colour to video: limited range with the
// coefficients of ITU-R BT.709, section 3. Transparency is ignored.
func LimitedRange(c color.Color) color.YCbCr {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	r, g, b := int32(n.R), int32(n.G), int32(n.B)
	const half = 1 << 15
	return color.YCbCr{
		Y:  uint8(16 + (11966*r+40254*g+4064*b+half)>>16),
		Cb: uint8(128 + (-6596*r-22188*g+28784*b+half)>>16),
		Cr: uint8(128 + (28784*r-26145*g-2639*b+half)>>16),
	}
}

// The colours of the canvas. Black and white are those of limited range.
func black() color.YCbCr { return color.YCbCr{Y: 16, Cb: 128, Cr: 128} }
func white() color.YCbCr { return color.YCbCr{Y: 235, Cb: 128, Cr: 128} }

// defaultBackground is a little lighter than the letterbox of a screen.
func defaultBackground() color.Color { return color.NRGBA{R: 0x1b, G: 0x1c, B: 0x20, A: 0xff} }
