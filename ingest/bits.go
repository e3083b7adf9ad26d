package ingest

import "math/bits"

// bitReader reads the first fields of a bit stream header. Reading beyond the
// end gives zeros and sets short. It does not undo the emulation prevention of
// H.264, which cannot occur in the fields that are read with it.
type bitReader struct {
	data  []byte
	pos   int // bits
	short bool
}

func (r *bitReader) bits(n int) uint32 {
	var v uint32
	for range n {
		v <<= 1
		if r.pos/8 >= len(r.data) {
			r.short = true
			continue
		}
		v |= uint32(r.data[r.pos/8]>>(7-r.pos%8)) & 1
		r.pos++
	}
	return v
}

func (r *bitReader) flag() bool { return r.bits(1) == 1 }

// ue reads an Exp-Golomb number of at most 32 bits (ISO/IEC 14496-10 section 9.1).
func (r *bitReader) ue() uint32 {
	zeros := 0
	for !r.flag() {
		zeros++
		if r.short || zeros > 31 {
			r.short = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.bits(zeros)
}

// skip passes over n bits.
func (r *bitReader) skip(n int) {
	r.pos += n
	r.short = r.short || r.pos > 8*len(r.data)
}

// nonSymmetric reads a number below n, n > 0, coded as ns(n): AV1 bitstream
// specification section 4.10.7.
func (r *bitReader) nonSymmetric(n uint32) uint32 {
	w := bits.Len32(n)
	m := uint32(1)<<w - n
	v := r.bits(w - 1)
	if v < m {
		return v
	}
	return v<<1 - m + r.bits(1)
}
