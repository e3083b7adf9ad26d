// Package resample changes the sample rate of mono float32 audio, by a fixed
// ratio and by the few parts per million that a sender's clock is off, which
// may be steered while it runs. It does not know about time stamps, gaps or
// packets.
//
// The position in the input is an exact fraction that never drifts; only the
// filter's coefficients are floating point.
package resample

import (
	"slices"

	"github.com/callreel/callreel/internal/codec/convolve"
)

const (
	// MaxDrift bounds SetDrift in parts per million: 2 %.
	MaxDrift = 20000

	minRate = 1000
	maxRate = 192000
	million = 1_000_000
	chunk   = 1024 // input samples that are taken at a time
)

// Resampler converts a stream. Its output sample k belongs to exactly the input
// instant of k output periods, so it adds no delay to what positions say,
// although it needs to see Delay input samples beyond that instant. It is not
// safe for concurrent use.
type Resampler struct {
	*Filter
	nominal int64             // input samples per output sample without drift, in 1/million of 1/den
	next    convolve.Position // of the next output sample in buf
	buf     []float32
}

// New returns a converter between two rates in Hz, each 1000 to 192000.
func New(inRate, outRate int) (*Resampler, error) {
	f, err := NewFilter(inRate, outRate)
	if err != nil {
		return nil, err
	}
	return f.New(), nil
}

// New returns a converter between the rates of the filter.
func (f *Filter) New() *Resampler {
	g := gcd(int64(f.inRate), int64(f.outRate))
	r := &Resampler{Filter: f, nominal: int64(f.inRate) / g}
	r.next.Den = int64(f.outRate) / g * million
	r.buf = make([]float32, 0, r.taps+chunk)
	r.SetDrift(0)
	r.Reset()
	return r
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// SetDrift says how many parts per million the input's clock is faster than its
// nominal rate: so much more input makes an output sample from now on. It is
// bounded to ±MaxDrift. The change makes no click.
func (r *Resampler) SetDrift(ppm int32) {
	ppm = min(max(ppm, -MaxDrift), MaxDrift)
	r.next.Step = r.nominal * int64(million+ppm)
}

// Reset forgets what was heard, as after a gap: the next input sample is at the
// instant of the next output sample. The drift stays.
func (r *Resampler) Reset() {
	r.next.Phase, r.next.At = 0, 0
	r.buf = r.buf[:r.taps/2-1]
	clear(r.buf)
}

// Delay returns how many input samples beyond its instant an output sample
// needs. At the end of a stream that many zeros bring out the rest.
func (r *Resampler) Delay() int { return r.taps / 2 }

// Process takes src and appends the output samples that are complete to dst.
// It keeps no reference to either. While the rates are equal, the drift is 0
// and so is the phase, samples pass unchanged.
func (r *Resampler) Process(dst, src []float32) []float32 {
	for len(src) > 0 {
		n := min(len(src), cap(r.buf)-len(r.buf))
		r.buf = append(r.buf, src[:n]...)
		src = src[n:]
		dst = r.drain(dst)
		done := min(int(r.next.At), len(r.buf))
		r.buf = r.buf[:copy(r.buf, r.buf[done:])]
		r.next.At -= int64(done)
	}
	return dst
}

func (r *Resampler) drain(dst []float32) []float32 {
	at := int(r.next.At)
	ready := len(r.buf) - r.taps - at + 1
	if ready <= 0 {
		return dst
	}
	if r.next.Phase == 0 && r.next.Step == r.next.Den {
		r.next.At += int64(ready)
		return append(dst, r.buf[at+r.taps/2-1:][:ready]...)
	}
	for int(r.next.At)+r.taps <= len(r.buf) {
		dst = slices.Grow(dst, 1)
		n := r.next.Run(dst[len(dst):cap(dst)], r.buf, r.table, phases, r.taps)
		dst = dst[:len(dst)+n]
	}
	return dst
}
