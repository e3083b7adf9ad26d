package ingest

// Colour says how the samples of pictures stand for colours, where the sender
// tells it beside the stream: as Chromium does for what is not from a camera, of
// which what VP8 and VP9 streams say is not true. The zero value means that the
// stream itself is what there is to go by.
type Colour struct {
	// Matrix is the MatrixCoefficients of ISO/IEC 23091-2 (ITU-T H.273, table 4),
	// 2 for unspecified.
	Matrix uint8
	// FullRange means that Y, Cb and Cr use all of 0 to 255.
	FullRange bool
}

// tint reads the color-space extension that the last packet of a frame may
// bring: primaries, transfer and matrix in a byte each, then the range in bits 5
// and 4. It holds until the next, or a key frame without one.
func (r *Receiver) tint(p arrived) {
	const matrix, siting, full = 2, 3, 2
	b := p.extension(r.cfg.Extensions.ColorSpace)
	if len(b) <= siting {
		return
	}
	r.video.tinted = true
	r.colour = Colour{Matrix: b[matrix], FullRange: b[siting]>>4&3 == full}
	if r.colour.Matrix == 0 { // RGB, which these codecs don't send in 4:2:0
		r.colour = Colour{}
	}
}
