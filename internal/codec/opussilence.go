package codec

import (
	"bytes"
	"slices"
)

const (
	// silentFor is after how many packets of nothing but silence a decoder has
	// settled: nothing of what was before is heard any more, or remembered.
	silentFor = 5
	// silentPackets is how many are remembered. Encoders make one, or take turns
	// with a few.
	silentPackets = 8
	// silentPeak is what decoders make of silence, where it is not zero: the
	// lowest bit of 16.
	silentPeak = 1.0 / 32768
)

// opusSilence knows the packets that come again and again while nobody is heard:
// an encoder that is given digital silence, as by whoever is muted, soon makes the
// same few packets only, and a decoder that was given them for a while makes the
// same of them, and stays as it is. So they need not be decoded.
type opusSilence struct {
	run    int // packets of silence, one after the other
	known  [silentPackets]silentPacket
	oldest int // of known
}

type silentPacket struct {
	data    []byte
	samples int
}

// length returns how many samples of silence a packet is, 0 if it has to be decoded.
func (s *opusSilence) length(packet []byte) int {
	if s.run < silentFor {
		return 0
	}
	for i := range s.known {
		if bytes.Equal(s.known[i].data, packet) {
			return s.known[i].samples
		}
	}
	return 0
}

// heard takes note of what was decoded of a packet. What is decoded of DTX depends on
// what was before, so it is no packet to know again.
func (s *opusSilence) heard(packet []byte, pcm []float32) {
	if len(packet) <= DTXSize || loud(pcm) {
		s.run = 0
		return
	}
	if s.run++; s.run <= silentFor {
		return
	}
	k := &s.known[s.oldest]
	k.data, k.samples = append(k.data[:0], packet...), len(pcm)
	s.oldest = (s.oldest + 1) % silentPackets
}

func loud(pcm []float32) bool {
	return slices.ContainsFunc(pcm, func(x float32) bool { return x > silentPeak || x < -silentPeak })
}
