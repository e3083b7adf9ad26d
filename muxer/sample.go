package muxer

import (
	"encoding/binary"
	"fmt"

	"github.com/Eyevinn/mp4ff/avc"
)

// MaxSampleSize is the largest size of one sample in bytes, several times that
// of an uncompressed 1080p picture.
const MaxSampleSize = 16 << 20

const (
	maxSampleDuration = 60 * TickRate // ticks
	maxPosition       = 1 << 50       // 700 years, far from overflow
)

// Sample is a coded frame. Times are on the recording's timeline and in the
// track's timescale: [TickRate] for video, the sample rate for audio.
type Sample struct {
	// Data is an access unit as length-prefixed NAL units (4 bytes, ISO/IEC
	// 14496-15) or a raw AAC frame. The muxer copies it.
	Data []byte
	// PTS is when the sample is shown or heard. That of the first AAC frames is
	// before the start of the recording by the encoder's priming.
	PTS int64
	// DTS is when the sample is decoded, at most PTS. Audio has none but PTS.
	DTS int64
	// Duration is up to the next sample in decode order.
	Duration int64
	// Key says that the sample is an IDR picture. It means nothing for audio.
	Key bool
}

// check tells what is wrong with a sample regardless of the others.
func (s Sample) check(t *track) error {
	switch {
	case len(s.Data) == 0:
		return fmt.Errorf("%w: empty", ErrBadSample)
	case len(s.Data) > MaxSampleSize:
		return fmt.Errorf("%w: %d bytes", ErrTooLarge, len(s.Data))
	case s.Duration <= 0 || s.Duration > maxSampleDuration/t.ticks:
		return fmt.Errorf("%w: duration %d", ErrBadSample, s.Duration)
	case s.PTS > maxPosition || s.DTS < -maxPosition:
		return fmt.Errorf("%w: out of range", ErrBadSample)
	case s.PTS < s.DTS || s.PTS-s.DTS > maxDecodeDelay:
		return fmt.Errorf("%w: PTS %d ticks after DTS", ErrBadSample, s.PTS-s.DTS)
	}
	if t.video {
		return s.checkNALUnits()
	}
	return nil
}

// checkNALUnits walks the length prefixes and looks for what Key promises.
func (s Sample) checkNALUnits() error {
	idr := false
	for b := s.Data; len(b) > 0; {
		if len(b) < 5 {
			return fmt.Errorf("%w: NAL units end early", ErrBadSample)
		}
		n := binary.BigEndian.Uint32(b)
		if n == 0 || uint64(n) > uint64(len(b)-4) {
			return fmt.Errorf("%w: NAL unit of %d bytes", ErrBadSample, n)
		}
		idr = idr || avc.GetNaluType(b[4]) == avc.NALU_IDR
		b = b[4+n:]
	}
	if s.Key && !idr {
		return fmt.Errorf("%w: no IDR slice", ErrNotKey)
	}
	return nil
}
