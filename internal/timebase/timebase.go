// Package timebase holds every rule about time that callreel follows: exact
// integer ticks, conversion between clock rates, unwrapping of RTP counters,
// NTP timestamps, and the map from a track's RTP clock to the recorder's clock.
//
// Nothing here reads a clock, and nothing uses floating point for a position.
package timebase

import (
	"math"
	"math/bits"
	"time"
)

// Ticks counts units of 1/48000 s. It is the unit of every position and every
// local instant in callreel. One 16 kHz sample is 3 ticks and one frame at
// 8 frames/s is 6000. The range is about ±6 million years.
type Ticks int64

// Rate is a clock rate in Hz. It must be positive.
type Rate int64

// Second is the number of ticks in a second, and so the rate of the session clock.
const Second = 48000

// Millisecond is the number of ticks in a millisecond.
const Millisecond = Second / 1000

// Convert returns n units of rate from, expressed in units of rate to, rounded
// down (towards minus infinity). The product is computed in 128 bits, so it
// overflows only where the result itself does not fit, and then saturates.
func Convert(n int64, from, to Rate) int64 {
	if from == to {
		return n
	}
	neg := n < 0
	mag := uint64(n)
	if neg {
		mag = -mag
	}
	hi, lo := bits.Mul64(mag, uint64(to))
	if hi >= uint64(from) {
		return saturate(neg)
	}
	q, r := bits.Div64(hi, lo, uint64(from))
	if neg && r != 0 {
		q++
	}
	if q > math.MaxInt64 {
		return saturate(neg)
	}
	if neg {
		return -int64(q)
	}
	return int64(q)
}

func saturate(neg bool) int64 {
	if neg {
		return math.MinInt64
	}
	return math.MaxInt64
}

// FromDuration converts a duration to ticks, rounding down.
func FromDuration(d time.Duration) Ticks {
	return Ticks(Convert(int64(d), Rate(time.Second), Second))
}

// Duration converts ticks to a duration, rounding down to a nanosecond.
func (t Ticks) Duration() time.Duration {
	return time.Duration(Convert(int64(t), Second, Rate(time.Second)))
}

// At converts t to units of rate r, rounding down.
func (t Ticks) At(r Rate) int64 { return Convert(int64(t), Second, r) }

// FromRate converts n units of rate r to ticks, rounding down.
func FromRate(n int64, r Rate) Ticks { return Ticks(Convert(n, r, Second)) }

// Floor returns the greatest multiple of step that is not above t. Step must be positive.
func (t Ticks) Floor(step Ticks) Ticks {
	m := t % step
	if m < 0 {
		m += step
	}
	return t - m
}

// Ceil returns the least multiple of step that is not below t. Step must be positive.
func (t Ticks) Ceil(step Ticks) Ticks { return (t + step - 1).Floor(step) }
