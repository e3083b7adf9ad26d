package compositor

import "image/color"

// LimitedRange converts an opaque sRGB colour to what the canvas holds: limited
// range with the coefficients of ITU-R BT.601, section 3.5. Transparency is
// ignored.
func LimitedRange(c color.Color) color.YCbCr {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	r, g, b := int32(n.R), int32(n.G), int32(n.B)
	const half = 1 << 15
	return color.YCbCr{
		Y:  uint8(16 + (16829*r+33039*g+6416*b+half)>>16),
		Cb: uint8(128 + (-9714*r-19070*g+28784*b+half)>>16),
		Cr: uint8(128 + (28784*r-24103*g-4681*b+half)>>16),
	}
}

// The colours of the canvas. Black and white are those of limited range.
func black() color.YCbCr { return color.YCbCr{Y: 16, Cb: 128, Cr: 128} }
func white() color.YCbCr { return color.YCbCr{Y: 235, Cb: 128, Cr: 128} }

// defaultBackground is a little lighter than the letterbox of a screen.
func defaultBackground() color.Color { return color.NRGBA{R: 0x1b, G: 0x1c, B: 0x20, A: 0xff} }
