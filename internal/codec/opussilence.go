package codec

import (
	"bytes"
	"slices"

	"github.com/callreel/callreel/internal/silk"
)

const (
	// silenceLevel is what counts as silence: nothing beyond -70 dBFS.
	silenceLevel = 0.000316
	// audibleLevel is what ends a background of it, as noise that swings about
	// silenceLevel is not to come and go.
	audibleLevel = 2 * silenceLevel
	// silentFor is after how many packets of silence a decoder has settled: nothing
	// of what was before is heard any more, or remembered.
	silentFor = 5
	// silentPeak is what decoders make of digital silence, where it is not zero: the
	// lowest bit of 16.
	silentPeak = 1.0 / 32768
	// silentPackets is how many are remembered. Encoders make one, or take turns
	// with a few.
	silentPackets = 8
	// backgroundFor is after how many packets of silence it is known what the
	// background of somebody who listens is like: half a second.
	backgroundFor = 25
	// backgroundCheck is how many packets of the background are taken for silence
	// before one is decoded to see whether it still is: 0.2 s.
	backgroundCheck = 10
)

// Silent reports whether nobody hears sound of which 1.0 is full scale.
func Silent(pcm []float32) bool { return within(pcm, silenceLevel) }

func within(pcm []float32, peak float32) bool {
	return !slices.ContainsFunc(pcm, func(x float32) bool { return x > peak || x < -peak })
}

// opusSilence knows the packets of which nothing is heard, so that they need not be
// decoded. There are two kinds.
//
// An encoder that is given digital silence, as by whoever is muted, soon makes the
// same few packets only, and a decoder that was given them for a while makes the same
// of them, and stays as it is.
//
// Of whoever listens there is the noise of the microphone, of which no packet
// comes twice. But each says that nobody speaks in it, and how loud it is.
type opusSilence struct {
	run    int // packets of silence, one after the other
	spared int // packets since one was decoded
	gain   int // the highest of the background in this run
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
	if !s.background() || s.spared >= backgroundCheck {
		return 0
	}
	gain, ms, ok := silk.Background(packet)
	if !ok || gain > s.gain {
		return 0
	}
	return ms * opusRate / 1000
}

// heard takes note of what was decoded of a packet. What is decoded of DTX depends on
// what was before, so it is no packet to know again.
func (s *opusSilence) heard(packet []byte, pcm []float32) {
	s.spared = 0
	var level float32 = silenceLevel
	if s.background() {
		level = audibleLevel
	}
	if len(packet) <= DTXSize || !within(pcm, level) {
		s.unsettle()
		return
	}
	if gain, _, ok := silk.Background(packet); ok {
		s.gain = max(s.gain, gain)
	}
	if s.run++; s.run <= silentFor || !within(pcm, silentPeak) {
		return
	}
	k := &s.known[s.oldest]
	k.data, k.samples = append(k.data[:0], packet...), len(pcm)
	s.oldest = (s.oldest + 1) % silentPackets
}

// unsettle takes note that what is decoded next depends on what was before.
func (s *opusSilence) unsettle() { s.run, s.gain = 0, 0 }

// background reports whether somebody has been silent for so long that what little
// there is is left out.
func (s *opusSilence) background() bool { return s.run >= backgroundFor }
