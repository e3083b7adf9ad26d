package callreel

import "github.com/callreel/callreel/internal/timebase"

const (
	// fine is the error of position that drift and the estimate of the sender's
	// clock make, 2 ms in samples. It is corrected slowly, so that the pitch
	// stays within some 500 parts per million; more than that quickly.
	fine       = mixRate / 500
	fineTime   = 4 * mixRate // samples in which a fine error would be gone
	coarseTime = 2 * mixRate // and what is beyond it
	driftTime  = 4 * fineTime
	// maxStretch and maxClock bound the stretching in all, and the part of it
	// that is taken for the drift of the sender's clock, in parts per million.
	maxStretch = million / timebase.SlewDivisor
	maxClock   = 500

	million = 1_000_000
)

// steering brings a voice back to where it belongs by resampling: in proportion
// to the error, and to its integral, which comes to be the drift of the sender's
// clock. The two are critically damped.
type steering struct {
	off int64 // error in samples, above 0 if the voice is behind
	sum int64 // integral of the fine part of it, in samples of error times samples
}

// drift returns by how many parts per million a sender's clock is to be taken
// as fast, now that the voice is off samples behind, and n after it was asked
// before.
func (s *steering) drift(off, n int64) int32 {
	s.off = off
	small := min(max(off, -fine), fine)
	const most = maxClock * fineTime / million * driftTime
	s.sum = min(max(s.sum+small*n, -most), most)
	ppm := (small*driftTime+s.sum)*million/(fineTime*driftTime) + (off-small)*million/coarseTime
	return int32(-min(max(ppm, -maxStretch), maxStretch))
}
