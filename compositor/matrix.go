package compositor

import (
	"image"
	"math"
)

// Colour says how the samples of a picture stand for colours. The zero value is
// what the canvas holds, and what a WebRTC sender means that says nothing: BT.601
// in limited range. Primaries and transfer are taken as they are.
type Colour struct {
	// Matrix is the MatrixCoefficients of ISO/IEC 23091-2 (ITU-T H.273, table 4),
	// such as 1 for BT.709, 5 and 6 for BT.601, 9 for BT.2020. Any without such
	// coefficients, among them 2 for unspecified, is taken to be BT.601.
	Matrix uint8
	// FullRange means that Y, Cb and Cr use all of 0 to 255.
	FullRange bool
}

// coefficients are the parts of red and blue in luma; green has the rest.
type coefficients struct{ red, blue float64 }

// bt601 returns those of the canvas.
func bt601() coefficients { return coefficients{0.299, 0.114} }

func (c Colour) coefficients() coefficients {
	switch c.Matrix {
	case 1:
		return coefficients{0.2126, 0.0722}
	case 4:
		return coefficients{0.30, 0.11}
	case 7:
		return coefficients{0.212, 0.087}
	case 9, 10: // 10 is of constant luminance, which is not linear but near
		return coefficients{0.2627, 0.0593}
	}
	return bt601()
}

// converter turns samples into those of the canvas, with weights in 1/65536. As
// grey stays grey, the new chroma depends on chroma alone.
type converter struct {
	offset, luma   int32 // of luma: what all get, and the weight of the old one
	lumaCb, lumaCr int32
	cbCb, cbCr     int32
	crCb, crCr     int32
}

// converter returns the one for a picture of this colour, and whether it does
// anything.
func (c Colour) converter() (converter, bool) {
	from, to := c.coefficients(), bt601()
	if from == to && !c.FullRange {
		return converter{}, false
	}
	black, luma, chroma := 16.0, 219.0, 224.0
	if c.FullRange {
		black, luma, chroma = 0, 255, 255
	}
	green, canvasGreen := 1-from.red-from.blue, 1-to.red-to.blue
	// With y from 0 to 1 and cb, cr from -1/2 to 1/2: red is y + red*cr, blue is
	// y + blue*cb, and the canvas's y is the sum y + yCb*cb + yCr*cr.
	red, blue := 2*(1-from.red), 2*(1-from.blue)
	canvasRed, canvasBlue := 2*(1-to.red), 2*(1-to.blue)
	yCb := blue * (to.blue - canvasGreen*from.blue/green)
	yCr := red * (to.red - canvasGreen*from.red/green)
	fixed := func(v float64) int32 { return int32(math.Round(v * (1 << 16))) }
	return converter{
		offset: fixed(16 - black*219/luma),
		luma:   fixed(219 / luma),
		lumaCb: fixed(219 / chroma * yCb),
		lumaCr: fixed(219 / chroma * yCr),
		cbCb:   fixed(224 / chroma * (blue - yCb) / canvasBlue),
		cbCr:   fixed(224 / chroma * -yCr / canvasBlue),
		crCb:   fixed(224 / chroma * -yCb / canvasRed),
		crCr:   fixed(224 / chroma * (red - yCr) / canvasRed),
	}, true
}

// convert turns p, of even size, from a colour into that of the canvas, exactly
// but for the rounding. It works on the scaled picture and not in the Scaler:
// libswscale (FFmpeg 5.1 to 8) takes one matrix to another through 8-bit RGB,
// which makes scaling 3.5 times as dear and is up to 2 levels off (white becomes
// 233), and leaves a range as it is if the size stays. This takes 1 ns a pixel.
func convert(p *image.YCbCr, from Colour) {
	k, needed := from.converter()
	if !needed {
		return
	}
	w, h := p.Rect.Dx(), p.Rect.Dy()
	for y := 0; y < h; y += 2 {
		cb, cr := p.Cb[y/2*p.CStride:][:w/2], p.Cr[y/2*p.CStride:][:w/2]
		k.convertRows(p.Y[y*p.YStride:][:w], p.Y[(y+1)*p.YStride:][:w], cb, cr)
	}
}

// convertRows converts two rows of luma with the row of chroma that they share.
func (k *converter) convertRows(above, below, cb, cr []uint8) {
	const half = 1 << 15
	for i := range cb {
		b, r := int32(cb[i])-128, int32(cr[i])-128
		cb[i] = clamp(128 + (k.cbCb*b+k.cbCr*r+half)>>16)
		cr[i] = clamp(128 + (k.crCb*b+k.crCr*r+half)>>16)
		add := k.offset + k.lumaCb*b + k.lumaCr*r + half
		y0, y1 := above[2*i:2*i+2:2*i+2], below[2*i:2*i+2:2*i+2]
		y0[0] = clamp((k.luma*int32(y0[0]) + add) >> 16)
		y0[1] = clamp((k.luma*int32(y0[1]) + add) >> 16)
		y1[0] = clamp((k.luma*int32(y1[0]) + add) >> 16)
		y1[1] = clamp((k.luma*int32(y1[1]) + add) >> 16)
	}
}

func clamp(v int32) uint8 { return uint8(min(max(0, v), 255)) }
