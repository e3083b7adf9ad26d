package opusframe

import "math/bits"

// A model is a distribution of symbols in 256ths.
type model struct {
	// bound has for each symbol the chance of those after it, behind a place that
	// stands for 256.
	bound []uint8
	// symbol says which it is by the chance of those after what is read. To look it
	// up takes half the time of comparing one bound after the other, as no
	// processor foresees where that ends.
	symbol [256]uint8
}

func pdf(chances ...int) *model {
	m := &model{bound: make([]uint8, 1, 1+len(chances))}
	rest := 256
	for i, c := range chances {
		for k := rest - c; k < rest; k++ {
			m.symbol[k] = uint8(i)
		}
		rest -= c
		m.bound = append(m.bound, uint8(rest))
	}
	if rest != 0 {
		panic("opusframe: a distribution has to come to 256")
	}
	return m
}

// rangeDecoder reads the symbols of a frame: RFC 6716 section 4.1.
type rangeDecoder struct {
	data []byte
	read int    // bytes of data, and of the zeros after it
	last uint32 // the newest byte, of which one bit is to come
	val  uint32
	rng  uint32
	bits int // that the symbols and rng take together
}

const (
	codeTop    = 1 << 31 // val is less
	codeBottom = 1 << 23 // up to here rng is too small, and a byte is to be read
)

func newRangeDecoder(data []byte) rangeDecoder {
	d := rangeDecoder{data: data, rng: 128, bits: 9}
	d.last = d.next()
	d.val = d.rng - 1 - d.last>>1
	d.normalise()
	return d
}

func (d *rangeDecoder) next() uint32 {
	i := d.read
	d.read++
	if i < len(d.data) {
		return uint32(d.data[i])
	}
	return 0
}

func (d *rangeDecoder) normalise() {
	for d.rng <= codeBottom {
		d.bits += 8
		d.rng <<= 8
		sym := d.last << 8
		d.last = d.next()
		sym |= d.last
		d.val = (d.val<<8 + 255&^(sym>>1)) & (codeTop - 1)
	}
}

// symbol reads one of a model's.
func (d *rangeDecoder) symbol(m *model) int {
	unit := d.rng >> 8
	i := int(m.symbol[min(d.val/unit, 255)])
	below, above := unit*uint32(m.bound[i+1]), unit*uint32(m.bound[i])
	if i == 0 {
		above = d.rng
	}
	d.take(below, above)
	return i
}

// take narrows the range to what is from below on, and less than above.
func (d *rangeDecoder) take(below, above uint32) {
	d.val -= below
	d.rng = above - below
	if d.rng <= codeBottom {
		d.normalise()
	}
}

// flag reads a bit that is set with a chance of 2^-shift.
func (d *rangeDecoder) flag(shift uint) bool { return d.second(d.rng>>shift) == 1 }

// second reads one of two symbols, 0 or 1, of which the second has so much of the
// range. Which it is can't be foreseen, so nothing branches on it.
func (d *rangeDecoder) second(second uint32) uint32 {
	isSecond := uint32(int32(d.val-second) >> 31) // all bits, or none
	d.val -= second &^ isSecond
	d.rng = second&isSecond | (d.rng-second)&^isSecond
	if d.rng <= codeBottom {
		d.normalise()
	}
	return isSecond & 1
}

// laplace reads a number that is 0 with a chance of so many 32768ths, and each further
// one from it rarer by decay (16384ths): section 4.3.2.1.
func (d *rangeDecoder) laplace(zero, decay uint32) int {
	const (
		all  = 1 << 15
		rare = 1 // at least, for each of 16 to both sides
	)
	unit := d.rng / all
	at := all - min(d.val/unit+1, all)
	value, low, width := 0, uint32(0), zero
	if at >= zero {
		value, low, width = 1, zero, (all-32*rare-zero)*(1<<14-decay)>>15+rare
		for ; width > rare && at >= low+2*width; value++ {
			low += 2 * width
			width = (2*width-2*rare)*decay>>15 + rare
		}
		if width == rare {
			further := (at - low) / 2
			value, low = value+int(further), low+2*further
		}
		if at < low+width {
			value = -value
		} else {
			low += width
		}
	}
	above := unit * (all - low)
	if low == 0 {
		above = d.rng
	}
	d.take(unit*(all-min(low+width, all)), above)
	return value
}

// tell returns how many bits the symbols have taken so far, rounded up: section
// 4.1.6.1.
func (d *rangeDecoder) tell() int { return d.bits - bits.Len32(d.rng) }

// suffices reports whether the first n bytes and then zeros have the same symbols
// up to here.
func (d *rangeDecoder) suffices(n int) bool {
	var rest uint64
	for i := n; i < d.read; i++ {
		rest <<= 8
		if i < len(d.data) {
			rest |= uint64(d.data[i])
		}
	}
	return uint64(d.val)+rest>>1 < uint64(d.rng)
}
