package opusframe

import "math/bits"

const (
	voiced = 2 // signal type: inactive, unvoiced, voiced
	// blockSize is how many samples a block of pulses has.
	blockSize = 16
	// maxLowBits is how many low bits of pulses can come apart.
	maxLowBits = 10
	// manyPulses says that low bits come apart.
	manyPulses = 17
	// gainStep is that of gains, in dB.
	gainStep = 1.37
	// lsfLevels is how many values stage 2 has, beyond which there is an extension.
	lsfLevels = 9
)

// background reads the beginning of a packet in which nobody speaks, and returns the
// highest gain of its subframes, of stereo those of the middle channel. It reports
// false where somebody speaks, or did before what is sent again with it.
func (d *rangeDecoder) background(channels, subframes int) (gain int, ok bool) {
	if active, redundant := d.activity(channels); active != [2]bool{} || redundant != [2]bool{} {
		return 0, false
	}
	if channels == 2 {
		d.weights(true)
	}
	kind, _ := d.frameType(false)
	return d.gains(kind, subframes), true
}

// frame reads a frame of one channel that depends on no other one of the packet,
// of so many subframes of 5 ms in wideband: RFC 6716 section 4.2.7.
func (d *rangeDecoder) frame(active bool, subframes int) {
	kind, offset := d.frameType(active)
	d.gains(kind, subframes)
	isVoiced := 0
	if kind == voiced {
		isVoiced = 1
	}
	d.lsf(isVoiced, subframes)
	if kind == voiced {
		d.pitch(subframes)
	}
	d.symbol(uniform4) // seed
	d.excitation(kind, offset, isVoiced, subframes*5)
}

func (d *rangeDecoder) frameType(active bool) (kind, offset int) {
	if !active {
		return 0, d.symbol(frameType[0])
	}
	t := d.symbol(frameType[1])
	return 1 + t>>1, t & 1
}

// gains reads the gains of the subframes, and returns the highest one, as an index
// from 0 to 63 of steps of gainStep: section 4.2.7.4.
func (d *rangeDecoder) gains(kind, subframes int) (highest int) {
	gain := 8*d.symbol(gainMSB[kind]) + d.symbol(uniform8)
	highest = gain
	for range subframes - 1 {
		delta := d.symbol(gainDelta)
		gain = min(max(2*delta-16, gain+delta-4, 0), 63)
		highest = max(highest, gain)
	}
	return highest
}

func (d *rangeDecoder) lsf(isVoiced, subframes int) {
	books := lsfCodebooks[d.symbol(lsfStage1[isVoiced])]
	for i := range len(books) {
		book := lsfStage2[books[i]-'i']
		if x := d.symbol(book); x == 0 || x == lsfLevels-1 {
			d.symbol(lsfExtension)
		}
	}
	if subframes == 4 {
		d.symbol(lsfInterpolation)
	}
}

func (d *rangeDecoder) pitch(subframes int) {
	d.symbol(lagHigh)
	d.symbol(uniform8) // the lag's low part
	d.symbol(contour[subframes/4])
	filter := ltpFilter[d.symbol(periodicity)]
	for range subframes {
		d.symbol(filter)
	}
	d.symbol(ltpScale)
}

// block is 16 samples of excitation.
type block struct {
	pulses, lowBits int
	sounding        uint16 // a bit for each sample that is not 0
}

// excitation reads blocks of pulses: section 4.2.7.8.
func (d *rangeDecoder) excitation(kind, offset, isVoiced, blocks int) {
	var all [20]block
	level := pulseCount[d.symbol(rateLevel[isVoiced])]
	for i := range all[:blocks] {
		d.count(&all[i], level)
	}
	for i := range all[:blocks] {
		if b := &all[i]; b.pulses > 0 {
			b.sounding = d.spread(b.pulses, 0)
		}
	}
	for i := range all[:blocks] {
		if b := &all[i]; b.lowBits > 0 {
			d.addLowBits(b)
		}
	}
	for i := range all[:blocks] {
		b := &all[i]
		positive := 256 - uint32(sign[2*kind+offset][min(b.pulses, 6)])
		for range bits.OnesCount16(b.sounding) {
			d.second(d.rng >> 8 * positive)
		}
	}
}

func (d *rangeDecoder) count(b *block, m *model) {
	b.pulses = d.symbol(m)
	for b.pulses == manyPulses {
		b.lowBits++
		m = pulseCount[len(pulseCount)-2]
		if b.lowBits == maxLowBits {
			m = pulseCount[len(pulseCount)-1]
		}
		b.pulses = d.symbol(m)
	}
}

// splits are of 16, 8, 4 and 2 samples.
var splits = [4][]*model{split16, split8, split4, split2}

// onePulse is the chance that a single pulse is in the first half, at each of them.
var onePulse = [4]uint32{
	uint32(split16[1].bound[1]), uint32(split8[1].bound[1]), uint32(split4[1].bound[1]), uint32(split2[1].bound[1]),
}

// spread reads in which samples so many pulses are, halving by halving, and returns
// a bit for each of them.
func (d *rangeDecoder) spread(pulses, depth int) (sounding uint16) {
	if depth == len(splits) {
		return 1
	}
	if pulses == 1 {
		return d.place(depth)
	}
	first, half := d.symbol(splits[depth][pulses]), 8>>depth
	if first > 0 {
		sounding = d.spread(first, depth+1)
	}
	if first < pulses {
		sounding |= d.spread(pulses-first, depth+1) << half
	}
	return sounding
}

// place reads where a single pulse is.
func (d *rangeDecoder) place(depth int) (sounding uint16) {
	at := uint32(0)
	for half := uint32(8) >> depth; half > 0; half /= 2 {
		at += half * (1 - d.second(d.rng>>8*onePulse[depth]))
		depth++
	}
	return 1 << at
}

func (d *rangeDecoder) addLowBits(b *block) {
	for i := range blockSize {
		for range b.lowBits {
			b.sounding |= uint16(d.symbol(lowBit)) << i
		}
	}
}
