// Package silk takes from Opus packets what is below 8 kHz (RFC 6716).
//
// Browsers code speech in hybrid mode: SILK up to 8 kHz, and CELT for what is above.
// Who decodes to 16 kHz hears nothing of the latter, but libopus decodes it all the
// same, which takes it 40 % of its time. A packet does not say where its SILK part ends,
// so the symbols of that have to be read, but nothing is to be computed of them.
package silk

const (
	hybrid   = 12 // the first of four configurations: super-wideband and fullband, 10 and 20 ms each
	celt     = 16 // the first without SILK
	wideband = 8  // the first of those of wideband
	stereo   = 4  // bit of the first byte
	several  = 3  // bits that are not zero if there are several frames

	maxPacket = 1276 // bytes of one with one frame: section 3.4
)

// spareBits is how many bits a frame of SILK alone may have after its symbols: from
// one more on they are taken for a frame of CELT.
const spareBits = 16

// Wideband appends to dst a packet that has only the SILK part of one of hybrid
// mode, which is decoded to the same sound up to 8 kHz. It reports false, and
// appends nothing, for what is not of hybrid mode, has several frames or is at a
// transition to or from CELT, and for the rare packet whose SILK part depends on
// what comes after it.
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
	d.packet(packet[0]&stereo != 0, 2+2*int(long))
	used := d.tell()
	size := min((used+spareBits)/8, len(data))
	// From 37 bits on there may be a frame of CELT for a transition.
	if used > 8*len(data) || !d.suffices(size) || used+37 <= 8*len(data) && d.flag(12) {
		return dst, false
	}
	dst = append(dst, (wideband+long)<<3|packet[0]&stereo)
	return append(dst, data[:size]...), true
}

// Background returns the highest gain of a packet of which the encoder says that
// nobody speaks in it, as an index from 0 to 63 of steps of 1.37 dB (RFC 6716 section
// 4.2.7.4), and how many ms it has; of stereo, those of the middle channel. It reports
// false where somebody speaks, or may do so: for what has no SILK, several frames, or
// redundancy for what was before.
func Background(packet []byte) (gain, ms int, ok bool) {
	if len(packet) < 2 || packet[0]&several != 0 {
		return 0, 0, false
	}
	config := packet[0] >> 3
	long := int(config & 1)
	if config >= celt || config < hybrid && config&2 != 0 { // 40 and 60 ms
		return 0, 0, false
	}
	d := newRangeDecoder(packet[1:])
	active, redundant := d.flag(1), d.flag(1)
	if active || redundant {
		return 0, 0, false
	}
	if packet[0]&stereo != 0 {
		sideActive, sideRedundant := d.flag(1), d.flag(1)
		if sideActive || sideRedundant {
			return 0, 0, false
		}
		d.weights(true)
	}
	kind, _ := d.frameType(false)
	return d.gains(kind, 2+2*long), 10 + 10*long, true
}

// packet reads all of a packet: sections 4.2.3 to 4.2.6.
func (d *rangeDecoder) packet(stereo bool, subframes int) {
	var active, redundant [2]bool
	channels := 1
	if stereo {
		channels = 2
	}
	for n := range channels {
		active[n], redundant[n] = d.flag(1), d.flag(1)
	}
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
