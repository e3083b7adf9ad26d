package mixer

import (
	"math"
	"math/bits"
	"time"
)

const (
	fullScale = 1 << 15
	ceiling   = 26028   // -2 dBFS in units of the output: AAC adds up to 1 dB
	unity     = 1 << 30 // gains are fixed-point, so that sums of them are exact
	hold      = 50 * time.Millisecond
	release   = 40 * time.Millisecond  // up to the usual gain
	relax     = 200 * time.Millisecond // from there on
	usual     = time.Second            // over which the usual gain is averaged
)

// limiter turns a sum of any height into 16-bit samples that stay below the
// ceiling. It delays its input by the attack time, in which the gain comes down
// along a straight line before the peak is there. The gain then stays for the
// hold time, so that it does not follow the waveform of a low voice. Then it
// comes back: quickly to what it usually was in the last second, so that a
// single bang does not hide the others, and slowly from there, so that it does
// not pump while many shout. It is exactly 1 again within a few seconds, and
// samples pass unchanged.
type limiter struct {
	delayed []float32 // ring of the last samples
	envs    []int64   // ring of the last envelopes, as long
	at      int       // index of the oldest in both
	total   int64     // of envs
	env     int64     // the gain before it is smoothed over the attack time
	usual   int64     // mean of env
	lowest  minWindow
	// Parts of the way that a sample goes, in 1/2^32.
	release, relax, average int64
}

func newLimiter(rate int) *limiter {
	n := samples(attack, rate) + 1
	l := &limiter{
		delayed: make([]float32, n),
		envs:    make([]int64, n),
		lowest:  newMinWindow(n + samples(hold, rate)),
		release: part(release, rate), relax: part(relax, rate), average: part(usual, rate),
	}
	l.reset()
	return l
}

// part returns the part of the way that makes d the time constant.
func part(d time.Duration, rate int) int64 { return (1 << 32) / int64(samples(d, rate)) }

func (l *limiter) reset() {
	clear(l.delayed)
	for i := range l.envs {
		l.envs[i] = unity
	}
	l.at, l.env, l.usual, l.total = 0, unity, unity, unity*int64(len(l.envs))
	l.lowest.reset()
}

// delay returns by how many samples the output lags behind the input.
func (l *limiter) delay() int { return len(l.delayed) - 1 }

// push takes a sample and returns the one that came delay samples before.
//
// The envelope is at most the gain needed at any of the delay samples to come,
// so the mean of it over the delay samples that were is at most the gain
// needed now: the output can not get over the ceiling.
func (l *limiter) push(x float32) int16 {
	up := l.relax
	if l.env < l.usual {
		up = l.release
	}
	l.env = min(l.lowest.push(needed(x)), l.env+(unity-l.env)*up>>32+1, unity)
	l.usual += (l.env - l.usual) * l.average >> 32
	l.total += l.env - l.envs[l.at]
	l.envs[l.at], l.delayed[l.at] = l.env, x
	l.at++
	if l.at == len(l.envs) {
		l.at = 0
	}
	gain := int64(unity)
	if whole := unity * int64(len(l.envs)); l.total < whole { // dividing takes long
		gain = l.total / int64(len(l.envs))
	}
	return int16(math.RoundToEven(float64(l.delayed[l.at]) * float64(gain) * (fullScale / float64(unity))))
}

// needed returns the greatest gain that keeps x below the ceiling.
func needed(x float32) int64 {
	peak := math.Abs(float64(x)) * fullScale
	if peak <= ceiling {
		return unity
	}
	return int64(ceiling / peak * unity)
}

// minWindow is the minimum of the last values pushed. It keeps those that are
// less than all after them: the first is the minimum.
type minWindow struct {
	span   int64   // how many values back it looks
	values []int64 // ring, a power of two
	times  []int64 // when each was pushed
	first  int
	n      int
	now    int64
}

func newMinWindow(span int) minWindow {
	size := 1 << bits.Len(uint(span-1))
	return minWindow{span: int64(span), values: make([]int64, size), times: make([]int64, size)}
}

func (w *minWindow) reset() { w.first, w.n, w.now = 0, 0, 0 }

func (w *minWindow) push(v int64) int64 {
	w.now++
	mask := len(w.values) - 1
	if w.n > 0 && w.times[w.first] <= w.now-w.span {
		w.first = (w.first + 1) & mask
		w.n--
	}
	for w.n > 0 && w.values[(w.first+w.n-1)&mask] >= v {
		w.n--
	}
	end := (w.first + w.n) & mask
	w.values[end], w.times[end] = v, w.now
	w.n++
	return w.values[w.first]
}
