// Package mixer sums the decoded voices of a call into one continuous stream of
// 16-bit mono audio. It is pulled by position: whoever owns the recording says
// when a block is due and always gets a full one, with silence where nobody has
// written anything.
//
// A mixer neither decodes nor resamples nor reads a clock, and starts no
// goroutine. The same writes and pulls give the same bytes on every machine,
// however the pulls are partitioned. It is not safe for concurrent use.
package mixer

import (
	"math"
	"slices"
	"time"
)

// Lookahead is how far beyond the end of a mixed block inputs should have been
// written already: 5 ms for the limiter to see a peak come, and 4 ms to fade an
// input out before it stops. What is written later than 5 ms beyond the end of
// the last block is late; in the remaining 4 ms it only costs a dip.
const Lookahead = attack + fade

const (
	attack = 5 * time.Millisecond // look-ahead of the limiter
	fade   = 4 * time.Millisecond // ramp at each end of what an input wrote
)

const (
	defaultRate  = 16000
	minRate      = 8000
	maxRate      = 192000
	defaultAhead = 8 * time.Second
	maxAhead     = time.Minute
	blockSize    = 512     // samples that are summed at a time
	maxPosition  = 1 << 60 // keeps sums of positions far from overflow
)

// Config says how to mix. The zero value mixes at 16 kHz from position 0.
type Config struct {
	// Rate is the sample rate in Hz of inputs and output, 8000 to 192000; what
	// is outside is moved to the nearer bound. Zero means 16000.
	Rate int
	// Start is the position of the first sample to be mixed.
	Start int64
	// Ahead bounds how far beyond what is mixed an input may be written, and so
	// the memory of an input, which grows up to it as needed. At most a minute.
	// Zero means 8 s.
	Ahead time.Duration
}

// Mixer sums inputs at unity gain and limits the sum to -2 dBFS. Positions
// count samples at the mixer's rate since the recording began, from 0 to 2^60.
type Mixer struct {
	rate   int
	ahead  int64
	ramp   []float32 // gain by distance from the edge in samples
	inputs []*Input
	cuts   []int64 // ascending, all beyond head
	next   int64   // position of the next sample to be returned
	head   int64   // position of the next sample to be summed
	limit  *limiter
	sum    [blockSize]float32
}

// New returns a mixer without inputs.
func New(cfg Config) *Mixer {
	if cfg.Rate == 0 {
		cfg.Rate = defaultRate
	}
	if cfg.Ahead <= 0 {
		cfg.Ahead = defaultAhead
	}
	rate := min(max(cfg.Rate, minRate), maxRate)
	start := min(max(cfg.Start, 0), maxPosition)
	return &Mixer{
		rate:  rate,
		ahead: int64(samples(min(cfg.Ahead, maxAhead), rate)),
		ramp:  raisedCosine(samples(fade, rate)),
		next:  start,
		head:  start,
		limit: newLimiter(rate),
	}
}

// samples returns how many samples d lasts, at least one.
func samples(d time.Duration, rate int) int {
	return max(1, int(int64(d)*int64(rate)/int64(time.Second)))
}

// raisedCosine returns n+1 gains that rise from 0 to exactly 1.
func raisedCosine(n int) []float32 {
	ramp := make([]float32, n+1)
	for i := range ramp {
		ramp[i] = float32(0.5 - float64(0.5*math.Cos(math.Pi*float64(i)/float64(n))))
	}
	return ramp
}

// Add returns a new input, silent until something is written to it.
func (m *Mixer) Add() *Input {
	in := &Input{m: m, run: m.head, end: m.head, meter: newMeter(m.rate)}
	m.inputs = append(m.inputs, in)
	return in
}

// Cut marks that what is at pos does not follow what is before it, as where a
// pause was taken out: everybody is faded out before and in after it, so that
// the joint does not click. It should be called before anything nearer to pos
// than Lookahead is mixed: after that the fade-out is shorter, and once the
// limiter has seen pos Cut does nothing.
func (m *Mixer) Cut(pos int64) {
	if pos <= m.head || pos > maxPosition {
		return
	}
	if i, found := slices.BinarySearch(m.cuts, pos); !found {
		m.cuts = slices.Insert(m.cuts, i, pos)
	}
}

// MixAt fills out with the samples from position pos on. Where nobody speaks
// they are exactly 0. Calls should be contiguous, the first one at
// Config.Start: any other pos is a seam, at which the mixer forgets what it has
// heard, and what has been written before pos is late. If pos is out of range
// the block is silence.
func (m *Mixer) MixAt(pos int64, out []int16) {
	if pos < 0 || pos > maxPosition || len(out) == 0 {
		clear(out)
		return
	}
	if pos != m.next {
		m.seek(pos)
	}
	m.prime()
	for len(out) > 0 {
		n := min(len(out), blockSize)
		for i, x := range m.advance(n) {
			out[i] = m.limit.push(x)
		}
		m.next += int64(n)
		out = out[n:]
	}
	m.inputs = slices.DeleteFunc(m.inputs, func(in *Input) bool { return in.removed && in.end <= m.head })
}

// prime runs the limiter ahead of the output by its delay.
func (m *Mixer) prime() {
	for missing := m.next + int64(m.limit.delay()) - m.head; missing > 0; {
		n := min(missing, blockSize)
		for _, x := range m.advance(int(n)) {
			m.limit.push(x)
		}
		missing -= n
	}
}

// advance sums the next n samples, at most blockSize.
func (m *Mixer) advance(n int) []float32 {
	sum := m.sum[:n]
	clear(sum)
	for todo := sum; len(todo) > 0; {
		cut := int64(math.MaxInt64)
		if len(m.cuts) > 0 {
			cut = m.cuts[0]
		}
		k := int(min(int64(len(todo)), cut-m.head))
		for _, in := range m.inputs {
			in.mix(todo[:k], m.head, cut)
		}
		m.head += int64(k)
		todo = todo[k:]
		if m.head == cut {
			m.restart()
		}
	}
	return sum
}

// restart ends the dip of the first cut.
func (m *Mixer) restart() {
	m.cuts = slices.Delete(m.cuts, 0, 1)
	for _, in := range m.inputs {
		in.gain = 0
	}
}

// seek moves to pos as if the mixer had been made there.
func (m *Mixer) seek(pos int64) {
	for _, in := range m.inputs {
		in.seek(m.head, pos)
	}
	m.cuts = slices.DeleteFunc(m.cuts, func(cut int64) bool { return cut <= pos })
	m.limit.reset()
	m.next, m.head = pos, pos
}
