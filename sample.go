package callreel

import (
	"bytes"
	"encoding/binary"

	"github.com/callreel/callreel/internal/timebase"
	"github.com/callreel/callreel/muxer"
)

// sample is one of a track of pictures, or else of sound.
type sample struct {
	muxer.Sample
	video bool
}

// hold holds back the sample with frame shown, the given-th that the encoder got.
func (o *output) hold(data []byte, shown, given int64, key bool) {
	o.held, o.holds = muxer.Sample{
		Data: data, PTS: shown * int64(o.frameLen), DTS: (given - int64(o.venc.DecodeDelay())) * int64(o.frameLen), Key: key,
	}, true
}

// release writes the sample that is held back, which lasts until frame next.
func (o *output) release(next int64) error {
	if !o.holds {
		return nil
	}
	s, delay := o.held, int64(o.venc.DecodeDelay())*int64(o.frameLen)
	o.holds = false
	s.Duration = next*int64(o.frameLen) - delay - s.DTS
	o.open.video = timebase.Ticks(s.DTS + delay)
	o.open.add(o.open.video, len(s.Data))
	return o.putSample(sample{s, true})
}

// appendSample appends an access unit with start codes (ISO/IEC 14496-10 annex B)
// as one with the lengths of its NAL units before them (ISO/IEC 14496-15).
func appendSample(dst, unit []byte) []byte {
	startCode := []byte{0, 0, 1}
	for more := true; more; {
		var nalu []byte
		nalu, unit, more = bytes.Cut(unit, startCode)
		if nalu = bytes.TrimRight(nalu, "\x00"); len(nalu) > 0 { // zeros are of the next start code
			dst = append(binary.BigEndian.AppendUint32(dst, uint32(len(nalu))), nalu...)
		}
	}
	return dst
}
