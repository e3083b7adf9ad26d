package codec

// Colour says how the samples of a decoded picture stand for colours, as the
// stream does: VP9 in its uncompressed header, H.264 in the VUI, AV1 in
// color_config. VP8 has nothing to say (RFC 6386, section 9.2).
type Colour struct {
	// Matrix is the MatrixCoefficients of ISO/IEC 23091-2 (ITU-T H.273, table 4),
	// such as 1 for BT.709, 5 and 6 for BT.601, 9 for BT.2020. Zero means that the
	// stream does not say. Then it is BT.601: so libyuv makes pictures, and a
	// browser that has others says so.
	Matrix uint8
	// FullRange means that Y, Cb and Cr use all of 0 to 255.
	FullRange bool
}
