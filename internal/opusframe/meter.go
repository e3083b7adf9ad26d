package opusframe

// Code is what a packet is coded with.
type Code int

// The codes. What is above 8 kHz of hybrid mode does not count.
const (
	SILK Code = iota
	CELT
)

// Loudness is how loud a packet says it is.
type Loudness struct {
	Code Code
	// Level is in dB. Only the difference to that of other packets of the same code
	// means something.
	Level float32
	// Milliseconds is how long the packet is, 10 or 20.
	Milliseconds int
}

// Meter reads how loud the packets of a stream are in which nobody speaks, or may not: of
// SILK, what the encoder takes for background, of CELT what has no pitch. It reads their
// beginnings only, in a thirtieth of the time that decoding takes. Of CELT it has to be given
// all, as each is coded by the difference to the one before; it is right again some ten
// packets after one that it was not given or could not read. The zero Meter is ready.
type Meter struct {
	energies energies
}

// Read reads a packet. It reports false for what has several frames or some of less than
// 10 ms, and where somebody may speak; of SILK also where redundancy for the packet
// before comes first.
func (m *Meter) Read(packet []byte) (l Loudness, ok bool) {
	if len(packet) < 2 || packet[0]&several != 0 {
		return l, false
	}
	config, channels := packet[0]>>3, channels(packet[0])
	long := int(config & 1)
	l.Milliseconds = 10 + 10*long
	d := newRangeDecoder(packet[1:])
	if config >= celt {
		l.Code = CELT
		count := bands
		if config < celt+4 {
			count = narrowBands
		}
		if config&2 == 0 || !d.energies(&m.energies, channels, count, long) {
			return l, false
		}
		l.Level = m.energies.level(channels, count)
		return l, true
	}
	m.energies = energies{}               // as a decoder begins anew that comes back to CELT
	if config < hybrid && config&2 != 0 { // 40 and 60 ms
		return l, false
	}
	gain, ok := d.background(channels, 2+2*long)
	l.Level = gainStep * float32(gain)
	return l, ok
}
