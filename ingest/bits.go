package ingest

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
