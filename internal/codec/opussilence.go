package codec

import (
	"bytes"
	"math"
	"slices"

	"github.com/callreel/callreel/internal/opusframe"
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
	// warmPackets is how many packets before one that may be heard a decoder needs: what
	// CELT predicts from is halved by each.
	warmPackets = 6
	// usualPacket is how many bytes a packet of silence hardly exceeds.
	usualPacket = 256
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
// comes twice. But each says how loud it is.
type opusSilence struct {
	run    int // packets of silence, one after the other
	known  [silentPackets]silentPacket
	oldest int // of known

	meter   opusframe.Meter
	now     opusframe.Loudness // of the packet that is decoded
	told    bool               // it is known
	loudest [2]float32         // of the packets of each code in this run

	spared int // packets since one was decoded
	stale  int // packets since the decoder had all that came before
	last   [warmPackets][]byte
}

type silentPacket struct {
	data    []byte
	samples int
}

// newOpusSilence returns one that has heard nothing.
func newOpusSilence() opusSilence {
	var s opusSilence
	for i := range s.last {
		s.last[i] = make([]byte, 0, usualPacket)
	}
	s.unsettle()
	return s
}

// spare returns how many samples of silence a packet is, 0 if it has to be decoded.
func (s *opusSilence) spare(packet []byte) int {
	if s.told = false; s.run > 0 {
		s.now, s.told = s.meter.Read(packet)
	}
	n := s.length(packet)
	if n > 0 {
		s.keep(packet)
		s.spared++
	}
	return n
}

func (s *opusSilence) keep(packet []byte) {
	last := &s.last[s.stale%warmPackets]
	*last = append((*last)[:0], packet...)
	s.stale++
}

func (s *opusSilence) length(packet []byte) int {
	if s.run < silentFor {
		return 0
	}
	for i := range s.known {
		if bytes.Equal(s.known[i].data, packet) {
			return s.known[i].samples
		}
	}
	if s.background() && s.foreseen() && s.spared < backgroundCheck {
		return s.now.Milliseconds * opusRate / 1000
	}
	return 0
}

// foreseen reports whether the packet is no louder than what was found to be silent.
func (s *opusSilence) foreseen() bool { return s.told && s.now.Level <= s.loudest[s.now.Code] }

// warm has a decoder decode what it needs before a packet that may be heard: the last of
// those that were spared, from which CELT predicts. To check a packet it needs nothing.
func (s *opusSilence) warm(packet []byte, decode func(packet []byte)) {
	if s.foreseen() {
		if s.stale > 0 {
			s.keep(packet)
		}
		return
	}
	for i := max(0, s.stale-warmPackets); i < s.stale; i++ {
		decode(s.last[i%warmPackets])
	}
	s.stale = 0
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
	if s.told {
		s.loudest[s.now.Code] = max(s.loudest[s.now.Code], s.now.Level)
	}
	if s.run++; s.run <= silentFor || !within(pcm, silentPeak) {
		return
	}
	k := &s.known[s.oldest]
	k.data, k.samples = append(k.data[:0], packet...), len(pcm)
	s.oldest = (s.oldest + 1) % silentPackets
}

// unsettle takes note that what is decoded next depends on what was before.
func (s *opusSilence) unsettle() {
	nothing := float32(math.Inf(-1))
	s.run, s.loudest = 0, [2]float32{nothing, nothing}
}

// background reports whether somebody has been silent for so long that what little
// there is is left out.
func (s *opusSilence) background() bool { return s.run >= backgroundFor }
