package opusframe

// maxPacket is how many bytes a packet of one frame has at most: section 3.4.
const maxPacket = 1276

// spareBits is how many bits a frame of SILK alone may have after its symbols: from
// one more on they are taken for a frame of CELT.
const spareBits = 16

// Wideband appends to dst a packet that has only the SILK part of one of hybrid
// mode, which is decoded to the same sound up to 8 kHz. It reports false, and
// appends nothing, for what is not of hybrid mode, has several frames or is at a
// transition to or from CELT, and for the rare packet whose SILK part depends on
// what comes after it.
//
// Browsers code speech in hybrid mode: SILK up to 8 kHz, and CELT for what is above.
// Who decodes to 16 kHz hears nothing of the latter, but libopus decodes it all the
// same, which takes it 40 % of its time. A packet does not say where its SILK part ends,
// so the symbols of that have to be read, but nothing is to be computed of them.
func Wideband(dst, packet []byte) ([]byte, bool) {
	if len(packet) < 2 || len(packet) > maxPacket || packet[0]&several != 0 {
		return dst, false
	}
	config := packet[0] >> 3
	if config < hybrid || config >= celt {
		return dst, false
	}
	data, long := packet[1:], config&1
	d := newRangeDecoder(data)
	d.packet(channels(packet[0]), 2+2*int(long))
	used := d.tell()
	size := min((used+spareBits)/8, len(data))
	// From 37 bits on there may be a frame of CELT for a transition.
	if used > 8*len(data) || !d.suffices(size) || used+37 <= 8*len(data) && d.flag(12) {
		return dst, false
	}
	dst = append(dst, (wideband+long)<<3|packet[0]&stereo)
	return append(dst, data[:size]...), true
}

// packet reads all of a packet: sections 4.2.3 to 4.2.6.
func (d *rangeDecoder) packet(channels, subframes int) {
	active, redundant := d.activity(channels)
	stereo := channels == 2
	for n := range channels {
		if !redundant[n] {
			continue
		}
		if stereo && n == 0 {
			d.weights(!redundant[1])
		}
		d.frame(true, subframes)
	}
	alone := stereo && d.weights(!active[1])
	d.frame(active[0], subframes)
	if stereo && !alone {
		d.frame(active[1], subframes)
	}
}

// activity reads in which channels somebody speaks, and which have redundancy for the
// packet before.
func (d *rangeDecoder) activity(channels int) (active, redundant [2]bool) {
	for n := range channels {
		active[n], redundant[n] = d.flag(1), d.flag(1)
	}
	return active, redundant
}

// weights reads the prediction of the side channel, and whether it is all there
// is of it, if that is told.
func (d *rangeDecoder) weights(told bool) (alone bool) {
	d.symbol(stereoWeights)
	for range 2 {
		d.symbol(uniform3)
		d.symbol(uniform5)
	}
	return told && d.symbol(midOnly) == 1
}
