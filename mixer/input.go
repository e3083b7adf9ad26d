package mixer

import (
	"math"
	"slices"
)

const (
	minRing = 4096
	maxGain = 8 // samples are bounded to +18 dBFS
)

// Input is one voice. It is written ahead of what is mixed, in any order.
type Input struct {
	m       *Mixer
	ring    []float32 // a power of two; holds [head, head+len), NaN where nothing is written
	end     int64     // nothing is written at or beyond it
	run     int64     // what is next to be mixed up to here is written without a gap
	gain    int       // distance from the edge, an index into Mixer.ramp
	removed bool
	meter   meter
	stats   Stats
}

// Stats counts samples that did not make it into the mix as they were written.
type Stats struct {
	Late  int64 // written, or skipped by a seam, after their slot was mixed
	Early int64 // written further ahead than Config.Ahead
	Bad   int64 // NaN or infinite, mixed as 0, or beyond +18 dBFS, mixed as that
}

// Stats returns the counts since the input was added.
func (in *Input) Stats() Stats { return in.stats }

// WriteAt hands over pcm, of which 1.0 is full scale, for the slots from
// position pos on. It keeps no reference to pcm. Samples whose slot is mixed
// already are dropped, and late says how many; samples too far ahead are
// dropped and counted in Stats. Where something is written already the later
// write wins. Contiguous writes join seamlessly; at any other edge the input is
// faded over 4 ms. After Remove everything is late.
func (in *Input) WriteAt(pos int64, pcm []float32) (late int) {
	late = in.countLate(pos, len(pcm))
	in.stats.Late += int64(late)
	pos, pcm = pos+int64(late), pcm[late:]
	if len(pcm) == 0 {
		return late
	}
	room := max(0, in.m.head+in.m.ahead-pos)
	if early := int64(len(pcm)) - room; early > 0 {
		in.stats.Early += early
		pcm = pcm[:room]
	}
	if len(pcm) == 0 {
		return late
	}
	in.end = max(in.end, pos+int64(len(pcm)))
	in.grow(in.end - in.m.head)
	for len(pcm) > 0 {
		ring := in.from(pos, len(pcm))
		for i, x := range pcm[:len(ring)] {
			ring[i] = in.sane(x)
		}
		pos, pcm = pos+int64(len(ring)), pcm[len(ring):]
	}
	return late
}

func (in *Input) countLate(pos int64, n int) int {
	if in.removed || pos <= in.m.head-int64(n) {
		return n
	}
	return int(max(0, in.m.head-pos))
}

// sane bounds a sample, so that no input can silence the others for long.
func (in *Input) sane(x float32) float32 {
	switch {
	case x >= -maxGain && x <= maxGain:
		return x
	case x > maxGain && x <= math.MaxFloat32:
		x = maxGain
	case x < -maxGain && x >= -math.MaxFloat32:
		x = -maxGain
	default:
		x = 0
	}
	in.stats.Bad++
	return x
}

// Remove takes the input out once everything written so far is mixed.
func (in *Input) Remove() { in.removed = true }

// Level returns the loudness at what is mixed last in dBFS, smoothed over about
// 30 ms upwards and 300 ms downwards. It is at least -120. A sine at full scale has -3.
func (in *Input) Level() float64 { return in.meter.level() }

// Speaking says whether the input is loud enough to be speech: it starts at
// -42 dBFS and ends below -52 dBFS. How long a speaker stays the active one is
// for the caller to say.
func (in *Input) Speaking() bool { return in.meter.speaking }

// slot returns where the sample of pos is, which must be in the ring.
func (in *Input) slot(pos int64) *float32 { return &in.ring[pos&int64(len(in.ring)-1)] }

// from returns the slots from pos on, up to n of them, that are next to each other.
func (in *Input) from(pos int64, n int) []float32 {
	ring := in.ring[pos&int64(len(in.ring)-1):]
	return ring[:min(n, len(ring))]
}

func written(x float32) bool { return x == x }

func unwritten(x float32) bool { return !written(x) }

// grow makes the ring hold n samples from the head on.
func (in *Input) grow(n int64) {
	if n <= int64(len(in.ring)) {
		return
	}
	size := int64(minRing)
	for size < n {
		size *= 2
	}
	old := in.ring
	in.ring = make([]float32, size)
	erase(in.ring)
	for i := range int64(len(old)) {
		pos := in.m.head + i
		*in.slot(pos) = old[pos&int64(len(old)-1)]
	}
}

func erase(ring []float32) {
	nothing := float32(math.NaN())
	for i := range ring {
		ring[i] = nothing
	}
}

// mix adds the samples from pos on to sum. They end at or before cut.
func (in *Input) mix(sum []float32, pos, cut int64) {
	for len(sum) > 0 {
		if in.end <= pos { // nothing more is written
			in.gain = 0
			in.meter.silence(len(sum))
			return
		}
		n := 1
		if steady := in.steady(pos, cut, len(sum)); steady > 0 {
			n = in.pass(sum[:steady], pos)
		} else {
			in.step(&sum[0], pos, cut)
		}
		sum = sum[n:]
		pos += int64(n)
	}
}

// step mixes one sample.
func (in *Input) step(sum *float32, pos, cut int64) {
	x := float32(0)
	if left := in.left(pos, cut); left > 0 {
		in.fade(left)
		x = in.take(pos)
		// The conversion keeps the compiler from fusing the two operations
		// into one with another rounding on some machines.
		*sum += float32(x * in.m.ramp[in.gain])
	} else {
		in.gain = 0
	}
	in.meter.add(x)
}

// steady returns how many of the n samples from pos on step would mix at full gain.
func (in *Input) steady(pos, cut int64, n int) int {
	top := len(in.m.ramp) - 1
	if in.gain < top {
		return 0
	}
	in.scan(pos, n+top-1)
	return int(min(int64(n), min(in.run, cut)-pos-int64(top)+1))
}

// pass mixes samples at full gain, the first of which is at pos.
func (in *Input) pass(sum []float32, pos int64) int {
	ring := in.from(pos, len(sum))
	sum = sum[:len(ring)]
	for i, x := range ring {
		sum[i] += x
	}
	in.meter.write(ring)
	erase(ring)
	return len(ring)
}

// left returns how many samples from pos on are written without a gap or a
// cut, counting no further than the length of the ramp.
func (in *Input) left(pos, cut int64) int {
	top := len(in.m.ramp) - 1
	in.scan(pos, top)
	return int(min(in.run-pos, cut-pos, int64(top)))
}

// scan finds out how many of the n samples from pos on are written without a gap.
func (in *Input) scan(pos int64, n int) {
	in.run = max(in.run, pos)
	for stop := min(in.end, pos+int64(n)); in.run < stop; {
		ring := in.from(in.run, int(stop-in.run))
		gap := slices.IndexFunc(ring, unwritten)
		if gap >= 0 {
			in.run += int64(gap)
			return
		}
		in.run += int64(len(ring))
	}
}

// fade moves the gain a step up the ramp, or so far down that it comes evenly
// to the edge that is left samples ahead: a step too, unless a cut came late.
func (in *Input) fade(left int) {
	if in.gain < left {
		in.gain++
		return
	}
	in.gain -= in.gain / (left + 1)
}

func (in *Input) take(pos int64) float32 {
	p := in.slot(pos)
	x := *p
	*p = float32(math.NaN())
	return x
}

// seek drops what is written before to. Going back drops everything.
func (in *Input) seek(from, to int64) {
	if to < from {
		to, from = in.end, min(from, in.end)
	}
	for pos := from; pos < min(to, in.end); pos++ {
		if written(in.take(pos)) {
			in.stats.Late++
		}
	}
	if to >= in.end {
		in.end = 0
	}
	in.run, in.gain = 0, 0
	in.meter.reset()
}
