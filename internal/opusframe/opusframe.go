// Package opusframe reads of Opus packets what is known of them without decoding
// (RFC 6716): where what is below 8 kHz ends, and how loud a packet is.
package opusframe

// Bits of a packet's first byte: section 3.1.
const (
	wideband = 8  // the first of the configurations of SILK in wideband
	hybrid   = 12 // the first of four: super-wideband and fullband, 10 and 20 ms each
	celt     = 16 // the first without SILK
	stereo   = 4
	several  = 3 // bits that are not zero if there are several frames
)

// channels returns how many a packet has, by its first byte.
func channels(first byte) int {
	if first&stereo != 0 {
		return 2
	}
	return 1
}
