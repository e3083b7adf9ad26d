package still

// rangeLPS is rangeTabLPS (ISO/IEC 14496-10 table 9-44) from pStateIdx 42 to 62:
// all that is needed where the more probable always comes. A slice begins at 42
// for mb_skip_flag, ctxIdx 11, with valMPS 1, if it is a P slice of quantiser 51
// and cabac_init_idc 0 (section 9.3.1.1): ((23 * 51) >> 4) + 33 - 64.
var rangeLPS = [...][4]uint{
	{16, 20, 23, 27},
	{15, 19, 22, 25},
	{14, 18, 21, 24},
	{14, 17, 20, 23},
	{13, 16, 19, 22},
	{12, 15, 18, 21},
	{12, 14, 17, 20},
	{11, 14, 16, 19},
	{11, 13, 15, 18},
	{10, 12, 15, 17},
	{10, 12, 14, 16},
	{9, 11, 13, 15},
	{9, 11, 12, 14},
	{8, 10, 12, 14},
	{8, 9, 11, 13},
	{7, 9, 11, 12},
	{7, 9, 10, 12},
	{7, 8, 10, 11},
	{6, 8, 9, 11},
	{6, 7, 9, 10},
	{6, 7, 8, 9},
}

// skipAll returns the slice data of n skipped macroblocks up to the end of the
// NAL unit. As all neighbours are skipped too, or not there, ctxIdxInc is 0
// throughout (section 9.3.3.1.1.1).
func skipAll(n int) []byte {
	e := arithmetic{span: 510, first: true}
	for i, state := 0, 0; i < n; i++ {
		e.span -= rangeLPS[state][e.span>>6&3] // mb_skip_flag 1, the more probable
		e.normalise()
		state = min(state+1, len(rangeLPS)-1)
		e.span -= 2 // end_of_slice_flag
		if i < n-1 {
			e.normalise()
		}
	}
	return e.finish()
}

// arithmetic is the arithmetic encoder (section 9.3.4.2).
type arithmetic struct {
	low, span uint
	first     bool
	waiting   int // bits that depend on the next
	out       []byte
	bits      int // in out
}

func (e *arithmetic) normalise() {
	for ; e.span < 256; e.span, e.low = e.span<<1, e.low<<1 {
		switch {
		case e.low < 256:
			e.put(0)
		case e.low >= 512:
			e.low -= 512
			e.put(1)
		default:
			e.low -= 256
			e.waiting++
		}
	}
}

// put is PutBit.
func (e *arithmetic) put(bit byte) {
	if e.first {
		e.first = false
	} else {
		e.write(bit)
	}
	for ; e.waiting > 0; e.waiting-- {
		e.write(1 - bit)
	}
}

func (e *arithmetic) write(bit byte) {
	if e.bits%8 == 0 {
		e.out = append(e.out, 0)
	}
	e.out[len(e.out)-1] |= bit << (7 - e.bits%8)
	e.bits++
}

// finish ends the slice after the span was reduced for end_of_slice_flag. The
// last bit is rbsp_stop_one_bit.
func (e *arithmetic) finish() []byte {
	e.low += e.span
	e.span = 2
	e.normalise()
	e.put(byte(e.low >> 9 & 1))
	e.write(byte(e.low >> 8 & 1))
	e.write(1)
	return e.out
}
